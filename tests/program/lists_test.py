"""zeroshot evaluate on lists of images: 300 generated files give the intended classes or an error, never other classes."""

import csv
import io
import json
import random
from collections import Counter

from harness import ProgramTest, run, write_png

LISTS = 300
VOCABULARIES = [
    ["red circle", "blue circle", "green square"],
    ["a cat", "a dog, brown", "the bird"],
    ["tench", "goldfish", "great white shark"],
    ["café noir", "crème brûlée", "thé vert"],
    ["grüne Wiese", "roter Kreis", "猫 と 犬"],
]
IMAGE_NAMES = ["path", "file_name", "filename", "filepath", "image", "Image Path", "image_path", "img", "file", "imageName"]
LABEL_NAMES = ["label", "class", "category", "target", "caption", "title", "text", "class_name", "Label", "species"]
INDEX_NAMES = ["", "Unnamed: 0", "id", "index", "idx"]
EXTRA_COLUMNS = {
    "split": lambda i, n: "test",
    "width": lambda i, n: "32",
    "md5": lambda i, n: f"{random.Random(i).getrandbits(64):016x}",
    "url": lambda i, n: f"https://example.org/{i}",
    "score": lambda i, n: f"0.{i}",
    "photographer": lambda i, n: ["Ann Lee", "Bo Chen"][i % 2],
    "label_id": lambda i, n: str(i % 3),
    "mask": lambda i, n: f"masks/{i}.png",
    "date": lambda i, n: f"2024-01-{i + 1:02}",
}


class List:
    """A generated list: its bytes, the intended classes, and whether a reader without doubts must accept it."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        count = self.random.randint(3, 8)
        vocabulary = self.random.choice(VOCABULARIES)
        self.images = [f"images/{i}.png" for i in range(count)]
        self.labels = [self.random.choice(vocabulary) for _ in range(count)]
        self.certain = True
        self.kind = self.random.choices(["names", "numbers", "mixed"], [8, 2, 1])[0]
        if self.kind == "numbers":
            self.labels = [str(self.random.randrange(-1, 4)) for _ in range(count)]
        if self.kind == "mixed":
            self.labels[-1] = self.random.choice(["-1", "3", "0.5", "7"])
            self.labels[0] = vocabulary[0]
        self.classes = set(self.labels) if self.kind == "names" else None  # None: no classes, an error
        self.certain &= self.kind == "names"
        if self.random.random() < 0.3:
            self.suffix, self.bytes = self.as_json()
        else:
            self.suffix, self.bytes = self.as_table()

    def columns(self):
        """(name, values) of the columns in an order by chance."""
        columns = [
            (self.random.choice(IMAGE_NAMES), self.images),
            (self.random.choice(LABEL_NAMES), self.labels),
        ]
        if columns[0][0].lower() == columns[1][0].lower():
            columns[1] = ("label", self.labels)
        extras = self.random.sample(sorted(EXTRA_COLUMNS), self.random.choice([0, 0, 0, 1, 1, 2]))
        count = len(self.images)
        for name in extras:
            columns.append((name, [EXTRA_COLUMNS[name](i, count) for i in range(count)]))
        self.random.shuffle(columns)
        if self.random.random() < 0.3:
            start = self.random.choice([0, 1])
            columns.insert(
                self.random.choice([0, len(columns)]),
                (self.random.choice(INDEX_NAMES), [str(start + i) for i in range(count)]),
            )
        if "split" in extras and self.random.random() < 0.5:
            splits = ["train"] + ["test"] * (count - 1)
            columns = [(name, splits if name == "split" else values) for name, values in columns]
            if self.classes is not None:
                self.classes = set(self.labels[1:])
        return columns

    def as_table(self):
        columns = self.columns()
        names, values = zip(*columns)
        header = self.random.choices(["known", "unknown", "none"], [6, 1, 2])[0]
        if header == "unknown":
            names = [f"Spalte {chr(65 + i)}" for i in range(len(names))]
        if header != "known":
            self.certain = False  # more than two columns without names are in doubt
            if any(name == "split" for name, _ in columns) and self.classes is not None:
                self.classes = {label for label in self.labels}  # no column of splits is known
        separator = self.random.choice([",", ",", "\t", ";", "|"])
        quoting = self.random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
        text = io.StringIO()
        writer = csv.writer(
            text, delimiter=separator, quoting=quoting, lineterminator=self.random.choice(["\n", "\r\n"])
        )
        if header != "none":
            writer.writerow(names)
        writer.writerows(zip(*values))
        text = text.getvalue()
        if self.random.random() < 0.1:  # by hand: a space after each separator
            text = "\n".join((separator + " ").join(row) for row in csv.reader(io.StringIO(text), delimiter=separator))
            self.certain &= separator not in "".join(self.labels)
        encoding = self.random.choices(["utf-8", "utf-8-sig", "utf-16", "latin-1"], [7, 2, 1, 1])[0]
        try:
            encoded = text.encode(encoding)
        except UnicodeEncodeError:
            encoded = text.encode("utf-8")
            encoding = "utf-8"
        self.certain &= encoding.startswith("utf-8") or (encoding == "latin-1" and text.isascii())
        suffix = ".tsv" if separator == "\t" else self.random.choice([".csv", ".csv", ".txt"])
        return suffix, encoded

    def as_json(self):
        columns = [(name, values) for name, values in self.columns() if name]
        rows = [dict(zip([name for name, _ in columns], row)) for row in zip(*[values for _, values in columns])]
        if self.kind == "numbers":
            for row in rows:
                for key, value in row.items():
                    if value.lstrip("-").isdigit():
                        row[key] = int(value)
        shape = self.random.choice(["lines", "array", "wrapped", "nested", "by image", "by label", "pandas", "pretty"])
        if shape in ("nested", "by image", "by label", "pandas"):
            self.certain = shape not in ("pandas",) and self.kind == "names"
            if self.classes is not None:
                self.classes = set(self.labels)
        if shape == "lines":
            return ".jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        if shape == "pretty":
            return ".json", json.dumps(rows, indent=2).encode()
        if shape == "wrapped":
            key = self.random.choice(["data", "samples", "items"])
            return ".json", json.dumps({"version": 2, "info": {"author": "x"}, key: rows}).encode()
        if shape == "nested":
            rows = [
                {"id": i, "image": {"path": image, "width": 32}, "annotation": {"label": label, "score": 0.5}}
                for i, (image, label) in enumerate(zip(self.images, self.labels))
            ]
            return ".jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode()
        if shape == "by image":
            return ".json", json.dumps(dict(zip(self.images, self.labels)), indent=1).encode()
        if shape == "by label":
            groups = {}
            for image, label in zip(self.images, self.labels):
                groups.setdefault(label, []).append(image)
            if self.classes is not None and self.kind != "names":
                self.classes = None
            return ".json", json.dumps(groups).encode()
        if shape == "pandas":
            return ".json", json.dumps(
                {
                    "path": {str(i): image for i, image in enumerate(self.images)},
                    "label": {str(i): label for i, label in enumerate(self.labels)},
                }
            ).encode()
        return ".json", json.dumps(rows, ensure_ascii=self.random.random() < 0.5).encode()


class Lists(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "images").mkdir()
        for i in range(8):
            write_png(cls.folder / f"images/{i}.png", 32, 32, seed=i)

    def test_generated_lists_give_the_intended_classes_or_an_error(self):
        outcomes = Counter()
        wrong = []
        for seed in range(LISTS):
            generated = List(seed)
            name = f"list{seed}{generated.suffix}"
            (self.folder / name).write_bytes(generated.bytes)
            done = self.with_model("evaluate", "--data", name, "--json", "--class-names", "as-is")
            message = done.stderr.decode()
            self.assertIn(done.returncode, (0, 1), message)
            if done.returncode == 1:
                self.assertEqual(done.stdout, b"", message)
                self.assertIn(f"zeroshot: {name}", message)
                outcomes["refused"] += 1
                if generated.certain:
                    wrong.append((seed, "refused", message, generated.bytes))
                continue
            classes = {entry["class"] for entry in json.loads(done.stdout)["per_class"]}
            self.assertIn(f"{name}: ", message)  # how it was understood
            outcomes["read"] += 1
            if classes != generated.classes:
                wrong.append((seed, classes, generated.classes, generated.bytes))
        print(f"lists: {dict(outcomes)}, {len(wrong)} wrong")
        self.assertEqual(wrong, [], "\n".join(map(str, wrong)))
        self.assertGreater(outcomes["read"], LISTS / 2)
        self.assertGreater(outcomes["refused"], LISTS / 20)


if __name__ == "__main__":
    run()
