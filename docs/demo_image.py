"""Draws docs/demo.png: the example images, their labels and the probabilities that the program gives them.

    python docs/demo_image.py build/zeroshot docs/demo.png

Needs Pillow and matplotlib (for the font it carries).
"""

import json
import subprocess
import sys
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "images"
COLUMNS, THUMBNAIL, MARGIN, LINE = 3, 132, 28, 24
LABELS_WIDTH, BAR_WIDTH = 190, 150
BACKGROUND, TEXT, MUTED, BAR = (255, 255, 255), (32, 33, 36), (112, 117, 122), (86, 136, 199)
RIGHT, WRONG = (30, 130, 60), (190, 50, 45)


def classify(program, name, labels):
    """The labels of one image with their probabilities, most probable first."""
    call = [program, "classify", EXAMPLES / name, "--json", "--quiet", "--labels", *labels]
    return json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)["labels"]


def draw_result(canvas, left, top, name, answer, ranking, fonts):
    """One thumbnail, and beside it a bar for each label."""
    draw = ImageDraw.Draw(canvas)
    with Image.open(EXAMPLES / name) as opened:
        picture = Image.alpha_composite(Image.new("RGBA", opened.size, BACKGROUND), opened.convert("RGBA"))
        canvas.paste(picture.convert("RGB").resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS), (left, top))
    for row, entry in enumerate(ranking):
        x, y = left + THUMBNAIL + 16, top + row * LINE + 6
        is_best = row == 0
        colour = MUTED if not is_best else RIGHT if entry["label"] == answer else WRONG
        draw.text((x, y), entry["label"], colour, fonts[is_best])
        x += LABELS_WIDTH
        width = round(BAR_WIDTH * entry["probability"])
        draw.rectangle((x, y + 3, x + max(width, 1), y + 15), BAR)
        draw.text((x + width + 8, y), f"{100 * entry['probability']:.1f} %", TEXT if is_best else MUTED, fonts[0])


def main(program, output):
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    fonts = [ImageFont.truetype(str(folder / name), 15) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf")]
    examples = json.loads((EXAMPLES / "labels.json").read_text(encoding="utf-8"))
    cell = (THUMBNAIL + 16 + LABELS_WIDTH + BAR_WIDTH + 90, THUMBNAIL + MARGIN)
    rows = -(-len(examples) // COLUMNS)
    canvas = Image.new("RGB", (MARGIN + COLUMNS * cell[0], MARGIN + rows * cell[1]), BACKGROUND)
    for index, (name, example) in enumerate(examples.items()):
        left, top = MARGIN + index % COLUMNS * cell[0], MARGIN + index // COLUMNS * cell[1]
        ranking = classify(program, name, example["labels"])
        draw_result(canvas, left, top, name, example["answer"], ranking, fonts)
    canvas.quantize(255).save(output, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
