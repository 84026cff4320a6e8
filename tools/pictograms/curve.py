"""Draws how the stages went, from the logs they kept: curve.py WORK PICTURE."""

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

STAGES = {
    "text": "text tower, names",
    "words": "text tower, words",
    "image": "image tower, outlined",
    "plain": "image tower, plain",
    "joint": "both towers",
    "locked": "image tower, text locked",
    "bent": "the same, shapes bent more",
}
FIGURES = {
    "text": {"cosine": "cosine to the teacher (batch)", "cosine of names": "cosine to the teacher (names)"},
    "image": {"plain top-1": "top-1", "plain top-5": "top-5", "outlined top-1": "top-1, outlined"},
}
FIGURES["words"] = FIGURES["text"]
FIGURES["plain"] = FIGURES["joint"] = FIGURES["locked"] = FIGURES["bent"] = FIGURES["image"]
LOSSES = {
    "text": {"loss": "loss"},
    "words": {"loss": "loss"},
    "image": {"emoji": "emoji", "icons": "icons"},
    "plain": {"emoji": "emoji", "icons": "icons"},
    "locked": {"emoji": "emoji", "icons": "icons"},
    "bent": {"emoji": "emoji", "icons": "icons"},
    "joint": {"clip": "both towers", "teacher": "teacher's targets"},
}


def series(entries: list[dict], figure: str) -> tuple[list[int], list[float]]:
    """Steps and values; a figure is one of every fifty steps or one of the validation split."""
    points = [(e["step"], (e.get("validation") or e)[figure]) for e in entries if figure in (e.get("validation") or e)]
    return [step for step, _ in points], [value for _, value in points]


def draw(work: Path, picture: Path) -> None:
    stages = {stage: title for stage, title in STAGES.items() if (work / "state" / f"{stage}.jsonl").exists()}
    figure, axes = plt.subplots(2, len(stages), figsize=(3.75 * len(stages), 6.5), layout="constrained", squeeze=False)
    for column, (stage, title) in enumerate(stages.items()):
        lines = (work / "state" / f"{stage}.jsonl").read_text().splitlines()
        latest = {}  # a resumed stage repeats some steps: the last word counts
        for entry in map(json.loads, lines):
            latest[entry["step"], "validation" in entry] = entry
        entries = [latest[key] for key in sorted(latest)]
        for row, kinds in enumerate((LOSSES, FIGURES)):
            axis = axes[row, column]
            for name, label in kinds[stage].items():
                steps, values = series(entries, name)
                is_validation = row == 1 and name != "cosine"
                axis.plot(steps, values, label=label, linewidth=1.5, marker="o" if is_validation else None, markersize=3)
            axis.grid(alpha=0.3)
            axis.legend(frameon=False, fontsize=9)
            axis.spines[["top", "right"]].set_visible(False)
        axes[0, column].set_title(title)
        axes[1, column].set_xlabel("steps")
    axes[0, 0].set_ylabel("training loss")
    axes[1, 0].set_ylabel("validation split of the training styles")
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
