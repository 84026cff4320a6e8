"""Writes merges.inc: CLIP's 48,894 byte-pair merges as pairs of ids, from the table in open_clip_torch (MIT).

Made with open_clip_torch 3.3.0; the table inside is OpenAI's bpe_simple_vocab_16e6.txt, checked here by its sha256.
"""

import gzip
import hashlib
import string
from importlib.metadata import files

from layout import text, write

packed = next(f for f in files("open_clip_torch") if f.name == "bpe_simple_vocab_16e6.txt.gz").locate().read_bytes()
assert hashlib.sha256(packed).hexdigest() == "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
lines = gzip.decompress(packed).decode("utf-8").split("\n")[1 : 49152 - 256 - 2 + 1]
assert len(lines) == 48894

identity = [*range(33, 127), *range(161, 173), *range(174, 256)]  # bytes that stand for themselves
alphabet = [chr(b) for b in identity] + [chr(256 + n) for n in range(256 - len(identity))]
symbols = alphabet + [letter + "</w>" for letter in alphabet]
ids = {symbol: number for number, symbol in enumerate(symbols)}
pairs = []
for line in lines:
    left, right = line.split(" ")
    pairs += [ids[left], ids[right]]
    assert left + right not in ids
    ids[left + right] = len(ids)


def in_letters(number):
    """Three digits in base 52."""
    return "".join(string.ascii_letters.swapcase()[number // weight % 52] for weight in (52 * 52, 52, 1))


write(
    "merges.inc",
    "make_merges.py",
    [
        text(
            "clip_merges",
            "".join(map(in_letters, pairs)),
            "the ids of the left and the right symbol of each rank, three digits in base 52 (A-Z, a-z) each",
        )
    ],
)
whole = "".join(line + "\n" for line in lines)
print("sha256 of the lines, each ended by a newline:", hashlib.sha256(whole.encode()).hexdigest())
