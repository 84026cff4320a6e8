#!/usr/bin/env python3
"""The linear probe against scikit-learn's LogisticRegression.

    python3 tests/golden/check_probe.py --program build/release/zeroshot     compares live, and prints a line for each data set
    python3 tests/golden/check_probe.py --record                             writes tests/golden/probe.json, which CTest replays

Needs numpy and scikit-learn. Compared are, for the digits and five made-up data sets of 10 to 1,000 classes: the objective with
scikit-learn's at tol=1e-10, the predictions on rows neither has seen, the time of one thread to that objective, and the time of a
sweep of ten strengths (each to 1e-6 above its minimum, as the search has it) with that of ten fits from nothing (to 1e-8, as a fit has it).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")  # before numpy

import numpy as np  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

warnings.simplefilter("ignore")
GOLDEN = Path(__file__).with_name("probe.json")
ALLOWED = 1e-6  # of the objective, relative
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10)  # scikit-learn's, until its objective is as good


def made_up(rows, columns, classes, spread, seed):
    """Clusters around random centres, far from the origin, of length 1: like embeddings."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, columns))
    labels = rng.integers(0, classes, rows)
    labels[:classes] = np.arange(classes)
    features = spread * centres[labels] + rng.normal(size=(rows, columns)) + 2 * rng.normal(size=columns)
    return features / np.linalg.norm(features, axis=1, keepdims=True), labels


def data_sets(quick):
    digits = load_digits(return_X_y=True)
    yield "digits", digits[0] / 16, digits[1], 1.0
    sizes = [(2000, 64, 10), (3000, 128, 37), (3000, 256, 100), (4000, 128, 300), (6000, 128, 1000)]
    for seed, (rows, columns, classes) in enumerate(sizes[:2] if quick else sizes):
        yield f"{classes} classes", *made_up(rows, columns, classes, 0.4, seed), 10.0


def objective(coefficients, intercepts, features, labels, strength):
    """scikit-learn's: C * sum of log losses + half the squared weights; labels are positions of rows of coefficients."""
    scores = features @ coefficients.T + intercepts
    highest = scores.max(1)
    losses = highest + np.log(np.exp(scores - highest[:, None]).sum(1)) - scores[np.arange(len(labels)), labels]
    return strength * losses.sum() + 0.5 * (coefficients**2).sum()


def read_probe(path):
    """(weights, intercepts, labels as numbers)"""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    body = data[8 + length:]

    def tensor(name):
        begin, end = header[name]["data_offsets"]
        return np.frombuffer(body[begin:end]).reshape(header[name]["shape"])

    classes = np.array([int(label) for label in json.loads(header["__metadata__"]["zeroshot.probe"])["labels"]])
    return tensor("weights"), tensor("intercepts"), classes


class Folder:
    """Features as files, and the program called on them."""

    def __init__(self, program, place):
        self.program, self.place = program, Path(place)

    def put(self, **arrays):
        for name, array in arrays.items():
            np.save(self.place / f"{name}.npy", array)

    def probe(self, *words):
        call = [self.program, "probe", "--json", "--quiet", "--threads", "1", "--save", str(self.place / "probe.safetensors")]
        for part in ("train", "test"):
            call += [f"--{part}-features", str(self.place / f"{part}_x.npy"), f"--{part}-labels", str(self.place / f"{part}_y.npy")]
        return json.loads(subprocess.run(call + [str(word) for word in words], check=True, capture_output=True, text=True).stdout)


def fitted(features, labels, strength, tolerance):
    begin = time.perf_counter()
    model = LogisticRegression(C=strength, tol=tolerance, max_iter=10000).fit(features, labels)
    return model, time.perf_counter() - begin


def compare(name, features, labels, strength, folder):
    """Prints how the two did; False where we are worse than allowed."""
    train = np.arange(len(labels)) % 5 != 0
    train[np.unique(labels, return_index=True)[1]] = True  # every class has a row to learn from
    x, y, u, v = features[train], labels[train], features[~train], labels[~train]
    exact, _ = fitted(x, y, strength, 1e-10)
    theirs = objective(exact.coef_, exact.intercept_, x, y, strength)
    seconds = np.inf
    for tolerance in TOLERANCES:  # the fastest of theirs that gets there
        model, took = fitted(x, y, strength, tolerance)
        if objective(model.coef_, model.intercept_, x, y, strength) <= theirs * (1 + ALLOWED):
            seconds = min(took, fitted(x, y, strength, tolerance)[1])
            break
    folder.put(train_x=x, train_y=y, test_x=u, test_y=v)
    reported = min((folder.probe("--strength", strength) for _ in range(2)), key=lambda one: one["fit_seconds"])
    weights, intercepts, classes = read_probe(folder.place / "probe.safetensors")
    ours = objective(weights, intercepts, x, np.searchsorted(classes, y), strength)
    same = (classes[(u @ weights.T + intercepts).argmax(1)] == exact.predict(u)).mean()
    good = ours <= theirs * (1 + ALLOWED) and same == 1 and abs(reported["objective"] / ours - 1) < 1e-9
    print(f"{name:13} objective {ours / theirs - 1:+.1e}, {100 * same:.2f} % of {len(u)} predictions the same, "
          f"{reported['fit_seconds'] / seconds:.2f} of scikit-learn's time ({reported['fit_seconds']:.3f} s)", flush=True)
    return good


def sweep(name, features, labels, folder):
    """Ten strengths, each from where the others point to, beside ten fits of as many rows from nothing."""
    strengths = np.logspace(-1, 2, 10)
    folder.put(train_x=features, train_y=labels, test_x=features[:100], test_y=labels[:100])
    warm = folder.probe("--held-back", 0.2, "--strength", *strengths)
    held = np.zeros(len(labels), bool)  # as many rows of each class as the program holds back
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        held[rows[:int(0.2 * len(rows))]] = True
    folder.put(train_x=features[~held], train_y=labels[~held])
    cold = [folder.probe("--strength", strength) for strength in strengths]
    seconds, iterations = sum(one["fit_seconds"] for one in cold), sum(one["iterations"] for one in cold)
    print(f"{name:13} ten strengths: {seconds / warm['search_seconds']:.2f} times as fast as ten fits, "
          f"{iterations} iterations became {sum(one['iterations'] for one in warm['search'])}", flush=True)


def record():
    """Small fits to replay: features rounded to 4 digits, so that the file says them exactly."""
    records = []
    for classes, seed in ((2, 1), (3, 2), (7, 3)):
        features, labels = made_up(60, 5, classes, 1.5, seed)
        features = np.round(features, 4)
        fits = []
        for strength in (0.01, 1.0, 100.0):
            model, _ = fitted(features, labels, strength, 1e-13)
            weights, intercepts = model.coef_, model.intercept_
            value = objective(weights, intercepts, features, labels, strength) if classes > 2 else None
            if classes == 2:  # one row there; log(1 + exp(-z)) for the class of each row
                scores = features @ weights[0] + intercepts[0]
                value = strength * np.logaddexp(0, np.where(labels == 1, -scores, scores)).sum() + 0.5 * (weights**2).sum()
            fits.append({"strength": strength, "objective": float(value), "predictions": model.predict(features).tolist(),
                         "probabilities": np.round(model.predict_proba(features)[0], 9).tolist()})
        records.append({"features": features.tolist(), "labels": labels.tolist(), "fits": fits})
    GOLDEN.write_text(json.dumps(records) + "\n")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", default="build/release/zeroshot")
    options.add_argument("--record", action="store_true")
    options.add_argument("--quick", action="store_true", help="the digits and two made-up sets only")
    options = options.parse_args()
    if options.record:
        return record()
    good = True
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(options.program, place)
        for name, features, labels, strength in data_sets(options.quick):
            good &= compare(name, features, labels, strength, folder)
            sweep(name, features, labels, folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
