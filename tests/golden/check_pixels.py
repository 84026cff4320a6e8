"""The live check of pixels: images written by Pillow's own encoders, through `zeroshot preprocess`, against Pillow: in OpenAI's order
open_clip's transform and OpenAI's own, in Hugging Face's CLIPImageProcessorPil.

python tests/golden/check_pixels.py PROGRAM [COUNT]"""

import pathlib
import subprocess
import sys
import tempfile

import numpy
from PIL import Image, ImageFile
from torchvision import transforms

from record_pixels import crop

ImageFile.MAXBLOCK = 1 << 24  # Pillow's JPEG encoder needs a buffer for a whole noisy image

MEAN = numpy.array([0.48145466, 0.4578275, 0.40821073], numpy.float32)
STD = numpy.array([0.26862954, 0.26130258, 0.27577711], numpy.float32)
MODES = ["1", "L", "LA", "RGB", "RGBA", "P", "L with transparency", "P with transparency", "RGB with transparency", "JPEG"]
# of other formats: how they are saved
FORMATS = {
    "WebP RGB": ("webp", dict(lossless=True)), "WebP RGBA": ("webp", dict(lossless=True, exact=True)), "WebP lossy RGB": ("webp", dict(quality=70)),
    "GIF P": ("gif", {}), "GIF L": ("gif", {}), "GIF P with transparency": ("gif", dict(transparency=3)), "BMP 1": ("bmp", {}), "BMP L": ("bmp", {}),
    "BMP P": ("bmp", {}), "BMP RGB": ("bmp", {}), "TIFF 1": ("tiff", dict(compression="group4")), "TIFF L": ("tiff", {}), "TIFF LA": ("tiff", {}),
    "TIFF P": ("tiff", dict(compression="tiff_lzw")), "TIFF RGB": ("tiff", dict(compression="tiff_adobe_deflate")), "TIFF RGBA": ("tiff", {}),
    "TIFF CMYK": ("tiff", {}), "AVIF RGB": ("avif", dict(quality=90)), "AVIF RGBA": ("avif", dict(quality=90)),
}


def draw(rng, mode, width, height):
    """An image of noise on waves."""
    y, x, c = numpy.indices((height, width, 4))
    waves = 128 + 100 * numpy.sin(x / rng.uniform(2, 40) + y / rng.uniform(2, 40) + c * 2)
    pixels = numpy.clip(waves + rng.normal(0, rng.choice([0, 5, 60]), waves.shape), 0, 255).astype(numpy.uint8)
    if mode == "JPEG":
        return Image.fromarray(pixels[:, :, :3])
    mode = mode.split(" ", 1)[1].removeprefix("lossy ") if mode in FORMATS else mode
    if mode == "CMYK":
        return Image.fromarray(pixels, "CMYK")
    if mode.startswith("P"):
        image = Image.fromarray(pixels[:, :, 0] % int(rng.integers(1, 257)))
        image.putpalette(rng.integers(0, 256, 768, dtype=numpy.uint8).tobytes())
        return image
    if mode == "1":
        return Image.fromarray(pixels[:, :, 0] > 128)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "L with transparency": 1, "RGB with transparency": 3}[mode]
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels[:, :, :channels])


def save(rng, mode, image, path):
    if mode == "JPEG":
        image.save(path, "JPEG", quality=int(rng.integers(30, 100)), subsampling=int(rng.integers(0, 3)),
                     progressive=bool(rng.integers(0, 2)), optimize=bool(rng.integers(0, 2)),
                     restart_marker_blocks=int(rng.choice([0, 0, 1, 5])))
        return
    if mode in FORMATS:
        kind, options = FORMATS[mode]
        image.save(path, kind.upper(), **options)
        return
    extra = {}
    if mode == "L with transparency":
        extra["transparency"] = 100
    if mode == "P with transparency":
        extra["transparency"] = rng.integers(0, 256, 256, dtype=numpy.uint8).tobytes()
    if mode == "RGB with transparency":
        extra["transparency"] = (1, 2, 3)
    image.save(path, "PNG", compress_level=int(rng.integers(0, 10)), **extra)


def expected(path, size, order):
    """The pixels [3, size, size] of each reference."""
    yield ((crop(Image.open(path), size, order).astype(numpy.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)
    if order == "openai":  # _transform in clip/clip.py of github.com/openai/CLIP, which is not on PyPI under that name
        yield transforms.Compose([
            transforms.Resize(size, interpolation=transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(size),
            lambda image: image.convert("RGB"), transforms.ToTensor(), transforms.Normalize(MEAN, STD)])(Image.open(path)).numpy()


def main():
    program = sys.argv[1]
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    rng = numpy.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths, modes = [], []
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
        built_in = version.split("images: ")[1].split(";")[0].lower().split(", ")
        jpeg_bound = 1e-4 if "JPEG by libjpeg-turbo" in version else 4.001
        kinds = MODES + [name for name, (kind, _) in FORMATS.items() if kind in built_in]
        for index in range(count):
            mode = kinds[index % len(kinds)]
            width, height = (int(numpy.exp(rng.uniform(0, numpy.log(3000)))) for _ in range(2))
            while width * height > 400000:
                width, height = (width + 1) // 2, (height + 1) // 2
            if mode == "JPEG":  # far from enlarging single pixels, where two decoders' roundings would show
                width, height = max(width, 300), max(height, 300)
            path = folder / f"{index:04}.{'jpg' if mode == 'JPEG' else FORMATS[mode][0] if mode in FORMATS else 'png'}"
            save(rng, mode, draw(rng, mode, width, height), path)
            paths.append(path)
            modes.append(mode)
        failures = 0
        for order in ("openai", "hf"):
            output = folder / f"{order}.npy"
            subprocess.run([program, "preprocess", "--order", order, "--output", output, "--quiet", "--", *paths], check=True)
            actual = numpy.load(output)
            worst = {}
            for path, mode, pixels in zip(paths, modes, actual):
                levels = max(float((numpy.abs(pixels - reference) * STD[:, None, None] * 255).max())
                             for reference in expected(path, pixels.shape[-1], order))
                worst[mode] = max(worst.get(mode, 0.0), levels)
                # two JPEG decoders round differently; resizing to 224 averages some of it away.
                if levels > (jpeg_bound if mode == "JPEG" else 1e-4):
                    failures += 1
                    print(f"{order}: {mode} {Image.open(path).size}: {levels:.3f} grey levels")
            print(f"{order}: {len(actual)} images, most grey levels off: " + ", ".join(f"{mode} {most:.2g}" for mode, most in worst.items()))
    print("equal" if failures == 0 else f"{failures} differ")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
