"""Writes the figures of evaluate.py into the tables of the model card, found by their heads: card.py FIGURES CARD."""

import json
import sys
from pathlib import Path

STYLES = {"openmoji": "OpenMoji", "emojione-v1": "EmojiOne 1", "streamline-emojis": "Streamline (not used for choices)"}
GROUPS = {  # emojibase's numbers; 2 are the components of others
    "0": "smileys", "1": "people", "3": "animals, nature", "4": "food, drink", "5": "travel, places",
    "6": "activities", "7": "objects", "8": "symbols", "9": "flags",
}


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def verdict(right: bool, yes: str, no: str) -> str:
    return yes if right else f"**{no}**"


def accuracies(figures: dict):
    for style, title in STYLES.items():
        for kind in ("seen", "unseen"):
            row = figures["styles"][style][kind]
            yield [title, kind, str(row["images"]), *(percent(row[name]) for name in ("top1", "top5", "ten_way"))]


def targets(figures: dict):
    for row in figures["targets"]:
        kind, limit = row["target"].rsplit(" ", 1)
        if row["metric"].startswith("calibration"):
            wanted, figure = limit, f"{row['value']:.3f}"
        elif row["metric"].startswith("words"):
            wanted, figure = "8 of 10", f"{figures['words']['correct']} of {figures['words']['of']}"
        elif row["metric"].startswith("example"):
            wanted, figure = "9 of 12", f"{figures['examples']['correct']} of {figures['examples']['of']}"
        elif row["metric"].endswith(("MB", "ms")):
            wanted, figure = limit, f"{row['value']:.1f}"
        else:
            wanted, figure = f"{100 * float(limit):g} %", percent(row["value"])
        yield [row["metric"], f"{kind} {wanted}", figure, verdict(row["met"], "met", "missed")]


def groups(figures: dict):
    for style, title in STYLES.items():
        found = figures["styles"][style]["by_subgroup"]
        yield [title, *(percent(found[group]) if group in found else "-" for group in GROUPS)]


def calibrations(figures: dict):
    for style, title in STYLES.items():
        row = figures["styles"][style]["plausible"]
        yield [title, percent(row["accuracy"]), percent(row["mean_confidence"]), f"{row['expected_calibration_error']:.3f}"]


def examples(figures: dict):
    for name, entry in figures["examples"]["images"].items():
        yield [f"`{name}`", entry["prediction"], percent(entry["probabilities"][entry["prediction"]]), verdict(entry["correct"], "right", "wrong")]


def words(figures: dict):
    for word, entry in figures["words"]["words"].items():
        yield [word, ", ".join(entry["nearest"]), verdict(entry["correct"], "right", "wrong")]


def confusions(figures: dict):
    for entry in figures["confusions"]["most_confident"][:10]:
        yield [entry["image"], entry["prediction"], percent(entry["probability"])]


TABLES = {
    "| style | names | images |": accuracies,
    "| metric | target |": targets,
    "| style | smileys |": groups,
    "| style | accuracy |": calibrations,
    "| image | prediction |": examples,
    "| word | nearest names |": words,
    "| image of | prediction |": confusions,
}


def main() -> None:
    figures, card = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    lines, table = [], None
    for line in card.read_text().splitlines():
        if table and line.startswith("|"):
            continue  # an old row
        table = None
        lines.append(line)
        head = next((head for head in TABLES if line.startswith(head)), None)
        if head:
            table = TABLES[head]
            columns = [cell.strip() for cell in line.strip("|").split("|")]
            numbers = {"images", "target", "measured", "probability", "accuracy among ten labels", "accuracy"}
            numbers.add("expected calibration error")
            is_number = [c in numbers or c.startswith(("top-", "mean ")) or c in GROUPS.values() for c in columns]
            lines.append("|" + "|".join("--:" if number else "---" for number in is_number) + "|")
            lines += ["| " + " | ".join(row) + " |" for row in table(figures)]
    card.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
