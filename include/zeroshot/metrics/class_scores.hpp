#pragma once
/// \file Embeddings scored against classes, many images against many classes.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Class embeddings, turned so that an image meets all classes at once: for each number of its embedding the loop runs
/// over the classes, which compilers make vectors of. The sums run in double and in the order of similarity().
class class_scores {
   public:
    /// \param classes [classes, embedding]; their length does not count
    /// \throws numeric_error for a class whose embedding has no direction
    template <std::floating_point Scalar>
    explicit class_scores(const matrix<Scalar>& classes)
        : classes_(classes.rows()), turned_(classes.rows() * classes.columns()), embedding_(classes.columns()) {
        for (std::size_t label = 0; label < classes_; ++label) {
            const double length =
                length_of(std::span<const Scalar>(classes.row(label)), "class embedding " + std::to_string(label));
            for (std::size_t k = 0; k < embedding_; ++k) {
                turned_[k * classes_ + label] = static_cast<double>(classes(label, k)) / length;
            }
        }
    }

    std::size_t classes() const noexcept { return classes_; }
    std::size_t embedding() const noexcept { return embedding_; }

    /// scale * cosine + bias of an image and each class.
    /// \param image [embedding], of any length but 0
    /// \throws argument_error SHAPE; numeric_error for an image whose embedding has no direction
    template <std::floating_point Scalar>
    std::vector<double> logits(std::span<const Scalar> image, double scale = 1, double bias = 0) const {
        if (image.size() != embedding_) {
            throw argument_error(error_code::shape,
                                 {"image embedding", std::to_string(image.size()) + " numbers",
                                  std::to_string(embedding_) + " as the classes have", "do both come from one model?"});
        }
        const double length = length_of(image, "image embedding");
        std::vector<double> sums(classes_, 0);
        for (std::size_t k = 0; k < embedding_; ++k) {
            const double number = static_cast<double>(image[k]) / length;
            const double* const row = turned_.data() + k * classes_;
            for (std::size_t label = 0; label < classes_; ++label) sums[label] += number * row[label];
        }
        for (double& sum : sums) sum = scale * sum + bias;
        return sums;
    }

   private:
    template <std::floating_point Scalar>
    static double length_of(std::span<const Scalar> numbers, const std::string& what) {
        double squares = 0;
        for (const Scalar number : numbers) squares += static_cast<double>(number) * static_cast<double>(number);
        const double length = std::sqrt(squares);
        if (!(length > 0) || !is_finite(length)) {
            throw numeric_error(error_code::numeric, {what, "norm " + std::to_string(length), "a direction", ""});
        }
        return length;
    }

    std::size_t classes_;
    std::vector<double> turned_;  // [embedding, classes]
    std::size_t embedding_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
