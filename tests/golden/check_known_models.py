#!/usr/bin/env python3
"""Compares the table of known models with open_clip as it is installed: names, sizes, heads, activations, mean and std.

The record known_models.txt stands between them: tests/load/known_models.cpp holds the table to it, this holds it to
the models that open_clip builds. Exits 1 when a line differs.
"""

import difflib
import sys

from record_known_models import RECORD, record


def main():
    recorded, living = RECORD.read_text().splitlines(), record().splitlines()
    differences = list(difflib.unified_diff(recorded, living, RECORD.name, "open_clip", lineterm="", n=0))
    print("\n".join(differences) or f"{len(living)} names agree with open_clip")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
