#!/usr/bin/env python3
"""Writes scikit-learn's digits in the layouts that data sets are published in, and compares how they are read: by the
original library (torchvision, webdataset, pyarrow, numpy) and by zeroshot evaluate. Labels must be the same numbers, and every
image must have the embedding, bit for bit, that the original library's image has when it is saved as PNG.

Usage: check_data_sets.py PROGRAM [--images N]. Exits with 1 where something differs. Needs numpy, pillow,
pyarrow, scikit-learn, torchvision and webdataset as pinned in tools/requirements.txt. The program must be built with Apache Arrow.
"""

import argparse
import gzip
import io
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import torchvision
import webdataset
from PIL import Image
from sklearn.datasets import load_digits

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def digits(count):
    """(grey images [n, 28, 28], coloured images [n, 32, 32, 3], labels)"""
    data = load_digits()
    small = np.minimum(data.images[:count] * 16, 255).astype(np.uint8)
    grey = np.kron(np.pad(small, ((0, 0), (3, 3), (3, 3))), np.ones((2, 2), np.uint8))
    large = np.kron(small, np.ones((4, 4), np.uint8))
    colour = np.stack([large, large[:, ::-1], 255 - large], axis=3)
    return grey, colour, data.target[:count].astype(int)


# ---- Python 2's pickles --------------------------------------------------------------------------


def text(value):
    value = value.encode()
    return b"U" + bytes([len(value)]) + value if len(value) < 256 else b"T" + struct.pack("<I", len(value)) + value


def number(value):
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def items(values):
    return b"](" + b"".join(values) + b"e"


def array(rows):
    """As Python 2 and NumPy 1 wrote it: the bytes are a plain string."""
    made = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    content = rows.tobytes()
    return made + b"(K\x01" + number(rows.shape[0]) + number(rows.shape[1]) + b"\x86" + dtype + b"\x89T" + struct.pack("<I", len(content)) + content + b"tb"


def dictionary(**values):
    return b"\x80\x02}(" + b"".join(text(key) + value for key, value in values.items()) + b"u."


# ---- layouts: each yields (name, path for us, [(PIL image, label), ...] as the original library reads it) --------


def folders(root_folder, _, colour, labels):
    root = root_folder / "folders"
    for i, (image, label) in enumerate(zip(colour, labels)):
        (root / NAMES[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / NAMES[label] / f"{i:04}.png")
    yield "folders", root, list(torchvision.datasets.ImageFolder(root))


def idx(root_folder, grey, _, labels):
    root = root_folder / "idx"
    raw = root / "MNIST/raw"
    raw.mkdir(parents=True)
    images = struct.pack(">IIII", 0x803, *grey.shape) + grey.tobytes()
    marks = struct.pack(">II", 0x801, len(labels)) + labels.astype(np.uint8).tobytes()
    for split in ("t10k", "train"):
        (raw / f"{split}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(marks)
    read = [(image, int(label)) for image, label in torchvision.datasets.MNIST(root, train=False)]
    yield "idx", raw, read
    packed = root_folder / "idx_packed"
    packed.mkdir()
    (packed / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (packed / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(marks))
    yield "idx, gzip", packed, read


def cifar(root_folder, _, colour, labels):
    rows = colour.transpose(0, 3, 1, 2).reshape(len(colour), -1)
    ten = root_folder / "cifar-10-batches-py"
    ten.mkdir()
    (ten / "batches.meta").write_bytes(dictionary(label_names=items(map(text, NAMES)), num_vis=number(3072)))
    (ten / "test_batch").write_bytes(dictionary(batch_label=text("testing batch 1 of 1"), labels=items(map(number, labels.tolist())), data=array(rows)))

    class Ten(torchvision.datasets.CIFAR10):
        test_list, meta = [["test_batch", None]], {"filename": "batches.meta", "key": "label_names", "md5": None}

        def _check_integrity(self):
            return True

    read = list(Ten(root_folder, train=False))
    yield "cifar10, pickle", ten, read
    binary = root_folder / "cifar-10-batches-bin"
    binary.mkdir()
    (binary / "batches.meta.txt").write_text("\n".join(NAMES) + "\n\n")
    (binary / "test_batch.bin").write_bytes(b"".join(bytes([label]) + row.tobytes() for label, row in zip(labels, rows)))
    yield "cifar10, binary", binary, read

    hundred = root_folder / "cifar-100-python"
    hundred.mkdir()
    (hundred / "meta").write_bytes(dictionary(fine_label_names=items(map(text, NAMES)), coarse_label_names=items([text("digit")])))
    (hundred / "test").write_bytes(dictionary(fine_labels=items(map(number, labels.tolist())), coarse_labels=items([number(0)] * len(labels)), data=array(rows)))

    class Hundred(torchvision.datasets.CIFAR100):
        test_list, meta = [["test", None]], {"filename": "meta", "key": "fine_label_names", "md5": None}

        def _check_integrity(self):
            return True

    yield "cifar100, pickle", hundred, list(Hundred(root_folder, train=False))


def web(root_folder, _, colour, labels):
    root = root_folder / "web"
    (root / "test").mkdir(parents=True)
    (root / "classnames.txt").write_text("\n".join(NAMES))
    (root / "zeroshot_classification_templates.txt").write_text("the digit {c}.")
    with webdataset.ShardWriter(str(root / "test/%06d.tar"), maxcount=len(labels) // 3, verbose=0) as sink:
        for i, (image, label) in enumerate(zip(colour, labels)):
            sink.write({"__key__": f"s{i:07}", "png": Image.fromarray(image), "cls": int(label)})
    shards = sorted(map(str, (root / "test").glob("*.tar")))
    read = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil").to_tuple("png", "cls")
    yield "webdataset", root, list(read)


def parquet(root_folder, _, colour, labels):
    root = root_folder / "parquet"
    root.mkdir()
    rows = []
    for image, label in zip(colour, labels.tolist()):
        packed = io.BytesIO()
        Image.fromarray(image).save(packed, "PNG")
        rows.append({"image": {"bytes": packed.getvalue(), "path": None}, "label": label})
    features = {"image": {"_type": "Image"}, "label": {"names": NAMES, "_type": "ClassLabel"}}
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    schema = pyarrow.schema([("image", image), ("label", pyarrow.int64())], metadata={"huggingface": json.dumps({"info": {"features": features}})})
    for part, some in enumerate((rows[::2], rows[1::2])):
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(some, schema=schema), root / f"test-0000{part}-of-00002.parquet", row_group_size=20)
    read = [row for file in sorted(root.iterdir()) for row in pyarrow.parquet.read_table(file).to_pylist()]
    yield "parquet", root, [(Image.open(io.BytesIO(row["image"]["bytes"])), row["label"]) for row in read]


# ---- comparison ----------------------------------------------------------------------------------


def npy_of(program, *words):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, *map(str, words), f"{folder}/x.npy"], check=True, stdout=subprocess.DEVNULL)
        return np.load(f"{folder}/x.npy")


def compare(program, name, place, theirs):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for i, (image, _) in enumerate(theirs):
            image.save(folder / f"{i:05}.png")
        expected = npy_of(program, "embed", folder, "--quiet", "--output")
        ours = npy_of(program, "evaluate", "--data", place, "--quiet", "--json", "--per-picture", folder / "pp.jsonl", "--embeddings")
        lines = [json.loads(line) for line in (folder / "pp.jsonl").read_text().splitlines()]
    same_labels = [line["labels"] for line in lines] == [[label] for _, label in theirs]
    same_images = ours.shape == expected.shape and bool((ours == expected).all())
    distinct = len({row.tobytes() for row in expected})
    print(f"{name:18} {len(theirs):5} images, {distinct} distinct: labels {'the same' if same_labels else 'DIFFER'}, images {'the same' if same_images else 'DIFFER'}")
    return same_labels and same_images


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--images", type=int, default=150)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as root_folder:
        for layout in (folders, idx, cifar, web, parquet):
            for name, place, theirs in layout(Path(root_folder), *digits(options.images)):
                good &= compare(options.program, name, place, theirs)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
