#pragma once
/// \file A model's own record of itself: what it gave for a fixed input when it was converted, and whether it still
/// does.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The embeddings of a fixed image and a fixed prompt; empty of a tower that is not there.
struct self_record {
    std::vector<float> image;
    std::vector<float> text;
};

/// What two records may differ by, relative to the longer of two vectors: what fidelity to the reference allows.
/// Another instruction set adds the same terms in another grouping, which moves a result by some 1e-6.
inline constexpr double self_check_bound = 1e-4;

namespace detail {

/// Pixels of an image nobody ever took: noise between -2 and 2 from a small generator, the same on every machine.
template <class Scalar>
tensor<Scalar, 4> fixed_pixels(std::size_t size) {
    tensor<Scalar, 4> pixels(1, 3, size, size);
    std::uint32_t state = 1;
    for (Scalar& value : pixels.values()) {
        state = state * 1664525u + 1013904223u;  // Numerical Recipes' generator
        value = static_cast<Scalar>(static_cast<int>(state >> 24) - 128) / 64;
    }
    return pixels;
}

/// Some ids over the whole vocabulary, between the two that stand for start and end.
inline std::vector<token> fixed_prompt(const text_config& text) {
    const auto rows = static_cast<token>(text.vocabulary);
    const std::size_t between = std::min<std::size_t>(6, text.context - 2);
    std::vector<token> ids{rows - 2};
    for (std::size_t i = 0; i < between; ++i) ids.push_back(rows / 8 * static_cast<token>(i + 1));
    ids.push_back(text.pool == text_pool::end ? static_cast<token>(text.end) : rows - 1);
    return ids;
}

template <class Scalar>
std::vector<float> floats_of(const matrix<Scalar>& embedding) {
    std::vector<float> numbers;
    for (const Scalar value : embedding.values()) numbers.push_back(static_cast<float>(value));
    return numbers;
}

}  // namespace detail

/// Runs the fixed image and the fixed prompt.
/// \throws numeric_error where the model's output is not finite
template <class Scalar>
self_record record_of(const basic_clip<Scalar>& model) {
    const clip_config& config = model.config();
    self_record record;
    if (config.has_image())
        record.image = detail::floats_of(model.encode_pixels(detail::fixed_pixels<Scalar>(config.image_size())));
    if (config.has_text()) {
        const std::vector<token> prompt = detail::fixed_prompt(config.text);
        record.text = detail::floats_of(model.encode_tokens(std::span(&prompt, 1)));
    }
    return record;
}

/// The length of the difference of two embeddings, relative to the longer one; infinite where their sizes differ.
inline double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
    double difference = 0, length_a = 0, length_b = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double x = a[i], y = b[i];
        difference += (x - y) * (x - y);
        length_a += x * x;
        length_b += y * y;
    }
    const double longer = std::sqrt(std::max(length_a, length_b));
    return longer == 0 ? 0 : std::sqrt(difference) / longer;
}

/// The record as a JSON text.
inline std::string self_record_text(const self_record& record) {
    return json_text_of({{"image", json_numbers(record.image)}, {"text", json_numbers(record.text)}});
}

/// \throws checkpoint_error where it is no such text
inline self_record read_self_record(const json& text) {
    const auto numbers = [&](std::string_view key) {
        std::vector<float> values;
        for (const json& value : text.at(key).items()) values.push_back(static_cast<float>(value.as_number()));
        return values;
    };
    return {numbers("image"), numbers("text")};
}

/// Runs the model and compares with its record.
/// \throws numeric_error where it gives something else than when it was converted
template <class Scalar>
void verify(const basic_clip<Scalar>& model, const self_record& expected) {
    const self_record found = record_of(model);
    const double image = relative_difference(found.image, expected.image);
    const double text = relative_difference(found.text, expected.text);
    if (image <= self_check_bound && text <= self_check_bound) return;
    throw numeric_error(error_code::numeric,
                        {model.provenance().place,
                         "the model does not give what it gave when it was converted: embeddings are off by " +
                             number_text(image) + " (image) and " + number_text(text) + " (text) of their length",
                         "at most " + number_text(self_check_bound), "is the file damaged?"});
}

}}  // namespace zeroshot::ZEROSHOT_ABI
