"""Writes known_models.inc: the CLIP models of open_clip and TinyCLIP, with settings that tensors do not determine.

Made with open_clip_torch 3.3.0 (MIT): its model_configs and its table of pretrained weights. Configurations of other
architectures are printed with the reason, and left out.
"""

from importlib.metadata import version

import open_clip
from open_clip.constants import INCEPTION_MEAN, INCEPTION_STD, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

from layout import rows, write
from tiny_clip import TINY, tiny_config

assert version("open_clip_torch") == "3.3.0", version("open_clip_torch")

PIXELS = {
    (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD): "known_pixels::openai",
    (INCEPTION_MEAN, INCEPTION_STD): "known_pixels::halves",
}

# OpenAI's repositories: the weights of the tag "openai" in Hugging Face's layout.
OPENAI = {
    "ViT-B-32": "openai/clip-vit-base-patch32",
    "ViT-B-16": "openai/clip-vit-base-patch16",
    "ViT-L-14": "openai/clip-vit-large-patch14",
    "ViT-L-14-336": "openai/clip-vit-large-patch14-336",
}

QUICK_GELU = "-quickgelu"  # suffix of a name: the same architecture with QuickGELU


def refusal(config):
    """Reason why this library does not support a configuration; empty if it does."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    if "multimodal_cfg" in config:
        return "CoCa: a captioner beside the two towers"
    if "timm_model_name" in vision:
        return f"its image tower is {vision['timm_model_name']} of timm"
    if "hf_model_name" in text:
        return f"its text tower is {text['hf_model_name']} of Hugging Face"
    if "hf_tokenizer_name" in text:
        return f"its tokenizer is {text['hf_tokenizer_name']}"
    if "ls_init_value" in vision:
        return "its blocks have LayerScale"
    return ""


def model_row(name, config):
    vision, text = config["vision_cfg"], config["text_cfg"]
    known = {"image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size"}
    assert set(vision) <= known, vision
    assert text["context_length"] == 77 and text["vocab_size"] == 49408, text
    assert set(text) <= {"context_length", "vocab_size", "width", "heads", "layers"}, text
    layers = vision["layers"] if isinstance(vision["layers"], list) else [vision["layers"]]
    patch = vision["patch_size"] or 0
    features = vision["width"] * (1 if patch else 32)  # a ModifiedResNet attends over 32 * width channels
    hidden = int(vision["width"] * vision.get("mlp_ratio", 4.0)) if patch else 0
    return [
        f'"{name}"',
        *map(str, (config["embed_dim"], vision["image_size"], patch, vision["width"], hidden)),
        f"{{{', '.join(map(str, layers))}}}",
        str(features // vision.get("head_width", 64)),
        *(str(text[key]) for key in ("width", "heads", "layers")),
    ]


def weights_row(index, tag, config):
    assert config["interpolation"] == "bicubic", config
    function = "activation::quick_gelu" if config.get("quick_gelu") else "activation::gelu"
    pixels = PIXELS[config["mean"], config["std"]]
    squashed = {"shortest": "false", "squash": "true"}[config["resize_mode"]]
    repository = config["hf_hub"].rstrip("/")
    if any(
        f'"{repository}"' in row for row in weights
    ):  # an error in open_clip: e32 of ViT-B-16-plus-240 has the repository of e31
        repository = ""
    return [str(index), f'"{tag}"', function, pixels, squashed, f'"{repository}"']


models, weights, official = [], [], []
for name in open_clip.list_models():
    config = open_clip.get_model_config(name)
    why = refusal(config)
    if why:
        print(f"left out: {name}: {why}")
    elif name.endswith(QUICK_GELU):
        plain = open_clip.get_model_config(name.removesuffix(QUICK_GELU))
        assert config == {**plain, "quick_gelu": True}, name
    else:
        assert not config.get("quick_gelu"), name
        models.append(model_row(name, config))
        for tag in open_clip.list_pretrained_tags_by_model(name):
            weights.append(weights_row(len(models) - 1, tag, open_clip.get_pretrained_cfg(name, tag)))
            if tag == "openai" and name in OPENAI:
                official.append([str(len(weights) - 1), f'"{OPENAI[name]}"'])
for name, (*sizes, tag, published) in TINY.items():
    models.append(model_row(f"TinyCLIP-{name}", tiny_config(*sizes)))
    repository = f"wkcn/TinyCLIP-{name}-{tag}" if published else ""
    weights.append(
        [str(len(models) - 1), f'"{tag.lower()}"', "std::nullopt", "known_pixels::openai", "false", f'"{repository}"']
    )

shapes = [tuple(row[1:7] + row[8:9] + row[10:]) for row in models]
assert len(set(shapes)) == len(shapes), "two models of the same shapes"
assert len(official) == len(OPENAI)

write(
    "known_models.inc",
    "make_known_models.py",
    [
        rows(
            "known_architecture",
            "known_architectures",
            models,
            "name, embedding, image size, patch size or 0 for a ResNet, width, hidden width, layers, heads; "
            "text width, heads, layers",
        ),
        rows(
            "known_weights",
            "all_known_weights",
            weights,
            "place of the architecture above, tag, activation, pixels, squashed, repository on huggingface.co",
        ),
        rows(
            "known_repository",
            "known_repositories",
            official,
            "place of the weights above, another repository that has them",
        ),
    ],
    module="load",
)
print(len(models), "models,", len(weights), "weights")
