"""Last stage: both towers and the temperature together, with CLIP's loss over the names of emoji.

The names of the batch and some others are encoded anew in every step, all other names were encoded a few steps ago.
The teacher's embeddings stay part of the loss, for words without images.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import model
import training
from dataset import Dataset
from image_stage import LESSONS, Drawings, Validation, image_loss, usable_names
from teacher import Teacher
from team import Team
from text_stage import Phrases

OTHER_NAMES = 100
REFRESH_EVERY = 50  # steps between encodings of all names
PHRASES = {"labels": 40, "keywords": 40, "icons": 32, "vocabulary": 64, "wordnet": 32}
TEACHER_WEIGHT, TEXT_WEIGHT, BACK_WEIGHT = 0.5, 1.5, 0.25


class Names:
    """All names with images: most of them encoded a little while ago, some of them now."""

    def __init__(self, text: model.TextTower, labels: list[str], usable: torch.Tensor, others: int):
        self.text, self.labels, self.others = text, labels, others
        self.usable = usable.nonzero()[:, 0].numpy()

    def refresh(self) -> None:
        self.text.eval()
        self.recent = self.text.embed(self.labels).clone()
        self.text.train()

    def choose(self, concepts: torch.Tensor, chance: np.random.Generator) -> np.ndarray:
        others = chance.choice(self.usable, self.others, replace=False)
        return np.unique(np.concatenate([concepts.numpy(), others]))

    def place(self, chosen: np.ndarray, encoded: torch.Tensor) -> torch.Tensor:
        return self.recent.index_copy(0, torch.from_numpy(chosen), encoded)


def names_to_pictures(logits: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
    """CLIP's other direction: each name of the batch should choose among the batch's images those that show it."""
    present = concepts.unique()
    shows = (concepts[None] == present[:, None]).float()
    return F.cross_entropy(logits[:, present].T, shows / shows.sum(1, keepdim=True))


def run(clip: model.Clip, dataset: Dataset, teacher: Teacher, steps: int, work: Path, team: Team) -> None:
    pictures = LESSONS["plain"]
    drawings, validation, phrases = Drawings(dataset, pictures), Validation(dataset), Phrases(dataset, teacher)
    icon_targets = torch.stack([teacher[name] for name in drawings.icon_names])
    usable = usable_names(dataset)
    names = Names(clip.text, dataset.labels, usable, OTHER_NAMES // team.size)

    batch, phrase_counts = team.share(pictures.batch), team.share(PHRASES)

    def loss(step: int, chance: np.random.Generator):
        if step % REFRESH_EVERY == 0 or not hasattr(names, "recent"):
            names.refresh()
        pixels, concepts, icons = drawings.draw(chance, batch)
        chosen = names.choose(concepts, chance)
        texts, ids = phrases.draw(chance, phrase_counts)
        with training.half_precision():
            embedded = clip.image(pixels)
            encoded = clip.text([dataset.labels[concept] for concept in chosen] + texts)
        scale = clip.logit_scale.clamp(max=np.log(100)).exp()
        logits = scale * embedded[: len(concepts)] @ names.place(chosen, encoded[: len(chosen)]).T
        clip_loss = F.cross_entropy(logits.masked_fill(~usable, -1e4), concepts)
        back = names_to_pictures(logits, concepts)
        emoji, icon = image_loss(embedded, concepts, icons, scale, teacher.concepts, icon_targets, usable)
        text, cosine = phrases.loss(encoded[len(chosen) :], ids)
        total = clip_loss + BACK_WEIGHT * back + TEACHER_WEIGHT * (0.8 * emoji + 0.2 * icon) + TEXT_WEIGHT * text
        figures = {"clip": clip_loss.item(), "teacher": emoji.item(), "icons": icon.item(), "cosine": cosine.item()}
        return total, {**figures, "scale": scale.item()}

    def report(averaged: model.Clip) -> dict[str, float]:
        figures = validation.accuracy(averaged.image, averaged.text.embed(dataset.labels))
        clip.train()
        return figures

    stage = training.Stage(
        name="joint", seed=3, steps=steps, warm_up=100, average=0.98, report_every=250, loss=loss, report=report,
    )
    groups = [(clip.image, 4e-4, 0.05), (clip.text, 3e-4, 0.05)]
    optimizer = training.optimiser(groups)
    optimizer.add_param_group({"params": [clip.logit_scale], "weight_decay": 0.0, "rate": 1e-3})
    clip.load_state_dict(training.train(stage, clip, optimizer, work, team).state_dict())
