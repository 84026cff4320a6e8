"""Records tokenizers as people train and publish them for CLIP (tokenizers/NAME/tokenizer.json, or vocab.json and merges.txt),
and the ids that Hugging Face's tokenizers give for texts (tokenizers/NAME/ids.json).

Run in an environment with tools/requirements.txt: python tests/golden/record_tokenizer_files.py [OUTPUT [TEXTS]]"""

import json
import pathlib
import random
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPTokenizerFast

HERE = pathlib.Path(__file__).parent
START, END = "<|startoftext|>", "<|endoftext|>"
WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
NAMES = r"<\|startoftext\|>|<\|endoftext\|>|"
CORPUS = ["a photo of a dog", "the quick brown fox", "don't stop; it's 12 o'clock", "uma foto de um cão", "日本語のテキスト"] * 20
PARTS = (
    "a photo of the dog's Cat ISN'T we'll İstanbul ΣΊΣΥΦΟΣ ſ'ſ schön cafe\u0301 ﬁ &amp; &lt;|endoftext|&gt; <|endoftext|> <|STARTOFTEXT|> "
    "<|startoftext|>x 123 ½ ² 日本語 한국어 עברית \u0345 🏳️‍🌈 \u00a0 \u200b \u2028 \x1c \x85 _ -- !!'s '' 'Re 'LL <cat-toy> <CAT-TOY> photo of Photo Of <dog> <dog>s").split(" ")


def clip_bpe(alphabet):
    """An untrained CLIP tokenizer."""
    tokenizer = Tokenizer(models.BPE(unk_token=END, end_of_word_suffix="</w>", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(NAMES + WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=[START, END], initial_alphabet=alphabet, end_of_word_suffix="</w>",
                                  show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    ends = [(END, tokenizer.token_to_id(END)), (START, tokenizer.token_to_id(START))]
    tokenizer.post_processor = processors.RobertaProcessing(*ends, add_prefix_space=False, trim_offsets=False)
    return tokenizer


def variants():
    """Names, and tokenizers."""
    bytes_ = pre_tokenizers.ByteLevel.alphabet()
    yield "trained", clip_bpe(bytes_)
    yield "some_bytes", clip_bpe([])  # bytes without a symbol are the unknown token
    cased = clip_bpe(bytes_)
    cased.normalizer = normalizers.NFC()
    cased.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    yield "cased", cased
    template = clip_bpe(bytes_)
    template.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(text, template.token_to_id(text)) for text in (START, END)])
    yield "template", template
    added = clip_bpe(bytes_)
    added.add_tokens([AddedToken("<cat-toy>", normalized=False), AddedToken("Photo Of", normalized=True), "<dog>",
                      AddedToken("<dog>s", normalized=False)])
    yield "added", added


def texts(count, seed=20261130):
    choose = random.Random(seed)
    made = ["", " ", "a photo of a dog", "uma foto de um c\u00e3o"]
    for _ in range(count - len(made)):
        if choose.random() < 0.6:
            made.append((" " if choose.random() < 0.7 else "").join(choose.choices(PARTS, k=choose.randint(0, 8))))
        else:
            made.append("".join(chr(choose.choice([choose.randint(32, 126), choose.randint(160, 0x2FF), choose.randint(0x370, 0x52F)]))
                                for _ in range(choose.randint(1, 10))))
    return made


def main():
    output = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "tokenizers"
    sample = texts(int(sys.argv[2]) if len(sys.argv) > 2 else 80)

    def record(name, encode):
        (output / name / "ids.json").write_text(json.dumps([[text, encode(text)] for text in sample], ensure_ascii=False, indent=0) + "\n")

    for name, tokenizer in variants():
        (output / name).mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(output / name / "tokenizer.json"), pretty=False)
        record(name, lambda text: tokenizer.encode(text).ids)
    folder = output / "vocabulary_and_merges"  # what releases before tokenizer.json have
    folder.mkdir(parents=True, exist_ok=True)
    model = json.loads((output / "trained" / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"], ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in model["merges"]) + "\n")
    older = CLIPTokenizerFast.from_pretrained(folder)
    record(folder.name, lambda text: older(text)["input_ids"])


if __name__ == "__main__":
    main()
