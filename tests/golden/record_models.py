"""Records tests/golden/models: tiny random CLIPs and the reference's activations after each stage.

Usage: python tests/golden/record_models.py [CASE...]      (all cases when none is named)

Each case becomes a folder with the weights and configuration as the library of that layout
publishes them, and expected.safetensors: inputs, and outputs of the reference in float64.
The packages are pinned in tools/requirements.txt.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from reference_models import Case, load, publish, random_pixels, random_prompts, run, versions

HERE = Path(__file__).resolve().parent / "models"
VOCABULARY = 600  # 512 byte symbols, 86 merges, start and end

WHOLE = ("embedding.image", "embedding.text", "logits_per_image")
WITHOUT_STAGES = ("open_clip_tanh_f16", "open_clip_tanh_bf16")  # the stages of open_clip_tanh differ by rounding only
HALF = (0.5, 0.5, 0.5)  # mean and std of laion2b_s32b_b82k's ViT-L-14


def openai(name, seed, embedding, image_size, **vision):
    """A bare file as OpenAI publishes it: float16 weights, quick GELU, width / 64 heads, no JSON."""
    return Case(
        name=name, layout="openai", storage="OPENAI", seed=seed,
        config={
            "embed_dim": embedding, "quick_gelu": True,
            "vision_cfg": {"image_size": image_size, **vision},
            "text_cfg": {"context_length": 16, "vocab_size": VOCABULARY, "width": 64, "heads": 1, "layers": 1},
        },
        # build_model drops these
        extras={"context_length": 16, "vocab_size": VOCABULARY, "input_resolution": image_size},
    )


def tanh_gelu(name, storage):
    """Tanh GELU, the hidden width of g/14's ratio, a temperature of shape [1] and a bias."""
    return Case(
        name=name, layout="open_clip", storage=storage, seed=104,
        config={
            "embed_dim": 20, "init_logit_bias": -10, "nonscalar_logit_scale": True,
            "vision_cfg": {"image_size": 30, "patch_size": 6, "width": 24, "head_width": 12, "layers": 2,
                           "mlp_ratio": 4.3637, "act_kwargs": {"approximate": "tanh"}},
            "text_cfg": {"context_length": 12, "vocab_size": VOCABULARY, "width": 16, "heads": 2, "layers": 2,
                         "mlp_ratio": 2.5, "act_kwargs": {"approximate": "tanh"}},
        },
    )


CASES = [
    openai("openai_vit", 101, 32, 32, patch_size=8, width=64, layers=2),
    openai("openai_resnet", 102, 24, 64, width=4, layers=[1, 1, 1, 1]),
    Case(  # exact GELU, heads of 10 and 5, patches of 14, a hidden layer of three widths, mean = std = 0.5
        name="open_clip_gelu", layout="open_clip", seed=103, mean=HALF, std=HALF,
        config={
            "embed_dim": 28,
            "vision_cfg": {"image_size": 42, "patch_size": 14, "width": 30, "head_width": 10, "layers": 2,
                           "mlp_ratio": 3.0},
            "text_cfg": {"context_length": 13, "vocab_size": VOCABULARY, "width": 20, "heads": 4, "layers": 3},
        },
    ),
    tanh_gelu("open_clip_tanh", "F32"),
    tanh_gelu("open_clip_tanh_f16", "F16"),
    tanh_gelu("open_clip_tanh_bf16", "BF16"),
    Case(  # several blocks a stage, 3 x 3 positions left for the pooling, heads of 32, exact GELU in the text
        name="open_clip_resnet", layout="open_clip", storage="F16", seed=105,
        config={
            "embed_dim": 16,
            "vision_cfg": {"image_size": 96, "width": 2, "head_width": 32, "layers": [2, 1, 2, 1]},
            "text_cfg": {"context_length": 12, "vocab_size": VOCABULARY, "width": 16, "heads": 4, "layers": 2},
        },
    ),
    Case(  # the text tower under "text.", its projection a Linear with a bias; quick GELU
        name="custom_text", layout="open_clip", storage="BF16", seed=106,
        config={
            "embed_dim": 20, "quick_gelu": True, "custom_text": True,
            "vision_cfg": {"image_size": 28, "patch_size": 7, "width": 32, "head_width": 16, "layers": 1},
            "text_cfg": {"context_length": 12, "vocab_size": VOCABULARY, "width": 20, "heads": 4, "layers": 2,
                         "proj_bias": True},
        },
    ),
    Case(  # no ln_pre, the mean of the patches, a text tower that sees its padding and is read at the last place of it
        name="open_clip_clipa", layout="open_clip", storage="BF16", seed=109,
        config={
            "embed_dim": 16,
            "vision_cfg": {"image_size": 24, "patch_size": 8, "width": 24, "head_width": 12, "layers": 2,
                           "mlp_ratio": 3.0, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
            "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 16, "heads": 2, "layers": 2,
                         "hf_tokenizer_name": "bert-base-uncased", "tokenizer_kwargs": {"strip_sep_token": True},
                         "pool_type": "last", "no_causal_mask": True},
        },
    ),
    Case(  # LayerScale in both towers
        name="open_clip_layer_scale", layout="open_clip", storage="F16", seed=110,
        config={
            "embed_dim": 16,
            "vision_cfg": {"image_size": 24, "patch_size": 8, "width": 24, "head_width": 12, "layers": 2,
                           "ls_init_value": 1e-4},
            "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 16, "heads": 2, "layers": 2,
                         "ls_init_value": 1e-4},
        },
    ),
    Case(  # an end token by its number, the mean of normalised patches
        name="open_clip_worldwide", layout="open_clip", storage="F16", seed=111,
        config={
            "embed_dim": 16,
            "vision_cfg": {"image_size": 24, "patch_size": 8, "width": 24, "head_width": 12, "layers": 2,
                           "pool_type": "avg"},
            "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 16, "heads": 2, "layers": 2,
                         "hf_tokenizer_name": "facebook/xlm-v-base", "pool_type": "eos", "eos_id": 2},
        },
    ),
    Case(  # towers that differ in width, hidden layer, heads, activation and epsilon
        name="hugging_face_mixed", layout="hugging_face", seed=107,
        config={
            "projection_dim": 24,
            "vision_config": {"image_size": 30, "patch_size": 10, "hidden_size": 24, "intermediate_size": 72,
                              "num_hidden_layers": 3, "num_attention_heads": 4, "hidden_act": "gelu",
                              "layer_norm_eps": 1e-6, "projection_dim": 24},
            "text_config": {"vocab_size": VOCABULARY, "max_position_embeddings": 13, "hidden_size": 18,
                            "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 3,
                            "hidden_act": "quick_gelu", "projection_dim": 24,
                            "bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1, "pad_token_id": 1},
        },
    ),
    Case(  # SigLIP: no class token, a pooling head, texts that see their padding; the right and lower 2 pixels are unused
        name="hugging_face_siglip", layout="siglip", seed=112, mean=HALF, std=HALF,
        config={
            "vision_config": {"image_size": 26, "patch_size": 8, "hidden_size": 24, "intermediate_size": 52,
                              "num_hidden_layers": 2, "num_attention_heads": 3},
            "text_config": {"vocab_size": 100, "max_position_embeddings": 9, "hidden_size": 20,
                            "intermediate_size": 44, "num_hidden_layers": 2, "num_attention_heads": 4,
                            "projection_size": 24},
        },
    ),
    Case(  # as older versions wrote it: eos_token_id 2 means argmax, *_config_dict wins, sizes are integers;
        # square projections, whose orientation no shape tells
        name="hugging_face_older", layout="hugging_face", storage="F16", seed=108,
        config={
            "projection_dim": 24,
            "vision_config": {"image_size": 24, "patch_size": 8, "hidden_size": 24, "intermediate_size": 96,
                              "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_act": "quick_gelu",
                              "projection_dim": 24},
            "text_config": {"vocab_size": VOCABULARY, "max_position_embeddings": 12, "hidden_size": 24,
                            "intermediate_size": 60, "num_hidden_layers": 2, "num_attention_heads": 2,
                            "hidden_act": "quick_gelu", "projection_dim": 24,
                            "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1},
        },
        extras={"text_model.embeddings.position_ids": [list(range(12))],
                "vision_model.embeddings.position_ids": [list(range(10))]},
        json={
            "config.json": {
                "dtype": None, "torch_dtype": "float16", "transformers_version": None,
                "text_config": {"hidden_act": "gelu", "intermediate_size": 2048},
                "vision_config": {"hidden_act": "gelu", "num_attention_heads": 12},
                "text_config_dict": {"vocab_size": VOCABULARY, "max_position_embeddings": 12, "hidden_size": 24,
                                     "intermediate_size": 60, "num_hidden_layers": 2, "num_attention_heads": 2,
                                     "hidden_act": "quick_gelu", "projection_dim": 24,
                                     "bos_token_id": 0, "eos_token_id": 2},
                "vision_config_dict": {"image_size": 24, "patch_size": 8, "hidden_size": 24,
                                       "intermediate_size": 96, "num_hidden_layers": 2,
                                       "num_attention_heads": 2, "projection_dim": 24},
            },
            "preprocessor_config.json": {
                "feature_extractor_type": "CLIPFeatureExtractor", "image_processor_type": None,
                "size": 24, "crop_size": 24,
            },
        },
    ),
]


def float32_errors(exact, rounded):
    """Metadata that helps to derive bounds: the reference's own error when it runs in float32."""
    return {f"float32.{name}": f"{(rounded[name].double() - value).abs().max():.3e} of {value.abs().max():.3e}"
            for name, value in exact.items()}


def sort_metadata(path):
    """Writes the metadata in order: safetensors shuffles it, and a record made twice shall be the same file."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the data stay aligned
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length:])
    path.chmod(0o644)


def record(case):
    """Publishes one case and writes its expectations; returns what a person wants to know of it."""
    folder = HERE / case.name
    weights = publish(case, folder)
    pixels = random_pixels(case, images=1 if case.is_resnet else 2)  # one, to stay small
    prompts = random_prompts(case)
    exact = run(case, load(case, folder, torch.float64), pixels, prompts)
    rounded = run(case, load(case, folder, torch.float32), pixels, prompts)
    if case.name in WITHOUT_STAGES:
        exact = {name: value for name, value in exact.items() if name in WHOLE}
    tensors = {"pixels": pixels, **exact}
    for index, ids in enumerate(prompts):
        tensors[f"ids.{index}"] = torch.tensor(ids, dtype=torch.int64)
    metadata = {"reference": versions(), "seed": str(case.seed), **float32_errors(exact, rounded)}
    expected = folder / "expected.safetensors"
    save_file(tensors, expected, metadata=metadata)
    sort_metadata(expected)
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
