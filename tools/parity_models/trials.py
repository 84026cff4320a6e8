"""One comparison: a random model is published, the reference and the program embed the same inputs."""

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
ROWS = 4  # pictures and prompts of a comparison; the time of one is that of all less that of the first
REPEATS = 3  # calls of which the quickest counts
PATIENCE = 1800  # seconds for a call


class Refused(Exception):
    """The program read it not: its code and its sentence."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
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
    milliseconds: float | None  # for one row more; None where starting the program takes longer than that can be told from

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
        return {"model": trial.subject.name, "full": trial.subject.full, "layout": trial.layout, "container": trial.container,
                "storage": trial.storage, "verdict": self.verdict, "message": self.message,
                **{name: asdict(tower) for name, tower in self.towers.items()}}


def trials_of(subject, layouts, containers, storages):
    return [Trial(subject, layout, container, storage)
            for container, (_, published, types) in CONTAINERS.items() if container in containers
            for layout in subject.layouts() if layout in layouts and layout in published
            for storage in types if storage in storages or storage == "OPENAI"]


def call(*words):
    """Runs the program; its seconds."""
    begin = time.perf_counter()
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode != 0:
        raise Refused(*why(words, done))
    return seconds


def why(words, done):
    """Code and sentence of a refusal: inspect tells both, where it refuses as well."""
    program, model = words[0], words[words.index("--model") + 1]
    said = subprocess.run([str(program), "inspect", str(model), "--json"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    sentence = done.stderr.strip().removeprefix("zeroshot: ") or f"it ends with {done.returncode}"
    try:
        error = json.loads(said.stdout)["error"]
        return (error["code"], error["message"]) if error["message"] in sentence else ("", sentence)
    except (json.JSONDecodeError, KeyError):
        return "", sentence


def embed(program, model, options, flag, inputs, folder, timed):
    """The program's embeddings of all rows, and milliseconds for one row more where they are asked for."""
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
    more = 1000 * (seconds[1] - seconds[0]) / (ROWS - 1)
    return np.load(output).astype(np.float64), more if more > 0 else None


def compare(found, wanted, milliseconds):
    if found.shape != wanted.shape:
        raise Refused("SHAPE", f"embeddings are {found.shape}, wanted {wanted.shape}")
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
    cosines = (found * wanted).sum(axis=1) / lengths
    errors = np.linalg.norm(found - wanted, axis=1) / np.linalg.norm(wanted, axis=1)
    return Tower(float(cosines.min()), float(errors.max()), milliseconds)


def run(trial, program, seed, folder, timed=True):
    """Publishes, embeds twice, compares. The reference computes in float64, a whole model in float32."""
    outcome = Outcome(trial)
    case = trial.subject.case(trial.layout, trial.storage, seed)
    weights = publish(case, folder / "model")
    reference = load(case, folder / "model", torch.float32 if trial.subject.full else torch.float64)
    dtype = next(reference.parameters()).dtype
    pixels, prompts = random_pixels(case, ROWS), random_prompts(case)
    with torch.no_grad():
        wanted = {"image": encode_image(reference, pixels.to(dtype)).double().numpy(),
                  "text": encode_text(reference, padded(case, prompts)).double().numpy()}
    del reference
    model = pack(trial.container, trial.layout, weights)
    options = trial.subject.options() if trial.layout == "openai" else []
    try:
        for tower, flag, inputs in (("image", "--pixels", pixels.float().numpy()), ("text", "--ids", prompts)):
            found, milliseconds = embed(program, model, options, flag, inputs, folder, timed)
            outcome.towers[tower] = compare(found, wanted[tower], milliseconds)
        outcome.verdict = "agrees" if all(tower.agrees for tower in outcome.towers.values()) else "differs"
    except Refused as refusal:
        told = refusal.code == "UNSUPPORTED" or "expected a safetensors file" in str(refusal)
        unread = told and trial.container != "safetensors"
        outcome.verdict, outcome.message = "unsupported" if unread else "fails", str(refusal)
    except subprocess.TimeoutExpired:
        outcome.verdict, outcome.message = "fails", f"no answer within {PATIENCE} seconds"
    return outcome
