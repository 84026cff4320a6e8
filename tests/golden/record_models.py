"""Records tests/golden/models: tiny random CLIPs and the reference's activations after each stage.

Usage: python tests/golden/record_models.py [CASE...]      (all cases when none is named)

Each case becomes a folder with the weights and configuration as the library of that layout
publishes them, and expected.safetensors: inputs, and outputs of the reference in float64.
The packages are pinned in tools/requirements.txt.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from reference_models import Case, load, publish, random_pixels, random_prompts, run, versions

HERE = Path(__file__).resolve().parent / "models"
VOCABULARY = 600  # 512 byte symbols, 86 merges, start and end

OPENAI_EXTRAS = {"context_length": 16, "vocab_size": VOCABULARY}  # build_model drops these

CASES = [
    Case(
        name="openai_vit", layout="openai", storage="OPENAI", seed=101,
        config={
            "embed_dim": 32, "quick_gelu": True,
            "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 64, "layers": 2},
            "text_cfg": {"context_length": 16, "vocab_size": VOCABULARY,
                         "width": 64, "heads": 1, "layers": 1},
        },
        extras={**OPENAI_EXTRAS, "input_resolution": 32},
    ),
    Case(
        name="openai_resnet", layout="openai", storage="OPENAI", seed=102,
        config={
            "embed_dim": 24, "quick_gelu": True,
            "vision_cfg": {"image_size": 64, "width": 4, "layers": [1, 1, 1, 1]},
            "text_cfg": {"context_length": 16, "vocab_size": VOCABULARY,
                         "width": 64, "heads": 1, "layers": 1},
        },
        extras={**OPENAI_EXTRAS, "input_resolution": 64},
    ),
]


def float32_errors(exact, rounded):
    """Metadata that helps to derive bounds: the reference's own error when it runs in float32."""
    return {f"float32.{name}": f"{(rounded[name].double() - value).abs().max():.3e} of {value.abs().max():.3e}"
            for name, value in exact.items()}


def record(case):
    """Publishes one case and writes its expectations; returns what a person wants to know of it."""
    folder = HERE / case.name
    weights = publish(case, folder)
    pixels, prompts = random_pixels(case), random_prompts(case)
    exact = run(case, load(case, folder, torch.float64), pixels, prompts)
    rounded = run(case, load(case, folder, torch.float32), pixels, prompts)
    tensors = {"pixels": pixels, **exact}
    for index, ids in enumerate(prompts):
        tensors[f"ids.{index}"] = torch.tensor(ids, dtype=torch.int64)
    metadata = {"reference": versions(), "seed": str(case.seed), **float32_errors(exact, rounded)}
    expected = folder / "expected.safetensors"
    save_file(tensors, expected, metadata=metadata)
    return weights.stat().st_size, expected.stat().st_size, metadata


def main(names):
    known = {case.name for case in CASES}
    if unknown := set(names) - known:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")
    for case in CASES:
        if names and case.name not in names:
            continue
        weights, expected, metadata = record(case)
        print(f"{case.name:24} weights {weights:8,} bytes, expected {expected:8,} bytes")
        for key, value in metadata.items():
            print(f"    {key:44} {value}")


if __name__ == "__main__":
    main(sys.argv[1:])
