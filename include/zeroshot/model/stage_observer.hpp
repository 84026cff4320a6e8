#pragma once
/// \file A look at the activations between the stages of a tower, for tests against the reference and for diagnosis.

#include <functional>
#include <string_view>

#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Called after each stage with the module's name in OpenAI's CLIP ("visual.transformer.resblocks.0") and its output:
/// tokens, or the pixels of a feature map, are rows. Empty: nobody looks.
template <class Scalar>
using stage_observer = std::function<void(std::string_view stage, const matrix<Scalar>& activations)>;

}}  // namespace zeroshot::ZEROSHOT_ABI
