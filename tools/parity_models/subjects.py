"""What is compared: the architecture behind a name, whole or small, as a random model in one layout."""

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


class Unknown(Exception):
    """A name that no reference can be built for, and why."""


@dataclass(frozen=True)
class Subject:
    """An architecture of open_clip with one activation.

    name: as it was asked for.
    config: model_cfg of open_clip, without "quick_gelu".
    tells: whether the name alone says to the program what a bare file is.
    """

    name: str
    config: dict
    quick_gelu: bool
    full: bool
    tells: bool = False

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
        """The random model; a bare file in OpenAI's layout is an open_clip folder of which the weights alone are given."""
        config = copy.deepcopy(self.config)
        if layout == "hugging_face":
            config = hugging_face_config(config, self.activation)
        else:
            config["quick_gelu"] = self.quick_gelu
            config["custom_text"] = layout == "custom_text"
        return Case(name=self.name, layout="hugging_face" if layout == "hugging_face" else "open_clip", config=config, seed=seed,
                    storage=storage, residual_gain=0.25 if self.is_resnet else 1.0)

    def options(self):
        """What the program must be told of a bare file."""
        if self.tells:
            return ["--name", self.name]
        return ["--activation", self.activation, "--vision-heads", self.vision_heads, "--text-heads", self.text_heads]


def config_of(model):
    """model_cfg of open_clip, for "TinyCLIP-ViT-8M-16-Text-3M" as TinyCLIP's authors give it."""
    tiny = TINY.get(model.removeprefix("TinyCLIP-")) if model.startswith("TinyCLIP-") else None
    return tiny_config(*tiny[:6]) if tiny else open_clip.get_model_config(model)


def subject(name, full):
    """The architecture behind "ViT-B-32", "ViT-B-32:laion2b_s34b_b79k" or "ViT-B/32"."""
    model, _, tag = name.partition(":")
    if "/" in model:
        model, tag = model.replace("/", "-").replace("@", "-").removesuffix("px"), tag or "openai"
    config = config_of(model)
    if config is None:
        raise Unknown(f"{name}: neither open_clip nor TinyCLIP has a model of this name")
    quick_gelu, weights = config.pop("quick_gelu", False), {}
    if tag:
        weights = open_clip.get_pretrained_cfg(model, tag)
        if not weights:
            raise Unknown(f"{name}: open_clip knows no such weights; it has {', '.join(open_clip.list_pretrained_tags_by_model(model))}")
        quick_gelu = weights.get("quick_gelu", False)
    strange = (set(config["vision_cfg"]) - KNOWN_VISION) | (set(config["text_cfg"]) - KNOWN_TEXT) | (set(config) - {
        "embed_dim", "vision_cfg", "text_cfg"})
    if strange:
        raise Unknown(f"{name}: this is another model than OpenAI's CLIP ({', '.join(sorted(strange))})")
    tells = full and weights.get("resize_mode") == "shortest"  # the program knows squashed pictures only to refuse them
    return Subject(name, config if full else reduced(config), quick_gelu, full, tells)


def every_name():
    """All names of open_clip that have a reference, one for each activation that is known of them."""
    found = []
    for name in open_clip.list_models():
        try:
            found.append(subject(name, full=False).name)
        except Unknown:
            continue
    return found


def reduced(config):
    """A small relative: the same patches, head sizes and ratios, few heads, layers, pixels and words."""
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
    """The keyword arguments of CLIPConfig for the same sizes."""
    vision, text, embedding = config["vision_cfg"], config["text_cfg"], config["embed_dim"]

    def blocks(tower, heads):
        return {"hidden_size": tower["width"], "num_attention_heads": heads, "num_hidden_layers": tower["layers"],
                "intermediate_size": int(tower["width"] * tower.get("mlp_ratio", 4.0)), "hidden_act": activation,
                "projection_dim": embedding}

    return {
        "projection_dim": embedding,
        "vision_config": {"image_size": vision["image_size"], "patch_size": vision["patch_size"],
                          **blocks(vision, vision["width"] // vision.get("head_width", 64))},
        "text_config": {"vocab_size": text["vocab_size"], "max_position_embeddings": text["context_length"],
                        "bos_token_id": text["vocab_size"] - 2, "eos_token_id": text["vocab_size"] - 1, **blocks(text, text["heads"])},
    }
