#pragma once
/// \file Normalisation of rows: layer norm and softmax.

#include <cstddef>
#include <span>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace nn {

/// Mirrors torch.nn.LayerNorm over the last axis: biased variance, epsilon inside the root.
template <class Scalar>
class layer_norm {
   public:
    layer_norm() = default;
    layer_norm(const weights& w, std::size_t width, double epsilon = 1e-5)
        : weight_(w.template read_vector<Scalar>("weight", width)),
          bias_(w.template read_vector<Scalar>("bias", width)),
          epsilon_(static_cast<Scalar>(epsilon)) {}

    /// \param x [rows, width]
    matrix<Scalar> operator()(matrix<Scalar> x) const {
        for (std::size_t row = 0; row < x.rows(); ++row) {
            Scalar* values = x.row(row).data();
            kernels::normalise(values, weight_.size(), weight_.data(), bias_.data(), epsilon_, values, *kernels_);
        }
        return x;  // [rows, width]
    }

    /// Passes everything that determines the results, in a fixed order, to a visitor: weights as they are in memory,
    /// their number format and the kernels. For a digest.
    /// \param visit called with each std::span<const std::byte>
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        visit(std::as_bytes(std::span(weight_)));
        visit(std::as_bytes(std::span(bias_)));
        visit(std::as_bytes(std::span(&epsilon_, 1)));
        visit(std::as_bytes(std::span(&kernels_->set, 1)));
    }

   private:
    aligned_vector<Scalar> weight_;  // [width]
    aligned_vector<Scalar> bias_;    // [width]
    Scalar epsilon_ = 0;
    const kernels::table* kernels_ = &kernels::active();
};

}  // namespace nn

/// exp(x_i) / sum exp(x_j), in place. The maximum is subtracted first, so nothing overflows.
template <class Scalar>
void softmax(std::span<Scalar> numbers) noexcept {
    kernels::softmax(numbers.data(), numbers.size(), Scalar{1}, kernels::active());
}

}}  // namespace zeroshot::ZEROSHOT_ABI
