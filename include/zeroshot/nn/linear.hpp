#pragma once
/// \file y = x Wᵀ + b: the one place where weights are multiplied. How they are stored and which kernel runs is decided
/// here.

#include <cstddef>
#include <string_view>
#include <utility>

#include <zeroshot/io/weights.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// A linear map with an optional bias. Its weights are packed once, when it is built.
template <class Scalar>
class linear {
   public:
    linear() = default;

    /// \param weight [outputs, inputs]
    /// \param bias [outputs], or empty
    explicit linear(const matrix<Scalar>& weight, aligned_vector<Scalar> bias = {})
        : linear(weight.data(), weight.columns(), 1, weight.rows(), weight.columns(), std::move(bias)) {}

    /// torch.nn.Linear: tensors "weight" [outputs, inputs] and "bias" [outputs].
    linear(const weights& w, std::size_t inputs, std::size_t outputs) : linear(w, "weight", "bias", inputs, outputs) {}

    /// The same under other names, as in_proj_weight and in_proj_bias.
    linear(const weights& w, std::string_view weight, std::string_view bias, std::size_t inputs, std::size_t outputs)
        : linear(w.template read<Scalar, 2>(weight, {outputs, inputs}), w.template read_vector<Scalar>(bias, outputs)) {
    }

    /// A projection x P; CLIP stores P as [inputs, outputs].
    /// \param bias [outputs], mostly empty
    static linear projection(const matrix<Scalar>& weight, aligned_vector<Scalar> bias = {}) {
        return linear(weight.data(), 1, weight.columns(), weight.columns(), weight.rows(), std::move(bias));
    }

    /// \param x [rows, inputs]
    /// \return [rows, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& x) const {
        matrix<Scalar> y(x.rows(), outputs_);
        apply(x.data(), inputs_, x.rows(), y.data());
        return y;
    }

    /// The same over raw rows, `row_stride` elements apart; the results lie one after the other.
    void apply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results) const noexcept {
        kernels::multiply<Scalar>({rows, row_stride, row_count, packed_.data(), bias_.empty() ? nullptr : bias_.data(),
                                   outputs_, inputs_, results, outputs_},
                                  kernels_);
    }

    std::size_t inputs() const noexcept { return inputs_; }
    std::size_t outputs() const noexcept { return outputs_; }

   private:
    linear(const Scalar* weight, std::size_t output_stride, std::size_t input_stride, std::size_t outputs,
           std::size_t inputs, aligned_vector<Scalar> bias)
        : inputs_(inputs), outputs_(outputs), packed_(kernels::packed_size(outputs, inputs)), bias_(std::move(bias)) {
        kernels::pack(weight, output_stride, input_stride, outputs, inputs, packed_.data());
    }

    std::size_t inputs_ = 0;
    std::size_t outputs_ = 0;
    aligned_vector<Scalar> packed_;
    aligned_vector<Scalar> bias_;
    kernels::instruction_set kernels_ = kernels::active();
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
