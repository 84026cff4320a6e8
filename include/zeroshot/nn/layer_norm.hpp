#pragma once
/// \file Layer normalisation: each row to mean 0 and variance 1, then a gain and a bias for each column.

#include <cmath>
#include <cstddef>
#include <span>

#include <zeroshot/io/weights.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// torch.nn.LayerNorm over the last axis: the variance is the biased one, epsilon stands inside the root.
template <class Scalar>
class layer_norm {
   public:
    static constexpr double default_epsilon = 1e-5;  // torch.nn.LayerNorm; Hugging Face: layer_norm_eps

    layer_norm() = default;
    layer_norm(const weights& w, std::size_t width, double epsilon = default_epsilon)
        : weight_(w.template read_vector<Scalar>("weight", width)),
          bias_(w.template read_vector<Scalar>("bias", width)),
          epsilon_(static_cast<Scalar>(epsilon)) {}

    /// \param x [rows, width]
    matrix<Scalar> operator()(matrix<Scalar> x) const {
        for (std::size_t row = 0; row < x.rows(); ++row) normalise(x.row(row));
        return x;
    }

   private:
    void normalise(std::span<Scalar> row) const noexcept {
        const auto width = static_cast<Scalar>(row.size());
        Scalar sum = 0;
        for (const Scalar value : row) sum += value;
        const Scalar mean = sum / width;
        Scalar squares = 0;
        for (const Scalar value : row) squares += (value - mean) * (value - mean);
        const Scalar scale = 1 / std::sqrt(squares / width + epsilon_);
        for (std::size_t i = 0; i < row.size(); ++i) row[i] = (row[i] - mean) * scale * weight_[i] + bias_[i];
    }

    aligned_vector<Scalar> weight_;  // [width]
    aligned_vector<Scalar> bias_;    // [width]
    Scalar epsilon_ = 0;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
