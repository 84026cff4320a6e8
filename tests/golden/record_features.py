"""Records tests/golden/features.hpp: the logits and probabilities of real ViT-B/32 features.

Usage: ZEROSHOT_REFERENCE_DATA=FOLDER python tests/golden/record_features.py

The folder holds npclip_image_features.npy (float32 [1, 512], CLIP.png through OpenAI's ViT-B/32) and
npclip_text_features.npy (float32 [3, 512], "a diagram", "a dog", "a cat"), neither normalised. What is
recorded is the formula of CLIP.forward and a softmax in float64; the published numbers beside it were
printed by the reference in float32 and must agree.
"""

import os
import sys
from pathlib import Path

import numpy as np

SCALE = 100.0  # exp(logit_scale) of every model that OpenAI released
PUBLISHED_LOGITS = [25.552776, 20.089878, 19.74946]
PUBLISHED_PROBABILITIES = [0.99279356, 0.00421068, 0.00299579]

HEADER = """#pragma once
/// \\file What the recorded ViT-B/32 features of one image and three prompts must give; written by record_features.py.

#include <array>

namespace golden {{

/// CLIP.png against "a diagram", "a dog", "a cat": 100 * cosine of the features, in float64.
inline constexpr std::array<double, 3> feature_logits{{{logits}}};

/// softmax of feature_logits
inline constexpr std::array<double, 3> feature_probabilities{{{probabilities}}};

/// Lengths of the features before they are normalised: the image, then the prompts.
inline constexpr std::array<double, 4> feature_norms{{{norms}}};

}}  // namespace golden
"""


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def softmax(row):
    powers = np.exp(row - row.max())
    return powers / powers.sum()


def listed(values):
    return ", ".join(repr(float(value)) for value in values)


def main():
    folder = os.environ.get("ZEROSHOT_REFERENCE_DATA")
    if not folder:
        sys.exit("set ZEROSHOT_REFERENCE_DATA to the folder with npclip_image_features.npy")
    image = np.load(Path(folder) / "npclip_image_features.npy").astype(np.float64)
    texts = np.load(Path(folder) / "npclip_text_features.npy").astype(np.float64)
    logits = SCALE * (unit(image) @ unit(texts).T)[0]
    probabilities = softmax(logits)
    np.testing.assert_allclose(logits, PUBLISHED_LOGITS, rtol=1e-6)
    np.testing.assert_allclose(probabilities, PUBLISHED_PROBABILITIES, atol=1e-6)
    norms = np.linalg.norm(np.concatenate([image, texts]), axis=1)
    header = HEADER.format(logits=listed(logits), probabilities=listed(probabilities), norms=listed(norms))
    (Path(__file__).resolve().parent / "features.hpp").write_text(header)


if __name__ == "__main__":
    main()
