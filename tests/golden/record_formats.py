"""Records formats/: small images in the formats beside JPEG and PNG, and in formats.txt the mode, the size and the digest of the
pixels as which Pillow opens each; CMYK converted to RGB, of 16 bits the upper 8.

python tests/golden/record_formats.py [FOLDER]"""

import hashlib
import io
import pathlib
import sys

import numpy
from PIL import Image

WIDTH, HEIGHT = 45, 37
rng = numpy.random.default_rng(15)


def waves(channels, width=WIDTH, height=HEIGHT, noise=8):
    """Noise on waves: bytes [height, width, channels]."""
    y, x, c = numpy.indices((height, width, channels))
    values = 128 + 110 * numpy.sin(x / 7 + y / 11 + c * 2)
    return numpy.clip(values + rng.normal(0, noise, values.shape), 0, 255).astype(numpy.uint8)


def image(mode):
    if mode in ("L", "1"):
        return Image.fromarray(waves(1)[:, :, 0]).convert(mode)
    if mode == "P":
        indices = Image.fromarray(waves(1)[:, :, 0])
        indices.putpalette(rng.integers(0, 256, 768, dtype=numpy.uint8).tobytes())
        return indices
    return Image.fromarray(waves(len(mode)), mode)


def saved(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def webp_files():
    yield "lossy", saved(image("RGB"), "WEBP", quality=80)
    yield "lossy_alpha", saved(image("RGBA"), "WEBP", quality=80)
    yield "lossless", saved(image("RGB"), "WEBP", lossless=True)
    yield "lossless_alpha", saved(image("RGBA"), "WEBP", lossless=True, exact=True)
    yield "turned", saved(image("RGB"), "WEBP", quality=50, exif=turned())
    frames = [image("RGBA") for _ in range(2)]
    yield "animated", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    # an animation whose first frame covers a part of the canvas
    still = saved(Image.fromarray(waves(4, 20, 10)), "WEBP", lossless=True, exact=True)
    frame = (4).to_bytes(3, "little") + (3).to_bytes(3, "little") + (19).to_bytes(3, "little") + (9).to_bytes(3, "little") + bytes(4)
    parts = [(b"VP8X", b"\x12\0\0\0" + (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")), (b"ANIM", bytes(6)),
             (b"ANMF", frame + still[still.index(b"VP8L"):])]
    body = b"WEBP" + b"".join(name + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2) for name, data in parts)
    yield "part", b"RIFF" + len(body).to_bytes(4, "little") + body


FORMATS = {"webp": webp_files}


def described(data):
    """Mode, width, height and digest of the pixels, as the library gives them."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    if picture.mode.startswith("I;16"):
        pixels = (numpy.asarray(picture).astype(int) >> 8).astype(numpy.uint8)
        return "L", pixels.shape[1], pixels.shape[0], hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    mode = {"CMYK": "RGB"}.get(picture.mode, picture.mode)
    picture = picture.convert("RGB") if picture.mode in ("P", "CMYK") else picture.convert("L") if mode == "1" else picture
    return mode, *picture.size, hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "formats"
    folder.mkdir(exist_ok=True)
    lines = ["# file, Pillow's mode, width, height, digest of the pixels"]
    for ending, files in FORMATS.items():
        for name, data in files():
            (folder / f"{name}.{ending}").write_bytes(data)
            lines.append(" ".join(map(str, [f"{name}.{ending}", *described(data)])))
    (folder / "formats.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
