"""Walks through folders by classify, embed and evaluate: splits, links, folders that cannot be read, names of classes."""

import json
import os
import subprocess
import sys

from harness import PROGRAM, TIMEOUT, ProgramTest, read_npy, run, write_png


class Folders(ProgramTest):
    def make(self, *names):
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_png(path, 32, 32, seed=len(name))

    def classify(self, *words, **more):
        return self.with_model("classify", *words, "--labels", "x", "y", "--json", **more)

    def pictures(self, done, status=0):
        return [json.loads(line)["picture"] for line in self.output_lines(done, status)]

    def classes(self, *words):
        done = self.with_model("evaluate", *words, "--json", "--truncate")
        result = json.loads(self.output_lines(done)[0])
        return [one["class"] for one in result["per_class"]], result["count"], done.stderr.decode()

    # ---- splits ----

    def test_folders_of_splits_are_no_classes(self):
        self.make(*(f"data/{split}/{kind} circle/{i}.png" for split, n in (("train", 3), ("test", 1))
                    for kind in ("red", "blue") for i in range(n)))
        classes, count, notes = self.classes("--data", "data")
        self.assertEqual((classes, count), (["blue circle", "red circle"], 2))
        self.assertIn("zeroshot: data: of the splits test and train, test is read; --split NAME takes another\n", notes)
        self.assertEqual(self.classes("--data", "data", "--split", "train")[1], 6)
        self.assertEqual(self.classes("--data", "data", "--format", "folders")[:2], (["test", "train"], 8))
        self.assert_message(
            self.with_model("evaluate", "--data", "data", "--split", "val"), 1, "no split 'val' but test and train"
        )
        done = self.with_model("probe", "--train", "data", "--test", "data", "--strength", "1", "--json")
        self.assert_message(done, 0, "train is read", "test is read")

    def test_splits_are_found_within_other_folders(self):
        self.make(*(f"deep/root/images/{split}/{kind}/1.png" for split in ("train", "valid") for kind in ("cat", "dog")))
        classes, count, notes = self.classes("--data", "deep")
        self.assertEqual((classes, count), (["cat", "dog"], 2))
        self.assertIn("valid is read", notes)

    def test_classes_called_like_splits_are_classes_where_that_is_clear(self):
        self.make("vehicles/train/1.png", "vehicles/car/1.png", "vehicles/plane/1.png")
        self.assertEqual(self.classes("--data", "vehicles")[0], ["car", "plane", "train"])
        self.make("unclear/train/1.png", "unclear/test/1.png")
        self.assert_message(self.with_model("evaluate", "--data", "unclear"), 1, "test and train", "--format folders")

    def test_a_list_beside_flat_images_is_the_data_set(self):
        self.make("kaggle/images/1.png", "kaggle/images/2.png", "hub/1.png", "hub/2.png")
        (self.folder / "kaggle/train.csv").write_text("image,label\nimages/1.png,cat\nimages/2.png,dog\n")
        self.assert_message(self.with_model("evaluate", "--data", "kaggle"), 1, "name the list: kaggle/train.csv")
        (self.folder / "hub/metadata.csv").write_text("file_name,label\n1.png,cat\n2.png,dog\n")
        self.assertEqual(self.classes("--data", "hub")[0], ["cat", "dog"])

    def test_a_single_class_is_a_warning(self):
        self.make("single/cat/1.png")
        self.assertIn("warning: single: the only class is 'cat'", self.classes("--data", "single")[2])

    # ---- links and unreadable folders ----

    def test_a_linked_folder_is_read_once_and_circles_end(self):
        self.make("disk/album/1.png", "photos/2.png", "photos/z/3.png")
        os.symlink("../disk/album", self.folder / "photos/album")
        os.symlink("../../photos", self.folder / "photos/z/up")
        os.symlink("z", self.folder / "photos/a")
        done = self.classify("photos")
        self.assertEqual(self.pictures(done), ["photos/2.png", "photos/album/1.png", "photos/z/3.png"])
        self.assert_message(done, 0, "photos/z/up is a link to a folder above it", "photos/a leads to a folder that is")
        done = self.with_model("embed", "photos", "--output", "e.npy")
        self.assertEqual(read_npy(self.folder / "e.npy")[0], (3, 32))
        self.make("sets/cat/1.png", "sets/dog/2.png", "elsewhere/3.png")
        os.symlink("../elsewhere", self.folder / "sets/horse")
        os.symlink("..", self.folder / "sets/cat/up")
        self.assertEqual(self.classes("--data", "sets")[:2], (["cat", "dog", "horse"], 3))

    def test_an_unreadable_folder_is_named_and_the_others_are_answered(self):
        self.make(*(f"locked/{name}/1.png" for name in "abcd"), "locked/c/deep/2.png")
        closed = [self.folder / "locked/b", self.folder / "locked/c/deep"]
        unprivileged = {}
        if os.geteuid() == 0:
            unprivileged = {"user": 65534, "group": 65534, "extra_groups": []}
            for folder, _, files in os.walk(self.folder.resolve()):
                os.chmod(folder, 0o755)
            for folder in self.folder.resolve().parents:
                if not os.stat(folder).st_mode & 0o001:
                    self.skipTest(f"another user cannot enter {folder}")
            if not os.access(PROGRAM, os.X_OK) or any(not os.stat(p).st_mode & 0o001 for p in PROGRAM.parents):
                self.skipTest("another user cannot start the program")
        for folder in closed:
            folder.chmod(0)
        try:
            def call(*words):
                return subprocess.run(
                    [str(PROGRAM), *words], capture_output=True, cwd=self.folder, env=self.environment(),
                    timeout=TIMEOUT, check=False, **unprivileged,
                )

            model = ("--model", "model.safetensors")
            done = call("classify", "locked", *model, "--labels", "x", "y", "-k", "1", "-q")
            self.assertEqual([line.split()[0] for line in self.output_lines(done, 1)],
                             [f"locked/{name}/1.png" for name in "acd"])
            self.assertEqual(done.stderr.decode().splitlines(),
                             [f"zeroshot: {name}: cannot list the folder: Permission denied"
                              for name in ("locked/b", "locked/c/deep")])
            done = call("evaluate", "--data", "locked", *model, "--json")
            self.assert_message(done, 1, "locked/b: cannot list the folder", "locked/c/deep: cannot list")
            result = json.loads(done.stdout)
            self.assertEqual((result["count"], [one["count"] for one in result["per_class"]]), (3, [1, 0, 1, 1]))
        finally:
            for folder in closed:
                folder.chmod(0o755)

    # ---- names of classes ----

    def test_names_of_folders_become_words(self):
        for names, words in (
            (["n01440764", "n02102040"], ["tench", "English Springer Spaniel"]),
            (["AnnualCrop", "HerbaceousVegetation"], ["Annual Crop", "Herbaceous Vegetation"]),
            (["blue_circle", "red_circle"], ["blue circle", "red circle"]),
            (["001.Black_tern", "002.Tree_swallow"], ["Black tern", "Tree swallow"]),
        ):
            place = f"words of {names[0]}"
            self.make(*(f"{place}/{name}/1.png" for name in names))
            classes, _, notes = self.classes("--data", place)
            self.assertEqual(classes, words)
            self.assertIn(f"'{names[0]}' as '{words[0]}'", notes)
            self.assertEqual(self.classes("--data", place, "--class-names", "as-is")[0], names)
            (self.folder / "words.txt").write_text("\n".join([*words[::-1], "other"]))
            self.assertEqual(self.classes("--data", place, "--classes", "words.txt")[0], [*words[::-1], "other"])
            done = self.with_model("evaluate", "--data", place, "--unknown", words[0], "--json", "--truncate")
            self.assertEqual(json.loads(done.stdout)["strangers"], 1)

    def test_the_classes_of_imagenet_name_a_subset_of_its_folders(self):
        self.make("imagenette/val/n01440764/1.png", "imagenette/val/n02102040/1.png", "imagenette/train/n01440764/1.png")
        classes, count, _ = self.classes("--data", "imagenette", "--classes", "imagenet")
        self.assertEqual((classes, count), (["tench", "English Springer Spaniel"], 2))
        self.make("others/n01440764/1.png", "others/n04524313/1.png")
        self.assertIn("'n04524313' is an identifier and no word", self.classes("--data", "others")[2])

    def test_folders_called_by_numbers_are_lines_of_the_class_list(self):
        self.make(*(f"numbers/{i}/1.png" for i in range(12)), *(f"from one/{i}/1.png" for i in range(1, 13)))
        self.assertIn("the classes are numbers", self.classes("--data", "numbers")[2])
        (self.folder / "twelve.txt").write_text("\n".join(f"name {i}" for i in range(12)))
        for place, tenth in (("numbers", "10"), ("from one", "11")):
            words = ("--data", place, "--classes", "twelve.txt", "--per-picture", "pp.jsonl", "--json")
            self.output_lines(self.with_model("evaluate", *words))
            lines = [json.loads(line) for line in (self.folder / "pp.jsonl").read_text().splitlines()]
            self.assertIn((f"{tenth}/1.png", [10]), [(line["name"], line["labels"]) for line in lines])

    def test_folders_called_by_numbers_are_those_of_a_numbered_list(self):
        self.make("some numbers/3/1.png", "some numbers/7/1.png")
        (self.folder / "numbered.json").write_text('{"7": "seven", "3": "three", "5": "five"}')
        done = self.with_model("evaluate", "--data", "some numbers", "--classes", "numbered.json", "--json")
        counts = [(one["class"], one["count"]) for one in json.loads(done.stdout)["per_class"]]
        self.assertEqual(counts, [("three", 1), ("five", 0), ("seven", 1)])
        (self.folder / "numbered.json").write_text('{"1": "one", "2": "two"}')
        done = self.with_model("evaluate", "--data", "some numbers", "--classes", "numbered.json")
        self.assert_message(done, 1, "class '3' is not in numbered.json")

    def test_names_of_files_appear_as_they_are(self):
        (self.folder / "图 é").mkdir()
        (self.folder / "图 é/名前.png").write_bytes(b"no image")
        (self.folder / "图 é/a\u202egnp.png").write_bytes(b"no image")
        done = self.classify("图 é")
        self.assert_message(done, 1, "zeroshot: 图 é/名前.png, byte", "图 é/a\\xe2\\x80\\xaegnp.png, byte")
        self.assertEqual(self.pictures(done, 1), ["图 é/a\u202egnp.png", "图 é/名前.png"])


if __name__ == "__main__":
    run()
