"""zeroshot evaluate: data sets in, how good zero-shot classification is out."""

import gzip
import io
import json
import math
import resource
import signal
import struct
import subprocess
import tarfile

from harness import PATIENCE, PROGRAM, REPOSITORY, ProgramTest, npy_bytes, npy_header, read_npy, run, write_png

COLOURS = ["a kap", "b lap", "c map"]


class Evaluate(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for i in range(12):
            place = cls.folder / "photos" / COLOURS[i % 3]
            place.mkdir(parents=True, exist_ok=True)
            write_png(place / f"{i}.png", 40, 50, seed=i)

    def evaluate(self, *words, **more):
        return self.with_model("evaluate", *words, **more)

    def found(self, *words, status=0, **more):
        lines = self.answer(self.evaluate(*words, "--json", **more), status)
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def write_npy(self, name, shape, numbers, kind="f", descr="<f4"):
        (self.folder / name).write_bytes(npy_bytes(npy_header(shape, descr), struct.pack(f"<{len(numbers)}{kind}", *numbers)))

    def test_the_figures_are_those_of_classify(self):
        found = self.found("--data", "photos", "--template", "{}")
        self.assertEqual((found["count"], found["unreadable"], found["format"]), (12, 0, "folders"))
        right = 0
        for colour in COLOURS:
            lines = self.answer(self.with_model("classify", f"photos/{colour}", "--labels", *COLOURS, "--json"))
            right += sum(json.loads(line)["labels"][0]["label"] == colour for line in lines)
        self.assertEqual(found["top1"], right / 12)
        self.assertEqual(found["top5"], 1)
        self.assertEqual(sum(entry[2] for entry in found["confusion"]), 12)
        self.assertEqual([one["count"] for one in found["per_class"]], [4, 4, 4])
        self.assertAlmostEqual(found["mean_per_class"], sum(one["recall"] for one in found["per_class"]) / 3, places=12)

    def test_an_unreadable_picture_is_named_and_stays_in_the_denominator(self):
        place = self.folder / "some bad"
        for name in ("a", "b"):
            (place / name).mkdir(parents=True)
            write_png(place / name / "1.png", 32, 32)
        (place / "b" / "2.png").write_bytes(b"no picture")
        done = self.evaluate("--data", "some bad", "--json", "--per-picture", "pp.jsonl", "--csv", "c.csv", "--embeddings", "e.npy")
        self.refused(done, 1, "some bad/b/2.png")
        found = json.loads(done.stdout)
        self.assertEqual((found["count"], found["unreadable"]), (3, 1))
        self.assertLessEqual(found["top5"], 2 / 3)
        self.assertEqual(found["per_class"][1]["unreadable"], 1)
        lines = [json.loads(line) for line in (self.folder / "pp.jsonl").read_text().splitlines()]
        self.assertEqual([line["name"] for line in lines], ["a/1.png", "b/1.png", "b/2.png"])
        self.assertEqual(lines[2]["error"]["code"], "UNSUPPORTED")
        self.assertEqual(lines[0]["labels"], [0])
        self.assertEqual(read_npy(self.folder / "e.npy")[0], (2, 32))
        rows = (self.folder / "c.csv").read_text().splitlines()
        self.assertEqual(rows[0], "class,count,unreadable,predicted,right,recall,precision,average_precision")
        self.assertEqual(len(rows), 3)

    def test_the_same_numbers_with_any_threads_and_from_kept_embeddings(self):
        def figures(*words):
            found = self.found("--data", "photos", *words)
            return {key: value for key, value in found.items() if key != "seconds"}
        first = figures("--threads", 1)
        self.assertEqual(figures("--threads", 3), first)
        self.assertEqual(figures("--resume", "kept"), first)
        self.assertEqual(len(list((self.folder / "kept").glob("*.classes"))), 1)
        files = sorted((self.folder / "kept").glob("*.embeddings"))
        self.assertEqual(len(files), 1)
        before = files[0].stat().st_mtime_ns
        self.assertEqual(figures("--resume", "kept"), first)
        self.assertEqual(files[0].stat().st_mtime_ns, before)
        files[0].write_bytes(files[0].read_bytes()[:-1] + b"x")
        done = self.evaluate("--data", "photos", "--resume", "kept", "--json")
        self.refused(done, 0, "this batch of embeddings is damaged; it is computed again")
        self.assertEqual(figures("--resume", "kept"), first)

    def test_other_layouts_give_the_same_figures(self):
        pictures = sorted((self.folder / "photos").rglob("*.png"))
        wanted = self.found("--data", "photos")["top1"]
        (self.folder / "list.csv").write_text("".join(f"{path.relative_to(self.folder)},{path.parent.name}\n" for path in pictures))
        (self.folder / "list.jsonl").write_text("".join(json.dumps({"path": str(path), "label": path.parent.name}) + "\n" for path in pictures))
        shards = self.folder / "shards"
        shards.mkdir()
        with tarfile.open(shards / "000000.tar", "w") as archive:
            for i, path in enumerate(pictures):
                for name, content in ((f"s{i:04}.png", path.read_bytes()), (f"s{i:04}.cls", str(COLOURS.index(path.parent.name)).encode())):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        (shards / "classnames.txt").write_text("\n".join(COLOURS))
        (shards / "zeroshot_classification_templates.txt").write_text("{c}")
        for place, name in (("list.csv", "manifest"), ("list.jsonl", "manifest"), ("shards", "webdataset")):
            found = self.found("--data", place)
            self.assertEqual((found["top1"], found["format"], found["count"]), (wanted, name, 12), place)
        self.assertEqual(self.found("--data", "shards")["templates"], ["{}"])
        whole = (shards / "000000.tar").read_bytes()
        (shards / "000000.tar").write_bytes(whole[:5000])
        self.refused(self.evaluate("--data", "shards"), 1, "000000.tar: byte", "was it cut off?")

    def test_packed_idx_files_are_read_where_zlib_is_built_in(self):
        place = self.folder / "mnist"
        place.mkdir()
        images = struct.pack(">IIII", 0x803, 4, 28, 28) + bytes(range(256)) * 12 + bytes(64)
        (place / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (place / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(struct.pack(">II", 0x801, 4) + bytes([0, 1, 2, 0])))
        done = self.evaluate("--data", "mnist", "--json")
        if b"zlib is built in" in done.stderr:
            self.skipTest("no zlib")
        self.assertEqual(json.loads(self.answer(done)[0])["count"], 4)
        (place / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images)[:-20])
        self.refused(self.evaluate("--data", "mnist"), 1, "the packed data is damaged or cut off")

    def test_parquet_is_read_where_arrow_is_built_in(self):
        done = self.evaluate("--data", str(REPOSITORY / "tests/golden/parquet/several.parquet"), "--json")
        if b"built without Apache Arrow" in done.stderr:
            self.refused(done, 1, "several.parquet", "pyarrow")
            self.skipTest("no Apache Arrow")
        self.refused(done, 1, "several.parquet/0", "several.parquet/2")  # its pictures are none
        found = json.loads(done.stdout)
        self.assertEqual((found["format"], found["count"], found["unreadable"], found["strangers"]), ("parquet", 2, 2, 1))
        self.assertEqual([one["class"] for one in found["per_class"]], ["cat", "dog", "owl"])

    def test_class_names_are_matched_by_name_or_by_place(self):
        (self.folder / "more.txt").write_text("x\n" + "\n".join(COLOURS) + "\n")
        done = self.evaluate("--data", "photos", "--classes", "more.txt", "--json")
        found = json.loads(self.answer(done)[0])
        self.assertEqual([one["count"] for one in found["per_class"]], [0, 4, 4, 4])
        self.assertIsNone(found["per_class"][0]["recall"])
        self.assertIn(b"class 'x' has no pictures", done.stderr)
        (self.folder / "named.txt").write_text("kap\nlap\nmap\n")
        self.assertEqual([one["class"] for one in self.found("--data", "photos", "--classes", "named.txt")["per_class"]], ["kap", "lap", "map"])
        (self.folder / "few.txt").write_text("a kap\nb lap\n")
        self.refused(self.evaluate("--data", "photos", "--classes", "few.txt"), 1, "class 'c map' is not in few.txt", "--unknown")
        found = self.found("--data", "photos", "--classes", "few.txt", "--unknown", "c map")
        self.assertEqual((found["count"], found["strangers"]), (8, 4))
        self.assertIsNotNone(found["stranger_auroc"])
        self.assertIsNotNone(found["rejection"][0]["strangers_answered"])
        self.refused(self.evaluate("--data", "photos", "--unknown", "zebra"), 1, "there is no class 'zebra'")

    def test_one_class_is_always_right(self):
        (self.folder / "one/only").mkdir(parents=True)
        write_png(self.folder / "one/only/1.png", 32, 32)
        found = self.found("--data", "one")
        self.assertEqual((found["top1"], found["mean_per_class"], found["temperature"]), (1, 1, None))

    def test_several_labels_have_a_mean_average_precision(self):
        (self.folder / "several.csv").write_text("a.png,x,y\nb.png,y\n")
        found = self.found("--data", "several.csv")
        self.assertTrue(found["several_labels"])
        self.assertIsNone(found["mean_per_class"])
        self.assertEqual(found["per_class"][1]["average_precision"], 1)

    def test_templates_are_compared(self):
        found = self.found("--data", "photos", "--template", "a {}", "--template", "b {}", "--template", "{}", "--compare-templates")
        prompts = found["prompts"]
        self.assertEqual([one["template"] for one in prompts["each"]], ["a {}", "b {}", "{}"])
        self.assertEqual(prompts["each"][2]["top1"], self.found("--data", "photos")["top1"])
        self.assertEqual(prompts["validation_count"] + prompts["test_count"], 12)
        self.assertEqual(len(prompts["chosen"]), len(prompts["validation_top1"]))
        self.refused(self.evaluate("--data", "photos", "--compare-templates"), 2, "no templates to compare")

    def test_recorded_embeddings(self):
        self.write_npy("x.npy", "(4, 2)", [1, 0, 0, 2, 1, 1, 3, 1])
        self.write_npy("w.npy", "(2, 2)", [1, 0, 0, 1], "d", "<f8")
        self.write_npy("y.npy", "(4,)", [0, 1, 1, 1], "q", "<i8")
        words = ("--features", "x.npy", "--labels", "y.npy", "--class-embeddings", "w.npy")
        lines = self.answer(self.call("evaluate", *words, "--json", "--per-picture", "pp.jsonl"))
        found = json.loads(lines[0])
        self.assertEqual((found["count"], found["top1"], found["format"]), (4, 0.5, "recorded"))  # equal scores: the first class
        self.assertAlmostEqual(found["mean_per_class"], (1 + 1 / 3) / 2, places=12)
        second = json.loads((self.folder / "pp.jsonl").read_text().splitlines()[3])
        self.assertAlmostEqual(second["top"][0]["logit"], 100 * 3 / math.sqrt(10), places=9)
        self.write_npy("several.npy", "(4, 2)", [1, 0, 0, 1, 1, 1, 1, 0], "b", "|i1")
        found = json.loads(self.answer(self.call("evaluate", *words[:3], "several.npy", *words[4:], "--json"))[0])
        self.assertEqual(found["mean_average_precision"], 1)

        self.write_npy("nan.npy", "(4, 2)", [1, 0, math.nan, 2, 1, 1, 3, 1])
        done = self.call("evaluate", "--features", "nan.npy", *words[2:], "--json")
        self.refused(done, 1, "nan.npy: row 1: image embedding: norm nan")
        self.assertEqual(json.loads(done.stdout)["unreadable"], 1)
        for numbers, part in (([0, 1, 2, 0], "row 2: label 2, expected a class from 0 to 1"), ([0, 1, -2, 0], "label -2")):
            self.write_npy("y2.npy", "(4,)", numbers, "q", "<i8")
            self.refused(self.call("evaluate", *words[:3], "y2.npy", *words[4:]), 1, part)
        self.write_npy("short.npy", "(3,)", [0, 1, 1], "q", "<i8")
        self.refused(self.call("evaluate", *words[:3], "short.npy", *words[4:]), 1, "shape [3], expected [4], or [4, 2]")
        self.write_npy("w3.npy", "(1, 3)", [1, 0, 0])
        self.refused(self.call("evaluate", *words[:5], "w3.npy"), 1, "[classes, 2] as the features have")

    def test_what_a_person_reads(self):
        text = "\n".join(self.answer(self.evaluate("--data", "photos")))
        for part in ("photos: 12 pictures of 3 classes", "top-1", "mean per class", "recall of each class", "of 4"):
            self.assertIn(part, text)

    def test_a_wrong_call(self):
        self.refused(self.evaluate(), 2, "nothing to evaluate")
        self.refused(self.evaluate("--data", "photos", "--features", "x.npy"), 2, "give one")
        self.refused(self.evaluate("--features", "x.npy"), 2, "go together")
        self.refused(self.evaluate("--data", "photos", "--format", "folder"), 2, "folders")
        self.refused(self.evaluate("--data", "nowhere"), 1, "nowhere: there is no such file or folder")
        self.refused(self.evaluate("--data", "photos", "--template", "no place"), 2, "no placeholder for the label")
        (self.folder / "hollow/a").mkdir(parents=True)
        self.refused(self.evaluate("--data", "hollow"), 1, "no pictures in its 1 folders")

    def test_a_full_disk_leaves_nothing_half_written(self):
        self.refused(self.evaluate("--data", "photos", "--per-picture", "/dev/full"), 1, "/dev/full")
        self.nothing_left("full")

    def test_a_disk_that_fills_up_during_a_run_loses_nothing_that_was_finished(self):
        for i in range(60):
            place = self.folder / "many" / COLOURS[i % 3]
            place.mkdir(parents=True, exist_ok=True)
            write_png(place / f"{i}.png", 12, 12, seed=i)

        def small_disk():  # 32 numbers for each of 60 pictures are more
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

        words = ["evaluate", "--model", "model.safetensors", "--data", "many", "--resume", "kept of many", "--threads", "1", "--json"]
        done = subprocess.run([PROGRAM, *words], cwd=self.folder, env=self.environment(), capture_output=True, preexec_fn=small_disk, timeout=PATIENCE, check=False)
        self.refused(done, 1, "cannot write", "is the disk full?")
        self.assertEqual(done.stdout, b"")
        kept = {path.name: path.stat().st_mtime_ns for path in (self.folder / "kept of many").iterdir()}
        self.assertGreaterEqual(len(kept), 2)
        self.assertTrue(all(name.endswith((".embeddings", ".classes")) for name in kept))
        again, alone = self.found("--data", "many", "--resume", "kept of many"), self.found("--data", "many")
        for found in (again, alone):
            del found["seconds"]
        self.assertEqual(again, alone)
        self.assertEqual({name: (self.folder / "kept of many" / name).stat().st_mtime_ns for name in kept}, kept)


if __name__ == "__main__":
    run()
