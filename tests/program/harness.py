"""Shared by the tests of the program: a temporary folder with a tiny model and images, and calls of the program.

Each test file is run as: FILE.py PROGRAM REPOSITORY
"""

import array
import ast
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

PROGRAM = Path(sys.argv[1]).resolve()
REPOSITORY = Path(sys.argv[2]).resolve()
GOLDEN = REPOSITORY / "tests/golden/models"
TIMEOUT = 240  # seconds for a call; a machine under load is slow

CONTEXT = 16  # of the tiny model
MERGES = [f"{a} {b}" for a in "abcdefghij" for b in "klmnopqrs"][
    :86
]  # 512 byte symbols, 86 merges, start and end: 600 rows


# ---- files ---------------------------------------------------------------------------------------


def read_safetensors(path):
    """(header, bytes of the tensors)."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_safetensors(path, header, data):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_tiny_model(path, change=None):
    """A golden model in OpenAI's layout as a converted checkpoint, with a tokenizer of its own."""
    header, data = read_safetensors(GOLDEN / "openai_vit/model.safetensors")
    tower = {"width": 64, "heads": 1, "activation": "quick_gelu"}
    header["__metadata__"] = {
        "zeroshot.model": json.dumps(
            {
                "format": 1,
                "embedding": 32,
                "image_encoder": {"kind": "vision_transformer", **tower},
                "text_encoder": tower,
            }
        ),
        "zeroshot.tokenizer": json.dumps({"kind": "clip_bpe", "merges": MERGES}),
    }
    data = bytearray(data)
    if change:
        change(header, data)
    write_safetensors(path, header, bytes(data))


def write_png(path, width, height, seed=0):
    """An image of coloured noise on a gradient."""
    generator = random.Random(seed)
    base = [generator.randrange(200) for _ in range(3)]
    rows = b"".join(
        b"\0" + bytes((base[i % 3] + 50 * y // height + generator.randrange(5)) for i in range(3 * width))
        for y in range(height)
    )

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows, 1))
        + chunk(b"IEND", b"")
    )


def read_npy(path):
    """(shape, numbers) of a float32 file. Asserts that it is as NumPy writes it: version 1.0, padded to 64 bytes."""
    data = path.read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (length,) = struct.unpack("<H", data[8:10])
    assert (10 + length) % 64 == 0 and data[9 + length] == ord("\n")
    header = ast.literal_eval(data[10 : 10 + length].decode())
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    numbers = array.array("f", data[10 + length :])
    return header["shape"], numbers


def npy_bytes(header, body=b"", version=1):
    text = header.encode()
    size = struct.pack("<H", len(text)) if version == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + body


def npy_header(shape, descr="<f4", order="False"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"


# ---- calls ---------------------------------------------------------------------------------------


class ProgramTest(unittest.TestCase):
    """Calls of the program in a temporary folder with model.safetensors, a.png, b.png and the truncated bad.png."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        write_tiny_model(cls.folder / "model.safetensors")
        write_png(cls.folder / "a.png", 40, 50, seed=1)
        write_png(cls.folder / "b.png", 64, 33, seed=2)
        (cls.folder / "bad.png").write_bytes((cls.folder / "a.png").read_bytes()[:200])

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def environment(self, **more):
        """The environment without variables of the library, with these added."""
        clean = {
            key: value for key, value in os.environ.items() if not key.startswith("ZEROSHOT") and key != "NO_COLOR"
        }
        return {**clean, **more}

    def call(self, *words, stdin=b"", **environment):
        """The completed process; stdout and stderr are bytes."""
        return subprocess.run(
            [str(PROGRAM), *map(str, words)],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=self.environment(**environment),
            timeout=TIMEOUT,
            check=False,
        )

    def with_model(self, command, *words, **more):
        return self.call(command, "--model", "model.safetensors", *words, **more)

    def output_lines(self, done, status=0):
        """The lines on stdout of a call, whose exit status is asserted."""
        self.assertEqual(done.returncode, status, done.stderr.decode(errors="replace"))
        return done.stdout.decode().splitlines()

    def assert_message(self, done, status, *parts):
        """Asserts the exit status, and that the message on stderr contains these parts."""
        message = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, message)
        self.assertTrue(all(line.startswith("zeroshot: ") for line in message.splitlines()), message)
        for part in parts:
            self.assertIn(part, message)

    def assert_not_written(self, name):
        """Asserts that there is neither the output file nor a temporary file of it."""
        self.assertEqual([each.name for each in self.folder.iterdir() if name in each.name], [])


def run():
    unittest.main(argv=[sys.argv[0], "-v"])
