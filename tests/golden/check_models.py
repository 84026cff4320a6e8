"""Compares the program with the reference on random models, live: embeddings, and what inspect says.

Usage: python tests/golden/check_models.py BINARY [--cases N] [--seed S] [--keep FOLDER]

Draws N models (four layouts, both image towers, activations, widths, depths, patch and head sizes,
stored types), publishes each as its library does, and runs

    BINARY embed --pixels pixels.npy --model MODEL --output image.npy
    BINARY embed --ids ids.json --model MODEL --output text.npy
    BINARY inspect MODEL --json

Each embedding must have cosine >= 0.999999 and a relative error <= 1e-4 against the reference in
float64, and each field of inspect must say what was built. Exits 1 when anything differs.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from reference_models import (Case, OPENAI_MEAN, OPENAI_STD, encode_image, encode_text, load, padded, publish,
                              random_pixels, random_prompts, versions)

LEAST_COSINE = 0.999999
LARGEST_ERROR = 1e-4
VOCABULARY = 600  # 512 byte symbols, 86 merges, start and end
LAYOUTS = ("openai", "open_clip", "custom_text", "hugging_face", "siglip")
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


# ---- drawing ------------------------------------------------------------------------------------


def draw(index, seed):
    """A random case; the layouts and the towers take turns so that few cases cover them all."""
    rng = random.Random(f"{seed}/{index}")
    kind = LAYOUTS[index % len(LAYOUTS)]
    resnet = kind not in ("hugging_face", "siglip") and (index // len(LAYOUTS)) % 2 == 1
    mean, std = rng.choice([(OPENAI_MEAN, OPENAI_STD), ((0.5,) * 3, (0.5,) * 3), IMAGENET])
    build = {"openai": openai_config, "hugging_face": hugging_face_config, "siglip": siglip_config}.get(kind, open_clip_config)
    config = build(rng, resnet)
    if kind == "custom_text":
        config["custom_text"] = True
    if kind == "openai":
        mean, std = OPENAI_MEAN, OPENAI_STD
    return Case(
        name=f"{index:03}_{kind}_{'resnet' if resnet else 'vit'}",
        layout="open_clip" if kind == "custom_text" else kind, config=config, seed=1000 * (seed + 1) + 10 * index,
        storage="OPENAI" if kind == "openai" else rng.choice(["F32", "F16", "BF16"]), mean=mean, std=std)


def draw_blocks(rng):
    """(heads, head size, layers, hidden width / width)"""
    return rng.choice([1, 2, 3, 5]), rng.choice([4, 8, 12, 20, 64]), rng.randint(1, 4), rng.choice([2.0, 3.5, 4.0, 4.3637])


def openai_vision(rng, resnet):
    if resnet:
        return {"image_size": rng.choice([32, 64, 96]), "width": rng.choice([2, 4, 6, 10]),
                "layers": [rng.randint(1, 3) for _ in range(4)]}
    patch = rng.choice([4, 7, 8, 14, 16])
    return {"image_size": patch * rng.randint(1, 5), "patch_size": patch, "width": rng.choice([64, 128, 192]),
            "layers": rng.randint(1, 3)}


def openai_config(rng, resnet):
    width = rng.choice([64, 128])
    return {
        "embed_dim": rng.choice([16, 33, 64]), "quick_gelu": True, "vision_cfg": openai_vision(rng, resnet),
        "text_cfg": {"context_length": rng.randint(6, 20), "vocab_size": VOCABULARY, "width": width,
                     "heads": width // 64, "layers": rng.randint(1, 3)},
    }


def open_clip_config(rng, resnet):
    """model_cfg of open_clip; a ResNet's heads share 32 * width channels."""
    activation = rng.choice(["quick_gelu", "gelu", "tanh"])
    tanh = {"act_kwargs": {"approximate": "tanh"}} if activation == "tanh" else {}
    heads, size, layers, ratio = draw_blocks(rng)
    vision = openai_vision(rng, resnet)
    if resnet:
        vision["head_width"] = rng.choice([16, 32, 64])
    else:
        vision.update(width=heads * size, head_width=size, layers=layers, mlp_ratio=ratio, **tanh)
    heads, size, layers, ratio = draw_blocks(rng)
    config = {
        "embed_dim": rng.choice([16, 33, 64]), "vision_cfg": vision,
        "text_cfg": {"context_length": rng.randint(6, 20), "vocab_size": VOCABULARY, "width": heads * size,
                     "heads": heads, "layers": layers, "mlp_ratio": ratio, **tanh},
    }
    if activation == "quick_gelu":
        config["quick_gelu"] = True
    if rng.random() < 0.5:
        config["init_logit_bias"] = -10
    if rng.random() < 0.5:
        config["nonscalar_logit_scale"] = True
    if rng.random() < 0.3:
        config["text_cfg"]["proj_bias"] = True
    return config


def hugging_face_config(rng, _):
    activations = ["quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh"]
    embedding = rng.choice([16, 33, 64])

    def tower():
        heads, size, layers, ratio = draw_blocks(rng)
        return {"hidden_size": heads * size, "num_attention_heads": heads, "num_hidden_layers": layers,
                "intermediate_size": int(heads * size * ratio), "hidden_act": rng.choice(activations),
                "layer_norm_eps": rng.choice([1e-5, 1e-6]), "projection_dim": embedding}

    patch = rng.choice([4, 7, 8, 14, 16])
    return {
        "projection_dim": embedding,
        "vision_config": {"image_size": patch * rng.randint(1, 5), "patch_size": patch, **tower()},
        "text_config": {"vocab_size": VOCABULARY, "max_position_embeddings": rng.randint(6, 20),
                        "bos_token_id": VOCABULARY - 2, "eos_token_id": rng.choice([2, VOCABULARY - 1]), **tower()},
    }


def siglip_config(rng, _):
    """Pixels beyond the last whole patch are unused, as those of so400m-patch14-384."""
    def tower():
        heads, size, layers, ratio = draw_blocks(rng)
        return {"hidden_size": heads * size, "num_attention_heads": heads, "num_hidden_layers": layers,
                "intermediate_size": int(heads * size * ratio)}

    patch, vision = rng.choice([4, 7, 8, 14, 16]), tower()
    return {
        "vision_config": {"image_size": patch * rng.randint(1, 5) + rng.choice([0, 0, 2]), "patch_size": patch, **vision},
        "text_config": {"vocab_size": VOCABULARY, "max_position_embeddings": rng.randint(6, 20),
                        "projection_size": vision["hidden_size"], **tower()},
    }


# ---- what inspect must say ----------------------------------------------------------------------


def activation_of(case, tower):
    """quick_gelu, gelu or gelu_tanh; a ResNet has none."""
    if case.is_siglip:
        return "gelu_tanh"
    if case.is_hugging_face:
        name = tower["hidden_act"]
        return "gelu_tanh" if name in ("gelu_new", "gelu_pytorch_tanh") else name
    if isinstance(tower["layers"], list):
        return None
    if case.config.get("quick_gelu"):
        return "quick_gelu"
    return "gelu_tanh" if tower.get("act_kwargs") else "gelu"


def vision_heads_of(case):
    if case.is_hugging_face:
        return case.vision["num_attention_heads"]
    width = case.vision["width"] * (32 if case.is_resnet else 1)
    return width // case.vision.get("head_width", 64)


def wanted_fields(case, model):
    """Fields of inspect --json and their values; a tuple of names holds alternatives."""
    layout = ("hugging face siglip",) if case.is_siglip else ("hugging face",) if case.is_hugging_face else ("openai",)
    if case.config.get("custom_text"):
        layout = ("custom text", "open_clip CustomTextCLIP")
    activations = {activation_of(case, case.vision), activation_of(case, case.text)} - {None}
    bias = getattr(model, "logit_bias", None)
    return {
        "layout": layout,
        "image_encoder": ("modified resnet", "resnet") if case.is_resnet else ("vision transformer", "vit"),
        "image_size": case.image_size,
        "embedding": (case.text["projection_size"] if case.is_siglip
                      else case.config["projection_dim" if case.is_hugging_face else "embed_dim"]),
        "activation": activations,
        "vision_heads": vision_heads_of(case),
        "text_heads": case.text["num_attention_heads" if case.is_hugging_face else "heads"],
        "context": case.context,
        "vocabulary": case.vocabulary,
        "mean": list(case.mean),
        "std": list(case.std),
        "order": ("hf", "hugging face") if case.is_hugging_face else ("openai",),
        "logit_scale": float(model.logit_scale.detach().exp()),
        "logit_bias": 0.0 if bias is None else float(bias.detach()),
    }


def plain(text):
    """A name without its punctuation: "Vision Transformer" and vision_transformer are the same."""
    return "".join(character for character in str(text).lower() if character.isalnum())


def agrees(field, actual, expected):
    if field == "activation":  # of both towers, in whatever form
        reported = plain(json.dumps(actual))
        for name in sorted(expected, key=len, reverse=True):
            if plain(name) not in reported:
                return False
            reported = reported.replace(plain(name), "")
        return "gelu" not in reported
    if field == "logit_bias" and actual is None:
        return expected == 0.0
    if isinstance(expected, tuple):
        return plain(actual) in map(plain, expected)
    try:
        return np.allclose(actual, expected, rtol=1e-5, atol=0)
    except (TypeError, ValueError):
        return False


def differing_fields(reported, expected):
    reported = {**reported, "activation": [reported.get("activation"), reported.get("text_activation")]}
    return [f"{field} is {json.dumps(reported.get(field))}, expected {value}"
            for field, value in expected.items() if not agrees(field, reported.get(field), value)]


# ---- running ------------------------------------------------------------------------------------


class Failed(Exception):
    """The program refused, or gave something else than asked for."""


def call(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failed(f"{words[1]} exits {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def embed(binary, model, folder, option, source):
    output = folder / f"{source.stem}.embedding.npy"
    call(binary, "embed", option, source, "--model", model, "--output", output)
    return np.load(output).astype(np.float64)


def compare(actual, expected):
    """(least cosine, largest relative error) over the rows."""
    if actual.shape != expected.shape:
        raise Failed(f"embeddings are {actual.shape}, expected {expected.shape}")
    lengths = np.linalg.norm(actual, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (actual * expected).sum(axis=1) / lengths
    errors = np.linalg.norm(actual - expected, axis=1) / np.linalg.norm(expected, axis=1)
    return cosines.min(), errors.max()


def check(binary, case, folder):
    """Publishes a case, runs the program on it: (cosine, error) of images and of texts, complaints."""
    weights = publish(case, folder / "model")
    model = load(case, folder / "model")
    place = weights if case.layout == "openai" else folder / "model"
    pixels, prompts = random_pixels(case, images=3), random_prompts(case)
    np.save(folder / "pixels.npy", pixels.float().numpy())
    (folder / "ids.json").write_text(json.dumps(prompts))
    with torch.no_grad():
        wanted_image = encode_image(model, pixels).numpy()
        wanted_text = encode_text(model, padded(case, prompts)).numpy()
    image = compare(embed(binary, place, folder, "--pixels", folder / "pixels.npy"), wanted_image)
    text = compare(embed(binary, place, folder, "--ids", folder / "ids.json"), wanted_text)
    complaints = differing_fields(json.loads(call(binary, "inspect", place, "--json")), wanted_fields(case, model))
    for name, (cosine, error) in (("image", image), ("text", text)):
        if not (cosine >= LEAST_COSINE and error <= LARGEST_ERROR):
            complaints.append(f"{name} embeddings: cosine {cosine:.9f}, relative error {error:.2e}")
    return image, text, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path, help="the program, such as build/zeroshot")
    parser.add_argument("--cases", type=int, default=24, help="how many models (default 24)")
    parser.add_argument("--seed", type=int, default=0, help="of the models and inputs (default 0)")
    parser.add_argument("--keep", type=Path, help="leave models, inputs and outputs in this folder")
    options = parser.parse_args()
    if not options.binary.is_file():
        parser.error(f"{options.binary} is not there; build it first")

    torch.set_num_threads(1)
    print(f"reference: {versions()}, float64")
    print(f"{'model':30} {'stored':7} {'image cosine':>13} {'error':>8} {'text cosine':>13} {'error':>8}")
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        for index in range(options.cases):
            case = draw(index, options.seed)
            folder = (options.keep or Path(temporary)) / case.name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                image, text, complaints = check(options.binary.resolve(), case, folder)
                figures = f"{image[0]:13.10f} {image[1]:8.1e} {text[0]:13.10f} {text[1]:8.1e}"
            except (Failed, subprocess.TimeoutExpired, json.JSONDecodeError, OSError) as problem:
                figures, complaints = f"{'-':>13} {'-':>8} {'-':>13} {'-':>8}", [str(problem)]
            print(f"{case.name:30} {case.storage:7} {figures}  {'differs' if complaints else 'ok'}", flush=True)
            for complaint in complaints:
                print(f"    {complaint}")
            failures += bool(complaints)
    print(f"{options.cases - failures} of {options.cases} models agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
