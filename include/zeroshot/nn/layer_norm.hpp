#pragma once
/// \file Layer normalisation: each row to mean 0 and variance 1, then a gain and a bias for each column.

#include <cstddef>
#include <span>

#include <zeroshot/kernels/row.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

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
        for (std::size_t row = 0; row < x.rows(); ++row) {
            Scalar* numbers = x.row(row).data();
            kernels::normalise(numbers, weight_.size(), weight_.data(), bias_.data(), epsilon_, numbers, kernels_);
        }
        return x;
    }

    /// Hands on the bytes of all that the results depend on beside its sizes, in a fixed order.
    /// \param take called with each std::span<const std::byte>
    template <class Take>
    void parameters(const Take& take) const {
        take(std::as_bytes(std::span(weight_)));
        take(std::as_bytes(std::span(bias_)));
        take(std::as_bytes(std::span(&epsilon_, 1)));
        take(std::as_bytes(std::span(&kernels_, 1)));
    }

   private:
    aligned_vector<Scalar> weight_;  // [width]
    aligned_vector<Scalar> bias_;    // [width]
    Scalar epsilon_ = 0;
    kernels::instruction_set kernels_ = kernels::active();
};

}}  // namespace zeroshot::ZEROSHOT_ABI
