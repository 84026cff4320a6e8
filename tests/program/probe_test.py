"""zeroshot probe: a linear probe of recorded features and of data sets."""

import json
import random
import struct

from harness import ProgramTest, npy_bytes, npy_header, read_safetensors, run, write_png

KINDS = {"<f4": "f", "<f8": "d", "<i8": "q", "|u1": "B"}


def write_npy(path, shape, numbers, kind="<f4"):
    text = f"({shape[0]},)" if len(shape) == 1 else f"({shape[0]}, {shape[1]})"
    path.write_bytes(npy_bytes(npy_header(text, descr=kind), struct.pack(f"<{len(numbers)}{KINDS[kind]}", *numbers)))


class Probe(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        generator = random.Random(1)
        cls.rows = [[generator.gauss(2.0 * (k == i % 3), 1) for k in range(4)] for i in range(90)]
        flat = [x for row in cls.rows for x in row]
        write_npy(cls.folder / "x.npy", (90, 4), flat)
        write_npy(cls.folder / "y.npy", (90,), [i % 3 for i in range(90)], "<i8")
        write_npy(cls.folder / "u.npy", (30, 4), flat[:120], "<f8")
        write_npy(cls.folder / "v.npy", (30,), [i % 3 for i in range(30)], "|u1")
        for part, seed in (("train", 0), ("test", 40)):  # noise on a gradient, in a different colour for each image
            for i, name in enumerate(("light", "dark")):
                (cls.folder / part / name).mkdir(parents=True)
                for j in range(4):
                    write_png(cls.folder / part / name / f"{j}.png", 30 + i, 30, seed=seed + 4 * i + j)
        (cls.folder / "test/dark/bad.png").write_bytes(b"\x89PNG")

    def recorded(self, *words, **files):
        names = {"train-features": "x.npy", "train-labels": "y.npy", "test-features": "u.npy", "test-labels": "v.npy"}
        names.update({key.replace("_", "-"): value for key, value in files.items()})
        return self.call("probe", *[word for key, value in names.items() for word in (f"--{key}", value)], *words)

    def json_output(self, *words):
        lines = self.output_lines(self.recorded("--json", *words))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_recorded_features_are_fitted_and_evaluated(self):
        result = self.json_output("--strength", 1)
        self.assertEqual(
            (result["strength"], result["classes"], result["columns"], result["train_count"], result["count"]),
            (1, 3, 4, 90, 30),
        )
        self.assertTrue(result["converged"])
        self.assertGreater(result["top1"], 0.6)
        self.assertGreater(result["objective"], 0)
        self.assertEqual((result["search"], result["few_shot"], result["zero_shot_top1"]), ([], [], None))

    def test_labels_that_are_numbers_have_the_names_of_a_list(self):
        for part in ("train", "test"):
            rows = [f"{part}/{name}/{j}.png,{i}" for i, name in enumerate(("light", "dark")) for j in range(4)]
            (self.folder / f"{part}.csv").write_text("\n".join(["path,label", *rows]))
        (self.folder / "names.txt").write_text("light\ndark\n")
        words = ("--train", "train.csv", "--test", "test.csv", "--strength", 1, "--save", "named.safetensors", "--json")
        done = self.with_model("probe", *words, "--classes", "names.txt", "--zero-shot")
        result = json.loads(self.output_lines(done)[0])
        self.assertIsNotNone(result["zero_shot_top1"])
        header, _ = read_safetensors(self.folder / "named.safetensors")
        self.assertEqual(json.loads(header["__metadata__"]["zeroshot.probe"])["labels"], ["light", "dark"])
        self.assert_message(self.with_model("probe", *words, "--zero-shot"), 2, "--zero-shot needs class names")
        (self.folder / "names.txt").write_text("light\n")
        self.assert_message(
            self.with_model("probe", *words, "--classes", "names.txt"), 1, "train.csv: label 1, expected below 1"
        )

    def test_the_best_strength_is_chosen_and_few_shot_accuracies_reported(self):
        result = self.json_output("--strength", 0.01, 1, 100, "--few-shot", 1, 4, "--seeds", 2)
        self.assertEqual([one["strength"] for one in result["search"]], [0.01, 1, 100])
        best = max(one["validation_top1"] for one in result["search"])
        self.assertEqual(
            result["strength"], next(one["strength"] for one in result["search"] if one["validation_top1"] == best)
        )
        self.assertEqual([(one["shots"], len(one["top1"])) for one in result["few_shot"]], [(1, 2), (4, 2)])

    def test_the_saved_probe_makes_the_same_predictions(self):
        result = self.json_output("--strength", 1, "--save", "probe.safetensors", "--threads", 2)
        header, data = read_safetensors(self.folder / "probe.safetensors")
        self.assertEqual(
            json.loads(header["__metadata__"]["zeroshot.probe"]),
            {"format": 1, "length_one": False, "labels": ["0", "1", "2"]},
        )

        def tensor(name):
            begin, end = header[name]["data_offsets"]
            return struct.unpack(f"<{(end - begin) // 8}d", data[begin:end])

        weights, intercepts = tensor("weights"), tensor("intercepts")
        scores = [
            [sum(w * x for w, x in zip(weights[4 * k : 4 * k + 4], row)) + intercepts[k] for k in range(3)]
            for row in self.rows[:30]
        ]
        right = sum(row.index(max(row)) == i % 3 for i, row in enumerate(scores))
        self.assertAlmostEqual(right / 30, result["top1"], places=12)

    def test_unreadable_test_images_count_as_wrong(self):
        done = self.with_model("probe", "--train", "train", "--test", "test", "--strength", 1, "--zero-shot", "--json")
        self.assert_message(done, 1, "bad.png")
        result = json.loads(done.stdout)
        self.assertEqual(
            (result["train_count"], result["count"], result["unreadable"], result["classes"]), (8, 9, 1, 2)
        )
        self.assertLessEqual(result["top1"], 8 / 9)
        self.assertEqual([round(one["share"], 1) for one in result["mixtures"]], [i / 10 for i in range(11)])
        self.assertEqual(result["mixtures"][0]["top1"], result["zero_shot_top1"])
        self.assertEqual(result["mixtures"][-1]["top1"], result["top1"])

    def test_cache_evaluates_tip_adapter(self):
        done = self.with_model(
            "probe",
            "--train",
            "train",
            "--test",
            "test",
            "--strength",
            1,
            "--zero-shot",
            "--held-back",
            0.5,
            "--few-shot",
            1,
            2,
            "--seeds",
            2,
            "--cache",
            "--json",
        )
        result = json.loads(done.stdout)
        self.assertEqual(
            [(one["shots"], len(one["top1"]), len(one["alpha"]), len(one["beta"])) for one in result["cache"]],
            [(1, 2, 2, 2), (2, 2, 2, 2)],
        )
        for one in result["cache"]:
            for top1, alpha in zip(one["top1"], one["alpha"]):
                self.assertLessEqual(top1, 8 / 9)  # one image is unreadable
                if alpha == 0:
                    self.assertEqual(top1, result["zero_shot_top1"])
        self.assert_message(
            self.with_model("probe", "--train", "train", "--test", "test", "--cache"),
            2,
            "--cache",
            "--zero-shot",
            "--few-shot",
        )

    def test_penultimate_features_are_those_before_the_projection(self):
        def fit(features):
            call = ["probe", "--train", "train", "--test", "test", "--strength", 1, "--features", features]
            return json.loads(self.with_model(*call, "--resume", "cache", "--json").stdout)

        columns = {}
        for features in ("embedding", "penultimate"):
            result = fit(features)
            self.assertEqual(result["features"], features)
            columns[features] = result["columns"]
        self.assertNotEqual(columns["embedding"], columns["penultimate"])
        self.assertEqual(fit("penultimate")["objective"], result["objective"])
        self.assert_message(
            self.with_model("probe", "--train", "train", "--test", "test", "--features", "penultimate", "--zero-shot"),
            2,
            "--zero-shot",
            "--features penultimate",
        )
        self.assert_message(self.recorded("--features", "penultimate"), 2, "--features", "--train")

    def test_the_text_output_is_a_table(self):
        lines = self.output_lines(self.recorded())
        self.assertIn("3 classes", lines[0])
        self.assertTrue(any("strength (C)" in line for line in lines))

    def test_errors_name_the_file_and_the_row(self):
        write_npy(self.folder / "nan.npy", (90, 4), [float("nan")] * 360)
        write_npy(self.folder / "one.npy", (90,), [1] * 90, "<i8")
        write_npy(self.folder / "half.npy", (90,), [0.5] * 90)
        write_npy(self.folder / "minus.npy", (90,), [-1] * 90, "<i8")
        write_npy(self.folder / "short.npy", (3,), [0, 1, 2], "<i8")
        write_npy(self.folder / "wide.npy", (24, 5), [0] * 120)
        write_npy(self.folder / "empty.npy", (0, 4), [])
        self.assert_message(self.recorded(train_features="nan.npy"), 1, "row 0")
        self.assert_message(self.recorded("--strength", 1, train_labels="one.npy"), 1, "training set", "1")
        self.assert_message(self.recorded(train_labels="half.npy"), 1, "half.npy", "row 0")
        self.assert_message(self.recorded(train_labels="minus.npy"), 1, "minus.npy", "row 0")
        self.assert_message(self.recorded(train_labels="short.npy"), 1, "short.npy", "3", "90")
        self.assert_message(self.recorded(test_features="wide.npy", test_labels="y.npy"), 1, "y.npy", "90", "24")
        self.assert_message(self.recorded(train_features="empty.npy"), 1, "empty.npy", "[0, 4]")
        self.assert_message(self.recorded(train_features="half.npy"), 1, "half.npy", "[90]")
        self.assert_message(self.recorded("--strength", 0), 2, "--strength")
        self.assert_message(self.call("probe", "--train", "train"), 2, "--train", "--test")
        self.assert_message(self.call("probe"), 2, "--train", "--train-features")
        self.assert_message(self.recorded("--zero-shot"), 2, "--zero-shot", "--train")
        self.assert_message(self.recorded("--save", "x.npy"), 2, "x.npy")


if __name__ == "__main__":
    run()
