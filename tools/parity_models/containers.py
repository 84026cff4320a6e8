"""Containers of state dicts, converted from a safetensors file."""

import json
import warnings
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

SHARDS = 3


def safetensors(weights):
    return weights


def plain(weights):
    """torch.save of the state dict."""
    path = weights.with_suffix(".pt")
    torch.save(load_file(weights), path)
    return path


def wrapped(weights):
    """A training checkpoint of open_clip: {"epoch": ..., "state_dict": {"module.visual.proj": ...}}."""
    path = weights.with_suffix(".pt")
    state = {f"module.{name}": tensor for name, tensor in load_file(weights).items()}
    torch.save({"epoch": 1, "name": "parity", "state_dict": state}, path)
    return path


class Holder(torch.nn.Module):
    """A module that only holds the tensors of a state dict."""

    def forward(self, number):
        return number


def torchscript(weights):
    """A torch.jit archive with the sizes as integers, as in OpenAI's files."""
    root = Holder()
    sizes = {name: torch.tensor(1) for name in ("input_resolution", "context_length", "vocab_size")}
    for name, tensor in (load_file(weights) | sizes).items():
        *path, leaf = name.split(".")
        module = root
        for part in path:
            if part not in module._modules:
                module.add_module(part, Holder())
            module = module._modules[part]
        module.register_buffer(leaf, tensor)
    path = weights.with_suffix(".pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; OpenAI's archives use it
        torch.jit.save(torch.jit.trace(root, torch.zeros(1), check_trace=False), path)
    return path


def shards(weights):
    """Several safetensors files with the index that transformers writes."""
    state = load_file(weights)
    names = sorted(state)
    places = {}
    for index in range(SHARDS):
        file = f"model-{index + 1:05}-of-{SHARDS:05}.safetensors"
        part = {name: state[name] for name in names[index::SHARDS]}
        save_file(part, weights.parent / file, metadata={"format": "pt"})
        places.update(dict.fromkeys(part, file))
    size = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (weights.parent / "model.safetensors.index.json").write_text(json.dumps(index))
    weights.unlink()
    return weights


# Container: writer, published layouts and storage types.
CONTAINERS = {
    "safetensors": (safetensors, ("openai", "open_clip", "custom_text", "hugging_face"), ("F32", "F16", "BF16")),
    "pt": (plain, ("openai",), ("F32", "F16")),
    "pt-wrapped": (wrapped, ("openai",), ("F32",)),
    "torchscript": (torchscript, ("openai",), ("OPENAI",)),
    "shards": (shards, ("hugging_face",), ("F32", "F16")),
}


def pack(container, layout, weights):
    """Writes the container beside the weights; returns the argument of --model, a bare file for OpenAI's layout."""
    path = CONTAINERS[container][0](Path(weights))
    return path if layout == "openai" else path.parent
