"""Writes wnids.inc: the identifiers of ImageNet's 1,000 classes in WordNet, by label.

Made with timm 1.0.31 (Apache-2.0): timm/data/_info/imagenet_synsets.txt.
"""

from importlib.metadata import files, version

from layout import array, write

assert version("timm") == "1.0.31", version("timm")

listed = next(file for file in files("timm") if file.name == "imagenet_synsets.txt")
wnids = listed.locate().read_text().split()
assert len(wnids) == 1000 and wnids == sorted(wnids), "the order of the labels is that of the identifiers"
numbers = [int(wnid.removeprefix("n")) for wnid in wnids]
assert wnids == [f"n{number:08}" for number in numbers]
write(
    "wnids.inc",
    "make_wnids.py",
    [array("std::uint32_t", "imagenet_wnids", numbers, "By label, ascending, without the n.")],
    module="classify",
)
