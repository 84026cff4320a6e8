"""A comparison: a random model is written to files, and the reference and the program embed the same inputs."""

import json
import subprocess
import time
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from containers import CONTAINERS, pack
from subjects import Subject

from reference_models import encode_image, encode_text, load, padded, publish, random_pixels, random_prompts

LEAST_COSINE = 0.999999
LARGEST_ERROR = 1e-4
ROWS = 4  # images and prompts per comparison; the time per row is measured on the last three
REPEATS = 3  # calls of which the fastest counts
TIMEOUT = 1800  # seconds for a call


class Refused(Exception):
    """The program refused the model: error code and message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Trial:
    subject: Subject
    layout: str
    container: str
    storage: str

    def __str__(self):
        return f"{self.subject.name} {self.layout} {self.container} {self.storage}"


@dataclass
class Tower:
    cosine: float
    error: float
    milliseconds: float | None  # per row; None if it is too small against the start of the program

    @property
    def agrees(self):
        return self.cosine >= LEAST_COSINE and self.error <= LARGEST_ERROR


@dataclass
class Outcome:
    trial: Trial
    towers: dict = field(default_factory=dict)  # "image", "text" -> Tower
    verdict: str = ""  # agrees, differs, fails, unsupported
    message: str = ""

    def entry(self):
        trial = self.trial
        return {
            "model": trial.subject.name,
            "full": trial.subject.full,
            "layout": trial.layout,
            "container": trial.container,
            "storage": trial.storage,
            "verdict": self.verdict,
            "message": self.message,
            **{name: asdict(tower) for name, tower in self.towers.items()},
        }


def trials_of(subject, layouts, containers, storages):
    return [
        Trial(subject, layout, container, storage)
        for container, (_, published, types) in CONTAINERS.items()
        if container in containers
        for layout in subject.layouts()
        if layout in layouts and layout in published
        for storage in types
        if storage in storages or storage == "OPENAI"
    ]


def call(*words):
    """Runs the program; returns the time in seconds."""
    begin = time.perf_counter()
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        raise Refused(*refusal_of(words, done))
    return seconds


def refusal_of(words, done):
    """Error code and message; the code is that of inspect if it reports the same error."""
    program, model = words[0], words[words.index("--model") + 1]
    inspected = subprocess.run(
        [str(program), "inspect", str(model), "--json"], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    message = done.stderr.strip().removeprefix("zeroshot: ") or f"exit status {done.returncode}"
    try:
        error = json.loads(inspected.stdout)["error"]
        return (error["code"], error["message"]) if error["message"] in message else ("", message)
    except (json.JSONDecodeError, KeyError):
        return "", message


def embed(program, model, options, flag, inputs, folder, timed):
    """The program's embeddings of all rows, and milliseconds per row if timed."""
    output = folder / "embeddings.npy"
    seconds = []
    for count in (1, ROWS) if timed else (ROWS,):
        source = folder / f"inputs.{'npy' if flag == '--pixels' else 'json'}"
        if flag == "--pixels":
            np.save(source, inputs[:count])
        else:
            source.write_text(json.dumps(inputs[:count]))
        words = (program, "embed", flag, source, "--model", model, "--output", output, "--threads", 1, *options)
        seconds.append(min(call(*words) for _ in range(REPEATS if timed else 1)))
    if not timed:
        return np.load(output).astype(np.float64), None
    milliseconds = 1000 * (seconds[1] - seconds[0]) / (ROWS - 1)
    return np.load(output).astype(np.float64), milliseconds if milliseconds > 0 else None


def compare(result, expected, milliseconds):
    if result.shape != expected.shape:
        raise Refused("SHAPE", f"embeddings have shape {result.shape}, expected {expected.shape}")
    norms = np.linalg.norm(result, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (result * expected).sum(axis=1) / norms
    errors = np.linalg.norm(result - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return Tower(float(cosines.min()), float(errors.max()), milliseconds)


def run(trial, program, seed, folder, timed=True):
    """Writes the model, embeds with both, compares. The reference computes in float64, for full models in float32."""
    outcome = Outcome(trial)
    case = trial.subject.case(trial.layout, trial.storage, seed)
    weights = publish(case, folder / "model")
    reference = load(case, folder / "model", torch.float32 if trial.subject.full else torch.float64)
    dtype = next(reference.parameters()).dtype
    pixels, prompts = random_pixels(case, ROWS), random_prompts(case)
    with torch.no_grad():
        expected = {
            "image": encode_image(reference, pixels.to(dtype)).double().numpy(),
            "text": encode_text(reference, padded(case, prompts)).double().numpy(),
        }
    del reference
    model = pack(trial.container, trial.layout, weights)
    options = trial.subject.options() if trial.layout == "openai" else []
    try:
        for tower, flag, inputs in (("image", "--pixels", pixels.float().numpy()), ("text", "--ids", prompts)):
            result, milliseconds = embed(program, model, options, flag, inputs, folder, timed)
            outcome.towers[tower] = compare(result, expected[tower], milliseconds)
        outcome.verdict = "agrees" if all(tower.agrees for tower in outcome.towers.values()) else "differs"
    except Refused as refusal:
        unsupported = refusal.code == "UNSUPPORTED" and trial.container != "safetensors"
        outcome.verdict, outcome.message = "unsupported" if unsupported else "fails", str(refusal)
    except subprocess.TimeoutExpired:
        outcome.verdict, outcome.message = "fails", f"no result within {TIMEOUT} seconds"
    return outcome
