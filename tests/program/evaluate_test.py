"""zeroshot evaluate: accuracy of zero-shot classification on data sets and recorded embeddings."""

import gzip
import io
import json
import math
import resource
import signal
import struct
import subprocess
import tarfile

from harness import TIMEOUT, PROGRAM, REPOSITORY, ProgramTest, npy_bytes, npy_header, read_npy, run, write_png

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

    def json_output(self, *words, status=0, **more):
        lines = self.output_lines(self.evaluate(*words, "--json", **more), status)
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def write_npy(self, name, shape, numbers, kind="f", descr="<f4"):
        (self.folder / name).write_bytes(
            npy_bytes(npy_header(shape, descr), struct.pack(f"<{len(numbers)}{kind}", *numbers))
        )

    def test_the_accuracy_is_that_of_classify(self):
        result = self.json_output("--data", "photos", "--template", "{}")
        self.assertEqual((result["count"], result["unreadable"], result["format"]), (12, 0, "folders"))
        right = 0
        for colour in COLOURS:
            lines = self.output_lines(self.with_model("classify", f"photos/{colour}", "--labels", *COLOURS, "--json"))
            right += sum(json.loads(line)["labels"][0]["label"] == colour for line in lines)
        self.assertEqual(result["top1"], right / 12)
        self.assertEqual(result["top5"], 1)
        self.assertEqual(sum(entry[2] for entry in result["confusion"]), 12)
        self.assertEqual([one["count"] for one in result["per_class"]], [4, 4, 4])
        self.assertAlmostEqual(
            result["mean_per_class"], sum(one["recall"] for one in result["per_class"]) / 3, places=12
        )

    def test_an_unreadable_image_is_named_and_counts_as_wrong(self):
        place = self.folder / "some bad"
        for name in ("a", "b"):
            (place / name).mkdir(parents=True)
            write_png(place / name / "1.png", 32, 32)
        (place / "b" / "2.png").write_bytes(b"not an image")
        done = self.evaluate(
            "--data", "some bad", "--json", "--per-picture", "pp.jsonl", "--csv", "c.csv", "--embeddings", "e.npy"
        )
        self.assert_message(done, 1, "some bad/b/2.png")
        result = json.loads(done.stdout)
        self.assertEqual((result["count"], result["unreadable"]), (3, 1))
        self.assertLessEqual(result["top5"], 2 / 3)
        self.assertEqual(result["per_class"][1]["unreadable"], 1)
        lines = [json.loads(line) for line in (self.folder / "pp.jsonl").read_text().splitlines()]
        self.assertEqual([line["name"] for line in lines], ["a/1.png", "b/1.png", "b/2.png"])
        self.assertEqual(lines[2]["error"]["code"], "UNSUPPORTED")
        self.assertEqual(lines[0]["labels"], [0])
        self.assertEqual(read_npy(self.folder / "e.npy")[0], (2, 32))
        rows = (self.folder / "c.csv").read_text().splitlines()
        self.assertEqual(rows[0], "class,count,unreadable,predicted,right,recall,precision,average_precision")
        self.assertEqual(len(rows), 3)

    def test_the_results_do_not_depend_on_threads_or_cached_embeddings(self):
        def figures(*words):
            result = self.json_output("--data", "photos", *words)
            return {key: value for key, value in result.items() if key != "seconds"}

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
        self.assert_message(done, 0, "warning: ", files[0].name)
        self.assertEqual(figures("--resume", "kept"), first)

    def test_every_data_set_format_gives_the_same_results(self):
        images = sorted((self.folder / "photos").rglob("*.png"))
        wanted = self.json_output("--data", "photos")["top1"]
        (self.folder / "list.csv").write_text(
            "".join(f"{path.relative_to(self.folder)},{path.parent.name}\n" for path in images)
        )
        (self.folder / "list.jsonl").write_text(
            "".join(json.dumps({"path": str(path), "label": path.parent.name}) + "\n" for path in images)
        )
        splits = {"train": [[str(images[0]), 0, COLOURS[0]]], "val": [[str(images[1]), 0, COLOURS[0]]]}
        splits["test"] = [[f"{path.relative_to(self.folder)}", COLOURS.index(path.parent.name), path.parent.name] for path in images]
        (self.folder / "coop.json").write_text(json.dumps(splits, indent=4))
        shards = self.folder / "shards"
        shards.mkdir()
        with tarfile.open(shards / "000000.tar", "w") as archive:
            for i, path in enumerate(images):
                for name, content in (
                    (f"s{i:04}.png", path.read_bytes()),
                    (f"s{i:04}.cls", str(COLOURS.index(path.parent.name)).encode()),
                ):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        (shards / "classnames.txt").write_text("\n".join(COLOURS))
        (shards / "zeroshot_classification_templates.txt").write_text("{c}")
        for place, name in (("list.csv", "manifest"), ("list.jsonl", "manifest"), ("coop.json", "manifest"), ("shards", "webdataset")):
            result = self.json_output("--data", place)
            self.assertEqual((result["top1"], result["format"], result["count"]), (wanted, name, 12), place)
        self.assertEqual(self.json_output("--data", "shards")["templates"], ["{}"])
        whole = (shards / "000000.tar").read_bytes()
        (shards / "000000.tar").write_bytes(whole[:5000])
        self.assert_message(self.evaluate("--data", "shards"), 1, "000000.tar: byte")

    def test_compressed_idx_files_are_read_if_zlib_is_built_in(self):
        place = self.folder / "mnist"
        place.mkdir()
        images = struct.pack(">IIII", 0x803, 4, 28, 28) + bytes(range(256)) * 12 + bytes(64)
        (place / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (place / "t10k-labels-idx1-ubyte.gz").write_bytes(
            gzip.compress(struct.pack(">II", 0x801, 4) + bytes([0, 1, 2, 0]))
        )
        done = self.evaluate("--data", "mnist", "--json")
        if b"zlib is built in" in done.stderr:
            self.skipTest("no zlib")
        self.assertEqual(json.loads(self.output_lines(done)[0])["count"], 4)
        (place / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images)[:-20])
        self.assert_message(self.evaluate("--data", "mnist"), 1, "t10k-images-idx3-ubyte.gz")

    def test_parquet_is_read_if_arrow_is_built_in(self):
        done = self.evaluate("--data", str(REPOSITORY / "tests/golden/parquet/several.parquet"), "--json")
        if b"built without Apache Arrow" in done.stderr:
            self.assert_message(done, 1, "several.parquet", "pyarrow")
            self.skipTest("no Apache Arrow")
        self.assert_message(done, 1, "several.parquet/0", "several.parquet/2")  # they are not images
        result = json.loads(done.stdout)
        self.assertEqual(
            (result["format"], result["count"], result["unreadable"], result["strangers"]), ("parquet", 2, 2, 1)
        )
        self.assertEqual([one["class"] for one in result["per_class"]], ["cat", "dog", "owl"])

    def test_class_lists_match_by_name_or_by_position(self):
        (self.folder / "more.txt").write_text("x\n" + "\n".join(COLOURS) + "\n")
        done = self.evaluate("--data", "photos", "--classes", "more.txt", "--json")
        result = json.loads(self.output_lines(done)[0])
        self.assertEqual([one["count"] for one in result["per_class"]], [0, 4, 4, 4])
        self.assertIsNone(result["per_class"][0]["recall"])
        self.assertIn(b"'x'", done.stderr)
        (self.folder / "named.txt").write_text("kap\nlap\nmap\n")
        done = self.evaluate("--data", "photos", "--classes", "named.txt", "--json")
        self.assertEqual([one["class"] for one in json.loads(done.stdout)["per_class"]], ["kap", "lap", "map"])
        self.assert_message(done, 0, "its classes are named by named.txt in order: 'a kap' is 'kap', 'c map' is 'map'")
        (self.folder / "cased.txt").write_text("C_map\nB-lap\nA kap\nother\n")
        result = self.json_output("--data", "photos", "--classes", "cased.txt")
        self.assertEqual([(one["class"], one["count"]) for one in result["per_class"]][2:], [("A kap", 4), ("other", 0)])
        (self.folder / "typo.txt").write_text("C map\nb lab\na kap\n")
        self.assert_message(self.evaluate("--data", "photos", "--classes", "typo.txt"), 1, "class 'b lap' is not in typo.txt")
        (self.folder / "few.txt").write_text("a kap\nb lap\n")
        self.assert_message(
            self.evaluate("--data", "photos", "--classes", "few.txt"), 1, "'c map'", "few.txt", "--unknown"
        )
        result = self.json_output("--data", "photos", "--classes", "few.txt", "--unknown", "c map")
        self.assertEqual((result["count"], result["strangers"]), (8, 4))
        self.assertIsNotNone(result["stranger_auroc"])
        self.assertIsNotNone(result["rejection"][0]["strangers_answered"])
        self.assert_message(self.evaluate("--data", "photos", "--unknown", "zebra"), 1, "'zebra'")

    def test_a_single_class_is_always_right(self):
        (self.folder / "one/only").mkdir(parents=True)
        write_png(self.folder / "one/only/1.png", 32, 32)
        result = self.json_output("--data", "one")
        self.assertEqual((result["top1"], result["mean_per_class"], result["temperature"]), (1, 1, None))

    def test_multi_label_data_has_a_mean_average_precision(self):
        (self.folder / "several.csv").write_text("a.png,x,y\nb.png,y\n")
        result = self.json_output("--data", "several.csv")
        self.assertTrue(result["several_labels"])
        self.assertIsNone(result["mean_per_class"])
        self.assertEqual(result["per_class"][1]["average_precision"], 1)

    def test_compare_templates_reports_each_template_and_a_choice(self):
        result = self.json_output(
            "--data", "photos", "--template", "a {}", "--template", "b {}", "--template", "{}", "--compare-templates"
        )
        prompts = result["prompts"]
        self.assertEqual([one["template"] for one in prompts["each"]], ["a {}", "b {}", "{}"])
        self.assertEqual(prompts["each"][2]["top1"], self.json_output("--data", "photos")["top1"])
        self.assertEqual(prompts["validation_count"] + prompts["test_count"], 12)
        self.assertEqual(len(prompts["chosen"]), len(prompts["validation_top1"]))
        self.assert_message(self.evaluate("--data", "photos", "--compare-templates"), 2, "--template")

    def test_recorded_embeddings_are_evaluated(self):
        self.write_npy("x.npy", "(4, 2)", [1, 0, 0, 2, 1, 1, 3, 1])
        self.write_npy("w.npy", "(2, 2)", [1, 0, 0, 1], "d", "<f8")
        self.write_npy("y.npy", "(4,)", [0, 1, 1, 1], "q", "<i8")
        words = ("--features", "x.npy", "--labels", "y.npy", "--class-embeddings", "w.npy")
        lines = self.output_lines(self.call("evaluate", *words, "--json", "--per-picture", "pp.jsonl"))
        result = json.loads(lines[0])
        self.assertEqual(
            (result["count"], result["top1"], result["format"]), (4, 0.5, "recorded")
        )  # equal scores: the first class
        self.assertAlmostEqual(result["mean_per_class"], (1 + 1 / 3) / 2, places=12)
        second = json.loads((self.folder / "pp.jsonl").read_text().splitlines()[3])
        self.assertAlmostEqual(second["top"][0]["logit"], 100 * 3 / math.sqrt(10), places=9)
        self.write_npy("several.npy", "(4, 2)", [1, 0, 0, 1, 1, 1, 1, 0], "b", "|i1")
        result = json.loads(
            self.output_lines(self.call("evaluate", *words[:3], "several.npy", *words[4:], "--json"))[0]
        )
        self.assertEqual(result["mean_average_precision"], 1)

        self.write_npy("nan.npy", "(4, 2)", [1, 0, math.nan, 2, 1, 1, 3, 1])
        done = self.call("evaluate", "--features", "nan.npy", *words[2:], "--json")
        self.assert_message(done, 1, "nan.npy: row 1: ")
        self.assertEqual(json.loads(done.stdout)["unreadable"], 1)
        for numbers, part in (([0, 1, 2, 0], "row 2: label 2"), ([0, 1, -2, 0], "label -2")):
            self.write_npy("y2.npy", "(4,)", numbers, "q", "<i8")
            self.assert_message(self.call("evaluate", *words[:3], "y2.npy", *words[4:]), 1, part)
        self.write_npy("short.npy", "(3,)", [0, 1, 1], "q", "<i8")
        self.assert_message(self.call("evaluate", *words[:3], "short.npy", *words[4:]), 1, "short.npy", "[3]", "[4]")
        self.write_npy("w3.npy", "(1, 3)", [1, 0, 0])
        self.assert_message(self.call("evaluate", *words[:5], "w3.npy"), 1, "w3.npy", "[1, 3]")

    def test_recorded_arrays_of_other_types_and_orders_give_the_same_figures(self):
        features, labels = [1, 0, 0, 2, 1, 1, 3, 1], [0, 1, 1, 1]
        by_columns = [features[2 * row + column] for column in range(2) for row in range(4)]

        def figures(features, feature_type, order, shape, label_type):
            for name, numbers, descr, header in (
                ("x.npy", features, feature_type, npy_header("(4, 2)", feature_type, order)),
                ("y.npy", labels, label_type, npy_header(shape, label_type)),
                ("w.npy", [1, 0, 0, 1], ">f8", npy_header("(2, 2)", ">f8")),
            ):
                kind = {"f2": "e", "f4": "f", "f8": "d", "i4": "i", "i8": "q", "u1": "B"}[descr[1:]]
                body = struct.pack(f"{descr[0].replace('|', '<')}{len(numbers)}{kind}", *numbers)
                (self.folder / name).write_bytes(npy_bytes(header, body))
            words = ("--features", "x.npy", "--class-embeddings", "w.npy", "--labels", "y.npy")
            return {**json.loads(self.output_lines(self.call("evaluate", *words, "--json"))[0]), "seconds": 0}

        expected = figures(features, "<f4", "False", "(4,)", "<i8")
        self.assertEqual(expected["top1"], 0.5)
        for others in (
            (features, "<f2", "False", "(4,)", "|u1"),
            (features, ">f4", "False", "(4, 1)", "<i8"),
            (by_columns, "<f8", "True", "(4, 1)", ">i4"),
            (by_columns, ">f2", "True", "(4,)", ">i8"),
        ):
            self.assertEqual(figures(*others), expected, others[1:])

    def test_the_text_output_has_a_summary_and_a_table_of_classes(self):
        text = "\n".join(self.output_lines(self.evaluate("--data", "photos")))
        for part in ("photos: 12 images of 3 classes", "top-1", "mean per class", "recall per class", "of 4"):
            self.assertIn(part, text)

    def test_usage_errors_and_missing_data(self):
        self.assert_message(self.evaluate(), 2, "--data", "--features")
        self.assert_message(self.evaluate("--data", "photos", "--features", "x.npy"), 2, "--data", "--features")
        self.assert_message(self.evaluate("--features", "x.npy"), 2, "--labels")
        self.assert_message(self.evaluate("--data", "photos", "--format", "folder"), 2, "folders")
        self.assert_message(self.evaluate("--data", "nowhere"), 1, "nowhere: ")
        self.assert_message(self.evaluate("--data", "photos", "--template", "no place"), 2, "no place")
        (self.folder / "hollow/a").mkdir(parents=True)
        self.assert_message(self.evaluate("--data", "hollow"), 1, "hollow: ")

    def test_columns_of_a_list_are_recognised_or_named(self):
        for i, (name, text) in enumerate(
            {
                "headers": "file_name,label\na.png,red circle\nb.png,blue circle\n",
                "more columns": "path,label,split,width\na.png,red circle,test,32\nb.png,blue circle,test,32\n",
                "a number first": "id,path,label\n0,a.png,red circle\n1,b.png,blue circle\n",
                "tabs": "filepath\ttitle\na.png\tred circle\nb.png\tblue circle\n",
                "lines": '{"file_name": "a.png", "label": "red circle"}\n{"file_name": "b.png", "label": "blue circle"}\n',
            }.items()
        ):
            with self.subTest(name):
                (self.folder / f"columns{i}.csv").write_text(text)
                done = self.evaluate("--data", f"columns{i}.csv", "--json")
                result = json.loads(self.output_lines(done)[0])
                self.assertEqual([one["class"] for one in result["per_class"]], ["blue circle", "red circle"])
                self.assertEqual(result["count"], 2)
                self.assert_message(done, 0, f"columns{i}.csv: ", "images in column", "labels in column")
        (self.folder / "odd.csv").write_text("path,split,kind,size\na.png,test,red,3\nb.png,test,blue,4\n")
        self.assert_message(
            self.evaluate("--data", "odd.csv"), 1, "among the columns 'path', 'split', 'kind', 'size'; --label-column"
        )
        result = self.json_output("--data", "odd.csv", "--label-column", "kind", "--image-column", "1")
        self.assertEqual([one["class"] for one in result["per_class"]], ["blue", "red"])
        self.assert_message(self.evaluate("--data", "odd.csv", "--label-column", "sort"), 1, "no column 'sort'")

    def test_a_split_that_nothing_names_is_warned_of(self):
        (self.folder / "whole.csv").write_text("path,label\na.png,x\nb.png,y\n")
        (self.folder / "parts.csv").write_text("path,label,split\na.png,x,val\nb.png,y,train\nb.png,y,val\n")
        for place in ("whole.csv", "photos"):
            done = self.evaluate("--data", place, "--split", "val")
            self.assert_message(done, 0, f"warning: {place}: no splits are named in it; all of its images are read")
        done = self.evaluate("--data", "parts.csv", "--split", "val", "--json")
        self.assert_message(done, 0, "of the splits train and val, val is read")
        self.assertNotIn(b"warning", done.stderr)
        self.assertEqual(json.loads(done.stdout)["count"], 2)

    def test_labels_that_are_numbers_are_indices_of_the_class_list(self):
        (self.folder / "numbers.csv").write_text("path,label\na.png,1\nb.png,0\na.png,-1\n")
        self.assert_message(self.evaluate("--data", "numbers.csv"), 1, "numbers.csv: the labels are numbers", "--classes")
        (self.folder / "two.json").write_text('{"0": "red", "1": "blue"}')
        result = self.json_output("--data", "numbers.csv", "--classes", "two.json")
        self.assertEqual([one["class"] for one in result["per_class"]], ["red", "blue"])
        self.assertEqual((result["count"], result["strangers"]), (2, 1))
        for name, text in (
            ("two.csv", "class_id,class_name\n1,blue\n0,red\n"),
            ("two.jsonl", '{"class_id": 1, "name": "blue"}\n{"class_id": 0, "name": "red"}\n'),
            ("two.json", '[{"id": "x", "label": 1, "name": "blue"}, {"id": "y", "label": 0, "name": "red"}]'),
        ):
            (self.folder / name).write_text(text)
            result = self.json_output("--data", "numbers.csv", "--classes", name)
            self.assertEqual([one["class"] for one in result["per_class"]], ["red", "blue"])
        for numbers, part in ((("1", "2"), "its numbers begin at 1"), (("0", "2"), "it has 2 names with numbers up to 2")):
            (self.folder / "other.json").write_text(json.dumps(dict(zip(numbers, ("red", "blue")))))
            done = self.evaluate("--data", "numbers.csv", "--classes", "other.json")
            self.assert_message(done, 1, part, "the labels of numbers.csv are indices from 0")
        (self.folder / "one.txt").write_text("red\n")
        self.assert_message(self.evaluate("--data", "numbers.csv", "--classes", "one.txt"), 1, "label 1, expected below 1")

    def test_a_full_disk_leaves_no_partial_file(self):
        self.assert_message(self.evaluate("--data", "photos", "--per-picture", "/dev/full"), 1, "/dev/full")
        self.assert_not_written("full")

    def test_a_disk_full_during_a_run_keeps_the_cached_batches(self):
        for i in range(60):
            place = self.folder / "many" / COLOURS[i % 3]
            place.mkdir(parents=True, exist_ok=True)
            write_png(place / f"{i}.png", 12, 12, seed=i)

        def small_disk():  # the embeddings of 60 images are larger
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))

        words = [
            "evaluate",
            "--model",
            "model.safetensors",
            "--data",
            "many",
            "--resume",
            "kept of many",
            "--threads",
            "1",
            "--json",
        ]
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            preexec_fn=small_disk,
            timeout=TIMEOUT,
            check=False,
        )
        self.assert_message(done, 1, "cannot write")
        self.assertEqual(done.stdout, b"")
        kept = {path.name: path.stat().st_mtime_ns for path in (self.folder / "kept of many").iterdir()}
        self.assertGreaterEqual(len(kept), 2)
        self.assertTrue(all(name.endswith((".embeddings", ".classes")) for name in kept))
        again, alone = self.json_output("--data", "many", "--resume", "kept of many"), self.json_output(
            "--data", "many"
        )
        for result in (again, alone):
            del result["seconds"]
        self.assertEqual(again, alone)
        self.assertEqual({name: (self.folder / "kept of many" / name).stat().st_mtime_ns for name in kept}, kept)


if __name__ == "__main__":
    run()
