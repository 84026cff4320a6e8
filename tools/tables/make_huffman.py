"""Writes huffman.inc: the Huffman tables of ITU T.81, annex K, as Pillow's libjpeg-turbo writes them into a JPEG.

Made with Pillow 13.0.0 (MIT-CMU; only its output is recorded).
"""

import io
import struct

from PIL import Image

from layout import array, write

file = io.BytesIO()
Image.new("RGB", (8, 8)).save(file, "JPEG")
data, position, tables = file.getvalue(), 2, b""
while data[position + 1] != 0xDA:
    length = struct.unpack(">H", data[position + 2 : position + 4])[0]
    if data[position + 1] == 0xC4:
        tables += data[position + 4 : position + 2 + length]
    position += 2 + length
segment = struct.pack(">H", len(tables) + 2) + tables
write("huffman.inc", "make_huffman.py", [array("std::uint8_t", "standard_huffman_tables", segment, "a segment DHT from its length field on")], "image")
