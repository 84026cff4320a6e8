"""Draws the twelve example images: from each held-out style one image of each of six groups, by a fixed seed: examples.py WORK FOLDER.

Flags, symbols and people are left out: their names ("man: beard", "keycap: 7") are no labels that one would think of.
"""

import random
import re
import shutil
import sys
from pathlib import Path

from dataset import Dataset, is_unseen

SEED = 64
STYLES = ("openmoji", "emojione-v1")
GROUPS = {0: "smileys", 3: "animals and nature", 4: "food and drink", 5: "travel and places", 6: "activities", 7: "objects"}


def draw(dataset: Dataset) -> list[tuple[str, str, Path]]:
    """(file name, name of what it shows, the picture) of the twelve."""
    chance = random.Random(SEED)
    drawn = []
    for style in STYLES:
        pictures = [(concept, file) for _, concept, file in dataset.pictures({style}) if not is_unseen(concept)]
        for group in GROUPS:
            candidates = sorted(entry for entry in pictures if dataset.concepts[entry[0]]["group"] == group)
            concept, file = chance.choice(candidates)
            label = dataset.labels[concept]
            words = re.sub("[^a-z ]", "", label.lower().replace("-", " "))
            drawn.append((f"{style}-{words.replace(' ', '-')}.png", label, file))
    return drawn


def copy(dataset: Dataset, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, label, file in draw(dataset):
        shutil.copyfile(file, folder / name)
        print(f"{name}: {label}")


if __name__ == "__main__":
    copy(Dataset(Path(sys.argv[1])), Path(sys.argv[2]))
