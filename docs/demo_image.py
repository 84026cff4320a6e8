"""Draws what tools/demo prints in a terminal as docs/demo.png.

    script -qec tools/demo /dev/null | python docs/demo_image.py docs/demo.png

Needs Pillow and matplotlib (for the font it carries). Understands the few escape sequences that the demo uses.
"""
import re
import sys
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont

CELL_WIDTH, CELL_HEIGHT, MARGIN = 11, 22, 24
BACKGROUND, FOREGROUND, DIM = (24, 26, 31), (221, 224, 229), (138, 143, 152)
COLOURS = {"31": (240, 110, 105), "32": (120, 205, 120)}
EIGHTHS = "▏▎▍▌▋▊▉█"


def cells_of(line):
    """The characters of a line with their colours: (character, foreground, background or None, bold)."""
    foreground, background, bold = FOREGROUND, None, False
    for codes, character in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        if character:
            yield character, foreground, background, bold
        elif codes in ("", "0"):
            foreground, background, bold = FOREGROUND, None, False
        elif codes.startswith("38;2;"):
            foreground = tuple(int(part) for part in codes.split(";")[2:])
        elif codes.startswith("48;2;"):
            background = tuple(int(part) for part in codes.split(";")[2:])
        elif codes == "1":
            bold = True
        elif codes == "2":
            foreground = DIM
        else:
            foreground = COLOURS.get(codes, FOREGROUND)


def draw_line(draw, line, left, top, fonts):
    """Draws blocks as rectangles, which have no seams, and everything else as text."""
    for column, (character, foreground, background, bold) in enumerate(cells_of(line)):
        x = left + column * CELL_WIDTH
        box = (x, top, x + CELL_WIDTH - 1, top + CELL_HEIGHT - 1)
        if background:
            draw.rectangle(box, background)
        if character == "▀":
            draw.rectangle((x, top, x + CELL_WIDTH - 1, top + CELL_HEIGHT // 2 - 1), foreground)
        elif character in EIGHTHS:
            width = CELL_WIDTH * (EIGHTHS.index(character) + 1) // 8
            if width:
                draw.rectangle((x, top + 3, x + width - 1, top + CELL_HEIGHT - 4), (92, 148, 222))
        elif character.strip():
            draw.text((x, top + 2), character, foreground, fonts[bold])


def blocks_of(text):
    """The demo's paragraphs: one for each picture, and the last line."""
    return [block.split("\n") for block in text.replace("\r", "").strip("\n").split("\n\n")]


def main(output):
    folder = Path(matplotlib.get_data_path()) / "fonts/ttf"
    fonts = [ImageFont.truetype(str(folder / name), 17) for name in ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")]
    *pictures, last = blocks_of(sys.stdin.read())
    half = (len(pictures) + 1) // 2
    columns = [pictures[:half], pictures[half:]]
    width = max(len(list(cells_of(line))) for block in pictures for line in block) + 3
    height = max(sum(len(block) + 1 for block in column) for column in columns) + len(last)
    image = Image.new("RGB", (2 * MARGIN + 2 * width * CELL_WIDTH, 2 * MARGIN + height * CELL_HEIGHT), BACKGROUND)
    draw = ImageDraw.Draw(image)
    for index, column in enumerate(columns):
        top = MARGIN
        for block in column:
            for line in block:
                draw_line(draw, line, MARGIN + index * width * CELL_WIDTH, top, fonts)
                top += CELL_HEIGHT
            top += CELL_HEIGHT
    for index, line in enumerate(last):
        draw_line(draw, line, MARGIN, image.height - MARGIN - (len(last) - index) * CELL_HEIGHT, fonts)
    image.quantize(255).save(output, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1])
