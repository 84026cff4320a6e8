"""Records the towers of hugging_face_mixed as transformers saves each alone: models/hugging_face_{image,text}.

Usage: python tests/golden/record_single_towers.py

CLIPVisionModelWithProjection and CLIPTextModelWithProjection keep their names, one projection and a configuration of their
own, and no temperature. What each gives in float64 is recorded, for the inputs of hugging_face_mixed.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from record_models import HERE, sort_metadata
from reference_models import versions

WHOLE = HERE / "hugging_face_mixed"


def tower(module):
    return module.from_pretrained(WHOLE, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True).eval()


def record(name, model, tensors):
    folder = HERE / name
    model.float().save_pretrained(folder)
    expected = folder / "expected.safetensors"
    save_file(tensors, expected, metadata={"reference": versions()})
    sort_metadata(expected)
    for path in folder.iterdir():
        path.chmod(0o644)


@torch.no_grad()
def main():
    inputs = load_file(WHOLE / "expected.safetensors")
    image = tower(CLIPVisionModelWithProjection).double()
    embeds = image(pixel_values=inputs["pixels"]).image_embeds
    record("hugging_face_image", image, {"pixels": inputs["pixels"], "embedding.image": embeds})
    shutil.copy(WHOLE / "preprocessor_config.json", HERE / "hugging_face_image")
    text = tower(CLIPTextModelWithProjection).double()
    ids = {key: value for key, value in inputs.items() if key.startswith("ids.")}
    rows = [text(input_ids=ids[f"ids.{i}"][None]).text_embeds for i in range(len(ids))]
    record("hugging_face_text", text, {**ids, "embedding.text": torch.cat(rows)})


if __name__ == "__main__":
    main()
