"""Compares the program with open_clip and Hugging Face transformers on random models in all layouts and containers.

Names are open_clip's (ViT-B-32, RN50x4, with weights ViT-H-14:dfn5b) or OpenAI's (ViT-L/14@336px); "all" is every
architecture of OpenAI's CLIP. Unless --full is given, a reduced model with the same patches, head sizes and activations
is built; all parameters are random. Exits with 1 if an embedding differs or a container fails. A container that the
program does not support is reported, and is no failure.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

from containers import CONTAINERS
from subjects import LAYOUTS, UnsupportedModel, every_name, subject
from trials import LARGEST_ERROR, LEAST_COSINE, run, trials_of

from reference_models import STORAGE, versions

PROGRAM = Path(__file__).resolve().parents[2] / "build" / "zeroshot"


def comma_separated(known):
    """Parser of a comma-separated list of known words."""

    def read(text):
        words = text.split(",")
        unknown = [word for word in words if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"'{unknown[0]}' is not one of {', '.join(known)}")
        return words

    return read


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/parity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="a model, or all")
    for option, known in (
        ("layout", LAYOUTS),
        ("container", tuple(CONTAINERS)),
        ("dtype", tuple(name.lower() for name in STORAGE)),
    ):
        parser.add_argument(
            f"--{option}",
            type=comma_separated(known),
            default=list(known),
            metavar="A,B",
            help=f"only these of {', '.join(known)}",
        )
    parser.add_argument("--full", action="store_true", help="the full model instead of a reduced one")
    parser.add_argument("--untimed", action="store_true", help="do not measure times: five times as fast")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights and inputs (0)")
    parser.add_argument("--program", type=Path, default=PROGRAM, help="program to test (build/zeroshot)")
    parser.add_argument("--json", action="store_true", help="one JSON object per line instead of the table")
    options = parser.parse_args()
    if not options.program.is_file():
        parser.error(f"{options.program} does not exist; build it: cmake -S . -B build && cmake --build build")
    try:
        names = [each for name in options.names for each in (every_name() if name == "all" else [name])]
        options.subjects = [subject(name, options.full) for name in names]
    except UnsupportedModel as fault:
        parser.error(str(fault))
    return options


def progress(text):
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def row(outcome):
    trial = outcome.trial
    figures = []
    for name in ("image", "text"):
        tower = outcome.towers.get(name)
        time = f"{tower.milliseconds:.1f}" if tower and tower.milliseconds else "-"
        figures.append(
            f"{tower.cosine:12.9f} {tower.error:8.1e} {time:>8}" if tower else f"{'-':>12} {'-':>8} {'-':>8}"
        )
    line = f"{trial.subject.name:28} {trial.layout:12} {trial.container:11} {trial.storage:6} {'  '.join(figures)}"
    return f"{line}  {outcome.verdict}" + (f"\n    {outcome.message}" if outcome.message else "")


def heading():
    tower = "{:>12} {:>8} {:>8}"
    return (
        f"{'model':28} {'layout':12} {'container':11} {'stored':6} {tower.format('image cosine', 'error', 'ms')}  "
        f"{tower.format('text cosine', 'error', 'ms')}"
    )


def main():
    options = arguments()
    torch.set_num_threads(1)
    storages = [name.upper() for name in options.dtype]
    trials = [
        trial for each in options.subjects for trial in trials_of(each, options.layout, options.container, storages)
    ]
    if not options.json:
        print(
            f"reference: {versions()}; bounds: cosine {LEAST_COSINE}, relative error {LARGEST_ERROR}\n{heading()}",
            flush=True,
        )
    verdicts = []
    for index, trial in enumerate(trials):
        progress(f"{index + 1} of {len(trials)}: {trial}")
        with tempfile.TemporaryDirectory() as folder:
            outcome = run(trial, options.program.resolve(), options.seed, Path(folder), timed=not options.untimed)
        progress("")
        print(json.dumps(outcome.entry()) if options.json else row(outcome), flush=True)
        verdicts.append(outcome.verdict)
    if not options.json:
        print(
            ", ".join(
                f"{verdicts.count(each)} {each}"
                for each in ("agrees", "differs", "fails", "unsupported")
                if each in verdicts
            )
        )
    return 1 if {"differs", "fails"} & set(verdicts) or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
