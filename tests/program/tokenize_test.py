"""zeroshot tokenize: a JSON string a line in, an array of ids a line out."""

import json

from harness import ProgramTest, run


class Tokenize(ProgramTest):
    def tokenize(self, lines, *words):
        return self.call("tokenize", *words, stdin="".join(line + "\n" for line in lines).encode())

    def ids(self, texts, *words):
        return [json.loads(line) for line in self.answer(self.tokenize([json.dumps(text) for text in texts], *words))]

    def test_known_texts_have_known_ids(self):
        self.assertEqual(self.ids(["a diagram", "Hello World!", "", "You should've done this", "café résumé"]), [
            [49406, 320, 22697, 49407], [49406, 3306, 1002, 256, 49407], [49406, 49407],
            [49406, 592, 1535, 1200, 1700, 589, 49407], [49406, 15304, 29106, 7054, 4166, 49407]])

    def test_texts_may_be_of_any_length(self):
        self.assertEqual(len(self.ids(["dog " * 500])[0]), 502)

    def test_a_line_that_is_no_string_is_null_and_the_others_are_answered(self):
        lines = ['"a"', "a", "12", "[]", "null", "", '"a" "b"', '"\\ud800"', "{", '"b"']
        done = self.tokenize(lines)
        answers = [json.loads(line) for line in self.answer(done, status=1)]
        self.assertEqual(answers[1:-1], [None] * (len(lines) - 2))
        self.assertEqual((answers[0], answers[-1]), ([49406, 320, 49407], [49406, 321, 49407]))
        complaints = done.stderr.decode().splitlines()
        self.assertEqual(len(complaints), len(lines) - 2)
        self.assertTrue(complaints[0].startswith("zeroshot: line 2"), complaints[0])

    def test_lines_are_taken_as_they_come(self):
        self.assertEqual(self.call("tokenize", stdin=b'"a"\r\n  "a"  ').stdout.splitlines(), [b"[49406,320,49407]"] * 2)
        self.assertEqual(self.answer(self.call("tokenize")), [])
        self.assertEqual(self.ids(["\x00a\x00", "a\nb"])[0], [49406, 320, 49407])  # ftfy drops control characters

    def test_the_pieces_are_shown_to_a_person(self):
        lines = self.answer(self.call("tokenize", "--text", "a diagram"))
        self.assertEqual([line.split() for line in lines[:4]],
                         [["49406", "<|startoftext|>"], ["320", "a</w>"], ["22697", "diagram</w>"], ["49407", "<|endoftext|>"]])
        said = json.loads(self.answer(self.call("tokenize", "--text", "a", "--json"))[0])
        self.assertEqual(said, {"text": "a", "ids": [49406, 320, 49407], "pieces": ["<|startoftext|>", "a</w>", "<|endoftext|>"]})

    def test_a_model_brings_its_own_tokenizer(self):
        self.assertEqual(self.ids(["a"], "--model", "model.safetensors"), [[598, 320, 599]])

    def test_text_that_is_not_utf8_is_refused(self):
        self.refused(self.call("tokenize", stdin=b'"\xff"\n'), 1, "line 1")  # I1

    def test_twenty_thousand_lines_are_one_call(self):
        lines = [json.dumps(f"a photo of {i} red dogs, naïve café & résumé {'x' * (i % 40)}") for i in range(20000)]
        self.assertEqual(len(self.answer(self.tokenize(lines))), 20000)


if __name__ == "__main__":
    run()
