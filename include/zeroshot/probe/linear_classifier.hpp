#pragma once
/// \file Linear classifier of embeddings: a fitted probe, a zero-shot head or a mixture of both; its safetensors file.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/classify/classifier.hpp>
#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace probe {

/// Normalisation of embeddings before the weights are applied.
enum class embedding_length {
    unchanged,  ///< none: the paper's probe
    one         ///< to length 1, as for zero-shot classification
};

/// logit of a label = weights . embedding + intercept, in double.
///
///     const probe::linear_classifier head = probe::read_probe("probe.safetensors");
///     for (const auto& [label, probability] : head.of_embeddings(clip.encode_image(images)).front()) ...
class linear_classifier {
   public:
    /// \param weights [labels, embedding]
    /// \param intercepts [labels]
    /// \throws argument_error SHAPE for shapes that do not fit together; numeric_error for NaN and infinite numbers
    linear_classifier(std::vector<std::string> labels, matrix<double> weights, std::vector<double> intercepts,
                      embedding_length length = embedding_length::unchanged)
        : labels_(std::move(labels)),
          weights_(std::move(weights)),
          intercepts_(std::move(intercepts)),
          length_(length) {
        if (labels_.empty() || weights_.rows() != labels_.size() || intercepts_.size() != labels_.size()) {
            throw argument_error(error_code::shape,
                                 {"probe",
                                  std::to_string(labels_.size()) + " labels, weights " + shape_text(weights_.shape()) +
                                      " and " + std::to_string(intercepts_.size()) + " intercepts",
                                  "a row of weights and an intercept for each label", ""});
        }
        if (!all_finite(weights_.values()) || !all_finite(std::span(intercepts_))) {
            throw numeric_error(error_code::numeric, {"probe", "a weight is NaN or infinite", "finite numbers", ""});
        }
    }

    /// The zero-shot classifier in this form: scale * <image, text> + bias.
    /// \param text_embeddings [labels, embedding], each of length 1
    static linear_classifier zero_shot(std::vector<std::string> labels, const matrix<float>& text_embeddings,
                                       double scale, double bias = 0) {
        matrix<double> weights = scale * text_embeddings.eigen().cast<double>();
        std::vector<double> intercepts(labels.size(), bias);
        return {std::move(labels), std::move(weights), std::move(intercepts), embedding_length::one};
    }

    const std::vector<std::string>& labels() const noexcept { return labels_; }
    const matrix<double>& weights() const noexcept { return weights_; }
    const std::vector<double>& intercepts() const noexcept { return intercepts_; }
    embedding_length length() const noexcept { return length_; }

    /// \param embeddings [images, embedding]
    /// \return logits [images, labels]
    /// \throws argument_error SHAPE for embeddings of another size; numeric_error for one that cannot be normalised
    matrix<double> logits(const matrix<float>& embeddings) const {
        if (embeddings.columns() != weights_.columns()) {
            throw argument_error(error_code::shape,
                                 {"probe", "embeddings of " + std::to_string(embeddings.columns()) + " numbers",
                                  std::to_string(weights_.columns()), "is this probe of another model?"});
        }
        matrix<double> logits = length_ == embedding_length::one
                                    ? zeroshot::detail::inner_products(normalized(embeddings).eigen(), weights_.eigen())
                                    : zeroshot::detail::inner_products(embeddings.eigen(), weights_.eigen());
        logits.eigen().rowwise() += Eigen::Map<const Eigen::RowVectorXd>(intercepts_.data(), logits.eigen().cols());
        return logits;
    }

    /// One classification for each image, in order.
    /// \param embeddings [images, embedding]
    /// \throws as logits()
    std::vector<classification> of_embeddings(const matrix<float>& embeddings) const {
        const matrix<float> scores = logits(embeddings).eigen().cast<float>();
        std::vector<classification> results;
        for (std::size_t i = 0; i < scores.rows(); ++i) results.emplace_back(labels_, scores.row(i), embeddings.row(i));
        return results;
    }

   private:
    std::vector<std::string> labels_;
    matrix<double> weights_;  // [labels, embedding]
    std::vector<double> intercepts_;
    embedding_length length_;
};

/// Interpolation of weights: (1 - share) * first + share * second. Wortsman et al. 2022, "Robust fine-tuning of
/// zero-shot models" (WiSE-FT), for the head alone.
/// \throws argument_error for classifiers of different labels or embeddings
inline linear_classifier mixed(const linear_classifier& first, const linear_classifier& second, double share) {
    if (first.labels() != second.labels() || first.weights().shape() != second.weights().shape() ||
        first.length() != second.length()) {
        throw argument_error(
            error_code::argument,
            {"mixture", "the classifiers differ in labels, embedding or its length", "two of the same kind", ""});
    }
    matrix<double> weights = (1 - share) * first.weights().eigen() + share * second.weights().eigen();
    std::vector<double> intercepts = first.intercepts();
    std::ranges::transform(intercepts, second.intercepts(), intercepts.begin(),
                           [share](double a, double b) { return (1 - share) * a + share * b; });
    return {first.labels(), std::move(weights), std::move(intercepts), first.length()};
}

namespace detail {

inline constexpr const char* probe_key = "zeroshot.probe";  // of the metadata

/// A tensor of the file, as doubles.
inline std::vector<double> probe_numbers(const checkpoint& file, const std::string& location, const std::string& name,
                                         std::span<const std::size_t> shape) {
    const stored_tensor* stored = file.find(name);
    if (stored == nullptr || stored->type != dtype::f64 || !std::ranges::equal(stored->shape, shape)) {
        const std::string actual =
            stored == nullptr ? "it is missing" : std::string(name_of(stored->type)) + " " + shape_text(stored->shape);
        throw checkpoint_error(error_code::shape,
                               {location + ": tensor " + name, actual, "F64 " + shape_text(shape), ""});
    }
    std::vector<double> numbers(stored->bytes.size() / sizeof(double));
    stored->bytes.read(0, std::as_writable_bytes(std::span(numbers)));
    return numbers;
}

}  // namespace detail

/// Writes a probe: F64 "weights" [labels, embedding] and "intercepts" [labels], the labels in the metadata. The file is
/// written whole or not at all.
/// \throws file_error
inline void write_probe(const std::filesystem::path& path, const linear_classifier& probe) {
    const std::string text = json_text_of(
        {{"format", 1}, {"length_one", probe.length() == embedding_length::one}, {"labels", probe.labels()}});
    const auto bytes = [](std::span<const double> numbers) { return byte_range(std::as_bytes(numbers)); };
    const std::array<named_tensor, 2> tensors{
        named_tensor{
            "weights",
            {dtype::f64, {probe.weights().rows(), probe.weights().columns()}, bytes(probe.weights().values())}},
        named_tensor{"intercepts", {dtype::f64, {probe.intercepts().size()}, bytes(probe.intercepts())}}};
    write_safetensors(path, tensors, {{detail::probe_key, text}});
}

/// Reads what write_probe() wrote.
/// \throws file_error, checkpoint_error, and as linear_classifier's constructor
inline linear_classifier read_probe(const std::filesystem::path& path) {
    const checkpoint file = checkpoint::open(path);
    const std::string location = path_text(path);
    const auto text = file.metadata().find(detail::probe_key);
    if (text == file.metadata().end()) {
        throw checkpoint_error(error_code::format,
                               {location, "this is no probe", "a file that zeroshot probe --save wrote", ""});
    }
    const json description = json::parse(text->second, location + ": " + detail::probe_key);
    if (description.at("format").as_size() != 1) {
        throw checkpoint_error(error_code::unsupported,
                               {location, "a probe of a later format", "1", "is this library old?"});
    }
    std::vector<std::string> labels = description.at("labels").texts();
    const stored_tensor* stored = file.find("weights");
    const std::size_t columns = stored != nullptr && stored->shape.size() == 2 ? stored->shape[1] : 0;
    const std::array<std::size_t, 2> shape{labels.size(), columns};
    const std::array<std::size_t, 1> height{labels.size()};
    const std::vector<double> numbers = detail::probe_numbers(file, location, "weights", shape);
    matrix<double> weights(shape);
    std::ranges::copy(numbers, weights.data());
    std::vector<double> intercepts = detail::probe_numbers(file, location, "intercepts", height);
    const auto length = description.at("length_one").as_bool() ? embedding_length::one : embedding_length::unchanged;
    return {std::move(labels), std::move(weights), std::move(intercepts), length};
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::probe
