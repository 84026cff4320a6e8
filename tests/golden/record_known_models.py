"""Writes known_models.txt: every CLIP of open_clip that this library knows by name, as open_clip builds it.

Each model is constructed without memory for its weights (torch's device "meta"), so heads, sizes and activations are
those of the modules, not of a configuration. A line for each name, and for each name with weights:

    name activation|- image patch width hidden layers heads | text width layers heads | embedding | mean | std | repository|-
"""

import argparse
from pathlib import Path

import open_clip
import torch
from open_clip.model import CLIP
from open_clip.transformer import QuickGELU

RECORD = Path(__file__).parent / "known_models.txt"
CONTEXT, VOCABULARY = 77, 49408
ACTIVATIONS = {QuickGELU: "quick_gelu", torch.nn.GELU: "gelu"}


def build(name):
    """The model on the device "meta"; nothing where open_clip's CLIP cannot be it, or where it is no CLIP of OpenAI's kind."""
    config = open_clip.get_model_config(name)
    if set(config) - {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu"}:
        return None
    if {"hf_model_name", "hf_tokenizer_name"} & set(config["text_cfg"]) or {"timm_model_name", "ls_init_value"} & set(config["vision_cfg"]):
        return None
    with torch.device("meta"):
        return CLIP(**config).eval()


def transformer(tower):
    """hidden, layers, heads, activation"""
    blocks = tower.resblocks
    kinds = {(block.mlp.c_fc.out_features, block.attn.num_heads, type(block.mlp.gelu)) for block in blocks}
    ((hidden, heads, activation),) = kinds
    return hidden, str(len(blocks)), heads, ACTIVATIONS[activation]


def vision(model):
    """image, patch, width, hidden, layers, heads; 0 for what a ResNet does not have"""
    visual = model.visual
    image = visual.image_size if isinstance(visual.image_size, int) else visual.image_size[0]
    if hasattr(visual, "attnpool"):
        layers = [len(getattr(visual, f"layer{stage}")) for stage in range(1, 5)]
        return image, 0, visual.layer1[0].conv1.out_channels, 0, ",".join(map(str, layers)), visual.attnpool.num_heads
    hidden, layers, heads, _ = transformer(visual.transformer)
    return image, visual.patch_size[0], visual.conv1.out_channels, hidden, layers, heads


def activations(weights, plain):
    """What the weights want; one that all agree upon, or "-"."""
    expected = {"quick_gelu" if each.get("quick_gelu") else "gelu" for each in weights} or {plain}
    return expected.pop() if len(expected) == 1 else "-"


def agreed(weights, key):
    values = {each[key] for each in weights} or {getattr(open_clip.constants, f"OPENAI_DATASET_{key.upper()}")}
    return ",".join(map(repr, values.pop())) if len(values) == 1 else "-"


def lines_of(name):
    model = build(name)
    if model is None:
        return []
    hidden, layers, heads, activation = transformer(model.transformer)
    assert hidden == 4 * model.transformer.width
    assert (model.positional_embedding.shape[0], model.token_embedding.num_embeddings) == (CONTEXT, VOCABULARY)
    sizes = (*vision(model), "|", model.transformer.width, layers, heads, "|", model.text_projection.shape[1], "|")

    def line(label, weights):
        actual = activations(weights, activation)
        if name.endswith("-quickgelu"):
            assert actual == activation == "quick_gelu"
        hub = weights[0]["hf_hub"].rstrip("/") if ":" in label else ""
        return " ".join(map(str, (label, actual, *sizes, agreed(weights, "mean"), "|", agreed(weights, "std"), "|", hub or "-")))

    tags = {tag: open_clip.get_pretrained_cfg(name, tag) for tag in open_clip.list_pretrained_tags_by_model(name)}
    assert all(each["interpolation"] == "bicubic" for each in tags.values())
    squashed = {tag for tag, each in tags.items() if each["resize_mode"] == "squash"}
    return [line(name, list(tags.values()))] + [
        line(f"{name}:{tag}", [each]) + (" squash" if tag in squashed else "") for tag, each in tags.items()]


def record():
    return "".join(line + "\n" for name in open_clip.list_models() for line in lines_of(name))


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    RECORD.write_text(record())
    print(RECORD.name, RECORD.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
