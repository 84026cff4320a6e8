"""The live check of decoding: some 700 generated PNGs and JPEGs of every kind, decoded by the library and by Pillow.

python tests/golden/check_images.py DECODE_IMAGES [FOLDER]

DECODE_IMAGES is the program of decode_images.cpp (target decode_images). Files go to FOLDER, or to a temporary folder.
PNGs must have Pillow's bytes; sound JPEGs Pillow's bytes with libjpeg-turbo and at most 3 grey levels off with stb_image;
damaged JPEGs that Pillow decodes must be decoded; what Pillow refuses must be refused. Needs pillow and numpy."""

import io
import pathlib
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy
from PIL import Image, ImageFile

ImageFile.MAXBLOCK = 1 << 24  # Pillow's JPEG encoder wants room for a whole noisy image
MODES = ["1", "L", "LA", "RGB", "RGBA", "P", "BGR", "BGRA", "CMYK"]
CHANNELS = [1, 1, 2, 3, 4, 3, 3, 4, 4]
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)]
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
SIGNATURE = b"\x89PNG\r\n\x1a\n"
rng = numpy.random.default_rng(14)


def waves(width, height, channels, noise):
    """Noise on waves: bytes [height, width, channels]."""
    y, x, c = numpy.indices((height, width, channels))
    values = 128 + 110 * numpy.sin(x / rng.uniform(2, 40) + y / rng.uniform(2, 40) + c * rng.uniform(0, 3))
    return numpy.clip(values + rng.normal(0, noise, values.shape), 0, 255).astype(numpy.uint8)


# PNG


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def filtered(rows, pixel, filters):
    """The rows, each behind its filter byte and filtered by it."""
    above = numpy.zeros(rows.shape[1], int)
    out = b""
    for index, row in enumerate(rows.astype(int)):
        left = numpy.concatenate([numpy.zeros(pixel, int), row[:-pixel] if len(row) > pixel else []]).astype(int)[: len(row)]
        corner = numpy.concatenate([numpy.zeros(pixel, int), above[:-pixel] if len(row) > pixel else []]).astype(int)[: len(row)]
        estimate = left + above - corner
        apart = numpy.stack([abs(estimate - left), abs(estimate - above), abs(estimate - corner)])
        paeth = numpy.choose(apart.argmin(0), [left, above, corner])
        kind = filters[index % len(filters)]
        prediction = [0 * row, left, above, (left + above) // 2, paeth][kind]
        out += bytes([kind]) + ((row - prediction) & 255).astype(numpy.uint8).tobytes()
        above = row
    return out


def png(colour, depth, width, height, interlaced=False, filters=(0, 1, 2, 3, 4), before=(), between=(), split=0, level=6, entries=None):
    samples = SAMPLES[colour]
    values = waves(width, height, samples, 20).astype(numpy.uint32)
    values = values << 8 | rng.integers(0, 256, values.shape) if depth == 16 else values >> (8 - depth)
    if colour == 3:
        entries = entries or int(rng.integers(1, 2**depth + 1))
        values %= entries

    def stream(part):
        flat = part.reshape(part.shape[0], -1)
        if depth == 16:
            rows = flat.astype(">u2").view(numpy.uint8).reshape(part.shape[0], -1)
        else:
            bits = numpy.unpackbits(flat.astype(numpy.uint8)[:, :, None], axis=2)[:, :, 8 - depth :]
            rows = numpy.packbits(bits.reshape(part.shape[0], -1), axis=1)
        return filtered(rows, max(1, samples * depth // 8), filters)

    if interlaced:
        parts = [values[top::down, left::across] for left, top, across, down in ADAM7]
        raw = b"".join(stream(part) for part in parts if part.size)
    else:
        raw = stream(values)
    data = zlib.compress(raw, level)
    pieces = [data[i : i + split] for i in range(0, len(data), split)] if split else [data]
    file = SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))
    file += b"".join(chunk(*part) for part in before)
    if colour == 3:
        file += chunk(b"PLTE", rng.integers(0, 256, 3 * entries, dtype=numpy.uint8).tobytes())
    file += b"".join(chunk(*part) for part in between)
    return file + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND", b"")


def png_files():
    """Name and bytes, in the kinds of PngSuite."""
    for colour, depth in KINDS:
        for interlaced in (False, True):
            for size in ((32, 32), (41, 23)):
                yield "png basic", png(colour, depth, *size, interlaced)
    for size in range(1, 41):
        for _ in range(3):
            colour, depth = KINDS[rng.integers(len(KINDS))]
            yield "png sizes", png(colour, depth, size, int(rng.integers(1, 41)), bool(rng.integers(2)))
    for kind in range(5):
        for colour, depth in ((0, 8), (2, 8), (6, 16), (0, 1)):
            yield "png filters", png(colour, depth, 29, 17, filters=(kind,))
    for gamma in (35000, 45455, 55000, 70000, 100000, 250000):
        for colour, depth in ((0, 16), (2, 8), (3, 8)):
            yield "png gamma", png(colour, depth, 20, 20, before=[(b"gAMA", struct.pack(">I", gamma))])
    for colour, depth, size in ((0, 1, 2), (0, 4, 2), (0, 8, 2), (0, 16, 2), (2, 8, 6), (2, 16, 6), (3, 2, 1), (3, 4, 3), (3, 8, 40)):
        for interlaced in (False, True):
            yield "png tRNS", png(colour, depth, 18, 21, interlaced, entries=2**depth, between=[(b"tRNS", bytes([0, 7] * size)[:size])])
    for colour, depth, size in ((0, 8, 2), (2, 8, 6), (3, 8, 1), (4, 8, 2), (6, 8, 6), (6, 16, 6)):
        yield "png background", png(colour, depth, 18, 21, between=[(b"bKGD", bytes(size))])
    for part in ((b"cHRM", bytes(32)), (b"sRGB", b"\0"), (b"pHYs", bytes(9)), (b"tIME", bytes([7, 208, 1, 1, 12, 34, 56])), (b"tEXt", b"Title\0words"),
                 (b"sBIT", bytes([5, 6, 5])), (b"prVt", b"private"), (b"eXIf", b"II*\0\xff\xff\xff\xff"), (b"acTL", struct.pack(">II", 1, 0))):
        yield "png chunks", png(2, 8, 25, 9, before=[part])
    for split in (1, 2, 7, 100):
        for colour, depth in ((0, 16), (2, 8)):
            yield "png split", png(colour, depth, 16, 16, split=split)
    for level in (0, 1, 3, 9):
        yield "png levels", png(2, 8, 60, 40, level=level)
    for mode in ("L", "RGB", "RGBA", "P", "LA"):
        frames = [Image.fromarray(waves(31, 22, 4, 30)).convert(mode) for _ in range(3)]
        out = io.BytesIO()
        frames[0].save(out, "PNG", save_all=True, append_images=frames[1:], duration=50)
        yield "png animated", out.getvalue()
    good = png(2, 8, 20, 20)
    yield "png corrupt", good.replace(b"\r\n", b"\n", 1)
    yield "png corrupt", good[:1] + b"MNG" + good[4:]
    yield "png corrupt", good[:8] + good[33:]  # no IHDR
    for colour, depth in ((1, 8), (5, 8), (7, 8), (2, 4), (3, 16), (0, 0), (0, 99)):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, depth, colour, 0, 0, 0))
        yield "png corrupt", good[:8] + header + good[33:]
    for width, height in ((0, 20), (20, 0)):
        yield "png corrupt", good[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + good[33:]
    yield "png corrupt", good[:29] + b"\0\0\0\0" + good[33:]  # IHDR's checksum
    yield "png corrupt", good[:33] + chunk(b"IEND", b"")
    for size in (0, 1, 7, 20, 40, len(good) // 2):
        yield "png cut", good[:size]


# JPEG


def segment(marker, data):
    return bytes([255, marker]) + struct.pack(">H", len(data) + 2) + data


def segments(file):
    """Splits a JPEG into (marker, bytes); a scan's data belongs to SOS."""
    position, parts = 2, []
    while file[position + 1] != 0xD9:
        marker = file[position + 1]
        end = position + 2 + struct.unpack(">H", file[position + 2 : position + 4])[0]
        while marker == 0xDA and not (file[end] == 255 and file[end + 1] not in (0, *range(0xD0, 0xD8))):
            end += 1
        parts.append((marker, file[position:end]))
        position = end
    return parts


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def merged(width, height, factors, middle, ids=(1, 2, 3, 4), quality=85, noise=4):
    """A JPEG of components with sampling factors of their own, each in a scan of its own; Pillow cannot write these."""
    across, down = (max(factor[axis] for factor in factors) for axis in (0, 1))
    frame = struct.pack(">BHHB", 8, height, width, len(factors))
    scans = b""
    for index, (h, v) in enumerate(factors):
        plane = waves(-(-width * h // across), -(-height * v // down), 1, noise)[:, :, 0]
        parts = segments(jpeg(Image.fromarray(plane), quality=quality))
        frame += bytes([ids[index], h << 4 | v, 0])
        scans += b"".join(part for marker, part in parts if marker in (0xDB, 0xC4))
        scan = [part for marker, part in parts if marker == 0xDA][0]
        scans += scan[:5] + bytes([ids[index]]) + scan[6:]
    first = scans.index(b"\xff\xda")
    return b"\xff\xd8" + middle + scans[:first] + segment(0xC0, frame) + scans[first:] + b"\xff\xd9"


def jpeg_files():
    """Name and bytes."""

    def image(channels=3, largest=90, noise=None):
        width, height = (int(side) for side in rng.integers(1, largest, 2))
        pixels = waves(width, height, channels, rng.choice([0, 5, 30]) if noise is None else noise)
        return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)

    def options():
        return dict(quality=int(rng.integers(20, 101)), subsampling=int(rng.integers(0, 3)), optimize=bool(rng.integers(2)))

    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    adobe = [segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform])) for transform in (0, 1, 2)]
    for _ in range(60):
        yield "jpeg baseline", jpeg(image(), **options())
    for _ in range(40):
        yield "jpeg progressive", jpeg(image(), progressive=True, **options())
    for _ in range(20):
        yield "jpeg restarts", jpeg(image(), progressive=bool(rng.integers(2)), restart_marker_blocks=int(rng.integers(1, 9)), **options())
    for _ in range(15):
        yield "jpeg grey", jpeg(image(1), progressive=bool(rng.integers(2)), quality=int(rng.integers(20, 101)))
    for _ in range(10):
        yield "jpeg rgb", jpeg(image(), keep_rgb=True, quality=90)
    for factors in ([(4, 1), (1, 1), (1, 1)], [(1, 2), (1, 1), (1, 1)], [(2, 2), (1, 1), (1, 1)], [(2, 1), (1, 1), (1, 1)], [(4, 2), (1, 1), (1, 1)],
                    [(2, 2), (2, 1), (1, 2)], [(1, 4), (1, 1), (1, 2)], [(4, 4), (2, 2), (1, 1)], [(1, 1), (2, 2), (1, 1)]):
        for _ in range(5):
            yield "jpeg sampling", merged(*(int(side) for side in rng.integers(1, 80, 2)), factors, jfif)
    for _ in range(10):
        width, height = (int(side) for side in rng.integers(1, 60, 2))
        yield "jpeg colours", merged(width, height, [(1, 1)] * 3, adobe[0])
        yield "jpeg colours", merged(width, height, [(1, 1)] * 3, adobe[1])
        yield "jpeg colours", merged(width, height, [(1, 1)] * 3, b"", ids=b"RGB")
        yield "jpeg colours", merged(width, height, [(2, 1), (1, 1), (1, 1)], b"", ids=(5, 6, 7))
    for _ in range(10):
        width, height = (int(side) for side in rng.integers(1, 60, 2))
        yield "jpeg cmyk", jpeg(Image.fromarray(waves(width, height, 4, 10), "CMYK"), quality=int(rng.integers(30, 100)))
        yield "jpeg cmyk", merged(width, height, [(1, 1)] * 4, b"")
        yield "jpeg ycck", merged(width, height, [(1, 1)] * 4, adobe[2])
        yield "jpeg ycck", merged(width, height, [(2, 2), (1, 1), (1, 1), (2, 2)], adobe[2])
    for _ in range(60):
        good = jpeg(image(), progressive=bool(rng.integers(2)), **options())
        parts = [part for _, part in segments(good)]
        kind = int(rng.integers(6))
        at = int(rng.integers(1, len(parts)))
        random = rng.bytes(int(rng.integers(1, 400)))
        if kind == 0:  # junk between segments
            parts.insert(at, random.replace(b"\xff", b"\xfe"))
        elif kind == 1:  # padding before markers
            parts = [b"\xff" * int(rng.integers(0, 5)) + part if index else part for index, part in enumerate(parts)]
        elif kind == 2:  # segments of applications, with an end marker inside
            parts.insert(at, segment(int(rng.choice([0xE3, 0xE5, 0xEC, 0xEF, 0xFE])), b"\xff\xd9" + random))
        elif kind == 3:  # EXIF that makes no sense
            parts.insert(1, segment(0xE1, b"Exif\0\0" + [b"", b"II*\0\xff\xff\xff\x7f", b"MM\0*\0\0\0\x08\xff\xff", random][int(rng.integers(4))]))
        elif kind == 4:  # restart markers outside of scans
            parts.insert(at, b"\xff\xd3")
        tail = random if kind == 5 else b""  # junk behind the end
        yield "jpeg junk", b"\xff\xd8" + b"".join(parts) + b"\xff\xd9" + tail
    for _ in range(40):
        good = jpeg(image(noise=5, largest=120), progressive=bool(rng.integers(2)), **options())
        begin = good.index(b"\xff\xda") + 14
        bad = bytearray(good)
        for _ in range(int(rng.integers(1, 4))):
            if len(good) - 2 > begin:
                bad[int(rng.integers(begin, len(good) - 2))] ^= 1 << int(rng.integers(8))
        yield "jpeg damaged", bytes(bad)
    for _ in range(40):
        good = jpeg(image(largest=120), progressive=bool(rng.integers(2)), **options())
        yield "jpeg cut", good[: int(rng.integers(2, len(good)))]
    good = jpeg(Image.fromarray(waves(30, 20, 3, 5)))
    frame = good.index(b"\xff\xc0")
    yield "jpeg extended", good.replace(b"\xff\xc0", b"\xff\xc1")
    for offset, value in ((4, 12), (9, 2), (1, 0xC5)):  # 12 bits, two components, hierarchical
        yield "jpeg corrupt", good[: frame + offset] + bytes([value]) + good[frame + offset + 1 :]
    for offset in (5, 7):  # no height, no width
        yield "jpeg corrupt", good[: frame + offset] + b"\0\0" + good[frame + offset + 2 :]
    for index, (marker, _) in enumerate(segments(good)):
        if marker in (0xDB, 0xC0, 0xDA):  # without the quantization tables, the frame, or the scan
            yield "jpeg corrupt", b"\xff\xd8" + b"".join(part for i, (kind, part) in enumerate(segments(good)) if kind != marker) + b"\xff\xd9"


def expected(data):
    """Mode and pixels as Pillow gives them, or None."""
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except Exception:
        return None
    if image.mode.startswith("I"):  # 16-bit grey: the library's own decision, the upper 8 bits
        return "L", (numpy.asarray(image).astype(int) >> 8)[:, :, None]
    mode = image.mode
    image = image.convert("RGB") if image.mode == "P" else image
    pixels = numpy.asarray(image).astype(int) * (255 if mode == "1" else 1)
    return mode, pixels.reshape(pixels.shape[0], pixels.shape[1], -1)


def decoded(program, decoder, paths, output):
    """Mode and pixels of each file, or the error's text; None where this decoder is not built."""
    run = subprocess.run([program, decoder, output, *paths], check=False)
    if run.returncode == 3:
        return None
    run.check_returncode()
    data, position, images = output.read_bytes(), 0, []
    for _ in paths:
        end = data.index(b"\n", position)
        line, position = data[position:end].decode(errors="replace"), end + 1
        if not line[0].isdigit():
            images.append(line)
            continue
        mode, width, height = map(int, line.split())
        size = width * height * CHANNELS[mode]
        pixels = numpy.frombuffer(data[position : position + size], numpy.uint8).reshape(height, width, -1).astype(int)
        images.append((MODES[mode], pixels))
        position += size
    return images


def main():
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else temporary)
        files = [*png_files(), *jpeg_files()]
        paths = []
        for index, (kind, data) in enumerate(files):
            paths.append(folder / f"{index:03}.{kind[:3]}")
            paths[-1].write_bytes(data)
        references = [expected(data) for _, data in files]
        failures = 0
        for decoder in ("libjpeg-turbo", "stb"):
            images = decoded(program, decoder, paths, folder / "pixels")
            if images is None:
                print(f"{decoder}: not built")
                continue
            table = {}
            for path, (kind, _), reference, result in zip(paths, files, references, images):
                row = table.setdefault(kind, dict(files=0, refused=0, worst=0, differ=0))
                row["files"] += 1
                row["refused"] += isinstance(result, str)
                problem = None
                if reference is None or isinstance(result, str):
                    if reference is None and not isinstance(result, str):
                        problem = "Pillow refuses it"
                    elif reference is not None:
                        problem = "Pillow reads it: " + result
                elif reference[0] != result[0] or reference[1].shape != result[1].shape:
                    problem = f"{result[0]} {result[1].shape}, with Pillow {reference[0]} {reference[1].shape}"
                else:
                    worst = int(abs(reference[1] - result[1]).max())
                    row["worst"] = max(row["worst"], worst)
                    row["differ"] += worst > 0
                    bound = 255 if kind == "jpeg damaged" else 3 if decoder == "stb" and kind.startswith("jpeg") else 0
                    if worst > bound:
                        problem = f"{worst} grey levels off"
                if problem:
                    failures += 1
                    print(f"{decoder}: {path.name} {kind}: {problem}")
            print(f"{decoder}: {len(files)} files")
            for kind, row in table.items():
                print(f"  {kind:18}{row['files']:4} files, {row['refused']:3} refused, {row['differ']:3} differ, by at most {row['worst']}")
    print("as expected" if failures == 0 else f"{failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
