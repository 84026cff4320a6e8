"""Records a small CLIP as transformers saves it (folders/transformers_5), and what transformers then reads from there.

Usage: python tests/golden/record_folders.py

expected.safetensors holds token ids of the texts in texts.json, their embeddings, random pixels and theirs. check_folders.py
compares many more folders with the program, live.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

import check_folders as folders
from record_models import sort_metadata
from reference_models import versions

FOLDER = Path(__file__).parent / "folders" / "transformers_5"
SIZES = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "projection_dim": 8}


@torch.no_grad()
def main():
    for part in (folders.TEXT, folders.VISION):
        part.update(SIZES)
    folders.save_with_processor(FOLDER, folders.clip().half(), variant="fp16", max_shard_size="25KB")
    reference = folders.transformers_reference(FOLDER, folders.Row("", "", None))
    reference.model.double()
    pixels = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()
    rows = reference.ids(folders.TEXTS)
    expected = {f"ids.{index}": torch.tensor(row) for index, row in enumerate(rows)}
    expected |= {"pixels": pixels, "embedding.image": reference.image(pixels),
                 "embedding.text": torch.cat([reference.text(torch.tensor([row])) for row in rows])}
    save_file(expected, FOLDER / "expected.safetensors", metadata={"reference": versions()})
    sort_metadata(FOLDER / "expected.safetensors")
    (FOLDER / "texts.json").write_text(json.dumps(folders.TEXTS, indent=1) + "\n")
    for path in FOLDER.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
