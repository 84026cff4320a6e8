"""Writes unicode.inc, lowercase.inc and normalization.inc: Unicode properties as in the libraries of the reference.

Letters, numbers and spaces come from the module regex, lower case and normalisation from Python.
Made with regex 2026.11.15 and Python 3.11 (Unicode 14.0); the versions are checked.
"""

import unicodedata
from importlib.metadata import version

import regex

from layout import array, boundaries, write

assert version("regex") == "2026.11.15", version("regex")
assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version


def matcher(pattern):
    compiled = regex.compile(pattern, regex.IGNORECASE)
    return lambda character: compiled.fullmatch(character) is not None


letter, number, space = matcher(r"[\p{L}]+"), matcher(r"[\p{N}]"), matcher(r"\s")
other = matcher(r"[^\s\p{L}\p{N}]+")
for code in range(0x110000):
    character = chr(code)
    kinds = [letter(character), number(character), space(character), other(character)]
    assert sum(kinds) == (0 if code == 0x345 else 1), hex(code)  # unicode.hpp knows this one

write(
    "unicode.inc",
    "make_unicode.py",
    [
        array("char32_t", "letter_boundaries", boundaries(letter), r"[\p{L}] of the module regex"),
        array("char32_t", "number_boundaries", boundaries(number), r"[\p{N}] of the module regex"),
        array("char32_t", "space_boundaries", boundaries(space), r"\s of the module regex"),
    ],
)

# Lower-casing: runs of characters at the same distance from each other and from their lower case.
runs = []
for code in range(0x110000):
    lower = chr(code).lower()
    if lower == chr(code) or code == 0x130:  # U+0130 is the only one that becomes two characters
        continue
    assert len(lower) == 1
    shift = ord(lower) - code
    if runs and runs[-1][3] == shift:
        first, last, step, _ = runs[-1]
        if code - last == step or (first == last and code - last <= 2):
            runs[-1] = (first, code, code - last, shift)
            continue
    runs.append((code, code, 1, shift))
lower_runs = [number % 2**32 for run in runs for number in run]


def final_after(text):
    return (text + "\u03a3").lower().endswith("\u03c2")


def cased(character):  # decides about a sigma next to it
    return final_after(character)


def ignorable(character):  # a sigma looks through it
    return not cased(character) and final_after("A" + character)


write(
    "lowercase.inc",
    "make_unicode.py",
    [
        array("char32_t", "lower_runs", lower_runs, "first, last, step, distance to the lower case"),
        array("char32_t", "cased_boundaries", boundaries(cased), "next to these a capital sigma may be final"),
        array("char32_t", "ignorable_boundaries", boundaries(ignorable), "through these a capital sigma looks"),
    ],
)

# Canonical decompositions, one step each; Hangul is computed.
steps, composed = [], []
for code in range(0x110000):
    decomposition = unicodedata.decomposition(chr(code))
    if not decomposition or decomposition.startswith("<") or 0xAC00 <= code < 0xD7A4:
        continue
    parts = [int(part, 16) for part in decomposition.split()] + [0]
    if parts[1] and unicodedata.normalize("NFC", chr(code)) == chr(code):
        composed.append((parts[0], parts[1], len(steps)))
    assert parts[1] == 0 or unicodedata.normalize("NFD", chr(parts[1])) == chr(parts[1])  # only first parts go further
    steps.append((code, parts[0], parts[1]))
composed.sort()

classes = []
for code in range(0x110000):
    rank = unicodedata.combining(chr(code))
    if rank == 0:
        continue
    if classes and classes[-1][1] == code - 1 and classes[-1][2] == rank:
        classes[-1] = (classes[-1][0], code, rank)
    else:
        classes.append((code, code, rank))

write(
    "normalization.inc",
    "make_unicode.py",
    [
        array("char32_t", "decompositions", [n for step in steps for n in step], "character, first part, second or 0"),
        array(
            "std::uint16_t", "compositions", [n for *_, n in composed], "rows that compose, by first and second part"
        ),
        array("char32_t", "combining_runs", [n for run in classes for n in run], "first, last, combining class"),
    ],
)
