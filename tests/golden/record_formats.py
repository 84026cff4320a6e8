"""Records formats/: small images in the formats beside JPEG and PNG, and in formats.txt the mode, the size and the digest of the
pixels as which Pillow opens each; of 16 bits the upper 8. In orientations.txt the orientation by which ImageOps.exif_transpose turns images.

python tests/golden/record_formats.py [FOLDER]"""

import hashlib
import io
import pathlib
import struct
import sys
import zlib

import numpy
from PIL import Image, PngImagePlugin

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
    return Image.fromarray(waves(len(mode)), mode)  # RGB, RGBA, CMYK


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


def gif_files():
    yield "palette", saved(image("P"), "GIF")
    yield "interlaced", saved(image("P"), "GIF", interlace=True)
    yield "grey", saved(image("L"), "GIF", optimize=False)  # the greys in order: mode "L"
    yield "transparent", saved(image("P"), "GIF", transparency=7)
    frames = [image("P") for _ in range(2)]
    yield "animated", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    small = Image.fromarray(waves(1, 20, 10)[:, :, 0])
    small.putpalette(rng.integers(0, 256, 768, dtype=numpy.uint8).tobytes())
    part = bytearray(saved(small, "GIF"))
    part[6:10] = bytes([WIDTH, 0, HEIGHT, 0])  # the frame covers a part of the screen
    frame = part.index(b",\0\0\0\0" + bytes([20, 0, 10, 0]))
    part[frame + 1 : frame + 5] = bytes([9, 0, 5, 0])
    yield "part", bytes(part)
    part[6:10] = bytes([12, 0, 9, 0])  # and exceeds it
    yield "exceeding", bytes(part)


def bmp(bits, data, palette=b"", compression=0, masks=b"", height=HEIGHT, colours=0, header=40):
    body = (header.to_bytes(4, "little") + WIDTH.to_bytes(4, "little") + (height & 0xFFFFFFFF).to_bytes(4, "little") + b"\1\0" + bits.to_bytes(2, "little")
            + compression.to_bytes(4, "little") + bytes(12) + colours.to_bytes(4, "little") + bytes(4)) + masks
    begin = 14 + len(body) + len(palette)
    return b"BM" + (begin + len(data)).to_bytes(4, "little") + bytes(4) + begin.to_bytes(4, "little") + body + palette + data


def rows_of(samples):
    """Rows of bytes, each filled up to a multiple of 4."""
    return b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in samples)


def bmp_files():
    for mode in ("1", "L", "P", "RGB"):
        yield {"1": "bilevel", "L": "grey", "P": "palette", "RGB": "rgb"}[mode], saved(image(mode), "BMP")
    yield "rgba", saved(image("RGBA"), "BMP")
    colours = rng.integers(0, 256, (16, 4), dtype=numpy.uint8).tobytes()
    indices = waves(1)[:, :, 0] >> 4
    packed = numpy.pad(indices, ((0, 0), (0, 1)))
    yield "sixteen_colours", bmp(4, rows_of(packed[:, ::2] << 4 | packed[:, 1::2]), colours)
    yield "two_colours", bmp(1, rows_of(numpy.packbits(indices > 7, axis=1)), colours[:8])
    words = rng.integers(0, 1 << 16, (HEIGHT, WIDTH)).astype("<u2")
    yield "five_bits", bmp(16, rows_of(words))
    yield "six_bits", bmp(16, rows_of(words), compression=3, masks=b"".join(mask.to_bytes(4, "little") for mask in (0xF800, 0x7E0, 0x1F)))
    longs = rng.integers(0, 1 << 32, (HEIGHT, WIDTH)).astype("<u4")
    yield "unused_byte", bmp(32, rows_of(longs))
    yield "masks", bmp(32, rows_of(longs), compression=3, header=56,
                       masks=b"".join(mask.to_bytes(4, "little") for mask in (0xFF, 0xFF00, 0xFF0000, 0xFF000000)))
    yield "top_down", bmp(24, rows_of(waves(3).reshape(HEIGHT, -1)), height=-HEIGHT)
    coded = b""
    for row in indices:
        runs = b"".join(bytes([1, int(value)]) for value in row[:20]) + bytes([0, 21]) + row[20:41].tobytes() + b"\0" + bytes([4, int(row[44])])
        coded += runs + b"\0\0"
    yield "run_length_8", bmp(8, coded + b"\0\1", rng.integers(0, 256, 1024, dtype=numpy.uint8).tobytes(), compression=1)
    coded = b"".join(bytes([20, int(row[0]) << 4 | int(row[1]), 25, int(row[2]) << 4 | int(row[3])]) + b"\0\0" for row in indices)
    yield "run_length_4", bmp(4, coded + b"\0\1", colours, compression=2)


def tiff_files():
    for name, mode in (("bilevel", "1"), ("grey", "L"), ("palette", "P"), ("rgb", "RGB"), ("rgba", "RGBA"), ("cmyk", "CMYK"), ("grey_alpha", "LA")):
        picture = Image.fromarray(waves(2), "LA") if mode == "LA" else image(mode)
        yield name, saved(picture, "TIFF")
    yield "lzw", saved(image("P"), "TIFF", compression="tiff_lzw")
    yield "deflate", saved(image("RGBA"), "TIFF", compression="tiff_adobe_deflate")
    yield "packbits", saved(image("1"), "TIFF", compression="packbits")
    yield "group4", saved(image("1"), "TIFF", compression="group4")
    yield "jpeg", saved(image("RGB"), "TIFF", compression="jpeg", quality=80)
    yield "sixteen_bits", saved(Image.fromarray(rng.integers(0, 65536, (HEIGHT, WIDTH)).astype(numpy.uint16)), "TIFF")
    yield "predictor", saved(image("RGB"), "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield "turned", saved(image("RGB"), "TIFF", tiffinfo={0x0112: 6})
    yield "white_is_0", saved(image("L"), "TIFF", tiffinfo={262: 0})
    pages = [image("L") for _ in range(2)]
    yield "pages", saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])


def avif_files():
    yield "lossy", saved(image("RGB"), "AVIF", quality=60)
    yield "lossless", saved(image("RGB"), "AVIF", quality=100, subsampling="4:4:4")
    yield "alpha", saved(image("RGBA"), "AVIF", quality=90)
    yield "grey", saved(image("L"), "AVIF", quality=90)


def tiff(samples, photometric, extras=(), bits=8, separate=False, **tags):
    """A TIFF of one strip, or of one for each sample, these compressed; samples: [height, width, samples]."""
    height, width, count = samples.shape
    data = samples.astype("<u2" if bits == 16 else numpy.uint8)
    planes = [zlib.compress(data[:, :, i].tobytes()) for i in range(count)] if separate else [data.tobytes()]
    entries = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * count), (259, 3, [8 if separate else 1]), (262, 3, [photometric]), (273, 4, None),
               (277, 3, [count]), (278, 3, [height]), (279, 4, list(map(len, planes))), (284, 3, [2 if separate else 1])]
    entries += [(338, 3, extras)] * bool(extras) + [(int(tag[1:]), 1, list(value)) for tag, value in tags.items()]
    entries.sort()
    code = {1: "B", 3: "H", 4: "I"}
    outside = 8 + 2 + 12 * len(entries) + 4
    values = {tag: struct.pack(f"<{len(value)}{code[kind]}", *value) for tag, kind, value in entries if value is not None}
    begin = outside + sum(len(value) for value in values.values() if len(value) > 4) + 4 * len(planes) * (len(planes) > 1)
    begins = [begin + sum(map(len, planes[:i])) for i in range(len(planes))]
    values[273] = struct.pack(f"<{len(planes)}I", *begins)
    directory, content = struct.pack("<H", len(entries)), b""
    for tag, kind, value in entries:
        packed = values[tag]
        field = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", outside + len(content))
        content += packed if len(packed) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, len(planes) if value is None else len(value)) + field
    return b"II*\0\x08\0\0\0" + directory + bytes(4) + content + b"".join(planes)


def tiff_files_with_extra_samples():
    for name, extras in (("ignored", [0, 0]), ("all_ignored", [0, 0, 0]), ("alpha_ignored", [2, 0]), ("associated_ignored", [1, 0, 0])):
        yield f"rgb_{name}", tiff(waves(3 + len(extras), 20, 10), 2, extras)
    yield "cmyk_ignored", tiff(waves(6, 20, 10), 5, [0, 0])
    yield "rgb_separate_ignored", tiff(waves(8, 20, 10), 2, [0] * 5, separate=True)
    yield "cmyk_sixteen_bits", tiff(rng.integers(0, 65536, (10, 20, 4)), 5, bits=16)
    yield "turned_by_xmp", tiff(waves(3, 20, 10), 2, t700=xmp(6))


def xmp(orientation, element=False):
    value = f"><tiff:Orientation>{orientation}</tiff:Orientation></rdf:Description>" if element else f' tiff:Orientation="{orientation}"/>'
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/"{value}</x:xmpmeta>'.encode()


def exif(orientation=None):
    tags = Image.Exif()
    tags[0x0112 if orientation else 0x0131] = orientation or "a program"
    return tags.tobytes()


def imagemagick_profile(data):
    return f"\nexif\n{len(data):8}\n" + "\n".join(data.hex()[i : i + 72] for i in range(0, len(data.hex()), 72)) + "\n"


small = Image.fromarray((numpy.indices((3, 4, 8)).sum(0).transpose(1, 2, 0) * 20).astype(numpy.uint8))


def png_with(*texts, behind=False, **options):
    """A PNG with texts, each a function of PngInfo and its arguments, before or behind the image data."""
    info = PngImagePlugin.PngInfo()
    for add, *arguments in texts:
        add(info, *arguments)
    data = saved(small, "PNG", pnginfo=info, **options)
    if not behind:
        return data
    begin, end = data.index(b"IDAT") - 4, data.index(b"IEND") - 4
    return data[:33] + data[begin:end] + data[33:begin] + data[end:]


def turned_files():
    """Images that EXIF or XMP turns, in every place that Pillow reads, with contradictions."""
    for name, options in (("xmp_attribute", dict(xmp=xmp(5))), ("xmp_element", dict(xmp=xmp(8, element=True))), ("exif_and_xmp", dict(exif=exif(3), xmp=xmp(6))),
                          ("exif_without_and_xmp", dict(exif=exif(), xmp=xmp(7))), ("xmp_of_nine", dict(xmp=xmp(9))), ("neither", {})):
        for ending in ("jpg", "webp", "avif"):
            yield f"{name}.{ending}", saved(small, {"jpg": "JPEG"}.get(ending, ending.upper()), **options)
    text, compressed, international = (lambda info, *rest: info.add_text(*rest)), (lambda info, *rest: info.add_text(*rest, zip=True)), PngImagePlugin.PngInfo.add_itxt
    name, profile = "XML:com.adobe.xmp", "Raw profile type exif"
    yield "xmp.png", png_with((international, name, xmp(6).decode()))
    yield "xmp_compressed.png", png_with((international, name, xmp(5, element=True).decode(), "en", "", True))
    yield "xmp_behind.png", png_with((international, name, xmp(8).decode()), behind=True)
    yield "xmp_text.png", png_with((text, name, xmp(7).decode()))
    yield "xmp_twice.png", png_with((international, name, xmp(3).decode()), (international, name, xmp(4).decode()))
    yield "profile.png", png_with((text, profile, imagemagick_profile(exif(6))))
    yield "profile_compressed.png", png_with((compressed, profile, imagemagick_profile(exif(8))))
    yield "profile_behind.png", png_with((compressed, profile, imagemagick_profile(exif(5))), behind=True)
    yield "profile_and_exif.png", png_with((compressed, profile, imagemagick_profile(exif(8))), exif=exif(6))
    yield "profile_and_exif_without.png", png_with((compressed, profile, imagemagick_profile(exif(8))), exif=exif())
    yield "exif_without_and_xmp.png", png_with((international, name, xmp(2).decode()), exif=exif())
    yield "exif_named_twice.png", png_with(exif=b"Exif\0\0Exif\0\0" + exif(6)[6:])


FORMATS = [("webp", webp_files), ("gif", gif_files), ("bmp", bmp_files), ("tiff", tiff_files), ("avif", avif_files), ("tiff", tiff_files_with_extra_samples)]


def described(data):
    """Mode, width, height and digest of the pixels, as the library gives them."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    if picture.mode.startswith("I;16"):
        pixels = (numpy.asarray(picture).astype(int) >> 8).astype(numpy.uint8)
        return "L", pixels.shape[1], pixels.shape[0], hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    mode = picture.mode
    picture = picture.convert("RGB") if mode == "P" else picture.convert("L") if mode == "1" else picture
    return mode, *picture.size, hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "formats"
    folder.mkdir(exist_ok=True)
    lines = ["# file, Pillow's mode, width, height, digest of the pixels"]
    for ending, files in FORMATS:
        for name, data in files():
            (folder / f"{name}.{ending}").write_bytes(data)
            lines.append(" ".join(map(str, [f"{name}.{ending}", *described(data)])))
    (folder / "formats.txt").write_text("\n".join(lines) + "\n")
    lines = ["# file, the orientation by which ImageOps.exif_transpose turns it"]
    for name, data in turned_files():
        (folder / name).write_bytes(data)
        orientation = Image.open(io.BytesIO(data)).getexif().get(0x0112, 1)
        lines.append(f"{name} {orientation if orientation in range(1, 9) else 1}")
    (folder / "orientations.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
