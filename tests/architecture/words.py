#!/usr/bin/env python3
"""Finds words in comments, messages and test titles that are not the field's terms (CONTRIBUTING.md, glossary).

Usage: words.py [REPOSITORY]. Prints a line for each and exits with 1 when there is one.
"""
import re
import sys
from pathlib import Path

# A pattern, and the term to use instead.
WORDS = [
    (r"[Pp]ictures?\b", "image"),
    (r"[Oo]racles?\b", "reference"),
    (r"floor plan|[Tt]he house\b|[Rr]ooms?\b", "architecture, module, include rules"),
    (r"[Ss]trangers?\b", "out-of-distribution image, untrusted input"),
    (r"[Mm]anners\b", "common options"),
    (r"[Dd]octor\b|\bkin\b", "(plain words)"),
    (r"turn_four|rectif(y|ies)\b|rounded_rows|quantized_activations|bf16_as_floats|\bkept_\w+", "transpose_4x4, relu, packed_rows, *_cache"),
    (r"TEST_CASE\(\"[A-Z]\d+:? [a-z]", "a claim without a code"),
]
FOLDERS = ["include", "src", "tools/zeroshot", "tests", "examples", "downstream", "benchmarks", "cmake", "docs"]
ENDINGS = {".hpp", ".cpp", ".cmake", ".txt", ".md"}
# Names of published things and keys of JSON that scripts rely on.
ALLOWED = re.compile(r'room(?= for\b)|women.s rooms|"?strangers"|"(pictures?|per_picture|strangers)\\?"|--per-picture|\\"pictures?\\"|framed picture|picture,rank|"picture \d"|"picture"|PyTorch|(rest|ball|bed|bath|class|show)room')
RECORDS = {"tests/golden", "tests/architecture"}


def lines_of(repository):
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*")):
            relative = path.relative_to(repository).as_posix()
            is_record = any(relative.startswith(record + "/") for record in RECORDS) and not relative.endswith("README.md")
            if path.suffix in ENDINGS and path.is_file() and not is_record:
                for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
                    yield f"{relative}:{number}", ALLOWED.sub("", line)


def main() -> int:
    repository = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    found = 0
    for place, line in lines_of(repository):
        for pattern, instead in WORDS:
            match = re.search(pattern, line)
            if match:
                print(f"{place}: '{match.group()}'; the term is {instead}")
                found += 1
    print(f"words: {found} to replace")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
