"""zeroshot probe: recorded features and data sets in, a fitted probe out."""

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
        dice = random.Random(1)
        cls.rows = [[dice.gauss(2.0 * (k == i % 3), 1) for k in range(4)] for i in range(90)]
        flat = [x for row in cls.rows for x in row]
        write_npy(cls.folder / "x.npy", (90, 4), flat)
        write_npy(cls.folder / "y.npy", (90,), [i % 3 for i in range(90)], "<i8")
        write_npy(cls.folder / "u.npy", (30, 4), flat[:120], "<f8")
        write_npy(cls.folder / "v.npy", (30,), [i % 3 for i in range(30)], "|u1")
        for part, seed in (("train", 0), ("test", 40)):  # noise on a ramp of a colour of its own for each picture
            for i, name in enumerate(("light", "dark")):
                (cls.folder / part / name).mkdir(parents=True)
                for j in range(4):
                    write_png(cls.folder / part / name / f"{j}.png", 30 + i, 30, seed=seed + 4 * i + j)
        (cls.folder / "test/dark/bad.png").write_bytes(b"\x89PNG")

    def recorded(self, *words, **files):
        names = {"train-features": "x.npy", "train-labels": "y.npy", "test-features": "u.npy", "test-labels": "v.npy"}
        names.update({key.replace("_", "-"): value for key, value in files.items()})
        return self.call("probe", *[word for key, value in names.items() for word in (f"--{key}", value)], *words)

    def said(self, *words):
        lines = self.answer(self.recorded("--json", *words))
        self.assertEqual(len(lines), 1)
        return json.loads(lines[0])

    def test_recorded_features_are_fitted_and_judged(self):
        said = self.said("--strength", 1)
        self.assertEqual((said["strength"], said["classes"], said["columns"], said["train_count"], said["count"]), (1, 3, 4, 90, 30))
        self.assertTrue(said["converged"])
        self.assertGreater(said["top1"], 0.6)
        self.assertGreater(said["objective"], 0)
        self.assertEqual((said["search"], said["few_shot"], said["zero_shot_top1"]), ([], [], None))

    def test_the_best_of_several_strengths_is_taken_and_few_shots_are_drawn(self):
        said = self.said("--strength", 0.01, 1, 100, "--few-shot", 1, 4, "--seeds", 2)
        self.assertEqual([one["strength"] for one in said["search"]], [0.01, 1, 100])
        best = max(one["validation_top1"] for one in said["search"])
        self.assertEqual(said["strength"], next(one["strength"] for one in said["search"] if one["validation_top1"] == best))
        self.assertEqual([(one["shots"], len(one["top1"])) for one in said["few_shot"]], [(1, 2), (4, 2)])

    def test_the_saved_probe_gives_the_same_predictions(self):
        said = self.said("--strength", 1, "--save", "probe.safetensors", "--threads", 2)
        header, data = read_safetensors(self.folder / "probe.safetensors")
        self.assertEqual(json.loads(header["__metadata__"]["zeroshot.probe"]), {"format": 1, "length_one": False, "labels": ["0", "1", "2"]})

        def tensor(name):
            begin, end = header[name]["data_offsets"]
            return struct.unpack(f"<{(end - begin) // 8}d", data[begin:end])

        weights, intercepts = tensor("weights"), tensor("intercepts")
        scores = [[sum(w * x for w, x in zip(weights[4 * k:4 * k + 4], row)) + intercepts[k] for k in range(3)] for row in self.rows[:30]]
        right = sum(row.index(max(row)) == i % 3 for i, row in enumerate(scores))
        self.assertAlmostEqual(right / 30, said["top1"], places=12)

    def test_data_sets_are_embedded_and_what_cannot_be_read_is_wrong(self):
        done = self.with_model("probe", "--train", "train", "--test", "test", "--strength", 1, "--zero-shot", "--json")
        self.refused(done, 1, "bad.png")
        said = json.loads(done.stdout)
        self.assertEqual((said["train_count"], said["count"], said["unreadable"], said["classes"]), (8, 9, 1, 2))
        self.assertLessEqual(said["top1"], 8 / 9)
        self.assertEqual([round(one["share"], 1) for one in said["mixtures"]], [i / 10 for i in range(11)])
        self.assertEqual(said["mixtures"][0]["top1"], said["zero_shot_top1"])
        self.assertEqual(said["mixtures"][-1]["top1"], said["top1"])

    def test_a_cache_of_a_few_stands_beside_zero_shot(self):
        done = self.with_model("probe", "--train", "train", "--test", "test", "--strength", 1, "--zero-shot", "--held-back", 0.5, "--few-shot", 1, 2, "--seeds", 2, "--cache", "--json")
        said = json.loads(done.stdout)
        self.assertEqual([(one["shots"], len(one["top1"]), len(one["alpha"]), len(one["beta"])) for one in said["cache"]], [(1, 2, 2, 2), (2, 2, 2, 2)])
        for one in said["cache"]:
            for top1, alpha in zip(one["top1"], one["alpha"]):
                self.assertLessEqual(top1, 8 / 9)  # one picture cannot be read
                if alpha == 0:
                    self.assertEqual(top1, said["zero_shot_top1"])
        self.refused(self.with_model("probe", "--train", "train", "--test", "test", "--cache"), 2, "--cache needs --zero-shot and --few-shot")

    def test_features_before_the_projection_are_probed(self):
        columns = {}
        for features in ("embedding", "penultimate"):
            done = self.with_model("probe", "--train", "train", "--test", "test", "--strength", 1, "--features", features, "--resume", "kept", "--json")
            said = json.loads(done.stdout)
            self.assertEqual(said["features"], features)
            columns[features] = said["columns"]
        self.assertNotEqual(columns["embedding"], columns["penultimate"])
        again = self.with_model("probe", "--train", "train", "--test", "test", "--strength", 1, "--features", "penultimate", "--resume", "kept", "--json")
        self.assertEqual(json.loads(again.stdout)["objective"], said["objective"])
        self.refused(self.with_model("probe", "--train", "train", "--test", "test", "--features", "penultimate", "--zero-shot"), 2, "zero-shot compares embeddings")
        self.refused(self.recorded("--features", "penultimate"), 2, "recorded features are what they are")

    def test_people_get_a_table(self):
        lines = self.answer(self.recorded())
        self.assertIn("3 classes, 90 rows of 4 features, judged on 30", lines[0])
        self.assertTrue(any("strength (C)" in line for line in lines))

    def test_bad_input_is_told_with_a_sentence(self):
        write_npy(self.folder / "nan.npy", (90, 4), [float("nan")] * 360)
        write_npy(self.folder / "one.npy", (90,), [1] * 90, "<i8")
        write_npy(self.folder / "half.npy", (90,), [0.5] * 90)
        write_npy(self.folder / "minus.npy", (90,), [-1] * 90, "<i8")
        write_npy(self.folder / "short.npy", (3,), [0, 1, 2], "<i8")
        write_npy(self.folder / "wide.npy", (24, 5), [0] * 120)
        write_npy(self.folder / "empty.npy", (0, 4), [])
        self.refused(self.recorded(train_features="nan.npy"), 1, "features: row 0 holds a number that is NaN or infinite")
        self.refused(self.recorded("--strength", 1, train_labels="one.npy"), 1, "training set: every label is 1, expected at least two classes")
        self.refused(self.recorded(train_labels="half.npy"), 1, "half.npy: label 0.500000 in row 0, expected a class")
        self.refused(self.recorded(train_labels="minus.npy"), 1, "minus.npy: label -1.000000 in row 0")
        self.refused(self.recorded(train_labels="short.npy"), 1, "short.npy: 3 labels, expected 90")
        self.refused(self.recorded(test_features="wide.npy", test_labels="y.npy"), 1, "y.npy: 90 labels, expected 24")
        self.refused(self.recorded(train_features="empty.npy"), 1, "empty.npy: shape [0, 4]: it is empty")
        self.refused(self.recorded(train_features="half.npy"), 1, "half.npy: shape [90], expected [n, d]")
        self.refused(self.recorded("--strength", 0), 2, "--strength takes positive numbers")
        self.refused(self.call("probe", "--train", "train"), 2, "--train and --test go together")
        self.refused(self.call("probe"), 2, "nothing to fit")
        self.refused(self.recorded("--zero-shot"), 2, "--zero-shot needs the class names")
        self.refused(self.recorded("--save", "x.npy"), 2, "one of the inputs")


if __name__ == "__main__":
    run()
