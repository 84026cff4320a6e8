"""Records tests/golden/containers: one tiny CLIP in every container that PyTorch writes.

Usage: python tests/golden/record_containers.py

The packages are pinned in tools/requirements.txt. model.safetensors and views.safetensors hold what the
other files must give, bit for bit; each function says how its file is made.
"""

import collections
import json
import warnings
from pathlib import Path

import torch
from open_clip.push_to_hf_hub import save_config_for_hf
from safetensors.torch import save_file

from reference_models import Case, build

HERE = Path(__file__).resolve().parent / "containers"
CASE = Case(
    name="containers", layout="open_clip", seed=120,
    config={
        "embed_dim": 8, "quick_gelu": True,
        "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 8, "head_width": 4, "layers": 1},
        "text_cfg": {"context_length": 8, "vocab_size": 100, "width": 8, "heads": 2, "layers": 1},
    },
)
# OpenAI's archives hold these among their tensors
SCALARS = {"input_resolution": 16, "context_length": 8, "vocab_size": 100}


def model():
    """The module in half precision, with OpenAI's three scalars."""
    made = build(CASE).half()
    for name, value in SCALARS.items():
        if hasattr(made, name):
            delattr(made, name)
        made.register_buffer(name, torch.tensor(value))
    return made


def training(clip):
    """What a training program saves: the state of a model on several devices, and its optimizer's."""
    state = collections.OrderedDict(("module." + name, value) for name, value in clip.state_dict().items())
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([weight])
    weight.sum().backward()
    optimizer.step()
    return {"epoch": 3, "name": "tiny", "state_dict": state, "optimizer": optimizer.state_dict(),
            "scaler": {"scale": 65536.0}}


def traced(clip):
    """A TorchScript module, as OpenAI publishes: every attribute of the module's tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = torch.zeros(1, 3, 16, 16), torch.zeros(1, 8, dtype=torch.int64)
        return torch.jit.trace(clip.float().eval(), inputs, check_trace=False).half()


def without_debug_records(path):
    """Copies an archive with PyTorch's own reader and writer, less what names the paths of the recording machine."""
    reader = torch._C.PyTorchFileReader(str(path))
    written_by_itself = ("version", ".data/serialization_id")
    names = [name for name in reader.get_all_records()
             if not name.endswith(".debug_pkl") and name not in written_by_itself]
    records = {name: reader.get_record(name) for name in names}
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, data in records.items():
        writer.write_record(name, data, len(data))
    writer.write_end_of_file()


def views():
    """Every type of storage, storages that are shared, and tensors that are not row-major."""
    types = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.int32, torch.int16,
             torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64)
    whole = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    made = {str(dtype).removeprefix("torch."): torch.arange(7).to(dtype) for dtype in types}
    made.update(whole=whole, transposed=whole.permute(2, 0, 1), part=whole[1, :, 1:3], scalar=whole[1, 2, 3],
                empty=whole[:, :0], column=whole[:, 1, 2], parameter=torch.nn.Parameter(torch.ones(2, 3).bfloat16().T),
                channels_last=torch.arange(48.).reshape(2, 2, 3, 4).to(memory_format=torch.channels_last))
    return made


def shard(state, name, save):
    """Two shards and their index, as huggingface_hub writes them."""
    names = sorted(state)
    stem, suffix = name.rsplit(".", 1)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"{stem}-{number:05}-of-00002.{suffix}"
        save({key: state[key] for key in part}, HERE / file)
        weight_map.update({key: file for key in part})
    size = sum(value.nbytes for value in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(weight_map.items()))}
    (HERE / f"{name}.index.json").write_text(json.dumps(index, indent=2) + "\n")


def contiguous(state):
    return {name: value.detach().clone().contiguous() for name, value in state.items()}


def main():
    HERE.mkdir(exist_ok=True)
    clip = model()
    state = clip.state_dict()
    save_file(contiguous(state), HERE / "model.safetensors", metadata={"format": "pt"})
    save_config_for_hf(clip, HERE / "open_clip_config.json", CASE.config)
    torch.save(state, HERE / "state_dict.pt")
    torch.save(training(clip), HERE / "training.pt")
    shard(contiguous(state), "model.safetensors", lambda part, path: save_file(part, path, metadata={"format": "pt"}))
    shard(contiguous(state), "pytorch_model.bin", torch.save)
    torch.save(views(), HERE / "views.pt")
    save_file(contiguous(views()), HERE / "views.safetensors")
    torch.serialization.set_crc32_options(False)
    torch.save(views(), HERE / "views_unchecked.pt")
    torch.serialization.set_crc32_options(True)
    traced(clip).save(str(HERE / "torchscript.pt"))
    without_debug_records(HERE / "torchscript.pt")
    for path in HERE.iterdir():
        path.chmod(0o644)


if __name__ == "__main__":
    main()
