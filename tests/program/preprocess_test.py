"""zeroshot preprocess: pictures into one array, whole or not at all."""

import json

from harness import ProgramTest, read_npy, run, write_png


class Preprocess(ProgramTest):
    def preprocess(self, *words, **more):
        return self.with_model("preprocess", *words, **more)

    def test_the_array_is_float32_of_all_pictures(self):
        self.assertEqual(self.answer(self.preprocess("a.png", "b.png", "--output", "x.npy")), [])
        shape, numbers = read_npy(self.folder / "x.npy")
        self.assertEqual(shape, (2, 3, 32, 32))
        self.assertEqual(len(numbers), 2 * 3 * 32 * 32)
        self.assertTrue(-1.8 < min(numbers) <= max(numbers) < 2.2)  # (0 - mean) / std and (1 - mean) / std of CLIP

    def test_one_bad_picture_and_nothing_is_written(self):
        done = self.preprocess("a.png", "bad.png", "missing.png", "--output", "none.npy")
        self.assertEqual(self.answer(done, status=1), [])
        self.refused(done, 1, "bad.png", "missing.png", "none.npy was not written")
        self.nothing_left("none.npy")

    def test_skip_bad_leaves_rows_out_and_prints_the_names_that_are_in(self):
        names = self.answer(self.preprocess("b.png", "bad.png", "a.png", "--output", "skipped.npy", "--skip-bad"), status=1)
        self.assertEqual(names, ["b.png", "a.png"])
        shape, numbers = read_npy(self.folder / "skipped.npy")
        self.preprocess("b.png", "a.png", "--output", "good.npy")
        self.assertEqual((shape, numbers), read_npy(self.folder / "good.npy"))
        self.assertEqual(self.answer(self.preprocess("bad.png", "--output", "none.npy", "--skip-bad"), status=1), [])
        self.nothing_left("none.npy")

    def test_many_pictures_go_through_in_parts(self):
        names = ["a.png", "b.png"] * 40
        self.answer(self.preprocess(*names, "--output", "many.npy", "--threads", 3))
        self.preprocess("a.png", "b.png", "--output", "two.npy", "--threads", 1)
        (_, many), (_, two) = read_npy(self.folder / "many.npy"), read_npy(self.folder / "two.npy")
        self.assertEqual(many, two * 40)

    def test_an_existing_file_is_replaced_only_by_a_whole_one(self):
        # K8: what was there stays where the work fails
        target = self.folder / "kept.npy"
        target.write_bytes(b"precious")
        self.refused(self.preprocess("bad.png", "--output", "kept.npy"), 1, "bad.png")
        self.assertEqual(target.read_bytes(), b"precious")
        self.answer(self.preprocess("a.png", "--output", "kept.npy"))
        self.assertEqual(read_npy(target)[0], (1, 3, 32, 32))

    def test_the_target_is_looked_at_before_the_work(self):
        # K10: output = input, a folder, no folder, a device
        self.refused(self.preprocess("a.png", "--output", "a.png"), 2, "--output a.png is one of the inputs")
        self.refused(self.preprocess("a.png", "--output", "."), 1, "this is a folder")
        self.refused(self.preprocess("a.png", "--output", "nowhere/x.npy"), 1, "there is no folder nowhere")
        self.refused(self.preprocess("a.png", "--output", "/dev/null"), 1, "/dev/null: this is a device")
        self.refused(self.preprocess("a.png"), 2, "--output")
        self.refused(self.preprocess("--output", "x.npy"), 2, "no pictures")

    def test_standard_input_may_be_one_of_them(self):
        data = (self.folder / "b.png").read_bytes()
        self.answer(self.preprocess("a.png", "-", "--output", "piped.npy", stdin=data))
        self.answer(self.preprocess("a.png", "b.png", "--output", "named.npy"))
        self.assertEqual(read_npy(self.folder / "piped.npy"), read_npy(self.folder / "named.npy"))
        self.assertEqual(self.answer(self.preprocess("bad.png", "-", "--output", "piped.npy", "--skip-bad", stdin=data), 1), ["-"])

    def test_json_says_what_was_written(self):
        said = json.loads(self.answer(self.preprocess("a.png", "--output", "x.npy", "--json"))[0])
        self.assertEqual(said, {"output": "x.npy", "shape": [1, 3, 32, 32], "names": ["a.png"]})

    def test_the_umask_rules_who_may_read(self):
        # K10: not the private mode of temporary files
        self.answer(self.preprocess("a.png", "--output", "mode.npy"))
        (self.folder / "plain").write_text("")
        self.assertEqual((self.folder / "mode.npy").stat().st_mode, (self.folder / "plain").stat().st_mode)

    def test_a_picture_too_thin_is_named(self):
        write_png(self.folder / "thin.png", 100000, 1)
        done = self.preprocess("thin.png", "a.png", "--output", "x.npy", "--skip-bad")
        if done.returncode == 1:
            self.refused(done, 1, "thin.png: ")


if __name__ == "__main__":
    run()
