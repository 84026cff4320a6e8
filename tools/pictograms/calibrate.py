"""Sets the temperature so that probabilities mean something: in the training styles, over five plausible labels."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import model
from dataset import Dataset
from image_stage import Validation

LABELS = 5
DRAWS = 8  # sets of labels per picture
BINS = 10


def plausible_labels(dataset: Dataset, concepts: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """[images * draws, 5] names: the right one first, and four others of the same group of emoji."""
    chance = np.random.default_rng(seed)
    groups = np.array([concept["group"] for concept in dataset.concepts])
    rows = []
    for concept in np.repeat(concepts, draws):
        others = np.flatnonzero(groups == groups[concept])
        rows.append([concept, *chance.choice(others[others != concept], LABELS - 1, replace=False)])
    return np.array(rows)


def expected_calibration_error(probabilities: np.ndarray, right: np.ndarray) -> float:
    """The mean distance between the best answer's probability and how often it is right, over ten equal bins."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    distances = np.bincount(bins, probabilities - right, minlength=BINS) / len(right)
    return float(np.abs(distances).sum())


def run(clip: model.Clip, dataset: Dataset) -> dict[str, float]:
    """Sets clip.logit_scale to the scale of the smallest mean logarithmic loss.

    The images are those of the validation split, as they are and with drawn outlines. Images of names that were never
    trained do not count: with a third of them the model became too modest about what it knows.
    """
    validation = Validation(dataset)
    concepts = validation.concepts
    texts = clip.text.embed(dataset.labels)
    rows = torch.from_numpy(plausible_labels(dataset, concepts.numpy(), DRAWS, seed=4))
    similarities = []
    for pixels in (validation.pixels, validation.outlined):
        images = clip.image.embed(pixels).repeat_interleave(DRAWS, 0)
        similarities.append((images[:, None] * texts[rows]).sum(-1))
    similarities = torch.cat(similarities)
    right = torch.zeros(len(similarities), dtype=torch.long)
    scales = torch.logspace(0, 2, 400)
    losses = [F.cross_entropy(scale * similarities, right) for scale in scales]
    scale = scales[torch.stack(losses).argmin()].item()
    clip.logit_scale.data = torch.tensor(math.log(scale))
    probabilities, best = (scale * similarities).softmax(-1).max(-1)
    error = expected_calibration_error(probabilities.numpy(), (best == 0).numpy())
    return {"scale": scale, "expected_calibration_error": error}
