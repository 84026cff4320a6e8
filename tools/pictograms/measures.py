"""The figures of the model card, from embeddings and names alone."""

from collections import Counter

import numpy as np

from calibrate import BINS, expected_calibration_error, plausible_labels
from dataset import Dataset, is_unseen

TEN_WAY_OTHERS = 9
PLAUSIBLE_DRAWS = 4


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponential = np.exp(logits - logits.max(-1, keepdims=True))
    return exponential / exponential.sum(-1, keepdims=True)


def accuracy(images: np.ndarray, texts: np.ndarray, concepts: np.ndarray) -> dict[str, float]:
    """Top-1 and top-5 among all names, and among ten: the right one and nine others."""
    similarity = images @ texts.T
    own = similarity[np.arange(len(concepts)), concepts]
    rank = (similarity > own[:, None]).sum(-1)
    chance = np.random.default_rng(10)
    others = chance.integers(1, len(texts), size=(len(concepts), TEN_WAY_OTHERS))
    others = (others + concepts[:, None]) % len(texts)  # never the right one
    wins = np.take_along_axis(similarity, others, 1).max(-1) < own
    return {
        "images": len(concepts),
        "top1": float((rank == 0).mean()),
        "top5": float((rank < 5).mean()),
        "ten_way": float(wins.mean()),
    }


def calibration(images, texts, concepts, scale: float, dataset: Dataset) -> dict:
    """Over five plausible labels of images whose names were trained."""
    rows = plausible_labels(dataset, concepts, PLAUSIBLE_DRAWS, seed=5)
    similarity = (np.repeat(images, PLAUSIBLE_DRAWS, 0)[:, None] * texts[rows]).sum(-1)
    probabilities = softmax(scale * similarity)
    confidence, right = probabilities.max(-1), probabilities.argmax(-1) == 0
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return {
        "accuracy": float(right.mean()),
        "mean_confidence": float(confidence.mean()),
        "expected_calibration_error": expected_calibration_error(confidence, right),
        "reliability": [
            {
                "from": index / BINS,
                "share": float((bins == index).mean()),
                "confidence": float(confidence[bins == index].mean()),
                "accuracy": float(right[bins == index].mean()),
            }
            for index in range(BINS)
            if (bins == index).any()
        ],
    }


def style(images, texts, concepts, scale: float, dataset: Dataset) -> dict:
    unseen = np.array([is_unseen(concept) for concept in concepts])
    return {
        "seen": accuracy(images[~unseen], texts, concepts[~unseen]),
        "unseen": accuracy(images[unseen], texts, concepts[unseen]),
        "plausible": calibration(images[~unseen], texts, concepts[~unseen], scale, dataset),
        "by_subgroup": by_subgroup(images[~unseen], texts, concepts[~unseen], dataset),
    }


def by_subgroup(images, texts, concepts, dataset: Dataset) -> dict[str, float]:
    """Top-1 of each group of emoji: where the model is good and where it is not."""
    right = (images @ texts.T).argmax(-1) == concepts
    groups = np.array([dataset.concepts[concept]["group"] for concept in concepts])
    return {str(group): float(right[groups == group].mean()) for group in np.unique(groups)}


def confusions(images, texts, concepts, scale: float, labels: list[str], count: int) -> dict:
    """The wrong predictions of the highest probability, and the names that are predicted wrongly most often."""
    probabilities = softmax(scale * images @ texts.T)
    best = probabilities.argmax(-1)
    wrong = np.flatnonzero(best != concepts)
    confident = wrong[np.argsort(-probabilities[wrong, best[wrong]])][:count]
    frequent = Counter(labels[best[index]] for index in wrong)
    return {
        "most_confident": [
            {"image": labels[concepts[i]], "prediction": labels[best[i]], "probability": float(probabilities[i, best[i]])}
            for i in confident
        ],
        "most_frequent": frequent.most_common(count),
    }


def words(vectors: np.ndarray, texts: np.ndarray, accepted: dict[str, list[str]], labels: list[str]) -> dict:
    """For each word the nearest of all names, and whether that is one of those accepted beforehand."""
    order = np.argsort(-(vectors @ texts.T), axis=-1)[:, :3]
    entries = {
        word: {"nearest": [labels[index] for index in row], "correct": labels[row[0]] in accepted[word]}
        for word, row in zip(accepted, order)
    }
    return {"correct": sum(entry["correct"] for entry in entries.values()), "of": len(entries), "words": entries}
