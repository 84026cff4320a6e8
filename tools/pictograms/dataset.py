"""What rasterise.mjs drew: names, pixels, and which of them are for training."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

def is_unseen(concept: int) -> bool:
    """Every twentieth name has no image in training. rasterise.mjs leaves the same ones out."""
    return concept % 20 == 7


@dataclass
class Dataset:
    work: Path

    @functools.cached_property
    def _data(self) -> dict:
        return json.loads((self.work / "data" / "data.json").read_text())

    @property
    def concepts(self) -> list[dict]:
        return self._data["concepts"]

    @functools.cached_property
    def labels(self) -> list[str]:
        return [concept["label"] for concept in self.concepts]

    @property
    def emoji(self) -> list[tuple[str, int, str]]:
        """(style, concept, kind) of every training image of an emoji; kind is plain, outlined or line art."""
        return self._data["emoji"]

    @property
    def icons(self) -> list[tuple[str, str, int | None, bool]]:
        """(set, words, concept of that name if there is one, whether it is drawn in lines) of every icon."""
        return self._data["icons"]

    @functools.cached_property
    def emoji_pixels(self) -> np.ndarray:
        """[images, size, size, 4], not premultiplied."""
        return np.memmap(self.work / "data" / "emoji.rgba", dtype=np.uint8, mode="r").reshape(-1, self.size, self.size, 4)

    @functools.cached_property
    def icon_pixels(self) -> np.ndarray:
        """[images, size, size], the ink alone."""
        return np.memmap(self.work / "data" / "icons.a8", dtype=np.uint8, mode="r").reshape(-1, self.size, self.size)

    @property
    def size(self) -> int:
        return self._data["size"]

    def pictures(self, styles: set[str] | None = None) -> list[tuple[str, int, Path]]:
        """(style, concept, PNG file) of the held-out styles and of the validation split of the training styles."""
        return [
            (style, concept, self.work / file)
            for style, concept, file in self._data["pictures"]
            if styles is None or style in styles
        ]


HELD_OUT_STYLES = ("openmoji", "emojione-v1", "streamline-emojis")


def validation_pictures(dataset: Dataset) -> list[tuple[str, int, Path]]:
    """A thirtieth of the images in the training styles."""
    return [entry for entry in dataset.pictures() if entry[0] not in HELD_OUT_STYLES and not is_unseen(entry[1])]
