"""Sets the temperature so that probabilities mean something: in the training styles, over five plausible labels."""

import math

import numpy as np
import torch
import torch.nn.functional as F

import model
import pictures
from dataset import Dataset, unfamiliar_pictures
from image_stage import Validation

LABELS = 5
DRAWS = 8  # sets of labels per picture
BINS = 10


def plausible_labels(dataset: Dataset, concepts: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """[pictures * draws, 5] names: the right one first, and four others of the same group of emoji."""
    chance = np.random.default_rng(seed)
    groups = np.array([concept["group"] for concept in dataset.concepts])
    rows = []
    for concept in np.repeat(concepts, draws):
        others = np.flatnonzero(groups == groups[concept])
        rows.append([concept, *chance.choice(others[others != concept], LABELS - 1, replace=False)])
    return np.array(rows)


def expected_calibration_error(probabilities: np.ndarray, right: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The mean distance between the best answer's probability and how often it is right, over ten equal bins."""
    weights = np.full(len(right), 1 / len(right)) if weights is None else weights / weights.sum()
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    distances = np.bincount(bins, weights * (probabilities - right), minlength=BINS)
    return float(np.abs(distances).sum())


def run(clip: model.Clip, dataset: Dataset) -> dict[str, float]:
    """Sets clip.logit_scale to the scale of the smallest mean logarithmic loss.

    Users bring drawings in styles and of things that no training had, so the familiar pictures of the validation split
    count for one third, the same with drawn outlines for another, and pictures of names never trained for the last.
    """
    validation = Validation(dataset)
    unfamiliar = unfamiliar_pictures(dataset)
    unfamiliar_pixels = pictures.read(file for _, _, file in unfamiliar)
    unfamiliar_concepts = torch.tensor([concept for _, concept, _ in unfamiliar])
    texts = clip.text.embed(dataset.labels)
    similarities, weights = [], []
    for pixels, concepts in (
        (validation.pixels, validation.concepts),
        (validation.outlined, validation.concepts),
        (unfamiliar_pixels, unfamiliar_concepts),
    ):
        rows = torch.from_numpy(plausible_labels(dataset, concepts.numpy(), DRAWS, seed=4))
        images = clip.image.embed(pixels).repeat_interleave(DRAWS, 0)
        similarities.append((images[:, None] * texts[rows]).sum(-1))
        weights.append(torch.full([len(rows)], 1 / len(rows)))
    similarities, weights = torch.cat(similarities), torch.cat(weights)
    right = torch.zeros(len(similarities), dtype=torch.long)
    scales = torch.logspace(0, 2, 400)
    losses = [(weights * F.cross_entropy(scale * similarities, right, reduction="none")).sum() for scale in scales]
    scale = scales[torch.stack(losses).argmin()].item()
    clip.logit_scale.data = torch.tensor(math.log(scale))
    probabilities, best = (scale * similarities).softmax(-1).max(-1)
    error = expected_calibration_error(probabilities.numpy(), (best == 0).numpy(), weights.numpy())
    return {"scale": scale, "expected_calibration_error": error}
