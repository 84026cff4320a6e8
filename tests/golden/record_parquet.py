#!/usr/bin/env python3
"""Writes tests/golden/parquet/: data sets as Hugging Face keeps them in Parquet, by pyarrow. Needs pyarrow.

test-00000-of-00002.parquet and test-00001-of-00002.parquet: five rows in groups of two, three classes, one row without a
label, one whose image is the name of a missing file. several.parquet: lists of labels. unlabelled.parquet: no label column.
"""
import json
from pathlib import Path

import pyarrow
import pyarrow.parquet

FOLDER = Path(__file__).with_name("parquet")
CLASSES = ["cat", "dog", "owl"]
IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def row(number, label):
    return {"image": {"bytes": b"picture %d" % number, "path": f"{number}.png"}, "label": label}


def write(name, rows, label_type, feature):
    fields = [("id", pyarrow.int64()), ("image", IMAGE)] + ([("label", label_type)] if label_type else [])
    features = {"id": {"dtype": "int64", "_type": "Value"}, "image": {"_type": "Image"}, "label": feature}
    schema = pyarrow.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})
    rows = [{"id": number} | one for number, one in enumerate(rows)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), FOLDER / name, row_group_size=2, compression="snappy")


def main():
    FOLDER.mkdir(exist_ok=True)
    one = {"names": CLASSES, "_type": "ClassLabel"}
    write("test-00000-of-00002.parquet", [row(0, 2), row(1, 0), row(2, None)], pyarrow.int64(), one)
    elsewhere = {"image": {"bytes": None, "path": "elsewhere.png"}, "label": 1}
    write("test-00001-of-00002.parquet", [row(3, 1), elsewhere], pyarrow.int64(), one)
    write("several.parquet", [row(0, [0, 2]), row(1, []), row(2, [1])], pyarrow.list_(pyarrow.int64()), {"feature": one, "_type": "List"})
    write("unlabelled.parquet", [row(0, None)], None, None)


if __name__ == "__main__":
    main()
