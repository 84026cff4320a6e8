"""Records tests/golden/positions.hpp: position embeddings as PyTorch carries them over to another grid.

Usage: python tests/golden/record_positions.py      (the packages are pinned in tools/requirements.txt)

Each grid holds cell * cell % 17 - 8 in its cell'th place, and is resized as open_clip (bicubic, antialias=True) and
transformers (bicubic) do it, in float64."""

from pathlib import Path

import torch
from torch.nn.functional import interpolate

SIZES = [(3, 5), (5, 3), (4, 4), (7, 2), (1, 2)]


def resized(old, new, antialias):
    cells = torch.arange(old * old, dtype=torch.float64)
    grid = (cells * cells % 17 - 8).reshape(1, 1, old, old)
    return interpolate(grid, size=(new, new), mode="bicubic", align_corners=False, antialias=antialias).flatten().tolist()


def main():
    lines = ["#pragma once", "/// \\file Made by record_positions.py: what PyTorch makes of small grids.", "",
             "#include <cstddef>", "#include <vector>", "", "namespace zeroshot_tests {", "",
             "struct resized_grid {", "    std::size_t from, to;", "    bool antialias;", "    std::vector<double> values;",
             "};", "", f"// torch {torch.__version__}", "inline const std::vector<resized_grid> resized_grids{"]
    for old, new in SIZES:
        for antialias in (True, False):
            values = ", ".join(repr(value) for value in resized(old, new, antialias))
            lines += [f"    {{{old}, {new}, {'true' if antialias else 'false'}, {{{values}}}}},"]
    lines += ["};", "", "}  // namespace zeroshot_tests"]
    (Path(__file__).parent / "positions.hpp").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
