"""Random CLIP models in the reference code: built, saved as published, and traced.

Shared by record_models.py (which records goldens) and check_models.py (which compares a program
with the reference live). The reference is open_clip's CLIP and CustomTextCLIP and Hugging Face's
CLIPModel and SiglipModel; the truth is their own modules run in float64 on the weights as they were stored.
Every name of a stage is the module path of OpenAI's model.py, whatever the layout.
"""

import copy
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import open_clip
import torch
import transformers
from open_clip.model import (CLIP, CustomTextCLIP, build_model_from_openai_state_dict, convert_weights_to_lp,
                             set_model_preprocess_cfg)
from open_clip.push_to_hf_hub import save_config_for_hf
from safetensors.torch import load_file, save_file

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

STORAGE = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)  # clip.py, _transform
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)
SIGLIP_END = 1  # "</s>" of SiglipTokenizer, which pads with it, too


@dataclass(frozen=True)
class Case:
    """One random model and how it is published.

    layout: "openai" (a bare file in OpenAI's layout, no JSON), "open_clip" (weights and
        open_clip_config.json; "custom_text": true in the configuration gives CustomTextCLIP),
        or "hugging_face" (weights, config.json and preprocessor_config.json), or "siglip", the same with SiglipModel.
    config: model_cfg of open_clip, or the keyword arguments of CLIPConfig or SiglipConfig.
    storage: "F32", "F16", "BF16", or "OPENAI" (float16 but for embeddings, norms, temperature).
    residual_gain: factor on the last normalisation of every bottleneck. The branches of a deep ResNet add up; where they
        add to much more than 1, the attention pooling sees one cell alone, and rounding decides which.
    """

    name: str
    layout: str
    config: dict
    seed: int
    storage: str = "F32"
    residual_gain: float = 1.0
    mean: tuple = OPENAI_MEAN
    std: tuple = OPENAI_STD
    extras: dict = field(default_factory=dict)  # tensors that readers must ignore, by name
    json: dict = field(default_factory=dict)  # file name -> entries written over what the library wrote

    @property
    def is_hugging_face(self):
        return self.layout in ("hugging_face", "siglip")

    @property
    def is_siglip(self):
        return self.layout == "siglip"

    @property
    def vision(self):
        return self.config["vision_config" if self.is_hugging_face else "vision_cfg"]

    @property
    def text(self):
        return self.config["text_config" if self.is_hugging_face else "text_cfg"]

    @property
    def is_resnet(self):
        return isinstance(self.vision.get("layers"), (list, tuple))

    @property
    def image_size(self):
        return self.vision["image_size"]

    @property
    def context(self):
        return self.text["max_position_embeddings" if self.is_hugging_face else "context_length"]

    @property
    def vocabulary(self):
        return self.text["vocab_size"]

    @property
    def end(self):
        """The id of the end token: the last, unless the text tower looks for one by its number, or is SigLIP's."""
        if self.is_siglip:
            return SIGLIP_END
        return self.text.get("eos_id", 2) if self.text.get("pool_type") == "eos" else self.vocabulary - 1

    @property
    def weights_file(self):
        return "open_clip_model.safetensors" if self.layout == "open_clip" else "model.safetensors"


def versions():
    """The packages that decide, in one line."""
    packages = (torch, open_clip, transformers)
    return " ".join(f"{package.__name__} {package.__version__}" for package in packages)


# ---- building -----------------------------------------------------------------------------------


def construct(case):
    """The reference module of a case with its default parameters, in eval mode."""
    config = copy.deepcopy(case.config)
    if case.is_hugging_face:
        module = module_of(case)
        return module._from_config(module.config_class(**config), attn_implementation="sdpa").eval()
    model = construct_open_clip(config)
    set_model_preprocess_cfg(model, {"mean": case.mean, "std": case.std})
    return model


def module_of(case):
    """The class of transformers."""
    return transformers.SiglipModel if case.is_siglip else transformers.CLIPModel


def construct_open_clip(config):
    """CLIP or CustomTextCLIP from model_cfg, with the meaning open_clip.create_model gives to it."""
    module = CustomTextCLIP if config.pop("custom_text", False) else CLIP
    return module(**config).eval()


def randomise(model, seed, residual_gain=1.0):
    """Gives every parameter and running statistic a random, unusual value; activations stay O(1)."""
    generator = torch.Generator().manual_seed(seed)

    def normal(tensor, deviation, mean=0.0):
        return mean + deviation * torch.randn(tensor.shape, generator=generator, dtype=torch.float64)

    def uniform(tensor, low, high):
        return low + (high - low) * torch.rand(tensor.shape, generator=generator, dtype=torch.float64)

    norms = [name for name, module in model.named_modules()
             if isinstance(module, (torch.nn.LayerNorm, torch.nn.BatchNorm2d))]
    for name, tensor in model.state_dict().items():
        owner, _, leaf = name.rpartition(".")
        if leaf == "num_batches_tracked":
            value = torch.full_like(tensor, 1000)
        elif leaf == "running_var":
            value = uniform(tensor, 0.5, 1.5)
        elif leaf == "logit_scale":
            value = uniform(tensor, math.log(20), math.log(100))
        elif leaf == "logit_bias":
            value = uniform(tensor, -12, -2)
        elif leaf == "probe":
            value = normal(tensor, 1.0)
        elif owner in norms and leaf == "weight":
            value = uniform(tensor, 0.5, 1.5) * (residual_gain if name.endswith(".bn3.weight") else 1)
        elif tensor.dim() <= 1:
            value = normal(tensor, 0.2)
        elif "embedding" in name and "patch_embedding" not in name:
            value = normal(tensor, 0.5)
        else:
            value = normal(tensor, weight_deviation(name, tensor))
        tensor.copy_(value)


def weight_deviation(name, tensor):
    """1/sqrt(fan in), doubled in variance before a ReLU and wider where attention scores arise."""
    right_multiplied = name.endswith("visual.proj") or name.endswith("text_projection")
    fan_in = tensor.shape[0] if right_multiplied else tensor[0].numel()
    gain = 1.0
    if tensor.dim() == 4 and "conv1" not in name.split(".")[1:2]:
        gain = math.sqrt(2)
    if any(part in name for part in ("in_proj_weight", "q_proj", "k_proj")):
        gain = 1.5
    return gain / math.sqrt(fan_in)


def build(case):
    """The random float32 model of a case."""
    model = construct(case)
    with torch.no_grad():
        randomise(model, case.seed, case.residual_gain)
    return model


# ---- publishing ---------------------------------------------------------------------------------


def store(model, storage):
    """The state dict as it goes into the file: name -> tensor in its stored type."""
    if storage == "OPENAI":
        convert_weights_to_lp(model, torch.float16)  # what OpenAI's own .pt files hold
        state = model.state_dict()
    else:
        dtype = STORAGE[storage]
        state = {name: tensor.to(dtype) if tensor.is_floating_point() else tensor
                 for name, tensor in model.state_dict().items()}
    return {name: tensor.clone().contiguous() for name, tensor in state.items()}


def publish(case, folder):
    """Writes a case as its library would; returns the path of the weights."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = build(case)
    state = store(model, case.storage)
    state.update({name: torch.as_tensor(value) for name, value in case.extras.items()})
    weights = folder / case.weights_file
    save_file(state, weights, metadata={"format": "pt"})
    if case.layout == "open_clip":
        save_config_for_hf(model, folder / "open_clip_config.json", case.config)
    if case.is_hugging_face:
        publish_hugging_face_json(case, model, folder)
    for name, entries in case.json.items():
        overwrite_json(folder / name, entries)
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors leaves its files to their owner alone
    return weights


def publish_hugging_face_json(case, model, folder):
    """config.json and preprocessor_config.json as save_pretrained writes them."""
    model.config.architectures = [type(model).__name__]
    model.config.dtype = STORAGE[case.storage]
    model.config.save_pretrained(folder)
    size = case.image_size
    if case.is_siglip:
        transformers.SiglipImageProcessor(
            size={"height": size, "width": size}, image_mean=list(case.mean), image_std=list(case.std)).save_pretrained(folder)
        return
    transformers.CLIPImageProcessor(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size},
        image_mean=list(case.mean), image_std=list(case.std)).save_pretrained(folder)


def overwrite_json(path, entries):
    """Sets entries of a JSON object, one level deep into the objects it holds; None removes one."""
    document = json.loads(path.read_text()) if path.exists() else {}
    for key, value in entries.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            document[key].update(value)
        elif value is None:
            document.pop(key, None)
        else:
            document[key] = value
    path.write_text(json.dumps(document, indent=2) + "\n")


def load(case, folder, dtype=torch.float64):
    """The reference module in `dtype`, as its library understands the published folder.

    What a configuration means is decided by the library that reads it, not by the case: sizes,
    heads and activations come from the folder. Stored values are cast to `dtype`, exactly in float64.
    """
    folder = Path(folder)
    if case.is_hugging_face:
        return module_of(case).from_pretrained(
            folder, dtype=dtype, attn_implementation="sdpa", local_files_only=True).eval()
    state = load_file(folder / case.weights_file)
    if case.layout == "openai":
        model = build_model_from_openai_state_dict(dict(state), cast_dtype=torch.float32)
    else:
        model = construct_open_clip(json.loads((folder / "open_clip_config.json").read_text())["model_cfg"])
    model = model.to(dtype)
    model.load_state_dict({name: value for name, value in state.items() if name not in case.extras}, strict=True)
    return model


# ---- inputs -------------------------------------------------------------------------------------


def random_pixels(case, images=2):
    """float64 [images, 3, size, size], every value a float32."""
    generator = torch.Generator().manual_seed(case.seed + 1)
    shape = (images, 3, case.image_size, case.image_size)
    return torch.randn(shape, generator=generator).double()


def random_prompts(case, lengths=(0, 1, 4, None)):
    """Lists of ids with start and end, SigLIP's with the end alone; None is the longest text that fits the context."""
    generator = torch.Generator().manual_seed(case.seed + 2)
    start, end = case.vocabulary - 2, case.end
    prompts = []
    for length in lengths:
        length = case.context - 2 if length is None else length
        words = torch.randint(0, start, (length,), generator=generator).tolist()
        words[1:2] = [2] * len(words[1:2])  # a word like others, also where a configuration says eos_token_id 2
        words = [start - 1 if word == end else word for word in words]
        prompts.append([*words, end] if case.is_siglip else [start, *words, end])
    return prompts


def padded(case, prompts):
    """int64 [n, context]: zeros behind the end as OpenAI pads, the end token as Hugging Face does."""
    filler = case.end if case.is_hugging_face else 0
    rows = [ids + [filler] * (case.context - len(ids)) for ids in prompts]
    return torch.tensor(rows, dtype=torch.int64)


# ---- running ------------------------------------------------------------------------------------


def encode_image(model, pixels):
    """[n, embedding], not normalised."""
    if isinstance(model, transformers.SiglipModel):
        return model.vision_model(pixel_values=pixels).pooler_output
    if isinstance(model, transformers.CLIPModel):
        return model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)
    return model.encode_image(pixels)


def encode_text(model, ids):
    """[n, embedding], not normalised."""
    if isinstance(model, transformers.SiglipModel):
        return model.text_model(input_ids=ids).pooler_output
    if isinstance(model, transformers.CLIPModel):
        return model.text_projection(model.text_model(input_ids=ids).pooler_output)
    return model.encode_text(ids)


def logits_per_image(model, pixels, ids):
    """[images, prompts], by the reference's own last step."""
    if isinstance(model, (transformers.CLIPModel, transformers.SiglipModel)):
        return model(pixel_values=pixels, input_ids=ids).logits_per_image
    return model.get_logits(pixels, ids)[0]


def image_stages(case, model):
    """Module path of the reference -> OpenAI's name, for everything recorded of the image tower."""
    if case.is_hugging_face:
        own = ({"vision_model.head": "visual.attn_pool"} if case.is_siglip else
               {"vision_model.pre_layrnorm": "visual.ln_pre", "vision_model.post_layernorm": "visual.ln_post"})
        return {
            "vision_model.embeddings.patch_embedding": "visual.conv1",
            **{f"vision_model.encoder.layers.{i}": f"visual.transformer.resblocks.{i}"
               for i in range(case.vision["num_hidden_layers"])},
            **own,
        }
    if case.is_resnet:
        blocks = [f"visual.layer{stage}.{i}"
                  for stage, count in enumerate(case.vision["layers"], 1) for i in range(count)]
        return {"visual.avgpool": "visual.stem", "visual.attnpool": "visual.attnpool",
                **{name: name for name in blocks}}
    names = ["visual.conv1", "visual.ln_post"] + ["visual.ln_pre"] * (not case.vision.get("no_ln_pre"))
    names += [f"visual.transformer.resblocks.{i}" for i in range(case.vision["layers"])]
    return {name: name for name in names}


def text_stages(case):
    """Module path of the reference -> OpenAI's name, for everything recorded of the text tower."""
    if case.is_hugging_face:
        return {
            "text_model.embeddings": "text.embedding",
            **{f"text_model.encoder.layers.{i}": f"transformer.resblocks.{i}"
               for i in range(case.text["num_hidden_layers"])},
            "text_model.final_layer_norm": "ln_final",
        }
    prefix = "text." if case.config.get("custom_text") else ""
    names = [f"transformer.resblocks.{i}" for i in range(case.text["layers"])] + ["ln_final"]
    return {prefix + "transformer": "text.embedding", **{prefix + name: name for name in names}}


class Recorder:
    """Copies the outputs of named modules while it is open."""

    def __init__(self, model, stages):
        self.outputs = {}
        modules = dict(model.named_modules())
        self.hooks = [self.watch(modules[path], name) for path, name in stages.items()]

    def watch(self, module, name):
        if name == "text.embedding" and isinstance(module, open_clip.transformer.Transformer):
            # open_clip adds position and token outside any module: take what the blocks are given
            return module.register_forward_pre_hook(
                lambda _, inputs: self.outputs.__setitem__(name, inputs[0].clone()))
        return module.register_forward_hook(
            lambda _, inputs, output: self.outputs.__setitem__(name, first(output).clone()))

    def __enter__(self):
        return self.outputs

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()


def first(output):
    """A module's output, the first of them if it gives several."""
    return output[0] if isinstance(output, tuple) else output


def trace_image(case, model, pixels):
    """Stages of the first image: [tokens, width] in a ViT, [channels, h, w] in a ResNet."""
    with Recorder(model, image_stages(case, model)) as outputs:
        encode_image(model, pixels)
    stages = {name: value[0] for name, value in outputs.items()}
    if not case.is_resnet:
        stages["visual.conv1"] = stages["visual.conv1"].flatten(1).T  # [grid * grid, width]
        if "visual.ln_post" in stages and stages["visual.ln_post"].dim() == 2:  # what is pooled alone
            tokens = stages["visual.ln_post"]
            stages["visual.ln_post"] = tokens[1:].mean(0) if case.vision.get("pool_type") == "avg" else tokens[0]
    return stages


def trace_text(case, model, ids):
    """Stages of one prompt, each [length, width]: what lies behind the end token is dropped, unless it is seen."""
    seen = case.context if case.is_siglip or case.text.get("no_causal_mask") else len(ids)
    with Recorder(model, text_stages(case)) as outputs:
        encode_text(model, padded(case, [ids]))
    return {name: value[0, :seen] for name, value in outputs.items()}


@torch.no_grad()
def run(case, model, pixels, prompts):
    """Everything recorded of one model: stages, embeddings and logits, by name."""
    pixels = pixels.to(model.logit_scale.dtype)
    ids = padded(case, prompts)
    results = trace_image(case, model, pixels)
    for index, prompt in enumerate(prompts):
        for name, value in trace_text(case, model, prompt).items():
            results[f"text.{index}.{name.removeprefix('text.')}"] = value
    results["embedding.image"] = encode_image(model, pixels)
    results["embedding.text"] = encode_text(model, ids)
    results["logits_per_image"] = logits_per_image(model, pixels, ids)
    return {name: value.contiguous().clone() for name, value in results.items()}
