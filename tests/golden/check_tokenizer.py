"""Compares ids with open_clip's SimpleTokenizer over generated strings: check_tokenizer.py PROGRAM [count] [seed]

PROGRAM (with its arguments in one word, as "build/zeroshot tokenize") reads one JSON string a line and prints one JSON
array of ids a line. The reference is open_clip_torch 3.3.0, ftfy 6.3.1 and regex 2026.11.15 on Python 3.11, and ftfy's
fix_text runs with fix_encoding=False: the library leaves wrongly decoded text as it is. No string holds the text of a
special token.
"""

import json
import random
import shlex
import subprocess
import sys
import unicodedata
from functools import partial
from html.entities import html5

import ftfy
import open_clip.tokenizer

open_clip.tokenizer.ftfy.fix_text = partial(ftfy.fix_text, fix_encoding=False)

WORDS = """a photo of the dog cat Hello WORLD don't I'm they'll we've you're he'd she's O'Neill rock'n'roll naïve café Straße
ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ İstanbul IĞDIR ISPARTA ıspanak Ǆungla ẞ ſuper 'ſ ’ſ K Å Привет мир こんにちは 世界 한국어 שלום مرحبا สวัสดี
नमस्ते ﬁsh eﬀect oﬃce ﬅop ŉ Ĳssel ＦＵＬＬ　ｗｉｄｔｈ ｶﾞｷﾞｸﾞ ￥100 “quoted” ‘single’ ‚low’ „x‟ ʼn 3.14 ½ ² Ⅷ ⅷ ①② ٣٤٥ ४२ 𝟘𝟙 1,000
😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️ 🏴󠁧󠁢󠁷󠁬󠁳󠁿 … — – • ™ © e\u0301 a\u0328\u0301 \u1100\u1161\u11a8 q\u0307\u0323 \u0344 \u212b \u1fef \u037e &amp; &lt;b&gt;
&amp;amp;lt; &eacute; &EACUTE; &nTILDE; &SZLIG; &FFILIG; &notit; &not &ampere &copy &copy2024 &#39; &#x27; &#X41; &#128; &#x81; &#0;
&#xD83D; &#1114112; &#59; &#12ab; &#xg; &#; &; &hellip; &NotEqualTilde; &CounterClockwiseContourIntegral; &bsol;u <b> </i> a<b
\x1b[31mred\x1b[0m \x1b[1;\u0663m \x1b[ \x1b] \x00 \x07 \x0b \x0c \x1c \x1f \x7f \x80 \x85 \x93 \x9f \ufeff \u200b \u200d \u2028
\u2029 \u202e \u206a \ufff9 \ufffc \ufffd \u00a0 \u3000 \u1680 \r\n \r \n\n \t \\ud83d \\u0041 \\x41 \\n ~ ` ^_^ ¯\\_(ツ)_/¯ C++ #tag @me
http://a.b/c?d=e&f=g x@y.zz 10° 5'11" !!! ?! ... -- _ \u0345 \u0345a Α\u0345Σ Σ Σ. aΣ aΣ\u0301 aΣb ΣΣ A\u00adΣ \u00df""".split(" ")
WORDS = [word for chunk in WORDS for word in ([chunk] if chunk.isspace() else chunk.split("\n"))]
ENTITIES = sorted(html5)
SCRIPTS = [  # first and last code point of blocks that prompts may hold
    (0x20, 0x7E), (0x00, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F),
    (0x530, 0x58F), (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x109F), (0x10A0, 0x11FF),
    (0x1200, 0x139F), (0x1780, 0x18AF), (0x1AB0, 0x1AFF), (0x1C80, 0x1CBF), (0x1D00, 0x1DFF), (0x1E00, 0x1FFF), (0x2000, 0x206F),
    (0x2070, 0x218F), (0x2190, 0x2BFF), (0x2C00, 0x2DFF), (0x2E80, 0x312F), (0x3130, 0x33FF), (0x4E00, 0x9FFF), (0xA640, 0xABFF),
    (0xAC00, 0xD7FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFFFF), (0x10000, 0x10FFF), (0x11000, 0x11FFF),
    (0x16E40, 0x16EFF), (0x1D100, 0x1D7FF), (0x1E900, 0x1E95F), (0x1F000, 0x1FAFF), (0x20000, 0x2FA1F), (0xE0000, 0xE01EF),
]  # fmt: skip


def generated(count, seed, longest=12):
    """Strings of words, entities and characters of all scripts, in all mixtures; no surrogates, no special tokens."""
    luck = random.Random(seed)

    def character():
        first, last = luck.choice(SCRIPTS)
        return chr(luck.randint(first, last))

    def run():
        first, last = luck.choice(SCRIPTS)
        return "".join(chr(luck.randint(first, last)) for _ in range(luck.randint(1, 12)))

    def marked():
        marks = [chr(luck.randint(0x300, 0x36F)) for _ in range(luck.randint(1, 5))]
        return luck.choice("aeiouAEIOUnscyKΑΗΩаиเक") + "".join(marks)

    def reference():
        kind = luck.randint(0, 4)
        if kind == 0:
            return f"&#{luck.choice([luck.randint(0, 300), luck.randint(0, 0x11FFFF)])}{luck.choice([';', ''])}"
        if kind == 1:
            number = luck.choice([luck.randint(0, 300), luck.randint(0, 0x11FFFF)])
            return f"&#{luck.choice('xX')}{number:x}{luck.choice([';', ''])}"
        name = luck.choice(ENTITIES)
        name = luck.choice([name, name, name.rstrip(";"), name.upper(), name[:-1] + luck.choice("xX 9;")])
        return luck.choice(["&", "&", "&amp;", "&amp;amp;", "&AMP;"]) + name

    def word():
        return luck.choice(WORDS)

    def cased():
        text = luck.choice(WORDS)
        return luck.choice([text.upper(), text.title(), text.swapcase()])

    def contraction():
        ending = luck.choice(["s", "S", "ſ", "T", "re", "LL", "Ve", "d", "m", "x"])
        return luck.choice(["I", "dog", "THEY", "9", "!"]) + luck.choice("'’ʼ＇'") + ending

    makers = [word, word, word, cased, run, character, marked, reference, contraction]
    while count > 0:
        joint = luck.choice(["", " ", " ", " ", "  ", "\n", "\t"])
        parts = [luck.choice(makers)() for _ in range(luck.randint(1, longest))]
        text = "".join(part + (joint if luck.random() < 0.9 else "") for part in parts)
        if any(0xD800 <= ord(c) < 0xE000 for c in text) or "oftext" in text.lower() or "of_text" in text.lower():
            continue
        count -= 1
        yield text


def reference_ids(texts):
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    return [[tokenizer.sot_token_id, *tokenizer.encode(text), tokenizer.eot_token_id] for text in texts]


def main(program, count=20000, seed=1):
    texts = list(generated(int(count), int(seed)))
    expected_ids = reference_ids(texts)
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    answer = subprocess.run(shlex.split(program), input=lines, stdout=subprocess.PIPE, text=True, check=False).stdout
    actual = [json.loads(line) for line in answer.splitlines()]
    wrong = [row for row in zip(texts, expected_ids, actual) if row[1] != row[2]] if len(actual) == len(texts) else None
    if wrong is None:
        sys.exit(f"{len(actual)} answers to {len(texts)} strings")
    for text, want, got in wrong[:10]:
        print(f"{text!a}\n    expected {want}\n    got      {got}")
    longest = max(map(len, expected_ids))
    print(f"{len(wrong)} of {len(texts)} differ (seed {seed}; longest {longest} ids; {unicodedata.unidata_version})")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
