"""Compares the program with the libraries that write CLIPs, file by file: read, or refused by the name of what it is.

Usage: python tests/golden/check_folders.py PROGRAM [WORD...] [--table] [--keep FOLDER]

Small random CLIPs are saved by transformers, open_clip, sentence-transformers, diffusers, peft, accelerate, Lightning and
PyTorch themselves, in every way these offer. What is read must give the library's own pixels (within two grey levels),
ids (equal) and embeddings (relative error <= 1e-4); what is not must be refused by name, with the words listed here.
Rows of packages that are not installed are listed and passed over. --written-by names the Python of an environment with
transformers 4.30, TensorFlow and Flax, whose files transformers of this environment reads. WORDs select rows. Exits 1
when anything differs.
"""

import argparse
import contextlib
import copy
import importlib.util
import inspect
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

os.environ.update(HF_HUB_OFFLINE="1", TF_CPP_MIN_LOG_LEVEL="3", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from PIL import Image  # noqa: E402

LARGEST_ERROR = 1e-4
LARGEST_PIXEL = 0.035  # two grey levels after the division by the standard deviation
TEXTS = ["a photo of a dog", "Don't stop; it's 12 o'clock", "a photo of <dog> <Cat>", "<cat> photo of", "a dog<Cat>s", "Photo Of <DOG>"]
MEAN, STD = [0.4, 0.45, 0.5], [0.2, 0.25, 0.3]
START, END = "<|startoftext|>", "<|endoftext|>"
MAJOR = int(transformers.__version__.split(".")[0])

ROWS = []


class Passed(Exception):
    """A row that this environment cannot make, and the reason."""


@dataclass
class Row:
    writer: str
    what: str
    make: object
    needs: tuple = ()
    verdict: str = "read"
    words: tuple = ()  # in the refusal, or in the warnings
    kind: str = "CLIPModel"  # the class of transformers that reads it, where the maker gives no reference

    @property
    def name(self):
        return f"{self.writer}: {self.what}"


def row(writer, what, *, refused=(), warned=(), needs=(), kind="CLIPModel"):
    """Registers the maker of a row. It gets an empty folder, and returns the path for --model, and the reference unless
    transformers reads that path."""
    def register(make):
        ROWS.append(Row(writer, what, make, tuple(needs), "refused" if refused else "read", tuple(refused or warned), kind))
        return make
    return register


# ---- the tiny CLIP ------------------------------------------------------------------------------


def seeded(model):
    """The model with random parameters and buffers of its size, in eval mode."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name.endswith("logit_scale"):
                tensor.fill_(3.0)
            elif tensor.dim() <= 1:
                tensor.copy_((1.0 if "norm" in name or "ln_" in name else 0.0) * (name.endswith("weight"))
                             + 0.2 * torch.randn(tensor.shape, generator=generator))
            else:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 1.5 / tensor[0].numel() ** 0.5)
    return model.eval()


def bpe():
    """A tokenizer of CLIP's form: symbols and merges with ids from 0, then start and end."""
    symbols = list(bytes_to_symbols())
    vocabulary = symbols + [symbol + "</w>" for symbol in symbols]
    merges = [("t", "h"), ("th", "e</w>"), ("d", "o"), ("do", "g</w>"), ("p", "h"), ("ph", "o"), ("o", "f</w>"), ("i", "t</w>"),
              ("pho", "t"), ("phot", "o</w>")]
    vocabulary += ["".join(pair) for pair in merges] + [START, END]
    return {symbol: index for index, symbol in enumerate(vocabulary)}, merges


def bytes_to_symbols():
    """The characters that stand for bytes in GPT-2's byte pairs, in the order of OpenAI's vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in printable] + [chr(256 + index) for index in range(256 - len(printable))]


def vocabulary_files(folder):
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = bpe()
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    return folder


def tokenizer(kind="CLIPTokenizerFast"):
    with tempfile.TemporaryDirectory() as folder:
        return getattr(transformers, kind).from_pretrained(vocabulary_files(Path(folder)), model_max_length=40)


def image_processor(kind="CLIPImageProcessor", **options):
    options = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "image_mean": MEAN, "image_std": STD, **options}
    if not hasattr(transformers, kind):
        raise Passed(f"transformers {transformers.__version__} has no {kind}")
    return getattr(transformers, kind)(**options)


VOCABULARY = len(bpe()[0])
BLOCKS = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = {**BLOCKS, "vocab_size": VOCABULARY, "max_position_embeddings": 40, "projection_dim": 24, "hidden_act": "gelu",
        "bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1, "pad_token_id": VOCABULARY - 1}
VISION = {**BLOCKS, "image_size": 32, "patch_size": 8, "projection_dim": 24}


def clip():
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)
    return seeded(transformers.CLIPModel(config))


def tower(name):
    config = transformers.CLIPTextConfig(**TEXT) if "Text" in name else transformers.CLIPVisionConfig(**VISION)
    return seeded(getattr(transformers, name)(config))


# ---- references: the library reads the folder itself --------------------------------------------


def features(output):
    """The embedding, which transformers 5 gives inside an object."""
    return getattr(output, "pooler_output", output)


def reference_of(model, processor=None, texts=None, pixels=None):
    """Functions of an image and of texts; the parts that there are."""
    made = SimpleNamespace(model=model)
    if processor is not None:
        made.pixels = lambda image: processor(images=[image], return_tensors="pt")["pixel_values"]
    if pixels is not None:
        made.pixels = pixels
    if hasattr(model, "get_image_features"):
        made.image = lambda batch: features(model.get_image_features(pixel_values=batch))
    elif hasattr(model, "visual_projection"):
        made.image = lambda batch: model(pixel_values=batch).image_embeds
    elif hasattr(model, "encode_image"):
        made.image = model.encode_image
    if hasattr(model, "get_text_features"):
        made.text = lambda ids: features(model.get_text_features(input_ids=ids))
    elif hasattr(model, "text_projection") and hasattr(model, "text_model"):
        made.text = lambda ids: model(input_ids=ids).text_embeds
    elif hasattr(model, "encode_text"):
        made.text = model.encode_text
    if texts is not None:
        made.ids = texts
    return made


def transformers_reference(folder, row):
    """What transformers itself reads from the folder, or from the one in it that has a model's configuration."""
    configurations = sorted(folder.rglob("config.json"), key=lambda path: len(path.parts))
    folder = next(path.parent for path in configurations if "model_type" in path.read_text())
    names = {path.name for path in folder.iterdir()}
    options = {"dtype" if MAJOR >= 5 else "torch_dtype": torch.float32}
    if not any(name.startswith(("model.safetensors", "pytorch_model.bin")) and "fp16" not in name for name in names):
        options["variant"] = "fp16"
    model = getattr(transformers, row.kind).from_pretrained(folder, **options).eval()
    has_processor = names & {"preprocessor_config.json", "processor_config.json"}
    processor = transformers.CLIPImageProcessor.from_pretrained(folder) if has_processor else None
    has_tokenizer = names & {"tokenizer.json", "vocab.json"} and "tokenizer" not in row.words
    tokens = transformers.AutoTokenizer.from_pretrained(folder) if has_tokenizer else None
    return reference_of(model, processor, tokens and (lambda texts: [tokens(text)["input_ids"] for text in texts]))


# ---- rows: transformers -------------------------------------------------------------------------

TRANSFORMERS = f"transformers {transformers.__version__}"


def save_with_processor(folder, model=None, **options):
    (model or clip()).save_pretrained(folder, **options)
    transformers.CLIPProcessor(image_processor(), tokenizer()).save_pretrained(folder)


@row(TRANSFORMERS, "CLIPModel and CLIPProcessor")
def _(folder):
    save_with_processor(folder)
    return folder


def older_serialization(folder, **options):
    """Saves pytorch_model.bin, which transformers 5 does no longer."""
    save_with_processor(folder, safe_serialization=False, **options)
    if not list(folder.glob("*.bin*")):
        raise Passed("this release writes safetensors alone")


@row(TRANSFORMERS, "CLIPModel, safe_serialization=False")
def _(folder):
    older_serialization(folder)
    return folder


@row(TRANSFORMERS, "CLIPModel, safe_serialization=True")
def _(folder):
    save_with_processor(folder, safe_serialization=True)
    return folder


@row(TRANSFORMERS, "CLIPModel in shards")
def _(folder):
    save_with_processor(folder, max_shard_size="40KB")
    assert list(folder.glob("*.index.json"))
    return folder


@row(TRANSFORMERS, "CLIPModel in shards of safetensors")
def _(folder):
    save_with_processor(folder, max_shard_size="40KB", safe_serialization=True)
    return folder


@row(TRANSFORMERS, "CLIPModel, variant=\"fp16\"")
def _(folder):
    save_with_processor(folder, clip().half(), variant="fp16")
    return folder


@row(TRANSFORMERS, "CLIPModel, variant=\"fp16\" in shards")
def _(folder):
    save_with_processor(folder, clip().half(), variant="fp16", max_shard_size="20KB")
    return folder


@row(TRANSFORMERS, "CLIPModel twice, the second as variant=\"fp16\"")
def _(folder):
    save_with_processor(folder)
    clip().half().save_pretrained(folder, variant="fp16")
    return folder


for number in ("float16", "bfloat16", "float64"):
    @row(TRANSFORMERS, f"CLIPModel in {number}")
    def _(folder, number=number):
        save_with_processor(folder, clip().to(getattr(torch, number)))
        return folder


@row(TRANSFORMERS, "CLIPModel alone", warned=["comes with none"])
def _(folder):
    clip().save_pretrained(folder)
    return folder


for kind in ("CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor"):
    @row(TRANSFORMERS, f"CLIPModel and {kind}", warned=["comes with none"])
    def _(folder, kind=kind):
        processor = image_processor(kind)
        clip().save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder


IMAGE_OPTIONS = {
    "another size before the crop": {"size": {"shortest_edge": 40}},
    "images squashed": {"size": {"height": 32, "width": 32}, "do_center_crop": False},
    "bilinear": {"resample": 2},
}
for what, options in IMAGE_OPTIONS.items():
    @row(TRANSFORMERS, f"CLIPProcessor, {what}")
    def _(folder, options=options):
        if MAJOR < 5 and "height" in options.get("size", ()):
            raise Passed("CLIPImageProcessor of this release has no such size")
        clip().save_pretrained(folder)
        transformers.CLIPProcessor(image_processor(**options), tokenizer()).save_pretrained(folder)
        return folder

REFUSED_IMAGE_OPTIONS = {
    "no crop": ({"do_center_crop": False}, "do_center_crop"),
    "no normalisation": ({"do_normalize": False}, "do_normalize"),
    "pixels of 0 to 255": ({"do_rescale": False}, "do_rescale"),
    "another factor": ({"rescale_factor": 1 / 127.5}, "1/255"),
    "nearest neighbour": ({"resample": 0}, "resample"),
    "a longest edge": ({"size": {"shortest_edge": 40, "longest_edge": 50}}, "longest_edge"),
    "a rectangle": ({"crop_size": {"height": 32, "width": 24}}, "square"),
    "crops of another size than the tower's": ({"crop_size": {"height": 24, "width": 24}}, "size of the preprocessing"),
}
for what, (options, word) in REFUSED_IMAGE_OPTIONS.items():
    @row(TRANSFORMERS, f"CLIPProcessor, {what}", refused=[word])
    def _(folder, options=options):
        clip().save_pretrained(folder)
        transformers.CLIPProcessor(image_processor(**options), tokenizer()).save_pretrained(folder)
        return folder


for kind in ("CLIPTokenizer", "CLIPTokenizerFast"):
    @row(TRANSFORMERS, f"CLIPModel and {kind}")
    def _(folder, kind=kind):
        clip().save_pretrained(folder)
        tokenizer(kind).save_pretrained(folder)
        return folder

    @row(TRANSFORMERS, f"CLIPModel and {kind} with added tokens")
    def _(folder, kind=kind):
        model, tokens = clip(), tokenizer(kind)
        tokens.add_tokens(["photo of", "<Cat>"])
        tokens.add_special_tokens({"additional_special_tokens": ["<dog>"]})
        model.text_model.resize_token_embeddings(len(tokens)) if hasattr(model.text_model, "resize_token_embeddings") else None
        if model.text_model.embeddings.token_embedding.weight.shape[0] != len(tokens):
            old = model.text_model.embeddings.token_embedding
            new = torch.nn.Embedding(len(tokens), old.weight.shape[1])
            new.weight.data[:len(old.weight)] = old.weight.data
            model.text_model.embeddings.token_embedding = new
        model.config.text_config.vocab_size = len(tokens)
        model.save_pretrained(folder)
        tokens.save_pretrained(folder)
        return folder


@row(TRANSFORMERS, "CLIPModel and a tokenizer of GPT-2", warned=["tokenizer"])
def _(folder):
    clip().save_pretrained(folder)
    vocabulary_files(folder)
    symbols = [*bytes_to_symbols(), "th", "the", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({symbol: index for index, symbol in enumerate(symbols)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\n")
    tokens = transformers.GPT2Tokenizer.from_pretrained(folder)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()
    tokens.save_pretrained(folder)
    return folder


for kind in ("CLIPTextModelWithProjection", "CLIPVisionModelWithProjection"):
    @row(TRANSFORMERS, kind, kind=kind)
    def _(folder, kind=kind):
        tower(kind).save_pretrained(folder)
        (tokenizer() if "Text" in kind else image_processor()).save_pretrained(folder)
        return folder

    @row(TRANSFORMERS, f"{kind} out of a CLIPModel", kind=kind)
    def _(folder, kind=kind):
        with tempfile.TemporaryDirectory() as whole:
            clip().save_pretrained(whole)
            getattr(transformers, kind).from_pretrained(whole).save_pretrained(folder)
        (tokenizer() if "Text" in kind else image_processor()).save_pretrained(folder)
        return folder

for kind in ("CLIPTextModel", "CLIPVisionModel"):
    @row(TRANSFORMERS, kind, refused=[kind, "projection", "whole CLIP"])
    def _(folder, kind=kind):
        tower(kind).save_pretrained(folder)
        return folder


@row(TRANSFORMERS, "CLIPForImageClassification", refused=["CLIPForImageClassification", "whole CLIP"])
def _(folder):
    if not hasattr(transformers, "CLIPForImageClassification"):
        raise Passed(f"transformers {transformers.__version__} has none")
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24, num_labels=5)
    seeded(transformers.CLIPForImageClassification(config)).save_pretrained(folder)
    return folder


def other(kind, config):
    """A model of another kind from a function of its configuration."""
    if not hasattr(transformers, kind):
        raise Passed(f"transformers {transformers.__version__} has no {kind}")
    return seeded(getattr(transformers, kind)(config()))


BERT = {**BLOCKS, "vocab_size": 100, "max_position_embeddings": 20}


def dual_encoder():
    t = transformers
    return t.VisionTextDualEncoderConfig.from_vision_text_configs(t.CLIPVisionConfig(**VISION), t.BertConfig(**BERT))


def of(kind, **parts):
    return lambda: getattr(transformers, kind)(**parts)


SMALL_VISION = {key: VISION[key] for key in VISION if key != "projection_dim"}
SMALL_TEXT = {**BLOCKS, "vocab_size": 100, "max_position_embeddings": 16}
OTHERS = {
    "VisionTextDualEncoderModel": ("vision-text-dual-encoder", dual_encoder),
    "ChineseCLIPModel": ("chinese_clip", of("ChineseCLIPConfig", text_config=BERT, vision_config=VISION, projection_dim=24)),
    "AltCLIPModel": ("altclip", of("AltCLIPConfig", text_config={**BERT, "project_dim": 24, "max_position_embeddings": 30},
                                   vision_config=VISION, projection_dim=24)),
    "CLIPSegForImageSegmentation": ("clipseg", of("CLIPSegConfig", text_config=TEXT, vision_config=VISION, projection_dim=24,
                                                  extract_layers=[0, 1], reduce_dim=8)),
    "Siglip2Model": ("siglip2", of("Siglip2Config", text_config=SMALL_TEXT,
                                   vision_config={**BLOCKS, "patch_size": 8, "num_patches": 16})),
    "MetaClip2Model": ("metaclip_2", of("MetaClip2Config", text_config=TEXT, vision_config=VISION, projection_dim=24)),
    "OwlViTModel": ("owlvit", of("OwlViTConfig", text_config=SMALL_TEXT, vision_config=SMALL_VISION, projection_dim=24)),
    "GroupViTModel": ("groupvit", of("GroupViTConfig", text_config=SMALL_TEXT, vision_config={
        **BLOCKS, "image_size": 32, "patch_size": 8, "depths": [1, 1, 1], "num_group_tokens": [4, 4, 0],
        "num_output_groups": [4, 4, 0]}, projection_dim=24)),
    "XCLIPModel": ("xclip", of("XCLIPConfig", text_config=TEXT, vision_config=VISION, projection_dim=24)),
    "BlipModel": ("blip", of("BlipConfig", text_config=BERT, vision_config=SMALL_VISION, projection_dim=24)),
    "BertModel": ("BertModel", of("BertConfig", **BERT)),
    "ViTModel": ("ViTModel", of("ViTConfig", **SMALL_VISION)),
}
for kind, (model_type, config) in OTHERS.items():
    @row(TRANSFORMERS, kind, refused=[model_type])
    def _(folder, kind=kind, config=config):
        other(kind, config).save_pretrained(folder)
        return folder


@row(TRANSFORMERS, "LlavaForConditionalGeneration", refused=["LlavaForConditionalGeneration"])
def _(folder):
    t = transformers
    llama = {"vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4}
    other("LlavaForConditionalGeneration", lambda: t.LlavaConfig(
        vision_config=t.CLIPVisionConfig(**VISION), text_config=t.LlamaConfig(**llama))).save_pretrained(folder)
    return folder


@row(TRANSFORMERS, "pipeline(\"zero-shot-image-classification\")")
def _(folder):
    transformers.pipeline("zero-shot-image-classification", model=clip(), tokenizer=tokenizer(),
                          image_processor=image_processor()).save_pretrained(folder)
    return folder


@row(TRANSFORMERS, "one of the shards of a CLIPModel", refused=["one of several shards"])
def _(folder):
    save_with_processor(folder, max_shard_size="40KB")
    return next(path for path in sorted(folder.iterdir()) if "00002-of-" in path.name)


@row(TRANSFORMERS, "shards of a CLIPModel without their index", refused=["shards without their index"])
def _(folder):
    save_with_processor(folder, max_shard_size="40KB")
    next(folder.glob("*.index.json")).unlink()
    return folder


class Pairs(torch.utils.data.Dataset):
    """Images and prompts for a step of training."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        ids = [VOCABULARY - 2, index, 5, VOCABULARY - 1]
        return {"pixel_values": torch.randn(3, 32, 32), "input_ids": torch.tensor(ids), "return_loss": True}


def collate(rows):
    return {"pixel_values": torch.stack([each["pixel_values"] for each in rows]),
            "input_ids": torch.stack([each["input_ids"] for each in rows]), "return_loss": True}


def trained(folder, model, **options):
    options = {"max_steps": 2, "save_steps": 1, "per_device_train_batch_size": 2, "report_to": [], "remove_unused_columns": False,
               "disable_tqdm": True, "use_cpu" if MAJOR >= 5 else "no_cuda": True, **options}
    arguments = transformers.TrainingArguments(str(folder), **options)
    trainer = transformers.Trainer(model=model, args=arguments, train_dataset=Pairs(), data_collator=collate)
    trainer.train()
    return trainer


@row(TRANSFORMERS, "Trainer, checkpoint-2", needs=["accelerate"], warned=["comes with none"])
def _(folder):
    trained(folder, clip())
    return folder / "checkpoint-2"


@row(TRANSFORMERS, "Trainer, its output folder of checkpoints", needs=["accelerate"], refused=["folders: checkpoint-1, checkpoint-2"])
def _(folder):
    trained(folder, clip())
    return folder


@row(TRANSFORMERS, "Trainer, save_model() beside its checkpoints", needs=["accelerate"], warned=["comes with none"])
def _(folder):
    trained(folder, clip()).save_model()
    return folder


@row(TRANSFORMERS, "TFCLIPModel, tf_model.h5", needs=["tensorflow"], refused=["tf_model.h5", "TensorFlow", "from_tf=True"])
def _(folder):
    tensorflow_clip(folder)
    return folder


@row(TRANSFORMERS, "TFCLIPModel, the file", needs=["tensorflow"], refused=["HDF5"])
def _(folder):
    tensorflow_clip(folder)
    return folder / "tf_model.h5"


@row(TRANSFORMERS, "TFCLIPModel, safe_serialization=True", needs=["tensorflow"], refused=["TensorFlow"])
def _(folder):
    tensorflow_clip(folder, safe_serialization=True)
    return folder


@row(TRANSFORMERS, "SavedModel of TensorFlow", needs=["tensorflow"], refused=["TensorFlow"])
def _(folder):
    import tensorflow
    tensorflow.saved_model.save(tensorflow.Module(), str(folder))
    return folder


def tensorflow_clip(folder, **options):
    if not hasattr(transformers, "TFCLIPModel"):
        raise Passed(f"transformers {transformers.__version__} has no TensorFlow")
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)
    model = transformers.TFCLIPModel(config)
    model(model.dummy_inputs)
    model.save_pretrained(folder, **options)


def flax_clip(folder):
    if not hasattr(transformers, "FlaxCLIPModel"):
        raise Passed(f"transformers {transformers.__version__} has no Flax")
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24)
    transformers.FlaxCLIPModel(config).save_pretrained(folder)


@row(TRANSFORMERS, "FlaxCLIPModel, flax_model.msgpack", needs=["flax"], refused=["flax_model.msgpack", "Flax", "from_flax=True"])
def _(folder):
    flax_clip(folder)
    return folder


@row(TRANSFORMERS, "FlaxCLIPModel, the file", needs=["flax"], refused=["Flax"])
def _(folder):
    flax_clip(folder)
    return folder / "flax_model.msgpack"


# ---- rows: open_clip ----------------------------------------------------------------------------

OPEN_CLIP_TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}
OPEN_CLIP = {"embed_dim": 24, "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 2, "head_width": 8},
             "text_cfg": OPEN_CLIP_TEXT}
OPEN_CLIP_RESNET = {**OPEN_CLIP, "vision_cfg": {"image_size": 32, "width": 8, "layers": [1, 1, 1, 1], "head_width": 32}}


def open_clip_model(config=OPEN_CLIP, custom=False, **preprocess):
    import open_clip
    from open_clip.model import CustomTextCLIP, set_model_preprocess_cfg
    if custom and "multimodal_cfg" in config:
        model = open_clip.CoCa(**config)
    else:
        model = (CustomTextCLIP if custom else open_clip.CLIP)(**config)
    set_model_preprocess_cfg(model, {"mean": MEAN, "std": STD, **preprocess})
    return seeded(model)


def openai_tokenizer():
    """OpenAI's vocabulary as transformers' tokenizer, which push_to_hf_hub puts beside every model."""
    from open_clip.tokenizer import SimpleTokenizer
    simple = SimpleTokenizer()
    ordered = sorted(simple.encoder, key=simple.encoder.get)
    names = {"<start_of_text>": START, "<end_of_text>": END}
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = {names.get(symbol, symbol): index for index, symbol in enumerate(ordered)}
        (Path(folder) / "vocab.json").write_text(json.dumps(vocabulary))
        ranked = sorted(simple.bpe_ranks, key=simple.bpe_ranks.get)
        (Path(folder) / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in ranked))
        return transformers.CLIPTokenizerFast.from_pretrained(folder)


def open_clip_reference(folder):
    """What open_clip itself reads from the folder, with the tokenizer it takes for it."""
    import open_clip
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")
    texts = (lambda rows: [cut(tokens(row)[0].tolist()) for row in rows])
    return reference_of(model.float().eval(), texts=texts, pixels=lambda image: transform(image)[None])


def cut(ids):
    """Ids up to the first of the highest, the end token."""
    return ids[:ids.index(max(ids)) + 1]


def push(folder, model, config, safe="both"):
    """What push_to_hf_hub uploads."""
    from open_clip.push_to_hf_hub import save_for_hf
    save_for_hf(model, openai_tokenizer(), config, folder, safe_serialization=safe)
    (folder / "README.md").write_text("---\nlibrary_name: open_clip\n---\n")


def open_clip_row(what, config=OPEN_CLIP, safe="both", custom=False, half=None, warned=("not read, in its folder: tokenizer.json",), **preprocess):
    @row("open_clip", what, needs=["open_clip"], warned=warned)
    def _(folder):
        model = open_clip_model(config, custom, **preprocess)
        push(folder, model.to(half) if half else model, {**config, **({"custom_text": True} if custom else {})}, safe)
        return folder, open_clip_reference(folder)


open_clip_row("push_to_hf_hub")
open_clip_row("push_to_hf_hub, safe_serialization=True", safe=True)
open_clip_row("push_to_hf_hub, safe_serialization=False", safe=False)
open_clip_row("push_to_hf_hub of a ResNet", OPEN_CLIP_RESNET)
open_clip_row("push_to_hf_hub of a CustomTextCLIP", custom=True)
open_clip_row("push_to_hf_hub in float16", half=torch.float16)
open_clip_row("push_to_hf_hub, bilinear and squashed", interpolation="bilinear", resize_mode="squash")


@row("open_clip", "push_to_hf_hub of a CoCa", needs=["open_clip"], refused=["CoCa"])
def _(folder):
    config = {**OPEN_CLIP, "text_cfg": {**OPEN_CLIP_TEXT, "embed_cls": True, "output_tokens": True},
              "vision_cfg": {**OPEN_CLIP["vision_cfg"], "attentional_pool": True, "attn_pooler_heads": 4, "output_tokens": True},
              "multimodal_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 1}}
    push(folder, open_clip_model(config, custom=True), config)
    return folder


@row("open_clip", "push_to_hf_hub with another tokenizer", needs=["open_clip"], warned=["someone/own-tokenizer"])
def _(folder):
    config = {**OPEN_CLIP, "text_cfg": {**OPEN_CLIP_TEXT, "hf_tokenizer_name": "someone/own-tokenizer"}}
    model = open_clip_model()
    push(folder, model, config)
    return folder, reference_of(model)


def training(model, wrap=lambda state: state):
    """epoch_N.pt of open_clip's training program: {"epoch", "name", "state_dict", "optimizer", "scaler"}."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    return {"epoch": 1, "name": "2026_12_01-model_tiny", "state_dict": wrap(model.state_dict()), "optimizer": optimizer.state_dict(),
            "scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0}}


def with_config(folder, config=OPEN_CLIP):
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {"mean": MEAN, "std": STD}}))


def prefixed(prefix):
    return lambda state: {prefix + name: tensor for name, tensor in state.items()}


for what, prefix in (("", ""), (", torchrun", "module."), (", torch.compile", "_orig_mod."), (", both", "module._orig_mod.")):
    @row("open_clip", f"checkpoint of its training program{what}", needs=["open_clip"], warned=[prefix] if prefix else ())
    def _(folder, prefix=prefix):
        with_config(folder)
        model = open_clip_model()
        torch.save(training(model, prefixed(prefix)), folder / "epoch_latest.pt")
        return folder, reference_of(model)


@row("open_clip", "checkpoints of several epochs", needs=["open_clip"], refused=["epoch_1.pt, epoch_2.pt", "the path of the file"])
def _(folder):
    with_config(folder)
    for epoch in (1, 2):
        torch.save(training(open_clip_model()), folder / f"epoch_{epoch}.pt")
    return folder


# ---- rows: sentence-transformers ----------------------------------------------------------------


def sentence_version():
    from importlib.metadata import PackageNotFoundError, version
    try:
        return f"sentence-transformers {version('sentence-transformers')}"
    except PackageNotFoundError:
        return "sentence-transformers"


SENTENCE = sentence_version()


@row(SENTENCE, "SentenceTransformer of a CLIPModel", needs=["sentence_transformers"])
def _(folder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import CLIPModel
    with tempfile.TemporaryDirectory() as whole:
        save_with_processor(Path(whole))
        SentenceTransformer(modules=[CLIPModel(whole)]).save(str(folder))
    return folder


@row(SENTENCE, "SentenceTransformer of a text model", needs=["sentence_transformers"], refused=["BertModel"])
def _(folder):
    from sentence_transformers import SentenceTransformer, models
    with tempfile.TemporaryDirectory() as whole:
        seeded(transformers.BertModel(transformers.BertConfig(**BERT))).save_pretrained(whole)
        (Path(whole) / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog"]))
        transformers.BertTokenizerFast(vocab_file=f"{whole}/vocab.txt").save_pretrained(whole)
        transformer = models.Transformer(whole)
        SentenceTransformer(modules=[transformer, models.Pooling(32)]).save(str(folder))
    return folder


# ---- rows: diffusers ----------------------------------------------------------------------------


def stable_diffusion(folder):
    import diffusers
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64), layers_per_block=1, sample_size=8, in_channels=4, out_channels=4, cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))
    vae = diffusers.AutoencoderKL(block_out_channels=[32], latent_channels=4)
    checker = StableDiffusionSafetyChecker(transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24))
    diffusers.StableDiffusionPipeline(
        vae=vae, text_encoder=tower("CLIPTextModel"), tokenizer=tokenizer("CLIPTokenizer"), unet=unet,
        scheduler=diffusers.PNDMScheduler(), safety_checker=seeded(checker), feature_extractor=image_processor()).save_pretrained(folder)
    return folder


PARTS = {
    "": ["model_index.json", "diffusers"],
    "text_encoder": ["CLIPTextModel", "projection"],
    "tokenizer": ["no checkpoint", "tokenizer"],
    "feature_extractor": ["no checkpoint"],
    "vae": ["AutoencoderKL"],
    "unet": ["UNet2DConditionModel"],
}
for part, words in PARTS.items():
    @row("diffusers", f"StableDiffusionPipeline, {part or 'the whole folder'}", needs=["diffusers"], refused=words)
    def _(folder, part=part):
        return stable_diffusion(folder) / part


@row("diffusers", "StableDiffusionPipeline, safety_checker", needs=["diffusers"], warned=["StableDiffusionSafetyChecker"])
def _(folder):
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    inner = stable_diffusion(folder) / "safety_checker"
    checker = StableDiffusionSafetyChecker.from_pretrained(inner).eval()
    reference = SimpleNamespace(image=lambda batch: checker.visual_projection(checker.vision_model(batch)[1]))
    return inner, reference


for kind, part in (("CLIPTextModelWithProjection", "text_encoder_2"), ("CLIPVisionModelWithProjection", "image_encoder")):
    @row("diffusers", f"{part} of a pipeline ({kind})", needs=["diffusers"], kind=kind,
         warned=["comes with none"] if "Text" in kind else ())
    def _(folder, kind=kind, part=part):
        import diffusers
        inner = tower(kind)
        holder = type("Holder", (diffusers.DiffusionPipeline,), {"__init__": lambda self, **parts: holder_init(self, parts)})
        def holder_init(self, parts):
            diffusers.DiffusionPipeline.__init__(self)
            self.register_modules(**parts)
        inner.save_pretrained(folder / part)
        return folder / part


# ---- rows: peft, accelerate, Lightning ----------------------------------------------------------


def adapted():
    import peft
    model = peft.get_peft_model(clip(), peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    model.peft_config["default"].base_model_name_or_path = "openai/clip-vit-base-patch32"
    return model.eval()


@row("peft", "adapter of LoRA", needs=["peft"], refused=["LoRA adapter", "openai/clip-vit-base-patch32", "merge_and_unload"])
def _(folder):
    adapted().save_pretrained(folder)
    return folder


@row("peft", "adapter of LoRA, the file", needs=["peft"], refused=["LoRA", "merge_and_unload"])
def _(folder):
    adapted().save_pretrained(folder)
    return folder / "adapter_model.safetensors"


@row("peft", "adapter of another method", needs=["peft"], refused=["adapter", "IA3"])
def _(folder):
    import peft
    peft.get_peft_model(clip(), peft.IA3Config(target_modules=["k_proj", "v_proj", "fc1"], feedforward_modules=["fc1"])).save_pretrained(folder)
    return folder


@row("peft", "state dict of the model with its adapter", needs=["peft"], refused=["LoRA", "merge_and_unload"])
def _(folder):
    torch.save(adapted().state_dict(), folder / "model.pt")
    return folder


@row("peft", "merge_and_unload()", needs=["peft"], warned=["comes with none"])
def _(folder):
    merged = adapted().merge_and_unload()
    merged.save_pretrained(folder)
    return folder


@row("peft", "adapter in a Trainer's checkpoint", needs=["peft", "accelerate"], refused=["adapter", "merge_and_unload"])
def _(folder):
    trained(folder, adapted())
    return folder / "checkpoint-2"


@row("accelerate", "save_state()", needs=["accelerate"], warned=["comes with none"])
def _(folder):
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True)
    model = clip()
    prepared, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
    accelerator.save_state(str(folder))
    model.config.save_pretrained(folder)
    return folder


@row("accelerate", "save_state() without a configuration", needs=["accelerate"], refused=["the number of heads of its text tower"])
def _(folder):
    from accelerate import Accelerator
    accelerator = Accelerator(cpu=True)
    model = clip()
    accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
    accelerator.save_state(str(folder))
    return folder


@row("accelerate", "save_model() in shards", needs=["accelerate"], warned=["comes with none"])
def _(folder):
    from accelerate import Accelerator
    model = clip()
    Accelerator(cpu=True).save_model(model, str(folder), max_shard_size="40KB")
    model.config.save_pretrained(folder)
    return folder


def lightning_checkpoint(folder, model, attribute):
    import pytorch_lightning as lightning
    from pytorch_lightning.callbacks import ModelCheckpoint

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters({"lr": 1e-3, "path": Path("a/b"), "names": {"a", "b"}})
            setattr(self, attribute, model)

        def training_step(self, batch, _):
            return sum(parameter.sum() for parameter in self.parameters()) * 1e-6

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=1e-6)

        def train_dataloader(self):
            return torch.utils.data.DataLoader(torch.zeros(2, 1))

    trainer = lightning.Trainer(max_steps=1, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
                                callbacks=[ModelCheckpoint(dirpath=folder, filename="last")])
    trainer.fit(Module())


for attribute in ("model", "clip", "net", "clip_model"):
    @row("Lightning", f"ModelCheckpoint of a module that holds a CLIP as {attribute}", needs=["pytorch_lightning", "open_clip"],
         warned=[f"{attribute}."])
    def _(folder, attribute=attribute):
        model = open_clip_model()
        lightning_checkpoint(folder, model, attribute)
        with_config(folder)
        return folder, reference_of(model.eval())


# ---- rows: PyTorch ------------------------------------------------------------------------------

TORCH = f"torch {torch.__version__.split('+')[0]}"


def in_file(writer, what, write, *, warned=(), refused=(), name="model.pt", needs=("open_clip",), config=True):
    """A file beside open_clip_config.json, written by write(model, path)."""
    @row(writer, what, needs=needs, warned=warned, refused=refused)
    def _(folder):
        if config:
            with_config(folder)
        model = open_clip_model()
        write(model, folder / name)
        return folder / name, None if refused else reference_of(model.eval())


def averaged(model):
    return torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99))


def with_wrapped(model, part, wrap):
    """The state dict of a model of which one part is wrapped."""
    model = copy.deepcopy(model)
    setattr(model, part, wrap(getattr(model, part)))
    return model.state_dict()


in_file(TORCH, "torch.save(model.state_dict())", lambda model, path: torch.save(model.state_dict(), path))
in_file(TORCH, "torch.save of DataParallel", lambda model, path: torch.save(torch.nn.DataParallel(model).state_dict(), path),
        warned=["module."])
in_file(TORCH, "torch.save of torch.compile(model)", lambda model, path: torch.save(torch.compile(model).state_dict(), path),
        warned=["_orig_mod."])
in_file(TORCH, "torch.save of AveragedModel (EMA)", lambda model, path: torch.save(averaged(model).state_dict(), path),
        warned=["module."])
for key in ("state_dict", "model", "model_state_dict", "model_state", "module", "net", "ema", "model_ema", "state_dict_ema",
            "ema_state_dict", "weights", "params", "params_ema", "network", "clip", "clip_model"):
    in_file(TORCH, f"torch.save of a dictionary with the state dict as {key}",
            lambda model, path, key=key: torch.save({"epoch": 3, "best": np.float64(0.5), "args": argparse.Namespace(path=path),
                                                     key: model.state_dict()}, path))
in_file(TORCH, "torch.save of the model and its average", lambda model, path: torch.save(
    {"model": model.state_dict(), "ema": {name: tensor * 0 for name, tensor in model.state_dict().items()}}, path))
in_file(TORCH, "torch.save(model)", lambda model, path: torch.save(model, path), refused=["CLIP", "model.state_dict()"])
in_file(TORCH, "torch.save({\"model\": model})", lambda model, path: torch.save({"model": model, "epoch": 3}, path),
        refused=["CLIP", "model.state_dict()"])
in_file(TORCH, "torch.save of releases before 1.6", lambda model, path: torch.save(
    model.state_dict(), path, _use_new_zipfile_serialization=False), refused=["before 1.6", "torch.save"])
in_file(TORCH, "torch.save of a list of tensors", lambda model, path: torch.save(list(model.state_dict().values()), path),
        refused=["a list", "dictionary of tensors"])
in_file(TORCH, "torch.save of optimizer states", lambda model, path: torch.save(training(model)["optimizer"], path),
        refused=["no tensors"])
in_file(TORCH, "torch.jit.trace(model).save()", lambda model, path: traced(model, path), warned=[])
in_file(TORCH, "torch.export.save()", lambda model, path: exported(model, path), refused=["torch.export"], name="model.pt2")
in_file(TORCH, "torch.onnx.export()", lambda model, path: onnx_export(model, path, True), refused=["ONNX"], name="model.onnx",
        needs=["open_clip", "onnxscript"])
in_file(TORCH, "torch.onnx.export(dynamo=False)", lambda model, path: onnx_export(model, path, False), refused=["ONNX"],
        name="model.onnx", needs=["open_clip", "onnx"])
in_file("safetensors", "save_file(model.state_dict())", lambda model, path: save_safetensors(model.state_dict(), path),
        name="model.safetensors")
in_file("safetensors", "save_model() of torch.compile(model)", lambda model, path: save_safetensors(
    torch.compile(model).state_dict(), path), name="model.safetensors", warned=["_orig_mod."])
in_file(TORCH, "torch.save of quantize_dynamic(model)", lambda model, path: torch.save(torch.ao.quantization.quantize_dynamic(
    model, {torch.nn.Linear}, dtype=torch.qint8).state_dict(), path), refused=["PyTorch has quantized"])
in_file(TORCH, "torch.save of the image tower alone (model.visual)", lambda model, path: torch.save(model.visual.state_dict(), path),
        refused=["an image tower without the prefix"])
in_file(TORCH, "torch.save of a dictionary with a student and a teacher", lambda model, path: torch.save(
    {"student": model.state_dict(), "teacher": model.state_dict()}, path), refused=["'student', 'teacher'"])
in_file(TORCH, "torch.save of a module that holds a CLIP as student beside another teacher", lambda model, path: torch.save(
    torch.nn.ModuleDict({"student": model, "teacher": torch.nn.Linear(3, 3)}).state_dict(), path), warned=["'student.'"])
in_file(TORCH, "torch.save of a module that holds a CLIP as student and one as teacher", lambda model, path: torch.save(
    torch.nn.ModuleDict({"student": model, "teacher": copy.deepcopy(model)}).state_dict(), path),
        refused=["below 'student.' and 'teacher.'", "model.student.state_dict()"])
in_file(TORCH, "torch.save of a model with torch.compile(model.visual)", lambda model, path: torch.save(
    with_wrapped(model, "visual", torch.compile), path), warned=["'visual._orig_mod."])
in_file(TORCH, "torch.save of a model with DataParallel(model.transformer)", lambda model, path: torch.save(
    with_wrapped(model, "transformer", torch.nn.DataParallel), path), warned=["'transformer.module."])
in_file("numpy", "savez()", lambda model, path: np.savez(path, **{n: t.numpy() for n, t in model.state_dict().items()}),
        name="model.npz", refused=["NumPy archive"])


def save_safetensors(state, path):
    from safetensors.torch import save_file
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def traced(model, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 16, dtype=torch.int64))
        torch.jit.save(torch.jit.trace(model, example, check_trace=False), path)


def exported(model, path):
    program = torch.export.export(model, (torch.zeros(1, 3, 32, 32), torch.zeros(1, 16, dtype=torch.int64)))
    torch.export.save(program, path)


def onnx_export(model, path, dynamo):
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        torch.onnx.export(model.visual, (torch.zeros(1, 3, 32, 32),), str(path), dynamo=dynamo)


@row(TORCH, "torch.distributed.checkpoint.save(), as FSDP", needs=["open_clip"], refused=["distributed checkpoint", "dcp_to_torch"])
def _(folder):
    from torch.distributed import checkpoint
    checkpoint.save({"model": open_clip_model().state_dict()}, checkpoint_id=folder / "checkpoint", no_dist=True)
    return folder / "checkpoint"


@row(TORCH, "torch.distributed.checkpoint.save(), its file", needs=["open_clip"], refused=["distributed checkpoint", "dcp_to_torch"])
def _(folder):
    from torch.distributed import checkpoint
    checkpoint.save({"model": open_clip_model().state_dict()}, checkpoint_id=folder / "checkpoint", no_dist=True)
    return folder / "checkpoint" / "__0_0.distcp"


@row(TORCH, "dcp_to_torch_save()", needs=["open_clip"])
def _(folder):
    from torch.distributed import checkpoint
    from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
    model = open_clip_model()
    checkpoint.save({"model": model.state_dict()}, checkpoint_id=folder / "checkpoint", no_dist=True)
    with_config(folder)
    dcp_to_torch_save(folder / "checkpoint", folder / "model.pt")
    return folder / "model.pt", reference_of(model)


@row("DeepSpeed (imitated)", "mp_rank_00_model_states.pt", needs=["open_clip"])
def _(folder):
    model = open_clip_model()
    inner = folder / "global_step1"
    inner.mkdir()
    with_config(inner)
    (folder / "latest").write_text("global_step1")
    torch.save({"module": model.state_dict(), "ds_config": {"train_batch_size": 2}, "param_shapes": [{}], "dp_world_size": 1,
                "mp_world_size": 1, "buffer_names": [], "optimizer": None, "global_steps": 1, "ds_version": "0.18"},
               inner / "mp_rank_00_model_states.pt")
    torch.save({"optimizer_state_dict": {"base_optimizer_state": [torch.zeros(3)]}}, inner / "bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt")
    return inner, reference_of(model)


@row("DeepSpeed (imitated)", "folder with latest", needs=["open_clip"], refused=["global_step1"])
def _(folder):
    (folder / "global_step1").mkdir()
    (folder / "latest").write_text("global_step1")
    (folder / "zero_to_fp32.py").write_text("")
    return folder


# ---- rows: runtimes and other libraries ---------------------------------------------------------


@row("optimum", "ONNX folder", needs=["onnx"], refused=["ONNX", "model.onnx"])
def _(folder):
    save_with_processor(folder)
    (folder / "model.safetensors").unlink(missing_ok=True)
    (folder / "pytorch_model.bin").unlink(missing_ok=True)
    vision = tower("CLIPVisionModelWithProjection")
    wrapped = torch.nn.Module()
    wrapped.forward = lambda batch: vision(pixel_values=batch).image_embeds
    wrapped.vision = vision
    onnx_export(SimpleNamespace(visual=wrapped), folder / "model.onnx", False)
    return folder


@row("optimum", "folder onnx/ beside nothing else", needs=["onnx", "open_clip"], refused=["folders: onnx"])
def _(folder):
    (folder / "onnx").mkdir()
    (folder / "config.json").write_text("{}")
    onnx_export(open_clip_model(), folder / "onnx" / "vision_model.onnx", False)
    return folder


@row("onnx", "model of another producer", needs=["onnx"], refused=["ONNX"])
def _(folder):
    import onnx
    from onnx import TensorProto, helper
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
    onnx.save(helper.make_model(graph), folder / "model.onnx")
    return folder / "model.onnx"


@row("onnx", "model with its weights in another file", needs=["onnx", "open_clip"], refused=["ONNX", "model.onnx"])
def _(folder):
    import onnx
    onnx_export(open_clip_model(), folder / "whole.onnx", False)
    model = onnx.load(folder / "whole.onnx")
    (folder / "whole.onnx").unlink()
    onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="model.bin", size_threshold=0)
    return folder


@row("openvino", "save_model(), the folder", needs=["openvino", "open_clip"], refused=["OpenVINO"])
def _(folder):
    openvino_save(folder)
    return folder


for ending in ("xml", "bin"):
    @row("openvino", f"save_model(), the .{ending}", needs=["openvino", "open_clip"], refused=["OpenVINO"])
    def _(folder, ending=ending):
        openvino_save(folder)
        return folder / f"openvino_model.{ending}"


def openvino_save(folder):
    import openvino
    onnx_export(open_clip_model(), folder / "m.onnx", False)
    openvino.save_model(openvino.convert_model(folder / "m.onnx"), folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "m.onnx").unlink()


@row("gguf", "GGUFWriter", needs=["gguf"], refused=["GGUF"])
def _(folder):
    import gguf
    writer = gguf.GGUFWriter(str(folder / "clip.gguf"), "clip")
    writer.add_tensor("v.patch_embd.weight", np.zeros((4, 4), np.float32))
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()
    return folder


@row("MLX (imitated)", "model.safetensors", refused=["MLX"])
def _(folder):
    from safetensors.torch import save_file
    model = clip()
    state = {name: tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor for name, tensor in model.state_dict().items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, folder / "model.safetensors", metadata={"format": "mlx"})
    model.config.save_pretrained(folder)
    return folder


@row("Keras", "save() as .keras", needs=["tensorflow"], refused=["Keras"])
def _(folder):
    import tensorflow
    keras = tensorflow.keras
    keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)]).save(folder / "model.keras")
    return folder / "model.keras"


# ---- comparing ----------------------------------------------------------------------------------


class Refused(Exception):
    """The program's error."""


def call(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Refused((done.stderr.strip() or done.stdout.strip()).removeprefix("zeroshot: "))
    return done


def image():
    """A smooth picture of 90 x 60 with some noise."""
    choose = np.random.default_rng(3)
    y, x = np.mgrid[0:60, 0:90]
    waves = np.stack([np.sin(x / 9 + phase) + np.cos(y / 7 - phase) for phase in (0, 1, 2)], axis=-1)
    return Image.fromarray(np.clip(128 + 45 * waves + choose.normal(0, 12, waves.shape), 0, 255).astype(np.uint8))


def relative_error(actual, expected):
    if actual.shape != expected.shape:
        return float("inf")
    return float((np.linalg.norm(actual - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())


@torch.no_grad()
def compare(program, model, reference, folder):
    """What differs, as texts."""
    complaints = []

    def embed(option, source):
        output = folder / "embedding.npy"
        call(program, "embed", option, source, "--model", model, "--output", output)
        return np.load(output).astype(np.float64)

    def expect(what, actual, expected):
        error = relative_error(actual, expected.double().numpy())
        if not error <= LARGEST_ERROR:
            complaints.append(f"{what}: relative error {error:.1e}")

    batch = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    if hasattr(reference, "pixels"):
        image().save(folder / "picture.png")
        call(program, "preprocess", folder / "picture.png", "--model", model, "--output", folder / "pixels.npy")
        expected = reference.pixels(image()).float()
        actual = torch.tensor(np.load(folder / "pixels.npy"))
        difference = float((actual - expected).abs().max()) if actual.shape == expected.shape else float("inf")
        if not difference <= LARGEST_PIXEL:
            complaints.append(f"pixels differ by {difference:.3f}")
        batch = torch.cat([batch, expected])
    if hasattr(reference, "image"):
        np.save(folder / "batch.npy", batch.numpy())
        expect("images", embed("--pixels", folder / "batch.npy"), reference.image(batch))
    texts = TEXTS
    rows = [[VOCABULARY - 2, 5, 7, VOCABULARY - 1], [VOCABULARY - 2, 9, VOCABULARY - 1]]
    if hasattr(reference, "ids"):
        rows = [list(row) for row in reference.ids(texts)]
        printed = call(program, "tokenize", "--json", *[word for text in texts for word in ("--text", text)], "--model", model).stdout
        ids = [json.loads(line)["ids"] for line in printed.splitlines()]
        if ids != rows:
            complaints.append(f"ids are {ids}, expected {rows}")
    if hasattr(reference, "text"):
        (folder / "ids.json").write_text(json.dumps(rows))
        expected = torch.cat([reference.text(torch.tensor([row + [0] * (pad_of(reference) - len(row))])
                                             if pad_of(reference) else torch.tensor([row])) for row in rows])
        expect("ids", embed("--ids", folder / "ids.json"), expected)
        if hasattr(reference, "ids"):
            (folder / "texts.txt").write_text("".join(text + "\n" for text in texts))
            expect("texts", embed("--texts-from", folder / "texts.txt"), expected)
    return complaints


def pad_of(reference):
    """The context of open_clip's models, which take whole rows."""
    owner = getattr(reference.text, "__self__", None)
    return getattr(owner, "context_length", 0) if owner is not None else 0


def made(row, home):
    """The path for --model, and the reference or a function that makes it."""
    missing = [name for name in row.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise Passed("not installed: " + ", ".join(missing))
    home.mkdir(parents=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        result = row.make(home)
    return result if isinstance(result, tuple) else (result, lambda: transformers_reference(result, row))


def make_for_others(folder, indices):
    """Prints what this environment's libraries write for rows: writer, path or None, reason for none."""
    for index in indices:
        try:
            path, reason = str(made(ROWS[index], folder / str(index))[0]), ""
        except Passed as passed:
            path, reason = None, str(passed)
        print(json.dumps([ROWS[index].writer, path, reason]), flush=True)


def made_by(python, rows, folder):
    """Replaces the makers of rows by what another Python's libraries write."""
    words = [python, __file__, "--make", folder, *[ROWS.index(each) for each in rows]]
    lines = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    for each, line in zip(rows, lines, strict=True):
        each.writer, path, reason = json.loads(line)
        each.needs, each.make = (), giving(path and Path(path), reason)


def giving(path, reason):
    def make(_):
        if path is None:
            raise Passed(reason)
        return path
    return make


def check(program, row, folder):
    """(answer, complaints): what the program says of a row, and what is wrong with that."""
    model, reference = made(row, folder / "made")
    try:
        inspected = json.loads(call(program, "inspect", model, "--json").stdout)
        text, verdict = "; ".join(inspected["warnings"]), "read"
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            reference = reference() if callable(reference) else reference
        complaints = compare(program, model, reference, folder)
    except Refused as refusal:
        text, verdict, complaints = str(refusal), "refused", []
    shown = text.replace(str(folder / "made"), "F")
    if verdict != row.verdict:
        complaints.append(f"{verdict}, expected {row.verdict}")
    complaints += [f"without the word {word!r}" for word in row.words if word not in text.replace(str(folder), "")]
    if verdict == "read" and not row.words and text:
        complaints.append("a warning that is not expected")
    return f"{verdict}{': ' + shown if shown else ''}", complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("words", nargs="*", help="rows whose names hold one of these")
    parser.add_argument("--written-by", metavar="PYTHON", help="the files of transformers are those of this Python's release")
    parser.add_argument("--keep", type=Path, help="leave the files in this folder")
    parser.add_argument("--table", action="store_true", help="print the rows of the table in docs/checkpoints.md")
    options = parser.parse_args()
    rows = [each for each in ROWS if not options.words or any(word in each.name for word in options.words)]
    counts, table = {"agree": 0, "differ": 0, "passed over": 0}, {}
    others = tempfile.TemporaryDirectory()
    if options.written_by:
        made_by(options.written_by, rows, Path(others.name))
    for each in rows:
        with tempfile.TemporaryDirectory() as temporary:
            folder = options.keep / f"{ROWS.index(each):03}" if options.keep else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                answer, complaints = check(options.program.resolve(), each, folder)
            except Passed as reason:
                counts["passed over"] += 1
                print(f"-       {each.name}: {reason}", file=sys.stderr)
                continue
            except Exception:
                answer, complaints = "", [traceback.format_exc().strip()]
        counts["differ" if complaints else "agree"] += 1
        if not options.table or complaints:
            print(f"{'DIFFERS' if complaints else 'ok     '} {each.name}\n        {answer}",
                  *(f"    !! {complaint}" for complaint in complaints), sep="\n", flush=True)
        elif options.table:
            how = "refused" if each.verdict == "refused" else "read with a warning" if each.words else "read"
            table.setdefault((each.writer, how), {}).setdefault(each.words, []).append(each.what)
    for (writer, how), groups in table.items():
        cells = [", ".join(names) + (f" (*{', '.join(said)}*)" if said else "") for said, names in groups.items()]
        print(f"| {writer} | {how} | {'; '.join(cells)} |")
    print(", ".join(f"{count} {what}" for what, count in counts.items()), file=sys.stderr if options.table else sys.stdout)
    return 1 if counts["differ"] else 0


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--make"]:  # by the Python of --written-by
        make_for_others(Path(sys.argv[2]), map(int, sys.argv[3:]))
    else:
        sys.exit(main())
