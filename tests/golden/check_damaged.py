"""The live check of damaged images: mutated JPEGs and PNGs, decoded by the library and by Pillow.

python tests/golden/check_damaged.py DECODE_IMAGES [COUNT [OTHER_PYTHON [SEED]]]

DECODE_IMAGES is the program of decode_images.cpp (target decode_images). What Pillow gives an image of must be decoded: PNGs and
sound JPEGs to Pillow's bytes; damaged JPEGs, with libjpeg-turbo, where OTHER_PYTHON, whose Pillow has the libjpeg-turbo of the system
(Debian's python3-pil), gives the same bytes as this one. With stb_image, only JPEGs that are odd but whole are compared; docs/images.md lists the other kinds. Prints a
table of kinds, with what is decoded though Pillow refuses it."""

import collections
import hashlib
import io
import pathlib
import random
import re
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

import numpy
from PIL import Image

import check_images
from check_images import SIGNATURE, chunk, decoded, expected, jpeg, png, segment, segments, waves

warnings.simplefilter("ignore")

OTHER = """
import hashlib, io, sys, warnings
warnings.simplefilter("ignore")
from PIL import Image
for name in sys.stdin.read().split("\\n")[:-1]:
    try:
        image = Image.open(name)
        image.load()
        print(image.mode, hashlib.sha256(image.tobytes()).hexdigest())
    except Exception:
        print("refused")
"""


def sound_jpegs():
    for index in range(40):
        width, height = random.randint(1, 90), random.randint(1, 90)
        pixels = waves(width, height, 3, random.choice([0, 5, 30]))
        options = dict(quality=random.randint(30, 98), subsampling=random.randint(0, 2), progressive=index % 4 == 3)
        if index % 5 == 1:
            options["restart_marker_blocks"] = random.randint(1, 6)
        picture = Image.fromarray(pixels[:, :, 0] if index % 7 == 5 else pixels)
        if index % 9 == 8:
            picture = picture.convert("CMYK")
        yield jpeg(picture, **options)


def sound_pngs():
    for index in range(40):
        colour, depth = random.choice(check_images.KINDS)
        between = []
        if colour in (0, 2, 3) and random.random() < 0.4:
            between = [(b"tRNS", random.randbytes({0: 2, 2: 6, 3: random.randint(1, 2**depth)}[colour]))]
        yield png(colour, depth, random.randint(1, 60), random.randint(1, 60), random.random() < 0.3, between=between,
                  split=random.choice([0, 0, 50]), entries=2**depth if between else None)


# What can happen to any file


def flip(data):
    bad = bytearray(data)
    for _ in range(random.randint(1, 5)):
        bad[random.randrange(len(bad))] ^= 1 << random.randrange(8)
    return bytes(bad)


def cut(data):
    return data[: random.randint(len(data) * 9 // 10 if random.random() < 0.7 else 3, len(data) - 1)]


def insert(data):
    at = random.randint(2, len(data))
    return data[:at] + random.randbytes(random.choice([1, 2, 10, 300])) + data[at:]


def remove(data):
    at = random.randint(2, len(data) - 1)
    return data[:at] + data[at + random.choice([1, 2, 10]) :]


def append(data):
    return data + random.randbytes(random.randint(1, 100))


# What can happen to the segments of a JPEG


def rebuilt(parts, end=b"\xff\xd9"):
    return b"\xff\xd8" + b"".join(parts) + end


def parts_of(data):
    return [part for _, part in segments(data)]


def flip_data(data):
    bad, begin = bytearray(data), data.index(b"\xff\xda") + 14
    for _ in range(random.randint(1, 3)):
        if begin < len(bad) - 2:
            bad[random.randrange(begin, len(bad) - 2)] ^= 1 << random.randrange(8)
    return bytes(bad)


def change_marker(data):
    parts = parts_of(data)
    at = random.randrange(len(parts))
    parts[at] = b"\xff" + random.choice([random.randbytes(1), bytes([random.randint(0xC0, 0xFE)])]) + parts[at][2:]
    return rebuilt(parts)


def drop_segment(data):
    parts = parts_of(data)
    del parts[random.randrange(len(parts))]
    return rebuilt(parts)


def repeat_segment(data):
    parts = parts_of(data)
    parts.insert(random.randint(0, len(parts)), random.choice(parts))
    return rebuilt(parts)


def swap_segments(data):
    parts = parts_of(data)
    first, second = random.randrange(len(parts)), random.randrange(len(parts))
    parts[first], parts[second] = parts[second], parts[first]
    return rebuilt(parts)


def change_segment(data):
    parts = parts_of(data)
    at = random.randrange(len(parts))
    part = bytearray(parts[at])
    part[random.randrange(2, min(len(part), 20))] = random.randrange(256)
    parts[at] = bytes(part)
    return rebuilt(parts)


def pad_restarts(data):
    return re.sub(rb"\xff([\xd0-\xd7])", lambda found: (random.randbytes(random.randint(0, 9)).replace(b"\xff", b"\xfe") + found.group()), data)


def pad_end(data):
    return data[:-2] + random.choice([b"\xff\0", b"\0" * 9, b"\xff\0" + random.randbytes(9).replace(b"\xff", b"\xfe"), b"\xff\xff\xff"]) + b"\xff\xd9"


def drop_tables(data):
    return rebuilt([part for marker, part in segments(data) if marker != 0xC4])


def odd_parameters(data):
    at = data.index(b"\xff\xda")
    last = at + 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[: last - 3] + random.randbytes(3) + data[last:]


def end_with_others(data):
    return data[:-2] + random.randbytes(random.randint(8, 60)).replace(b"\xff", b"\xfe")


def name_components(data):
    parts = []
    for marker, part in segments(data):
        if marker in (0xC0, 0xC1, 0xC2) and part[9] == 3:
            part = part[:10] + b"R" + part[11:13] + b"G" + part[14:16] + b"B" + part[17:]
        if marker == 0xDA:
            count = part[4]
            part = part[:5] + b"".join(bytes(["?RGB"[part[5 + 2 * i]].encode()[0] if part[5 + 2 * i] < 4 else 0, part[6 + 2 * i]]) for i in range(count)) + part[5 + 2 * count :]
        if marker != 0xE0 or random.random() < 0.5:
            parts.append(part)
    return rebuilt(parts)


# What can happen to the chunks of a PNG


def chunks_of(data):
    position, parts = 8, []
    while position < len(data):
        length = struct.unpack(">I", data[position : position + 4])[0]
        parts.append((data[position + 4 : position + 8], data[position + 8 : position + 8 + length]))
        position += 12 + length
    return parts


def assembled(parts):
    return SIGNATURE + b"".join(chunk(*part) for part in parts)


def drop_chunk(data):
    parts = chunks_of(data)
    del parts[random.randrange(len(parts))]
    return assembled(parts)


def repeat_chunk(data):
    parts = chunks_of(data)
    parts.insert(random.randint(0, len(parts)), random.choice(parts))
    return assembled(parts)


def swap_chunks(data):
    parts = chunks_of(data)
    first, second = random.randrange(len(parts)), random.randrange(len(parts))
    parts[first], parts[second] = parts[second], parts[first]
    return assembled(parts)


def change_chunk(data):  # with a sound CRC
    parts = chunks_of(data)
    at = random.randrange(len(parts))
    name, content = parts[at]
    if content:
        content = bytearray(content)
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    parts[at] = name, bytes(content)
    return assembled(parts)


def shorten_chunk(data):
    parts = chunks_of(data)
    at = random.randrange(len(parts))
    parts[at] = parts[at][0], parts[at][1][: random.randint(0, len(parts[at][1]))]
    return assembled(parts)


def rename_chunk(data):
    parts = chunks_of(data)
    at = random.randrange(len(parts))
    parts[at] = random.choice([b"abCd", b"ABCD", b"tEXt", b"tRNS", b"PLTE", b"IEND", b"a1B_", b"ab d"]), parts[at][1]
    return assembled(parts)


def wrong_checksum(data):
    bad, position = bytearray(data), 8
    places = []
    while position < len(data):
        position += 12 + struct.unpack(">I", data[position : position + 4])[0]
        places.append(position - 1)
    bad[random.choice(places)] ^= 1
    return bytes(bad)


def other_end(data):
    return data[:-12] + random.choice([b"", b"\0\0\0\0IEN", chunk(b"IEND", b"more"), b"\0\0\0\0IEND\0\0\0\0", chunk(b"tEXt", b"a\0b")])


def other_transparency(data):
    parts = [part for part in chunks_of(data) if part[0] != b"tRNS"]
    parts.insert(random.randint(1, len(parts)), (b"tRNS", random.randbytes(random.choice([0, 1, 2, 5, 6, 9, 40, 256, 300]))))
    return assembled(parts)


def other_rows(data):  # a sound stream of another size
    parts = chunks_of(data)
    stream = zlib.decompress(b"".join(content for name, content in parts if name == b"IDAT"))
    stream = stream[: random.randint(0, len(stream))] if random.random() < 0.7 else stream + random.randbytes(random.randint(1, 99))
    first = next(index for index, part in enumerate(parts) if part[0] == b"IDAT")
    rest = [part for part in parts if part[0] != b"IDAT"]
    rest.insert(first, (b"IDAT", zlib.compress(stream)))
    return assembled(rest)


# odd but whole: with stb_image, too, these must have Pillow's pixels
WHOLE = ["jpeg " + change.__name__ for change in (append, pad_restarts, pad_end, drop_tables, odd_parameters, end_with_others, name_components)]
# what docs/images.md lists of PNG: fewer rows than a thousandth
LISTED = ("too few for the size",)

ANY = [flip, cut, insert, remove, append]
JPEG = [*ANY, flip_data, flip_data, change_marker, drop_segment, repeat_segment, swap_segments, change_segment, pad_restarts, pad_end, drop_tables, odd_parameters,
        end_with_others, name_components]
PNG = [*ANY, drop_chunk, repeat_chunk, swap_chunks, change_chunk, shorten_chunk, rename_chunk, wrong_checksum, other_end, other_transparency, other_rows]


def mutated(count):
    """Kind and bytes."""
    jpegs, pngs = list(sound_jpegs()), list(sound_pngs())
    for index in range(count):
        if index % 2 == 0:
            change = JPEG[index // 2 % len(JPEG)]
            yield "jpeg " + change.__name__, change(random.choice(jpegs))
        else:
            change = PNG[index // 2 % len(PNG)]
            yield "png " + change.__name__, change(random.choice(pngs))


def digest_of(reference):
    if reference is None:
        return "refused"
    mode, pixels = reference
    return f"{mode} {hashlib.sha256(pixels.astype(numpy.uint8).tobytes()).hexdigest()}"


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 4
    random.seed(seed)
    check_images.rng = numpy.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        files = list(mutated(count))
        paths = []
        for index, (kind, data) in enumerate(files):
            paths.append(folder / f"{index:05}.{kind[:3]}")
            paths[-1].write_bytes(data)
        references = [expected(data) for _, data in files]
        agreed = [True] * len(files)
        if len(sys.argv) > 3:
            lines = "".join(f"{path}\n" for path in paths)
            others = subprocess.run([sys.argv[3], "-c", OTHER], input=lines, capture_output=True, text=True, check=True).stdout.split("\n")
            agreed = [kind.startswith("png") or digest_of(reference) == other for (kind, _), reference, other in zip(files, references, others)]
        failures = 0
        for decoder in ("libjpeg-turbo", "stb"):
            results = decoded(program, decoder, paths, folder / "pixels")
            if results is None:
                print(f"{decoder}: not built")
                continue
            table = collections.defaultdict(lambda: collections.Counter())
            lenient = collections.Counter()
            for path, (kind, _), reference, result, agree in zip(paths, files, references, results, agreed):
                row, refused = table[kind], isinstance(result, str)
                row["files"] += 1
                row["of Pillow"] += reference is not None
                if reference is None:
                    row["ours alone"] += not refused
                    continue
                if refused:
                    row["refused"] += 1
                    listed = kind not in WHOLE if decoder == "stb" and kind.startswith("jpeg") else kind.startswith("png") and any(text in result for text in LISTED)
                    failures += agree and not listed
                    print(f"{decoder}: {path.name} {kind}: Pillow reads it{', as listed' if listed else ''}{'' if agree else ', another one does not'}: {result}")
                    continue
                same_kind = reference[0] == result[0] and reference[1].shape == result[1].shape
                worst = int(abs(reference[1] - result[1]).max()) if same_kind else 256
                row["equal"] += worst == 0
                row["within 3"] += worst <= 3
                row["Pillows differ"] += not agree
                bound = 3 if kind in WHOLE else 255
                if worst > (bound if decoder == "stb" and kind.startswith("jpeg") else 0) and agree:
                    failures += 1
                    print(f"{decoder}: {path.name} {kind}: {f'{worst} grey levels off' if same_kind else f'{result[0]} {result[1].shape}, with Pillow {reference[0]} {reference[1].shape}'}")
            columns = ["files", "of Pillow", "equal", "within 3", "Pillows differ", "refused", "ours alone"]
            print(f"{decoder}\n{'':24}" + "".join(f"{name:>16}" for name in columns))
            table["all"] = sum(table.values(), collections.Counter())
            for kind, row in table.items():
                print(f"{kind:24}" + "".join(f"{row[name]:16}" for name in columns))
    print("as expected" if failures == 0 else f"{failures} failures")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
