"""First stages: the text tower learns to say what the teacher says, for names, keywords, icons and common words."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import model
import phrases
import training
from dataset import Dataset
from teacher import Teacher
from team import Team

LESSONS = {  # names first, then more of the words that no image has
    "text": {"labels": 100, "keywords": 40, "icons": 50, "vocabulary": 0, "wordnet": 66},
    "words": {"labels": 40, "keywords": 36, "icons": 32, "vocabulary": 112, "wordnet": 36},
}
SEEDS = {"text": 1, "words": 4}
TEMPLATE_SHARE = 0.4
SCALE = 30.0  # of the similarities in the softmax over the batch
COSINE_WEIGHT = 4.0


class Phrases:
    """Random phrases with their targets: a label stands for its name's target, anything else for the teacher's vector."""

    def __init__(self, dataset: Dataset, teacher: Teacher):
        self.teacher, self.labels = teacher, dataset.labels
        self.targets = torch.cat([teacher.vectors, teacher.concepts])  # ids of concepts come after those of texts
        self.first_concept = len(teacher.texts)
        self.keywords = np.array([teacher.index[text] for text in phrases.keywords(dataset)])
        self.icons = np.array([teacher.index[text] for text in phrases.icon_names(dataset)])
        self.vocabulary = np.arange(teacher.names, teacher.names + teacher.vocabulary)
        self.wordnet = np.arange(teacher.names + teacher.vocabulary, len(teacher.texts))
        weight = np.sqrt(1.0 + teacher.met[self.wordnet])  # common words more often
        self.wordnet_chance = np.cumsum(weight / weight.sum())

    def _text(self, index: int, chance: np.random.Generator) -> str:
        if index < self.first_concept:
            text = self.teacher.texts[index]
        else:
            text = self.labels[index - self.first_concept]
            if chance.random() < 0.25:
                text = phrases.spoken(text)
        if chance.random() < TEMPLATE_SHARE:
            text = phrases.TEMPLATES[chance.integers(len(phrases.TEMPLATES))].format(text)
        return text

    def draw(self, chance: np.random.Generator, counts: dict[str, int]) -> tuple[list[str], np.ndarray]:
        """Texts, and which rows of `targets` they should equal."""
        ids = np.concatenate([
            self.first_concept + chance.integers(len(self.labels), size=counts["labels"]),
            chance.choice(self.keywords, counts["keywords"]),
            chance.choice(self.icons, counts["icons"]),
            chance.choice(self.vocabulary, counts["vocabulary"]),
            self.wordnet[np.searchsorted(self.wordnet_chance, chance.random(counts["wordnet"]))],
        ])
        return [self._text(int(index), chance) for index in ids], ids

    def loss(self, embedded: torch.Tensor, ids: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """In-batch softmax against the targets plus the distance to one's own; and the mean cosine."""
        targets = self.targets[ids]
        same = torch.from_numpy(ids[:, None] == ids[None]) & ~torch.eye(len(ids), dtype=torch.bool)
        logits = (SCALE * embedded @ targets.T).masked_fill(same, -1e4)
        cosine = (embedded * targets).sum(-1).mean()
        return F.cross_entropy(logits, torch.arange(len(ids))) + COSINE_WEIGHT * (1 - cosine), cosine


def report(text: model.TextTower, dataset: Dataset, teacher: Teacher) -> dict[str, float]:
    embedded = text.embed(dataset.labels)
    cosine = (embedded * teacher.concepts).sum(-1).mean()
    nearest = (embedded @ teacher.concepts.T).argmax(-1) == torch.arange(len(embedded))
    return {"cosine of names": round(cosine.item(), 4), "names found": round(nearest.float().mean().item(), 4)}


def run(lesson: str, clip: model.Clip, dataset: Dataset, teacher: Teacher, steps: int, work: Path, team: Team) -> None:
    drawn = Phrases(dataset, teacher)

    batch = team.share(LESSONS[lesson])

    def loss(step: int, chance: np.random.Generator):
        texts, ids = drawn.draw(chance, batch)
        with training.half_precision():
            embedded = clip.text(texts)
        value, cosine = drawn.loss(embedded, ids)
        return value, {"loss": value.item(), "cosine": cosine.item()}

    stage = training.Stage(
        name=lesson, seed=SEEDS[lesson], steps=steps, warm_up=200, average=0.99, report_every=1000,
        loss=loss, report=lambda averaged: report(averaged, dataset, teacher),
    )
    averaged = training.train(stage, clip.text, training.optimiser([(clip.text, 2e-3, 0.01)]), work, team)
    clip.text.load_state_dict(averaged.state_dict())
