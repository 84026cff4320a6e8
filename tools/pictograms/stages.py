"""Trains the bundled model from what rasterise.mjs drew. Finished stages are kept; an interrupted one goes on."""

import argparse
import functools
import os
from pathlib import Path

import torch

import calibrate
import export
import image_stage
import joint_stage
import model
import teacher
import text_stage
from dataset import Dataset
from team import Team, assemble

STEPS = {"text": 4_500, "words": 8_000, "image": 9_000, "plain": 5_000, "joint": 1_500, "locked": 2_000, "bent": 1_300}
TAUGHT = {"text", "words", "image", "plain", "joint"}  # by the teacher


def train(work: Path, output: Path, first: Path | None, stages: list[str], team: Team) -> None:
    torch.manual_seed(0)
    dataset = Dataset(work)
    knowledge = teacher.Teacher(dataset) if TAUGHT & set(stages) else None
    clip = export.read(first) if first else model.Clip()
    for lesson in ("text", "words"):
        if lesson in stages:
            text_stage.run(lesson, clip, dataset, knowledge, STEPS[lesson], work, team)
    for lesson in ("image", "plain"):
        if lesson in stages:
            image_stage.run(lesson, clip, dataset, knowledge, STEPS[lesson], work, team)
            if team.leads:
                export.write(clip.eval(), output)
    if "joint" in stages:
        joint_stage.run(clip, dataset, knowledge, STEPS["joint"], work, team)
    for lesson in ("locked", "bent"):
        if lesson in stages:  # the text tower stays as it is, as in LiT (Zhai et al. 2022)
            image_stage.run(lesson, clip, dataset, image_stage.Spoken(clip.text, dataset), STEPS[lesson], work, team)
    if team.leads and {"joint", "locked", "bent"} & set(stages):
        print("calibration on the validation split:", calibrate.run(clip.eval(), dataset))
        export.write(clip, output)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="folder of intermediate files")
    parser.add_argument("output", type=Path, help="checkpoint to write, anew after every stage")
    parser.add_argument("--stages", nargs="+", choices=STEPS, default=list(STEPS), help="those of text and of image may run side by side")
    parser.add_argument("--first", type=Path, help="start from this checkpoint instead of from nothing")
    parser.add_argument("--processes", type=int, default=min(4, os.cpu_count() or 1), help="one for each processor core")
    arguments = parser.parse_args()
    if TAUGHT & set(arguments.stages) and not (arguments.work / "data" / "teacher.npz").exists():
        teacher.ask(Dataset(arguments.work))
    run = functools.partial(train, arguments.work, arguments.output, arguments.first, arguments.stages)
    assemble(arguments.processes, arguments.work, run)


if __name__ == "__main__":
    main()
