"""CLIP's tokenizer with the first 7,680 merges of its table. Mirrors SimpleTokenizer in openai/CLIP."""

import functools
import gzip
import html
from importlib.util import find_spec
from pathlib import Path

import ftfy
import numpy as np
import regex

ALL_MERGES = 49152 - 256 - 2
MERGES = 7680
CONTEXT = 77
WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)



def _bytes_to_unicode() -> dict[int, str]:
    """A printable character for every byte, in the order of CLIP's vocabulary."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + rank) for rank, byte in enumerate(others)}


def read_merges() -> list[tuple[str, ...]]:
    """CLIP's whole table, which open_clip carries; read as a file, for torchvision need not work here."""
    table = Path(find_spec("open_clip").origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(table.read_bytes()).decode().split("\n")
    return [tuple(line.split()) for line in lines[1 : ALL_MERGES + 1]]


def _clean(text: str) -> str:
    text = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    return regex.sub(r"\s+", " ", text).strip().lower()


_byte_symbol = _bytes_to_unicode()
merges = read_merges()[:MERGES]
symbols = list(_byte_symbol.values())
symbols += [symbol + "</w>" for symbol in symbols]
symbols += ["".join(pair) for pair in merges]
symbols += ["<|startoftext|>", "<|endoftext|>"]
VOCABULARY = len(symbols)
START, END = VOCABULARY - 2, VOCABULARY - 1

_id_of = {symbol: index for index, symbol in enumerate(symbols)}
_rank_of = {pair: rank for rank, pair in enumerate(merges)}


@functools.cache
def _ids_of_word(word: str) -> tuple[int, ...]:
    parts = [*word[:-1], word[-1] + "</w>"]
    while len(parts) > 1:
        best = min(zip(parts, parts[1:]), key=lambda pair: _rank_of.get(pair, MERGES))
        if best not in _rank_of:
            break
        merged, index = [], 0
        while index < len(parts):
            if tuple(parts[index : index + 2]) == best:
                merged.append(parts[index] + parts[index + 1])
                index += 2
            else:
                merged.append(parts[index])
                index += 1
        parts = merged
    return tuple(_id_of[part] for part in parts)


@functools.cache
def encode(text: str) -> tuple[int, ...]:
    """The ids of a text, specials included, cut after the context as open_clip cuts."""
    ids = [START]
    for word in WORDS.findall(_clean(text)):
        ids += _ids_of_word("".join(_byte_symbol[byte] for byte in word.encode()))
    return (*ids[: CONTEXT - 1], END)


def batch(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Ids padded to the longest text, and where each text ends. Padding never matters: attention is causal."""
    rows = [encode(text) for text in texts]
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    for row, values in zip(ids, rows):
        row[: len(values)] = values
    return ids, np.array([len(values) - 1 for values in rows])
