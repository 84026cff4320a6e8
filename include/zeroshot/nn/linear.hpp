#pragma once
/// \file Linear layer, y = x Wᵀ + b.

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace nn {

template <class Scalar>
class linear_product;

/// Mirrors torch.nn.Linear, with an optional gain per output.
template <class Scalar>
class linear {
   public:
    linear() = default;

    /// \param weight [outputs, inputs]
    /// \param bias [outputs], or empty
    explicit linear(const matrix<Scalar>& weight, aligned_vector<Scalar> bias = {},
                    zeroshot::precision precision = zeroshot::precision::f32)
        : weight_(weight, matrix_order::outputs_first, precision), bias_(std::move(bias)) {}

    /// \param bias [outputs], or empty
    linear(packed_weights<Scalar> weight, aligned_vector<Scalar> bias)
        : weight_(std::move(weight)), bias_(std::move(bias)) {}

    /// The tensors "weight" [outputs, inputs] and "bias" [outputs].
    linear(const weights& w, std::size_t inputs, std::size_t outputs) : linear(w, "weight", "bias", inputs, outputs) {}

    /// Tensors of other names, such as in_proj_weight and in_proj_bias.
    linear(const weights& w, std::string_view weight, std::string_view bias, std::size_t inputs, std::size_t outputs)
        : weight_(w, weight, inputs, outputs, matrix_order::outputs_first),
          bias_(w.template read_vector<Scalar>(bias, outputs)) {}

    /// A projection x P, which CLIP stores as [inputs, outputs], with a bias if there is a tensor of that name.
    static linear projection(const weights& w, std::string_view name, std::string_view bias, std::size_t inputs,
                             std::size_t outputs) {
        linear map;
        map.weight_ = packed_weights<Scalar>(w, name, inputs, outputs, matrix_order::inputs_first);
        if (w.has(bias)) map.bias_ = w.template read_vector<Scalar>(bias, outputs);
        return map;
    }

    /// Multiplies all later results with a gain per output: LayerScale of open_clip transformer.py.
    void scale(aligned_vector<Scalar> gain) { gain_ = std::move(gain); }

    /// \param x [rows, inputs]
    /// \return activation of the results, [rows, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& x, kernels::activation activation = kernels::activation::identity,
                              executor* threads = nullptr) const {
        auto y = matrix<Scalar>::for_overwrite({x.rows(), outputs()});
        apply(x.data(), inputs(), x.rows(), y.data(), {.function = activation}, threads);
        return y;
    }

    /// A deferred product: `sum += map(x, threads)` adds it to the sum without a matrix in between.
    linear_product<Scalar> operator()(matrix<Scalar> x, executor* threads) const {
        return {*this, std::move(x), threads};
    }

    /// Over raw rows, as packed_weights::multiply.
    /// \param epilogue its bias and gain are set to the layer's
    void apply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
               kernels::epilogue<Scalar> epilogue = {}, executor* threads = nullptr, output_range range = {}) const {
        epilogue.bias = bias_.empty() ? nullptr : bias_.data();
        epilogue.gain = gain_.empty() ? nullptr : gain_.data();
        weight_.multiply(rows, row_stride, row_count, results, epilogue, threads, range);
    }

    /// As layer_norm::parameters.
    template <class Visitor>
    void parameters(const Visitor& visit) const {
        weight_.parameters(visit);
        visit(std::as_bytes(std::span(bias_)));
        visit(std::as_bytes(std::span(gain_)));
    }

    std::size_t inputs() const noexcept { return weight_.inputs(); }
    std::size_t outputs() const noexcept { return weight_.outputs(); }

   private:
    packed_weights<Scalar> weight_;
    aligned_vector<Scalar> bias_;  // [outputs], or empty
    aligned_vector<Scalar> gain_;  // [outputs], or empty
};

/// A linear layer applied to rows, not computed yet. Valid within one expression.
template <class Scalar>
class linear_product {
   public:
    linear_product(const linear<Scalar>& map, matrix<Scalar> x, executor* threads)
        : map_(&map), x_(std::move(x)), threads_(threads) {}

    operator matrix<Scalar>() const { return (*map_)(x_, kernels::activation::identity, threads_); }

    /// \throws argument_error (SHAPE) if the sum is not [rows, outputs]
    friend matrix<Scalar>& operator+=(matrix<Scalar>& sum, const linear_product& y) {
        const std::array shape{y.x_.rows(), y.map_->outputs()};
        if (sum.shape() != shape) {
            throw argument_error(
                error_code::shape,
                {"linear layer", "its results are added to " + shape_text(sum.shape()), shape_text(shape), ""});
        }
        y.map_->apply(y.x_.data(), y.map_->inputs(), y.x_.rows(), sum.data(), {.add = true}, y.threads_);
        return sum;
    }

   private:
    const linear<Scalar>* map_;
    matrix<Scalar> x_;  // [rows, inputs]
    executor* threads_;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::nn
