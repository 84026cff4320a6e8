"""Writes a model as models/pictograms.safetensors: OpenAI's tensor names, and all that a loader must know in the header."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import model
import tokenizer

MEAN = [0.48145466, 0.4578275, 0.40821073]  # openai/CLIP clip/clip.py, _transform
STD = [0.26862954, 0.26130258, 0.27577711]

DESCRIPTION = {
    "format": 1,
    "name": "pictograms",
    "embedding": model.EMBEDDING,
    "image_encoder": {
        "kind": "modified_resnet",
        "image_size": model.IMAGE_SIZE,
        "width": model.IMAGE_WIDTH,
        "layers": list(model.IMAGE_LAYERS),
        "heads": model.IMAGE_HEADS,
    },
    "text_encoder": {
        "context": tokenizer.CONTEXT,
        "vocabulary": tokenizer.VOCABULARY,
        "width": model.TEXT_WIDTH,
        "layers": model.TEXT_LAYERS,
        "heads": model.TEXT_HEADS,
        "mlp_width": 4 * model.TEXT_WIDTH,
        "activation": "quick_gelu",
    },
}
PREPROCESSING = {"size": model.IMAGE_SIZE, "mean": MEAN, "std": STD, "order": "openai", "interpolation": "bicubic"}
LICENSE = "MIT; the drawings and names it learnt from keep their licences, see models/pictograms.md"


def _stays_float32(name: str, tensor: torch.Tensor) -> bool:
    """Normalisations keep their precision, as in OpenAI's own half-precision files."""
    is_normalisation = any(part in name for part in (".bn", "ln_", "downsample.1."))
    return is_normalisation or tensor.ndim == 0


def write(clip: model.Clip, path: Path) -> None:
    """The header of a file written by safetensors ends at a multiple of eight bytes: it pads with spaces."""
    tensors = {
        name: tensor.float().contiguous() if _stays_float32(name, tensor) else tensor.half().contiguous()
        for name, tensor in clip.state_as_openai().items()
    }
    merges = [" ".join(pair) for pair in tokenizer.merges]
    metadata = {
        "zeroshot.model": json.dumps(DESCRIPTION),
        "zeroshot.preprocessing": json.dumps(PREPROCESSING),
        "zeroshot.tokenizer": json.dumps({"kind": "clip_bpe", "merges": merges}, ensure_ascii=False),
        "license": LICENSE,
        "source": "tools/pictograms/train",
    }
    unfinished = path.with_suffix(".part")
    save_file(tensors, unfinished, metadata)
    unfinished.rename(path)


def read(path: Path) -> model.Clip:
    """The model of such a file; text layers that it lacks begin as the identity."""
    from safetensors.torch import load_file

    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    clip = model.Clip()
    clip.logit_scale.data = state.pop("logit_scale")
    image = {name: value for name, value in state.items() if name.startswith("visual.")}
    text = {name: value for name, value in state.items() if name not in image}
    missing, unexpected = clip.image.load_state_dict(image, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    missing, unexpected = clip.text.load_state_dict(text, strict=False)
    assert not unexpected and all(".resblocks." in name for name in missing), (missing, unexpected)
    for name, parameter in clip.text.named_parameters():
        if name in missing and any(part in name for part in ("out_proj.weight", "c_proj.weight")):
            torch.nn.init.zeros_(parameter)
    return clip.eval()
