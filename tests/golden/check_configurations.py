"""Compares the program with open_clip on every configuration of open_clip's own table that is built of its own towers.

Usage: python tests/golden/check_configurations.py BINARY [NAME...] [--seed S] [--refused]

Each of open_clip's model_configs with a VisionTransformer or ModifiedResNet and open_clip's text transformer is built
with its own widths, heads, activation, pooling, norms, mask and tokenizer, but of two layers (one block a stage), a few
patches and a small vocabulary; weights and biases are random. The program must embed pixels and ids as open_clip does
in float64: cosine >= 0.999999 and relative error <= 1e-4. Some are embedded with another image size as well, their
positions resampled as open_clip and transformers do it. Then the other configurations, and what the program says of
them. Exits 1 when anything differs."""

import argparse
import copy
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.model import resize_pos_embed
from safetensors.torch import load_file

from check_models import LARGEST_ERROR, LEAST_COSINE, Failed, call, compare, embed
from reference_models import (Case, construct_open_clip, encode_image, encode_text, load, padded, publish,
                              random_pixels, random_prompts, versions)

TABLE = Path(open_clip.__file__).parent / "model_configs"
VOCABULARY = 1000
RESIZED = {"ViT-B-32": (64, 288), "ViT-L-14-CLIPA": (70,), "ViT-M-16-alt": (80,)}  # each has images of 3 x 3 patches


def foreign(config):
    """Whether another library's tower, or a captioner, belongs to it."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    return ("timm_model_name" in vision or "hf_model_name" in text or "multimodal_cfg" in config
            or isinstance(vision.get("attentional_pool"), (bool, str)))


def reduced(config):
    """The same towers, less deep, over smaller images and fewer words."""
    config = copy.deepcopy(config)
    vision, text = config["vision_cfg"], config["text_cfg"]
    if isinstance(vision["layers"], list):
        vision.update(layers=[1, 1, 1, 1], image_size=64)
    else:
        vision.update(layers=2, image_size=3 * vision["patch_size"])
    text.update(layers=2, vocab_size=VOCABULARY, context_length=text.get("context_length", 77))
    return config


def figures(actual, expected):
    cosine, error = compare(actual, expected)
    return f"{cosine:13.10f} {error:8.1e}", cosine >= LEAST_COSINE and error <= LARGEST_ERROR


def check(binary, case, folder):
    """The figures of images and of texts, and whether both agree."""
    publish(case, folder / "model")
    model = load(case, folder / "model")
    pixels, prompts = random_pixels(case, images=1), random_prompts(case)
    np.save(folder / "pixels.npy", pixels.float().numpy())
    (folder / "ids.json").write_text(json.dumps(prompts))
    with torch.no_grad():
        wanted_image = encode_image(model, pixels).numpy()
        wanted_text = encode_text(model, padded(case, prompts)).numpy()
    image, image_agrees = figures(embed(binary, folder / "model", folder, "--pixels", folder / "pixels.npy"), wanted_image)
    text, text_agrees = figures(embed(binary, folder / "model", folder, "--ids", folder / "ids.json"), wanted_text)
    return f"{image} {text}", image_agrees and text_agrees


def with_positions_of(case, folder, size, dtype):
    """open_clip's model for images of another size, its positions resampled as open_clip loads them."""
    config = copy.deepcopy(case.config)
    config["vision_cfg"]["image_size"] = size
    model = construct_open_clip(config).to(dtype)
    state = {name: value.to(dtype) for name, value in load_file(folder / case.weights_file).items()}
    resize_pos_embed(state, model)
    model.load_state_dict(state)
    return model


def embedded_at(binary, folder, pixels, size):
    np.save(folder / "resized.npy", pixels.float().numpy())
    output = folder / "resized.embedding.npy"
    call(binary, "embed", "--pixels", folder / "resized.npy", "--model", folder / "model", "--image-size", size, "--output", output)
    return np.load(output).astype(np.float64)


def random_images(seed, size):
    return torch.randn((1, 3, size, size), generator=torch.Generator().manual_seed(seed)).double()


@torch.no_grad()
def check_size(binary, case, folder, size):
    pixels = random_images(case.seed + size, size)
    expected = encode_image(with_positions_of(case, folder / "model", size, torch.float64), pixels).numpy()
    return figures(embedded_at(binary, folder, pixels, size), expected)


@torch.no_grad()
def check_hugging_face_size(binary, folder, size, seed):
    """A CLIPModel of transformers with interpolate_pos_encoding."""
    tower = {"hidden_size": 96, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 192, "projection_dim": 32}
    case = Case(name="hugging_face", layout="hugging_face", seed=seed, config={
        "projection_dim": 32, "vision_config": {"image_size": 224, "patch_size": 32, **tower},
        "text_config": {"vocab_size": VOCABULARY, "max_position_embeddings": 16,
                                                "eos_token_id": VOCABULARY - 1, **tower}})
    publish(case, folder / "model")
    model = load(case, folder / "model")
    pixels = random_images(seed, size)
    pooled = model.vision_model(pixel_values=pixels, interpolate_pos_encoding=True).pooler_output
    return figures(embedded_at(binary, folder, pixels, size), model.visual_projection(pooled).numpy())


def check_configuration(binary, name, config, seed):
    """Prints its lines of the table; returns how many of them differ."""
    case = Case(name=name, layout="open_clip", config=reduced(config), seed=seed, storage="BF16")
    checks = [(name, check)]
    for size in RESIZED.get(name, ()):
        checks.append((f"  images of {size}", lambda *words, size=size: check_size(*words, size)))
    differing = 0
    with tempfile.TemporaryDirectory() as folder:
        for title, run in checks:
            try:
                line, agrees = run(binary, case, Path(folder))
            except Failed as problem:
                line, agrees = str(problem), False
            print(f"{title:32} {line}  {'ok' if agrees else 'differs'}", flush=True)
            differing += not agrees
    return differing


def reason(binary, config):
    """What the program says of a configuration that is not for it."""
    weights = Path(__file__).resolve().parent / "models/openai_vit/model.safetensors"
    try:
        call(binary, "inspect", weights, "--config", config)
    except Failed as refusal:
        return str(refusal).split(": ", 1)[1].replace(str(config), config.name)
    return None


def list_refused(binary, table):
    """Prints what the program says of each configuration that is not for it; returns how many it takes all the same."""
    accepted = 0
    print("refused:")
    for name in table:
        if not foreign(table[name]):
            continue
        reported = reason(binary, TABLE / f"{name}.json")
        print(f"  {name:40} {reported or 'ACCEPTED'}")
        accepted += reported is None
    return accepted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path, help="the program, such as build/zeroshot")
    parser.add_argument("names", nargs="*", help="of configurations; all when none is named")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and inputs (default 0)")
    parser.add_argument("--refused", action="store_true", help="only the list of those that are refused, and why")
    options = parser.parse_args()
    torch.set_num_threads(1)
    binary = options.binary.resolve()
    table = {path.stem: json.loads(path.read_text()) for path in sorted(TABLE.glob("*.json"))}
    if options.refused:
        return 1 if list_refused(binary, table) else 0
    own = [name for name in table if not foreign(table[name]) and (not options.names or name in options.names)]
    print(f"reference: {versions()}, float64")
    print(f"{'configuration':32} {'image cosine':>13} {'error':>8} {'text cosine':>13} {'error':>8}")
    differing = sum(check_configuration(binary, name, table[name], options.seed + 10 * index)
                    for index, name in enumerate(own))
    with tempfile.TemporaryDirectory() as folder:
        for size in (160, 288):
            line, agrees = check_hugging_face_size(binary, Path(folder), size, options.seed)
            print(f"{f'Hugging Face, images of {size}':32} {line}  {'ok' if agrees else 'differs'}")
            differing += not agrees
    print(f"{len(own)} configurations, {differing} lines differ")
    if not options.names:
        differing += list_refused(binary, table)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
