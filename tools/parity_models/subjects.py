"""Architectures to compare, full or reduced, as random models in one layout."""

import copy
import sys
from dataclasses import dataclass
from pathlib import Path

import open_clip

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "golden"), str(ROOT / "tools" / "tables")]

from reference_models import Case  # noqa: E402
from tiny_clip import TINY, tiny_config  # noqa: E402

LAYOUTS = ("openai", "open_clip", "custom_text", "hugging_face")
KNOWN_VISION = {"image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size"}
KNOWN_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}


class UnsupportedModel(Exception):
    """A name without a reference model, and the reason."""


@dataclass(frozen=True)
class Subject:
    """An architecture of open_clip with one activation.

    name: as given on the command line.
    config: model_cfg of open_clip, without "quick_gelu".
    is_known: whether the program knows the architecture by this name.
    """

    name: str
    config: dict
    quick_gelu: bool
    full: bool
    is_known: bool = False

    @property
    def is_resnet(self):
        return isinstance(self.config["vision_cfg"]["layers"], list)

    @property
    def vision_heads(self):
        vision = self.config["vision_cfg"]
        return vision["width"] * (32 if self.is_resnet else 1) // vision.get("head_width", 64)

    @property
    def text_heads(self):
        return self.config["text_cfg"]["heads"]

    @property
    def activation(self):
        return "quick_gelu" if self.quick_gelu else "gelu"

    def layouts(self):
        return [layout for layout in LAYOUTS if not (self.is_resnet and layout == "hugging_face")]

    def case(self, layout, storage, seed):
        """The random model. In OpenAI's layout it is an open_clip folder of which only the weights are used."""
        config = copy.deepcopy(self.config)
        if layout == "hugging_face":
            config = hugging_face_config(config, self.activation)
        else:
            config["quick_gelu"] = self.quick_gelu
            config["custom_text"] = layout == "custom_text"
        return Case(
            name=self.name,
            layout="hugging_face" if layout == "hugging_face" else "open_clip",
            config=config,
            seed=seed,
            storage=storage,
            residual_gain=0.25 if self.is_resnet else 1.0,
        )

    def options(self):
        """Options of the program for a bare file."""
        if self.is_known:
            return ["--name", self.name]
        return ["--activation", self.activation, "--vision-heads", self.vision_heads, "--text-heads", self.text_heads]


def config_of(model):
    """model_cfg of open_clip, or of TinyCLIP for names such as TinyCLIP-ViT-8M-16-Text-3M."""
    tiny = TINY.get(model.removeprefix("TinyCLIP-")) if model.startswith("TinyCLIP-") else None
    return tiny_config(*tiny[:6]) if tiny else open_clip.get_model_config(model)


def subject(name, full):
    """The architecture behind "ViT-B-32", "ViT-B-32:laion2b_s34b_b79k" or "ViT-B/32"."""
    model, _, tag = name.partition(":")
    if "/" in model:
        model, tag = model.replace("/", "-").replace("@", "-").removesuffix("px"), tag or "openai"
    config = config_of(model)
    if config is None:
        raise UnsupportedModel(f"{name}: neither open_clip nor TinyCLIP has a model of this name")
    quick_gelu, weights = config.pop("quick_gelu", False), {}
    if tag:
        weights = open_clip.get_pretrained_cfg(model, tag)
        if not weights:
            known = ", ".join(open_clip.list_pretrained_tags_by_model(model))
            raise UnsupportedModel(f"{name}: open_clip has no such weights; it has {known}")
        quick_gelu = weights.get("quick_gelu", False)
    unsupported = (
        (set(config["vision_cfg"]) - KNOWN_VISION)
        | (set(config["text_cfg"]) - KNOWN_TEXT)
        | (set(config) - {"embed_dim", "vision_cfg", "text_cfg"})
    )
    if unsupported:
        raise UnsupportedModel(f"{name}: not an architecture of OpenAI's CLIP ({', '.join(sorted(unsupported))})")
    is_known = full and weights.get("resize_mode") == "shortest"  # squashed images are known, but refused
    return Subject(name, config if full else reduced(config), quick_gelu, full, is_known)


def every_name():
    """All supported names of open_clip."""
    names = []
    for name in open_clip.list_models():
        try:
            names.append(subject(name, full=False).name)
        except UnsupportedModel:
            continue
    return names


def reduced(config):
    """A reduced model: the same patches, head sizes and ratios; fewer heads, layers, pixels and tokens."""
    small = copy.deepcopy(config)
    vision, text = small["vision_cfg"], small["text_cfg"]
    small["embed_dim"] = config["embed_dim"] // 8
    if isinstance(vision["layers"], list):
        vision.update(width=vision["width"] // 8, layers=[min(2, count) for count in vision["layers"]], image_size=64)
    else:
        vision.update(width=2 * vision.get("head_width", 64), layers=2, image_size=3 * vision["patch_size"])
    text.update(width=2 * text["width"] // text["heads"], heads=2, layers=2, context_length=16, vocab_size=600)
    return small


def hugging_face_config(config, activation):
    """Keyword arguments of CLIPConfig for the same sizes."""
    vision, text, embedding = config["vision_cfg"], config["text_cfg"], config["embed_dim"]

    def blocks(tower, heads):
        return {
            "hidden_size": tower["width"],
            "num_attention_heads": heads,
            "num_hidden_layers": tower["layers"],
            "intermediate_size": int(tower["width"] * tower.get("mlp_ratio", 4.0)),
            "hidden_act": activation,
            "projection_dim": embedding,
        }

    return {
        "projection_dim": embedding,
        "vision_config": {
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            **blocks(vision, vision["width"] // vision.get("head_width", 64)),
        },
        "text_config": {
            "vocab_size": text["vocab_size"],
            "max_position_embeddings": text["context_length"],
            "bos_token_id": text["vocab_size"] - 2,
            "eos_token_id": text["vocab_size"] - 1,
            **blocks(text, text["heads"]),
        },
    }
