#pragma once
/// \file y = x Wᵀ + b: the one place where weights are multiplied.

#include <cstddef>
#include <string_view>
#include <utility>

#include <zeroshot/io/weights.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot::inline ZEROSHOT_ABI {

/// A linear map with an optional bias.
template <class Scalar>
class linear {
   public:
    linear() = default;

    /// \param weight [outputs, inputs]
    /// \param bias [outputs], or empty
    explicit linear(const matrix<Scalar>& weight, aligned_vector<Scalar> bias = {})
        : weight_(weight, matrix_order::outputs_first), bias_(std::move(bias)) {}

    /// torch.nn.Linear: tensors "weight" [outputs, inputs] and "bias" [outputs].
    linear(const weights& w, std::size_t inputs, std::size_t outputs) : linear(w, "weight", "bias", inputs, outputs) {}

    /// The same under other names, as in_proj_weight and in_proj_bias.
    linear(const weights& w, std::string_view weight, std::string_view bias, std::size_t inputs, std::size_t outputs)
        : weight_(w, weight, inputs, outputs, matrix_order::outputs_first),
          bias_(w.template read_vector<Scalar>(bias, outputs)) {}

    /// A projection x P, which CLIP stores as [inputs, outputs], with the bias of that name if there is one.
    static linear projection(const weights& w, std::string_view name, std::string_view bias, std::size_t inputs,
                             std::size_t outputs) {
        linear map;
        map.weight_ = packed_weights<Scalar>(w, name, inputs, outputs, matrix_order::inputs_first);
        if (w.has(bias)) map.bias_ = w.template read_vector<Scalar>(bias, outputs);
        return map;
    }

    /// \param x [rows, inputs]
    /// \return [rows, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& x) const {
        matrix<Scalar> y(x.rows(), outputs());
        apply(x.data(), inputs(), x.rows(), y.data());
        return y;
    }

    /// The same over raw rows, `row_stride` elements apart; the results lie one after the other.
    void apply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results) const {
        weight_.multiply(rows, row_stride, row_count, results, {bias_.empty() ? nullptr : bias_.data()});
    }

    std::size_t inputs() const noexcept { return weight_.inputs(); }
    std::size_t outputs() const noexcept { return weight_.outputs(); }

   private:
    packed_weights<Scalar> weight_;
    aligned_vector<Scalar> bias_;
};

}  // namespace zeroshot::inline ZEROSHOT_ABI
