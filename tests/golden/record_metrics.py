#!/usr/bin/env python3
"""Records metrics.txt: random scores, many of them equal, and what scikit-learn and CLIP_benchmark's formulas make of them.

CLIP_benchmark's functions are those of clip_benchmark/metrics/zeroshot_classification.py (MIT), with float64 in the
place of float32 and a stable sort, which torch does not promise. The random numbers of the bootstrap are written anew
here, from the paper. Calibration follows ECELoss of gpleiss/temperature_scaling. Needs numpy, scipy, torch, scikit-learn.
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from sklearn.metrics import (average_precision_score, balanced_accuracy_score, confusion_matrix, log_loss, roc_auc_score,
                             top_k_accuracy_score)

IMAGES, CLASSES, LEVELS = 60, 7, 13


def accuracy(output, target, topk):
    pred = output.topk(max(topk), 1, True, True)[1].t()
    correct = pred.eq(target.view(1, -1).expand_as(pred))
    return [float(correct[:k].reshape(-1).double().sum(0, keepdim=True).numpy()[0]) / len(target) for k in topk]


def average_precision_per_class(scores, targets):
    ap = torch.zeros(scores.size(1), dtype=torch.float64)
    rg = torch.arange(1, scores.size(0) + 1).double()
    for k in range(scores.size(1)):
        _, sortind = torch.sort(scores[:, k], dim=0, descending=True, stable=True)
        truth = targets[:, k][sortind]
        precision = truth.double().cumsum(0).div(rg)
        ap[k] = precision[truth.bool()].sum() / max(float(truth.sum()), 1)
    return ap


def reliability(confidences, right, bins):
    rows, edges = [], np.linspace(0, 1, bins + 1)
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidences > low) & (confidences <= high)
        rows.append((inside.sum(), confidences[inside].mean() if inside.any() else 0, right[inside].mean() if inside.any() else 0))
    return rows


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        mask = 2**64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return z ^ (z >> 31)

    def below(self, count):
        return ((self.next() >> 32) * count) >> 32


def bootstrap(labels, hits1, hits5, seed, resamples):
    rng, columns = SplitMix64(seed), []
    for _ in range(resamples):
        drawn = np.array([rng.below(len(labels)) for _ in labels])
        recalls = [hits1[drawn][labels[drawn] == c].mean() for c in range(CLASSES) if (labels[drawn] == c).any()]
        columns.append((hits1[drawn].mean(), hits5[drawn].mean(), np.mean(recalls)))
    return [np.percentile(column, [2.5, 97.5]) for column in np.array(columns).T]


def main():
    warnings.simplefilter("ignore")  # of a class without images, one that is never true, and k = classes
    rng = np.random.default_rng(7)
    logits = rng.integers(-LEVELS, LEVELS, (IMAGES, CLASSES)) / 4.0  # quarters: many are equal, all are exact
    labels = rng.integers(0, CLASSES - 1, IMAGES)  # the last class has no images
    logits[np.arange(IMAGES), labels] += rng.integers(0, 8, IMAGES) / 4.0
    several = (rng.random((IMAGES, CLASSES)) < 0.25).astype(int)
    several[:, 2] = 0  # one class is never true
    lines = [("logits", logits.ravel()), ("labels", labels), ("several", several.ravel())]

    first = logits.argmax(1)
    tensor, target = torch.from_numpy(logits), torch.from_numpy(labels)
    rank = (logits > logits[np.arange(IMAGES), labels][:, None]).sum(1)
    tied_before = np.array([(logits[i, :labels[i]] == logits[i, labels[i]]).sum() for i in range(IMAGES)])
    lines.append(("top_k_first", [np.mean(rank + tied_before < k) for k in range(1, CLASSES + 1)]))
    lines.append(("top_k_sklearn", [top_k_accuracy_score(labels, logits, k=k, labels=np.arange(CLASSES)) for k in range(1, CLASSES + 1)]))
    untied = logits + np.arange(CLASSES)[::-1] * 1e-6  # the first label wins: topk says nothing of equal scores
    lines.append(("top_k_clip_benchmark", accuracy(torch.from_numpy(untied), target, range(1, CLASSES + 1))))
    assert tensor.argmax(1).tolist() == first.tolist()
    lines.append(("mean_per_class", [balanced_accuracy_score(labels, first)]))
    lines.append(("confusion", confusion_matrix(labels, first, labels=np.arange(CLASSES)).ravel()))
    lines.append(("log_loss", [log_loss(labels, np.exp(log_softmax(logits, 1)), labels=np.arange(CLASSES))]))

    lines.append(("ap_sklearn", [average_precision_score(several[:, c], logits[:, c]) for c in range(CLASSES)]))
    lines.append(("ap_clip_benchmark", average_precision_per_class(tensor, torch.from_numpy(several)).numpy()))
    lines.append(("auroc", [roc_auc_score(several[:, c], logits[:, c]) for c in (0, 1, 3)]))

    confidences = np.exp(log_softmax(logits, 1)).max(1)
    right = (first == labels).astype(float)
    bins = reliability(confidences, right, 15)
    lines.append(("bins", np.array(bins).ravel()))
    lines.append(("ece", [sum(n * abs(a - c) for n, c, a in bins) / IMAGES]))

    def slope(inverse):  # of the mean of -log softmax
        return ((softmax(logits * inverse, 1) * logits).sum(1) - logits[np.arange(IMAGES), labels]).mean()
    lines.append(("temperature", [1 / brentq(slope, 0.01, 100, xtol=1e-15, rtol=1e-15)]))
    hits5 = (rank + tied_before < 5).astype(float)
    lines.append(("bootstrap", np.array(bootstrap(labels, right, hits5, 3, 200)).ravel()))

    text = "".join(f"{name} {' '.join(repr(float(value)) for value in values)}\n" for name, values in lines)
    Path(__file__).with_name("metrics.txt").write_text(text)


if __name__ == "__main__":
    main()
