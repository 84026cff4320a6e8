"""Images as the program sees them. Mirrors _transform in openai/CLIP clip/clip.py."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from export import MEAN, STD
from model import IMAGE_SIZE


def preprocess(picture: Image.Image) -> np.ndarray:
    """Shortest side to 64, centre crop, then RGB: bytes [64, 64, 3]."""
    width, height = picture.size
    shortest = min(width, height)
    size = int(IMAGE_SIZE * width / shortest), int(IMAGE_SIZE * height / shortest)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    left, top = (int(round((side - IMAGE_SIZE) / 2.0)) for side in size)
    return np.asarray(picture.crop((left, top, left + IMAGE_SIZE, top + IMAGE_SIZE)).convert("RGB"))


def normalise(pixels: torch.Tensor) -> torch.Tensor:
    """[images, 3, height, width] from 0..1 to the range the tower expects."""
    return (pixels - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


def read(files: Iterable[Path]) -> torch.Tensor:
    """Normalised pixels [images, 3, 64, 64] of image files."""
    pixels = np.stack([preprocess(Image.open(file)) for file in files])
    return normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255)
