"""zeroshot preprocess: images into one array, which is written completely or not at all."""

import json

from harness import ProgramTest, read_npy, run, write_png


class Preprocess(ProgramTest):
    def preprocess(self, *words, **more):
        return self.with_model("preprocess", *words, **more)

    def test_the_array_is_float32_of_all_images(self):
        self.assertEqual(self.output_lines(self.preprocess("a.png", "b.png", "--output", "x.npy")), [])
        shape, numbers = read_npy(self.folder / "x.npy")
        self.assertEqual(shape, (2, 3, 32, 32))
        self.assertEqual(len(numbers), 2 * 3 * 32 * 32)
        self.assertTrue(-1.8 < min(numbers) <= max(numbers) < 2.2)  # (0 - mean) / std and (1 - mean) / std of CLIP

    def test_an_unreadable_image_prevents_the_output(self):
        done = self.preprocess("a.png", "bad.png", "missing.png", "--output", "none.npy")
        self.assertEqual(self.output_lines(done, status=1), [])
        self.assert_message(done, 1, "bad.png", "missing.png", "none.npy")
        self.assert_not_written("none.npy")

    def test_skip_bad_omits_unreadable_images_and_prints_the_other_names(self):
        names = self.output_lines(
            self.preprocess("b.png", "bad.png", "a.png", "--output", "skipped.npy", "--skip-bad"), status=1
        )
        self.assertEqual(names, ["b.png", "a.png"])
        shape, numbers = read_npy(self.folder / "skipped.npy")
        self.preprocess("b.png", "a.png", "--output", "good.npy")
        self.assertEqual((shape, numbers), read_npy(self.folder / "good.npy"))
        self.assertEqual(
            self.output_lines(self.preprocess("bad.png", "--output", "none.npy", "--skip-bad"), status=1), []
        )
        self.assert_not_written("none.npy")

    def test_many_images_have_the_same_pixels_as_few(self):
        names = ["a.png", "b.png"] * 40
        self.output_lines(self.preprocess(*names, "--output", "many.npy", "--threads", 3))
        self.preprocess("a.png", "b.png", "--output", "two.npy", "--threads", 1)
        (_, many), (_, two) = read_npy(self.folder / "many.npy"), read_npy(self.folder / "two.npy")
        self.assertEqual(many, two * 40)

    def test_an_existing_file_is_replaced_only_by_a_complete_one(self):
        target = self.folder / "existing.npy"
        target.write_bytes(b"existing content")
        self.assert_message(self.preprocess("bad.png", "--output", "existing.npy"), 1, "bad.png")
        self.assertEqual(target.read_bytes(), b"existing content")
        self.output_lines(self.preprocess("a.png", "--output", "existing.npy"))
        self.assertEqual(read_npy(target)[0], (1, 3, 32, 32))

    def test_an_output_that_cannot_be_written_is_refused_first(self):
        self.assert_message(self.preprocess("a.png", "--output", "a.png"), 2, "--output a.png")
        self.assert_message(self.preprocess("a.png", "--output", "."), 1, ".: ")
        self.assert_message(self.preprocess("a.png", "--output", "nowhere/x.npy"), 1, "nowhere/x.npy")
        self.assert_message(self.preprocess("a.png", "--output", "/dev/null"), 1, "/dev/null: ")
        self.assert_message(self.preprocess("a.png"), 2, "--output")
        self.assert_message(self.preprocess("--output", "x.npy"), 2, "no images")

    def test_standard_input_may_be_one_of_the_images(self):
        data = (self.folder / "b.png").read_bytes()
        self.output_lines(self.preprocess("a.png", "-", "--output", "piped.npy", stdin=data))
        self.output_lines(self.preprocess("a.png", "b.png", "--output", "named.npy"))
        self.assertEqual(read_npy(self.folder / "piped.npy"), read_npy(self.folder / "named.npy"))
        self.assertEqual(
            self.output_lines(self.preprocess("bad.png", "-", "--output", "piped.npy", "--skip-bad", stdin=data), 1),
            ["-"],
        )

    def test_json_describes_the_output(self):
        result = json.loads(self.output_lines(self.preprocess("a.png", "--output", "x.npy", "--json"))[0])
        self.assertEqual(result, {"output": "x.npy", "shape": [1, 3, 32, 32], "names": ["a.png"]})

    def test_the_output_has_the_permissions_of_the_umask(self):
        # not the private mode of temporary files
        self.output_lines(self.preprocess("a.png", "--output", "mode.npy"))
        (self.folder / "plain").write_text("")
        self.assertEqual((self.folder / "mode.npy").stat().st_mode, (self.folder / "plain").stat().st_mode)

    def test_an_image_that_is_too_thin_is_named(self):
        write_png(self.folder / "thin.png", 100000, 1)
        done = self.preprocess("thin.png", "a.png", "--output", "x.npy", "--skip-bad")
        if done.returncode == 1:
            self.assert_message(done, 1, "thin.png: ")


if __name__ == "__main__":
    run()
