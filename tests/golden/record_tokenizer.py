"""Records tokens_openai.txt and tokens_generated.txt: record_tokenizer.py REFERENCE_FOLDER

tokens_openai.txt holds the texts and ids of REFERENCE_FOLDER/openai_tokenizer_golden.json (OpenAI's own file, ftfy 6.3.1).
tokens_generated.txt holds 1,000 strings of check_tokenizer.py and the ids that open_clip gives them.
A line is a text, percent-encoded, a tab, and its ids with the start and the end token.
"""

import json
import sys
from pathlib import Path
from urllib.parse import quote

from check_tokenizer import generated, reference_ids

HERE = Path(__file__).resolve().parent
PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


def write(name, texts, ids):
    lines = [f"{quote(text, safe=PLAIN)}\t{' '.join(map(str, row))}\n" for text, row in zip(texts, ids)]
    (HERE / name).write_text("".join(lines), encoding="ascii")


golden = json.loads((Path(sys.argv[1]) / "openai_tokenizer_golden.json").read_text(encoding="utf-8"))
write("tokens_openai.txt", [entry["text"] for entry in golden], [entry["ids"] for entry in golden])
strings = list(generated(1000, 2024, longest=4))
write("tokens_generated.txt", strings, reference_ids(strings))
