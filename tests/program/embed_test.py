"""zeroshot embed: embeddings of images, pixels, texts and token ids."""

import json
import math
import struct

from harness import CONTEXT, ProgramTest, npy_bytes, npy_header, read_npy, run


class Embed(ProgramTest):
    def embed(self, *words, **more):
        return self.with_model("embed", *words, **more)

    def rows(self, name):
        shape, numbers = read_npy(self.folder / name)
        return [tuple(numbers[i * shape[1] : (i + 1) * shape[1]]) for i in range(shape[0])]

    def embedded(self, *words, **more):
        """The rows of the output, and the lines on stdout."""
        lines = self.output_lines(self.embed(*words, "--output", "e.npy", **more))
        return self.rows("e.npy"), lines

    def test_images_and_their_pixels_have_the_same_embeddings(self):
        rows, lines = self.embedded("a.png", "b.png")
        self.assertEqual((len(rows), len(rows[0]), lines), (2, 32, []))
        self.with_model("preprocess", "a.png", "b.png", "--output", "pixels.npy")
        self.assertEqual(self.embedded("--pixels", "pixels.npy")[0], rows)
        self.assertEqual(self.embedded("--threads", 3, *["a.png", "b.png"] * 20)[0], rows * 20)

    def test_texts_and_their_ids_have_the_same_embeddings(self):
        texts = ["kap", "", "a b c", "kap kap kap"]
        (self.folder / "texts.txt").write_text("".join(text + "\n" for text in texts))
        rows, _ = self.embedded("--texts-from", "texts.txt")
        self.assertEqual(len(rows), 4)
        ids = self.with_model("tokenize", stdin="".join(json.dumps(text) + "\n" for text in texts).encode()).stdout
        (self.folder / "lines.json").write_bytes(ids)
        (self.folder / "array.json").write_text(json.dumps([json.loads(line) for line in ids.splitlines()], indent=1))
        self.assertEqual(self.embedded("--ids", "lines.json")[0], rows)
        self.assertEqual(self.embedded("--ids", "array.json")[0], rows)
        self.assertEqual(self.embedded("--ids", "-", stdin=ids)[0], rows)
        self.assertEqual(
            self.embedded("--texts-from", "-", "--threads", 3, stdin=("kap\n" * 40).encode())[0], rows[:1] * 40
        )

    def test_normalize_scales_to_length_one(self):
        long, _ = self.embedded("a.png", "b.png")
        rows, _ = self.embedded("a.png", "b.png", "--normalize")
        for row, other in zip(rows, long):
            length = math.sqrt(sum(x * x for x in row))
            self.assertAlmostEqual(length, 1, places=6)  # 32 roundings to float32
            self.assertNotAlmostEqual(sum(x * x for x in other), 1, places=3)

    def test_an_unreadable_image_prevents_the_output_or_is_skipped(self):
        self.assert_message(
            self.embed("a.png", "bad.png", "--output", "none.npy"), 1, "bad.png", "none.npy", "--skip-bad"
        )
        self.assert_not_written("none.npy")
        names = self.output_lines(self.embed("b.png", "bad.png", "a.png", "--output", "e.npy", "--skip-bad"), status=1)
        self.assertEqual(names, ["b.png", "a.png"])
        self.assertEqual(self.rows("e.npy"), self.embedded("b.png", "a.png")[0])

    def test_a_text_longer_than_the_context_is_refused_or_truncated(self):
        (self.folder / "long.txt").write_text("a\n" + "k " * 20 + "\nb\n")
        self.assert_message(
            self.embed("--texts-from", "long.txt", "--output", "none.npy"),
            1,
            "long.txt: line 2: ",
            "22 tokens",
            str(22 - CONTEXT),
        )
        self.assertEqual(
            self.output_lines(self.embed("--texts-from", "long.txt", "--output", "e.npy", "--skip-bad"), 1), ["a", "b"]
        )
        self.assertEqual(len(self.embedded("--texts-from", "long.txt", "--truncate")[0]), 3)

    def test_an_error_in_ids_names_the_line_and_spares_the_other_prompts(self):
        too_long = str([598] + [5] * 20 + [599])
        for line in ("[598, 600, 599]", "[]", "[1.5]", "[-1]", "null", "[18446744073709551616]", "x", too_long):
            with self.subTest(line):
                (self.folder / "ids.json").write_text(f"[598,599]\n{line}\n\n[598, 70, 599]\n")
                self.assert_message(self.embed("--ids", "ids.json", "--output", "none.npy"), 1, "ids.json: line 2")
                kept = self.output_lines(self.embed("--ids", "ids.json", "--output", "e.npy", "--skip-bad"), 1)
                self.assertEqual(kept, ["0", "2"])
        (self.folder / "ids.json").write_text(f"[{too_long}, [598, 599]]")
        self.assertEqual(len(self.embedded("--ids", "ids.json", "--truncate")[0]), 2)
        for content in ("", "\n", "[]"):
            (self.folder / "ids.json").write_text(content)
            self.assert_message(self.embed("--ids", "ids.json", "--output", "none.npy"), 1, "ids.json: no prompts")
        self.assert_not_written("none.npy")

    def test_other_npy_files_are_refused(self):
        size = 3 * 32 * 32
        body = struct.pack(f"<{size}f", *[0.5] * size)
        cases = {
            "no array": (b"GIF89a", ""),
            "cut": (npy_bytes(npy_header("(1, 3, 32, 32)"))[:20], ""),
            "no dictionary": (npy_bytes("{'shape': os.system('x')}\n"), "header"),
            "short": (npy_bytes(npy_header("(1, 3, 32, 32)"), body[:-4]), "12284"),
            "long": (npy_bytes(npy_header("(1, 3, 32, 32)"), body + b"\0"), "12289"),
            "overflow": (npy_bytes(npy_header("(9223372036854775807, 3, 32, 32)")), "9223372036854775807"),
            "wrap to size": (npy_bytes(npy_header("(4611686018427387905, 4)"), b"\0" * 16), "4611686018427387905"),
            "integers": (npy_bytes(npy_header("(1, 3, 32, 32)", "<i4"), body), "'<i4'"),
            "no type": (npy_bytes(npy_header("(1, 3, 32, 32)", ""), body), "dtype ''"),
            "structures": (npy_bytes("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n"), ""),
            "version": (npy_bytes(npy_header("(1, 3, 32, 32)"), body, version=9), "9"),
            "another size": (npy_bytes(npy_header("(3, 3, 32, 16)"), body + body[: size * 2]), "[3, 3, 32, 16]"),
            "rank": (npy_bytes(npy_header("(3, 32, 32)"), body), "[3, 32, 32]"),
        }
        for name, (content, part) in cases.items():
            with self.subTest(name):
                (self.folder / "x.npy").write_bytes(content)
                self.assert_message(self.embed("--pixels", "x.npy", "--output", "none.npy"), 1, "x.npy: ", part)
        (self.folder / "x.npy").write_bytes(npy_bytes(npy_header("(1, 3, 32, 32)"), body, version=2))
        self.assertEqual(len(self.embedded("--pixels", "x.npy")[0]), 1)

    def test_pixels_of_every_float_type_and_order_give_the_same_embedding(self):
        numbers = [(i * 37 % 64 - 32) / 16 for i in range(3 * 32 * 32)]  # exact in 16 bits
        fortran = [numbers[(c * 32 + y) * 32 + x] for x in range(32) for y in range(32) for c in range(3)]

        def embedding(kind, values, order="False"):
            descr = kind[0] + {"e": "f2", "f": "f4", "d": "f8"}[kind[1]]
            body = struct.pack(f"{kind[0]}{len(values)}{kind[1]}", *values)
            (self.folder / "x.npy").write_bytes(npy_bytes(npy_header("(1, 3, 32, 32)", descr, order), body))
            return self.embedded("--pixels", "x.npy")[0]

        expected = embedding("<f", numbers)
        for kind in ("<e", "<d", ">e", ">f", ">d"):
            self.assertEqual(embedding(kind, numbers), expected, kind)
        self.assertEqual(embedding("<f", fortran, "True"), expected)
        self.assertEqual(embedding(">e", fortran, "True"), expected)

    def test_a_nan_in_pixels_is_an_error_of_its_image(self):
        size = 3 * 32 * 32
        good, bad = struct.pack(f"<{size}f", *[0.5] * size), struct.pack(f"<{size}f", math.nan, *[0.5] * (size - 1))
        (self.folder / "x.npy").write_bytes(npy_bytes(npy_header("(3, 3, 32, 32)"), good + bad + good))
        done = self.embed("--pixels", "x.npy", "--output", "e.npy", "--skip-bad")
        self.assertEqual(self.output_lines(done, 1), ["0", "2"])
        self.assert_message(done, 1, "zeroshot: x.npy: image 1: ")

    def test_exactly_one_kind_of_input_is_required(self):
        self.assert_message(self.embed("--output", "x.npy"), 2, "nothing to embed")
        self.assert_message(self.embed("a.png", "--texts-from", "t.txt", "--output", "x.npy"), 2, "--texts-from")
        self.assert_message(self.embed("--ids", "x.json", "--output", "x.json"), 1, "x.json")
        (self.folder / "same.json").write_text("[[598, 599]]")
        self.assert_message(self.embed("--ids", "same.json", "--output", "same.json"), 2, "same.json")

    def test_json_describes_the_output(self):
        result = json.loads(self.embedded("b.png", "a.png", "--json")[1][0])
        self.assertEqual(result, {"output": "e.npy", "shape": [2, 32], "names": ["b.png", "a.png"]})

    def test_a_list_as_json_is_warned_of_where_texts_are_lines(self):
        (self.folder / "list.json").write_text('["a", "b"]\n')
        done = self.with_model("embed", "--texts-from", "list.json", "--output", "list.npy")
        self.assert_message(done, 0, "warning: list.json looks like a list, and each of its lines is read as a text")


if __name__ == "__main__":
    run()
