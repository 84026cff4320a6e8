#pragma once
/// \file What the recorded ViT-B/32 features of one image and three prompts must give; written by record_features.py.

#include <array>

namespace golden {

/// CLIP.png against "a diagram", "a dog", "a cat": 100 * cosine of the features, in float64.
inline constexpr std::array<double, 3> feature_logits{25.552786137498433, 20.089888102320757, 19.74945660098943};

/// softmax of feature_logits
inline constexpr std::array<double, 3> feature_probabilities{0.9927935717832944, 0.004210682395940362,
                                                             0.002995745820765165};

/// Lengths of the features before they are normalised: the image, then the prompts.
inline constexpr std::array<double, 4> feature_norms{10.413091924467151, 11.886088442828258, 11.386319490270186,
                                                     11.022000612488222};

}  // namespace golden
