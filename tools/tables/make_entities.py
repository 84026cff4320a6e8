"""Writes entities.inc (named HTML entities) and repairs.inc (replacements of ftfy), from Python and ftfy.

Made with Python 3.11 (html.entities) and ftfy 6.3.1 (Apache 2.0; only outputs of its functions are recorded).
"""

import html
import unicodedata
from html.entities import html5
from importlib.metadata import version

from ftfy import chardata, fixes

from layout import array, boundaries, literal, write

assert version("ftfy") == "6.3.1", version("ftfy")
assert unicodedata.unidata_version == "14.0.0", unicodedata.unidata_version

BARE, CAPITAL = 1 << 31, 1 << 30  # flags beside the first character

names = sorted(name[:-1] for name in html5 if name.endswith(";"))
assert all(html5[name] == html5[name + ";"] for name in html5 if not name.endswith(";"))
values, capitals = [], []
for index, name in enumerate(names):
    characters = [ord(c) for c in html5[name + ";"]] + [0]
    flags = BARE if name in html5 else 0
    shouted = f"&{name.upper()};"
    if name == name.lower() and name.upper() + ";" not in html5 and shouted in chardata.HTML_ENTITIES:
        flags |= CAPITAL
        value = chardata.HTML_ENTITIES[shouted]
        if value != html5[name + ";"]:
            capitals.append([index, *([ord(c) for c in value] + [0, 0])[:3]])
    values.append([characters[0] | flags, characters[1]])
known = {f"&{name}" for name in html5 if name.endswith(";")}
known |= {f"&{name.upper()};" for name, value in zip(names, values) if value[0] & CAPITAL}
assert known == set(chardata.HTML_ENTITIES)

ends = [sum(map(len, names[: index + 1])) for index in range(len(names))]
windows = [ord(bytes([b]).decode("sloppy-windows-1252")) for b in range(0x80, 0xA0)]
assert all(html.unescape(f"&#{b};") == chr(windows[b - 0x80]) for b in range(0x80, 0xA0))

write(
    "entities.inc",
    "make_entities.py",
    [
        literal("entity_letters", "".join(names), "the names in order, without a gap"),
        array("std::uint16_t", "entity_ends", ends, "where each name ends in entity_letters"),
        array(
            "std::uint32_t",
            "entity_values",
            [n for value in values for n in value],
            "first character, second or 0; bit 31 of the first: also without a semicolon, bit 30: also in capitals",
        ),
        array(
            "std::uint32_t",
            "entity_capitals",
            [n for row in capitals for n in row],
            "name, and up to three characters that its capitals mean, where they differ",
        ),
        array("char32_t", "windows_1252", windows, "what the control characters U+0080 to U+009F were meant to be"),
    ],
)


def control(character):
    return ord(character) in chardata.CONTROL_CHARS


repairs = []
for code in range(0x110000):
    if 0xD800 <= code < 0xE000:
        continue
    character = chr(code)
    repaired = fixes.fix_character_width(fixes.fix_latin_ligatures(fixes.fix_c1_controls(character)))
    repaired = fixes.fix_line_breaks(fixes.uncurl_quotes(repaired))
    if repaired != character:
        assert 1 <= len(repaired) <= 3
        repairs.append([code, *([ord(c) for c in repaired] + [0, 0])[:3]])

write(
    "repairs.inc",
    "make_entities.py",
    [
        array("char32_t", "repairs", [n for row in repairs for n in row], "character, and up to three that replace it"),
        array("char32_t", "decimal_boundaries", boundaries(str.isdecimal), r"\d of Python's re"),
        array("char32_t", "control_boundaries", boundaries(control), "characters that are removed"),
    ],
)
