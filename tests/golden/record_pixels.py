"""Records what Pillow 13 makes of images: the crops of generated PNGs (pixels.txt), and small JPEGs with their pixels
(jpeg/). Run in an environment with pillow==13.0.0 and numpy: python tests/golden/record_pixels.py"""

import hashlib
import io
import pathlib
import struct
import zlib

import numpy
import open_clip
import PIL
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

HERE = pathlib.Path(__file__).parent
SIDES = [1, 2, 3, 5, 17, 31, 32, 33, 64, 100, 223, 224, 225, 300, 640, 1000, 3000]
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}

MODES, FILTERS, FILL = ["shortest", "longest", "squash"], ["bicubic", "bilinear"], 90


def hash_bytes(seed, count):
    """The bytes of hash_byte(seed, 0...) in tests/image/png_writer.hpp."""
    x = numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)
    for _ in range(2):
        x ^= x >> numpy.uint64(32)
        x *= numpy.uint64(0xD6E8FEB86659FD93)
    return ((x ^ (x >> numpy.uint64(32))) & numpy.uint64(255)).astype(numpy.uint8)


def samples(colour, depth, width, height, entries, style, seed):
    """The samples of png_writer::image: [height, width, samples]."""
    channels = SAMPLES[colour]
    value = hash_bytes(seed, width * height * channels).astype(numpy.uint32).reshape(height, width, channels)
    if style == 1:
        value = numpy.where(value > 127, 255, 0).astype(numpy.uint32)
    if style == 2:
        y, x, c = numpy.indices(value.shape)
        value = (x * 3 + y * 5 + c * 40 + value % 32) & 255
    if depth == 16:
        return value << 8 | hash_bytes(seed + 1000000, value.size).reshape(value.shape)
    few = value >> (8 - depth)
    return few % entries if colour == 3 else few


def png(colour, depth, values, transparency, entries, seed):
    """A PNG file without filters or interlacing."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width, _ = values.shape
    rows = b""
    for row in values.reshape(height, -1):
        if depth == 16:
            packed = row.astype(">u2").tobytes()
        else:
            bits = numpy.unpackbits(row.astype(numpy.uint8)[:, None], axis=1)[:, 8 - depth :]
            packed = numpy.packbits(bits.reshape(-1)).tobytes()
        rows += b"\0" + packed
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    if colour == 3:
        file += chunk(b"PLTE", hash_bytes(seed + 2000000, entries * 3).tobytes())
    if transparency:
        file += chunk(b"tRNS", bytes({0: 2, 2: 6, 3: entries}[colour]))
    return file + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def crop(image, size, order):
    """The bytes before scaling and normalisation: by open_clip's transform for OpenAI's order, else by transformers."""
    if order == "openai":
        return square(image, size, "shortest", "bicubic", 0)
    processor = CLIPImageProcessorPil(
        size={"shortest_edge": size}, crop_size={"height": size, "width": size}, do_rescale=False, do_normalize=False)
    return processor(image, return_tensors="np")["pixel_values"][0].transpose(1, 2, 0).astype(numpy.uint8)


def square(image, size, mode, filter, fill):
    """image_transform of open_clip transform.py up to ToTensor, by its own classes; images of two colours or a palette
    are filled with the grey level too, and not with their own colour of that number."""
    transform = open_clip.transform.image_transform(
        size, is_train=False, resize_mode=mode, interpolation=filter, fill_color=fill)
    steps = transform.transforms[:-2]  # without ToTensor and Normalize
    if mode == "longest" and image.mode in ("1", "P"):
        image = steps[0](image).convert("RGB")
        steps = steps[1:]
    for step in steps:
        image = step(image)
    return numpy.asarray(image)


def opened(colour, depth, values, transparency, entries, seed, order="openai"):
    image = Image.open(io.BytesIO(png(colour, depth, values, transparency, entries, seed)))
    if not image.mode.startswith("I"):
        return image
    grey = Image.fromarray((values[:, :, 0] >> 8).astype(numpy.uint8))  # our own decision: the upper 8 bits
    if transparency and order == "hf":
        grey.putalpha(Image.fromarray(numpy.where(values[:, :, 0] == 0, 0, 255).astype(numpy.uint8)))
    return grey


def record_crops():
    rng = numpy.random.default_rng(20261123)
    lines = [f"# Pillow {PIL.__version__}: colour depth width height interlaced transparency entries style seed size, sha256 (16 digits) of OpenAI's and of Hugging Face's crop"]
    seed = 0
    for round_ in range(24):
        for colour, depth in KINDS:
            while True:
                width, height = (int(rng.choice(SIDES)) for _ in range(2))
                if width * height <= 150000:
                    break
            if round_ == 0:
                width, height = 1, 3000
            if round_ == 1:
                width, height = 3000, 1
            seed += 1
            interlaced = int(rng.integers(0, 3) == 0)
            transparency = int(colour in (0, 2, 3) and rng.integers(0, 2))
            entries = int(rng.integers(1, 2**depth + 1)) if colour == 3 else 0
            style = int(rng.integers(0, 3))
            size = int(rng.choice([224, 32, 33, 7]))
            values = samples(colour, depth, width, height, entries, style, seed)
            images = {order: opened(colour, depth, values, transparency, entries, seed, order) for order in ("openai", "hf")}
            hashes = [hashlib.sha256(crop(image, size, order).tobytes()).hexdigest()[:16] for order, image in images.items()]
            lines.append(" ".join(map(str, [colour, depth, width, height, interlaced, transparency, entries, style, seed, size, *hashes])))
    (HERE / "pixels.txt").write_text("\n".join(lines) + "\n")


def record_squares():
    """Every fifth image of pixels.txt by every other mode and filter of open_clip's."""
    names = [f"{mode}/{filter}" for mode in MODES for filter in FILTERS]
    lines = [f"# Pillow {PIL.__version__}, open_clip {open_clip.__version__}, filled with {FILL}: the image as in pixels.txt, sha256 (16 digits) of "
             + ", ".join(names)]
    recorded = [line for line in (HERE / "pixels.txt").read_text().splitlines() if not line.startswith("#")]
    for line in recorded[4::5]:
        colour, depth, width, height, interlaced, transparency, entries, style, seed, size = map(int, line.split()[:10])
        values = samples(colour, depth, width, height, entries, style, seed)
        image = opened(colour, depth, values, transparency, entries, seed)
        hashes = []
        for mode in MODES:
            for filter in FILTERS:
                try:
                    digest = hashlib.sha256(square(image, size, mode, filter, FILL).tobytes()).hexdigest()[:16]
                except ValueError:  # "height and width must be > 0": too thin for the whole of it to be shown
                    digest = "refused"
                hashes.append(digest)
        lines.append(" ".join([*line.split()[:10], *hashes]))
    (HERE / "squares.txt").write_text("\n".join(lines) + "\n")


def without_huffman_tables(data):
    position, kept = 2, data[:2]
    while data[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position + 1] != 0xC4:
            kept += data[position:end]
        position = end
    return kept + data[position:]


def record_jpegs():
    folder = HERE / "jpeg"
    folder.mkdir(exist_ok=True)
    y, x = numpy.mgrid[0:37, 0:45]
    waves = [128 + 90 * numpy.sin(x / 7 + y / 11), 128 + 90 * numpy.cos(x / 9 - y / 8), 128 + 60 * numpy.sin((x + y) / 13)]
    colours = Image.fromarray(numpy.stack(waves, axis=-1).astype(numpy.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = {
        "baseline": (colours, dict(quality=75, subsampling=0)),
        "halved": (colours, dict(quality=75, subsampling=2)),
        "halved_across": (colours, dict(quality=75, subsampling=1)),
        "progressive": (colours, dict(quality=75, subsampling=2, progressive=True)),
        "progressive_full": (colours, dict(quality=90, subsampling=0, progressive=True)),
        "restarts": (colours, dict(quality=75, subsampling=2, restart_marker_blocks=2)),
        "progressive_restarts": (colours, dict(quality=75, subsampling=2, progressive=True, restart_marker_blocks=3)),
        "grey": (colours.convert("L"), dict(quality=75)),
        "grey_progressive": (colours.convert("L"), dict(quality=75, progressive=True)),
        "turned": (colours, dict(quality=75, subsampling=0, exif=exif)),
        "rgb": (colours, dict(quality=75, keep_rgb=True)),
        "cmyk": (colours.convert("CMYK"), dict(quality=60)),
        "webcam": (colours, dict(quality=75, subsampling=1, optimize=False)),
    }
    for name, (image, options) in kinds.items():
        path = folder / f"{name}.jpg"
        image.save(path, **{"optimize": True, **options})
        if name == "webcam":  # frames of video have no Huffman tables: the standard ones are meant
            path.write_bytes(without_huffman_tables(path.read_bytes()))
        read = Image.open(path)
        if read.mode == "CMYK":
            read = read.convert("RGB")
        read.save(folder / f"{name}.{'pgm' if read.mode == 'L' else 'ppm'}")


if __name__ == "__main__":
    record_crops()
    record_squares()
    record_jpegs()
