"""Writes a random model of an open_clip architecture in half precision, one tensor at a time to bound memory.

    python tools/parity_models/random_checkpoint.py ViT-bigG-14 bigG.safetensors

For models too large to compare with the reference: tests loading, memory and finite outputs.
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np
import open_clip
import torch
from open_clip.model import CLIP


def shapes_of(name):
    """Name -> shape of every tensor, without allocating them."""
    config = open_clip.get_model_config(name)
    if config is None:
        raise SystemExit(f"open_clip has no model of the name {name}")
    config.pop("custom_text", None)
    with torch.device("meta"):
        model = CLIP(**config)
    return {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}


def random_tensor(name, shape, generator):
    """Scaled so that activations stay near 1; gains are near 1, the logit scale is 100."""
    if name == "logit_scale":
        return np.full(shape, np.log(100.0), np.float16)
    numbers = generator.standard_normal(shape, np.float32)
    if len(shape) <= 1:
        is_gain = name.endswith("weight")
        return (is_gain + 0.2 * numbers).astype(np.float16)
    if "embedding" in name:
        return (0.5 * numbers).astype(np.float16)
    fan_in = shape[0] if name.endswith(("visual.proj", "text_projection")) else int(np.prod(shape[1:]))
    return (numbers / np.sqrt(fan_in)).astype(np.float16)


def write(name, path, seed):
    shapes = shapes_of(name)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for key, shape in shapes.items():
        size = 2 * int(np.prod(shape, dtype=np.int64))
        header[key] = {"dtype": "F16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for key, shape in shapes.items():
            file.write(random_tensor(key, shape, generator).tobytes())
    return len(shapes), offset // 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="architecture of open_clip")
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tensors, numbers = write(options.name, options.path, options.seed)
    print(f"{options.path}: {tensors} tensors, {numbers:,} numbers")


if __name__ == "__main__":
    main()
