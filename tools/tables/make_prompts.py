"""Writes prompts.inc: class names of ImageNet and OpenAI's prompt templates, all 80 and the short list of 7.

Made with open_clip_torch 3.3.0 (MIT): zero_shot_metadata, taken from OpenAI's notebook
Prompt_Engineering_for_ImageNet.
"""

from importlib.metadata import version

from open_clip import IMAGENET_CLASSNAMES, OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES

from layout import rows, write

assert version("open_clip_torch") == "3.3.0", version("open_clip_torch")


def texts(name, values, about):
    for value in values:
        assert value.isascii() and '"' not in value and "\\" not in value, value
    return (
        rows("const char*", name, [[f'"{value}"'] for value in values], about).replace('{"', '"').replace('"},', '",')
    )


def sentences(templates):
    return [template("{}") for template in templates]


assert len(IMAGENET_CLASSNAMES) == 1000 and len(OPENAI_IMAGENET_TEMPLATES) == 80 and len(SIMPLE_IMAGENET_TEMPLATES) == 7
write(
    "prompts.inc",
    "make_prompts.py",
    [
        texts("imagenet_classes", IMAGENET_CLASSNAMES, "By label; two names stand twice."),
        texts("openai_templates_80", sentences(OPENAI_IMAGENET_TEMPLATES), "In OpenAI's order."),
        texts(
            "openai_templates_7",
            sentences(SIMPLE_IMAGENET_TEMPLATES),
            "The best seven together, as OpenAI's notebook found them.",
        ),
    ],
    module="classify",
)
