"""The loop that all stages share: schedule, running average of the weights, progress bar, and a state to resume from.

Every step seeds its own random numbers, so a stage that was interrupted goes on as if nothing had happened.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from team import Team

AVERAGE_EVERY = 4  # steps
SAVE_EVERY = 150  # seconds


@dataclass
class Stage:
    name: str
    seed: int
    steps: int
    warm_up: int
    average: float  # how much of the running average of the weights stays after AVERAGE_EVERY steps
    report_every: int
    loss: Callable[[int, np.random.Generator], tuple[torch.Tensor, dict[str, float]]]
    report: Callable[[nn.Module], dict[str, float]]  # figures on the validation split


def half_precision():
    """bfloat16 products where the processor has them; where it does not, they take ten times as long as float32's."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=torch.ops.mkldnn._is_mkldnn_bf16_supported())


def learning_rate(stage: Stage, step: int) -> float:
    """A short linear rise, then half a cosine down to a fiftieth."""
    rise = min(1.0, (step + 1) / stage.warm_up)
    return rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / stage.steps)))


class Average:
    """A running average of all weights and statistics of a model."""

    def __init__(self, model: nn.Module, keep: float):
        self.model, self.keep = model, keep
        self.copy = copy.deepcopy(model).eval().requires_grad_(False)

    @staticmethod
    def _numbers(model: nn.Module) -> list[torch.Tensor]:
        return [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]

    @torch.no_grad()
    def update(self, updates: int) -> None:
        keep = min(self.keep, (1 + updates) / (10 + updates))  # young averages forget faster
        torch._foreach_lerp_(self._numbers(self.copy), self._numbers(self.model), 1 - keep)


def optimiser(groups: list[tuple[nn.Module, float, float]]) -> torch.optim.Optimizer:
    """AdamW for (module, learning rate, weight decay); only matrices and kernels decay."""
    parameters = []
    for module, rate, decay in groups:
        trained = [p for p in module.parameters() if p.requires_grad]
        parameters.append({"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay, "rate": rate})
        parameters.append({"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0, "rate": rate})
    return torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.98), fused=True)


def train(stage: Stage, model: nn.Module, optimizer: torch.optim.Optimizer, work: Path, team: Team) -> nn.Module:
    """Runs or resumes a stage and returns the averaged model."""
    state_file = work / "state" / f"{stage.name}.pt"
    log_file = work / "state" / f"{stage.name}.jsonl"
    state_file.parent.mkdir(parents=True, exist_ok=True)
    average = Average(model, stage.average)
    first, seconds = 0, 0.0
    if state_file.exists():
        state = torch.load(state_file, weights_only=False)
        model.load_state_dict(state["model"])
        average.copy.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        first, seconds = state["step"], state["seconds"]
    log = open(log_file, "a") if team.leads else None

    def save(step: int) -> None:
        unfinished = state_file.with_suffix(".part")
        state = {"model": model.state_dict(), "average": average.copy.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "step": step, "seconds": seconds}, unfinished)
        unfinished.rename(state_file)

    model.train()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    means: dict[str, float] = {}
    last_save = last = time.monotonic()
    bar = tqdm(range(first, stage.steps), desc=stage.name, initial=first, total=stage.steps, unit="step", mininterval=5, disable=not team.leads)
    for step in bar:
        torch.manual_seed((stage.seed * 1_000_003 + step) * 64 + team.rank)
        chance = np.random.default_rng([stage.seed, step, team.rank])
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * learning_rate(stage, step)
        loss, figures = stage.loss(step, chance)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        team.average_gradients(parameters)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if not team.leads:
            continue
        if step % AVERAGE_EVERY == 0:
            average.update(step // AVERAGE_EVERY)
        for name, value in figures.items():
            means[name] = 0.98 * means.get(name, value) + 0.02 * value
        now = time.monotonic()
        seconds, last = seconds + now - last, now
        if (step + 1) % 50 == 0:
            bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()})
            log.write(json.dumps({"step": step + 1, "seconds": round(seconds), **means}) + "\n")
            log.flush()
        if (step + 1) % stage.report_every == 0 or step + 1 == stage.steps:
            figures = stage.report(average.copy)
            tqdm.write(f"{stage.name} {step + 1}: {figures}")
            log.write(json.dumps({"step": step + 1, "seconds": round(seconds), "validation": figures}) + "\n")
            log.flush()
        if now - last_save > SAVE_EVERY:
            save(step + 1)
            last_save = now
    if first < stage.steps and team.leads:
        save(stage.steps)
    team.wait()
    if not team.leads:
        average.copy.load_state_dict(torch.load(state_file, weights_only=False)["average"])
    return average.copy
