"""zeroshot tokenize: a JSON string per line in, an array of ids per line out."""

import json

from harness import ProgramTest, run


class Tokenize(ProgramTest):
    def tokenize(self, lines, *words):
        return self.call("tokenize", *words, stdin="".join(line + "\n" for line in lines).encode())

    def ids(self, texts, *words):
        return [
            json.loads(line) for line in self.output_lines(self.tokenize([json.dumps(text) for text in texts], *words))
        ]

    def test_the_ids_are_those_of_the_reference_tokenizer(self):
        self.assertEqual(
            self.ids(["a diagram", "Hello World!", "", "You should've done this", "café résumé"]),
            [
                [49406, 320, 22697, 49407],
                [49406, 3306, 1002, 256, 49407],
                [49406, 49407],
                [49406, 592, 1535, 1200, 1700, 589, 49407],
                [49406, 15304, 29106, 7054, 4166, 49407],
            ],
        )

    def test_texts_are_not_limited_to_the_context(self):
        self.assertEqual(len(self.ids(["dog " * 500])[0]), 502)

    def test_a_line_that_is_no_json_string_gives_null(self):
        lines = ['"a"', "a", "12", "[]", "null", "", '"a" "b"', '"\\ud800"', "{", '"b"']
        done = self.tokenize(lines)
        answers = [json.loads(line) for line in self.output_lines(done, status=1)]
        self.assertEqual(answers[1:-1], [None] * (len(lines) - 2))
        self.assertEqual((answers[0], answers[-1]), ([49406, 320, 49407], [49406, 321, 49407]))
        complaints = done.stderr.decode().splitlines()
        self.assertEqual(len(complaints), len(lines) - 2)
        self.assertTrue(complaints[0].startswith("zeroshot: line 2"), complaints[0])

    def test_spaces_and_line_endings_around_a_string_are_ignored(self):
        self.assertEqual(self.call("tokenize", stdin=b'"a"\r\n  "a"  ').stdout.splitlines(), [b"[49406,320,49407]"] * 2)
        self.assertEqual(self.output_lines(self.call("tokenize")), [])
        self.assertEqual(self.ids(["\x00a\x00", "a\nb"])[0], [49406, 320, 49407])  # ftfy drops control characters

    def test_text_prints_the_tokens_of_a_text(self):
        lines = self.output_lines(self.call("tokenize", "--text", "a diagram"))
        self.assertEqual(
            [line.split() for line in lines[:4]],
            [["49406", "<|startoftext|>"], ["320", "a</w>"], ["22697", "diagram</w>"], ["49407", "<|endoftext|>"]],
        )
        result = json.loads(self.output_lines(self.call("tokenize", "--text", "a", "--json"))[0])
        self.assertEqual(
            result, {"text": "a", "ids": [49406, 320, 49407], "pieces": ["<|startoftext|>", "a</w>", "<|endoftext|>"]}
        )

    def test_the_tokenizer_is_that_of_the_model(self):
        self.assertEqual(self.ids(["a"], "--model", "model.safetensors"), [[598, 320, 599]])

    def test_text_that_is_not_utf8_is_refused(self):
        self.assert_message(self.call("tokenize", stdin=b'"\xff"\n'), 1, "line 1")

    def test_twenty_thousand_texts_are_tokenized_in_one_call(self):
        lines = [json.dumps(f"a photo of {i} red dogs, naïve café & résumé {'x' * (i % 40)}") for i in range(20000)]
        self.assertEqual(len(self.output_lines(self.tokenize(lines))), 20000)


if __name__ == "__main__":
    run()
