"""The image tower learns to point every drawing at its name's target.

The targets are fixed vectors, the teacher's or in the end those of the finished text tower, and the softmax goes over all
names at once: those of emoji for emoji, those of icons for icons.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

import augment
import model
import pictures
import training
from dataset import Dataset, is_unseen, validation_pictures
from team import Team


@dataclass(frozen=True)
class Lesson:
    batch: dict[str, int]
    outlined_share: float  # of the plain images, by their pixels
    shaded_share: float  # likewise
    rate: float  # learning rate
    seed: int
    bending: float = 0.0  # of shapes, as a share of half the picture


class Targets(Protocol):
    """Unit vectors to point at: the teacher, or the text tower."""

    concepts: torch.Tensor  # one for the name of every emoji

    def __getitem__(self, text: str) -> torch.Tensor: ...


class Spoken:
    """What a finished text tower says of the names, as the program will hear it."""

    def __init__(self, text: model.TextTower, dataset: Dataset):
        names = sorted({words for _, words, _, _ in dataset.icons})
        text.eval()
        self.concepts = text.embed(dataset.labels).clone()
        self._icons = dict(zip(names, text.embed(names).clone()))

    def __getitem__(self, text: str) -> torch.Tensor:
        return self._icons[text]


LESSONS = {  # half of the drawings outlined first, then mostly drawings as they are, then those with their shapes bent
    "image": Lesson({"plain": 50, "outlined": 26, "line art": 8, "named icons": 16, "icons": 28}, 0.3, 0.2, 1e-3, seed=2),
    "plain": Lesson({"plain": 80, "outlined": 14, "line art": 4, "named icons": 8, "icons": 22}, 0.15, 0.35, 5e-4, seed=5),
    "locked": Lesson({"plain": 86, "outlined": 14, "line art": 4, "named icons": 8, "icons": 16}, 0.1, 0.1, 6e-4, seed=6, bending=0.05),
    "bent": Lesson({"plain": 92, "outlined": 12, "line art": 4, "named icons": 8, "icons": 12}, 0.1, 0.1, 4e-4, seed=7, bending=0.08),
}
COLOURS = r"\b(red|orange|yellow|green|blue|purple|brown|black|white|grey|pink|rainbow|hollow|blond)\b"
DIRECTED = r"\b(left|right|leftwards|rightwards|arrows?|pointing|button|clockwise|o’clock|thirty|clock|letters?|text|alpha|number|signature)\b"
SMILEYS, SYMBOLS, FLAGS = 0, 8, 9


class Drawings:
    """Random batches of drawings, changed in every way that keeps their meaning."""

    def __init__(self, dataset: Dataset, lesson: Lesson):
        self.dataset, self.lesson = dataset, lesson
        concepts = dataset.concepts
        self.needs_colour = np.array([c["group"] == FLAGS or bool(re.search(COLOURS, c["label"])) for c in concepts])
        directed = [bool(re.search(DIRECTED, c["label"])) or c["group"] in (SYMBOLS, FLAGS) for c in concepts]
        self.may_mirror = ~np.array(directed)
        self.emoji_concept = np.array([concept for _, concept, _ in dataset.emoji])
        kinds = np.array([kind for _, _, kind in dataset.emoji])
        is_colourless = (kinds == "line art") & self.needs_colour[self.emoji_concept]
        self.pools = {}
        for kind in ("plain", "outlined", "line art"):
            chosen = np.flatnonzero((kinds == kind) & ~is_colourless)
            self.pools[kind] = self._pool(chosen, self.emoji_concept[chosen])

        self.icon_names = sorted({words for _, words, _, _ in dataset.icons})
        name_index = {name: index for index, name in enumerate(self.icon_names)}
        self.icon_name = np.array([name_index[words] for _, words, _, _ in dataset.icons])
        self.icon_concept = np.array([-1 if concept is None else concept for _, _, concept, _ in dataset.icons])
        self.icon_may_mirror = np.array([not re.search(DIRECTED, words) for _, words, _, _ in dataset.icons])
        colourless = self.icon_concept >= 0
        colourless[colourless] = ~self.needs_colour[self.icon_concept[colourless]]
        named = np.flatnonzero(colourless)
        self.pools["named icons"] = self._pool(named, self.icon_concept[named])
        self.pools["icons"] = self._pool(np.arange(len(self.icon_name)), self.icon_name)
        self.regions = self._enclosed_regions()

    @staticmethod
    def _pool(members: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Members and their cumulated chances: a name with many images comes more often, but not as often as they are."""
        weight = 1 / np.sqrt(np.bincount(names)[names])
        return members, np.cumsum(weight / weight.sum())

    def _enclosed_regions(self) -> np.ndarray:
        """For icons drawn in lines: which enclosed region a pixel belongs to, grown by one pixel below the line."""
        ink = self.dataset.icon_pixels
        regions = np.zeros_like(ink)
        for index in np.flatnonzero([in_lines for _, _, _, in_lines in self.dataset.icons]):
            labels, count = ndimage.label(ink[index] < 77)
            border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
            labels[np.isin(labels, border)] = 0
            labels[labels > 0] = (labels[labels > 0] - 1) % 15 + 1
            regions[index] = ndimage.grey_dilation(labels.astype(np.uint8), size=(3, 3))
        return regions

    def _choose(self, pool: str, count: int, chance: np.random.Generator) -> np.ndarray:
        members, cumulated = self.pools[pool]
        return members[np.minimum(np.searchsorted(cumulated, chance.random(count)), len(members) - 1)]

    def draw(self, chance: np.random.Generator, counts: dict[str, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Normalised pixels; the names of the emoji among them, which come first; the names of the icons."""
        emoji = np.concatenate([self._choose(kind, counts[kind], chance) for kind in ("plain", "outlined", "line art")])
        icons = np.concatenate([self._choose(kind, counts[kind], chance) for kind in ("named icons", "icons")])
        named = icons[: counts["named icons"]]
        concepts = np.concatenate([self.emoji_concept[emoji], self.icon_concept[named]])

        coloured = torch.from_numpy(self.dataset.emoji_pixels[emoji]).permute(0, 3, 1, 2).float() / 255
        coloured[:, :3] *= coloured[:, 3:]
        ink = torch.from_numpy(self.dataset.icon_pixels[icons]).float() / 255
        regions = torch.from_numpy(self.regions[icons]).long()
        pixels = torch.cat([coloured, augment.dye(ink, regions)])

        may_mirror = np.concatenate([self.may_mirror[self.emoji_concept[emoji]], self.icon_may_mirror[icons]])
        needs_colour = np.concatenate([self.needs_colour[concepts], np.zeros(counts["icons"], dtype=bool)])
        needs_colour = torch.from_numpy(needs_colour)
        is_coloured = torch.arange(len(pixels)) < len(emoji)

        pixels = augment.warp(pixels, torch.from_numpy(may_mirror), self.lesson.bending)
        shaded = (torch.rand(counts["plain"]) < self.lesson.shaded_share).nonzero()[:, 0]
        pixels[shaded] = augment.shade(pixels[shaded])
        lined = (torch.rand(counts["plain"]) < self.lesson.outlined_share).nonzero()[:, 0]
        pixels[lined] = augment.outline(pixels[lined])
        tinted = ((torch.rand(len(pixels)) < 0.4) & ~needs_colour).nonzero()[:, 0]
        pixels[tinted] = augment.tint(pixels[tinted])
        pixels = augment.on_background(pixels, is_coloured)
        pixels = augment.photograph(pixels, needs_colour)
        names = torch.from_numpy(self.icon_name[icons[counts["named icons"] :]])
        return pictures.normalise(pixels), torch.from_numpy(concepts), names


class Validation:
    """A thirtieth of the training images, as the program would see them."""

    def __init__(self, dataset: Dataset):
        entries = validation_pictures(dataset)
        self.concepts = torch.tensor([concept for _, concept, _ in entries])
        self.pixels = pictures.read(file for _, _, file in entries)
        torch.manual_seed(0)
        colour = self.pixels * torch.tensor(pictures.STD).view(1, 3, 1, 1) + torch.tensor(pictures.MEAN).view(1, 3, 1, 1)
        opaque = torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1)
        self.outlined = pictures.normalise(augment.outline(opaque)[:, :3].clamp(0, 1))

    def accuracy(self, image: model.ImageTower, texts: torch.Tensor) -> dict[str, float]:
        """Top-1 and top-5 among all names, of the images as they are and with drawn outlines."""
        figures = {}
        for kind, pixels in (("plain", self.pixels), ("outlined", self.outlined)):
            best = (image.embed(pixels) @ texts.T).topk(5, dim=-1).indices == self.concepts[:, None]
            figures[f"{kind} top-1"] = round(best[:, 0].float().mean().item(), 4)
            figures[f"{kind} top-5"] = round(best.any(-1).float().mean().item(), 4)
        return figures


def usable_names(dataset: Dataset) -> torch.Tensor:
    """Names without images are no wrong answers to learn from."""
    return torch.tensor([not is_unseen(concept) for concept in range(len(dataset.concepts))])


def image_loss(embedded, concepts, names, scale, emoji_targets, icon_targets, usable):
    """The softmax over the names of emoji and over those of icons, weighted by their numbers."""
    count = len(concepts)
    emoji = (scale * embedded[:count] @ emoji_targets.T).masked_fill(~usable, -1e4)
    icons = scale * embedded[count:] @ icon_targets.T
    return F.cross_entropy(emoji, concepts), F.cross_entropy(icons, names)


def run(name: str, clip: model.Clip, dataset: Dataset, targets: Targets, steps: int, work: Path, team: Team) -> None:
    lesson = LESSONS[name]
    drawings, validation = Drawings(dataset, lesson), Validation(dataset)
    icon_targets = torch.stack([targets[name] for name in drawings.icon_names])
    usable = usable_names(dataset)
    trained = torch.nn.ModuleDict({"image": clip.image, "scale": torch.nn.ParameterList([clip.logit_scale])})

    batch = team.share(lesson.batch)

    def loss(step: int, chance: np.random.Generator):
        pixels, concepts, icons = drawings.draw(chance, batch)
        with training.half_precision():
            embedded = clip.image(pixels)
        scale = clip.logit_scale.clamp(max=np.log(100)).exp()
        emoji, icon = image_loss(embedded, concepts, icons, scale, targets.concepts, icon_targets, usable)
        share = len(concepts) / len(pixels)
        return emoji * share + icon * (1 - share), {"emoji": emoji.item(), "icons": icon.item(), "scale": scale.item()}

    def report(averaged) -> dict[str, float]:
        figures = validation.accuracy(averaged["image"], targets.concepts)
        clip.image.train()
        return figures

    stage = training.Stage(
        name=name, seed=lesson.seed, steps=steps, warm_up=300, average=0.995, report_every=1000, loss=loss, report=report,
    )
    averaged = training.train(stage, trained, training.optimiser([(trained, lesson.rate, 0.05)]), work, team)
    clip.image.load_state_dict(averaged["image"].state_dict())
    clip.logit_scale.data = averaged["scale"][0].detach().clone()
