#pragma once
/// \file y = x Wᵀ + b: the one place where weights are multiplied.

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include <zeroshot/nn/activation.hpp>
#include <zeroshot/nn/packed_weights.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

template <class Scalar>
class linear_product;

/// A linear map with an optional bias.
template <class Scalar>
class linear {
   public:
    linear() = default;

    /// \param weight [outputs, inputs]
    /// \param bias [outputs], or empty
    explicit linear(const matrix<Scalar>& weight, aligned_vector<Scalar> bias = {},
                    precision arithmetic = precision::f32)
        : weight_(weight, matrix_order::outputs_first, arithmetic), bias_(std::move(bias)) {}

    /// \param bias [outputs], or empty
    linear(packed_weights<Scalar> weight, aligned_vector<Scalar> bias)
        : weight_(std::move(weight)), bias_(std::move(bias)) {}

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

    /// From now on the results are multiplied with a gain for each output: LayerScale of open_clip transformer.py.
    void scale(aligned_vector<Scalar> gain) { gain_ = std::move(gain); }

    /// \param x [rows, inputs]
    /// \return [rows, outputs]
    matrix<Scalar> operator()(const matrix<Scalar>& x) const {
        return (*this)(x, kernels::function::identity, nullptr);
    }

    /// The same, followed by a function of every number, on many threads.
    matrix<Scalar> operator()(const matrix<Scalar>& x, kernels::function f, executor* threads) const {
        auto y = matrix<Scalar>::for_overwrite({x.rows(), outputs()});
        apply(x.data(), inputs(), x.rows(), y.data(), {.f = f}, threads);
        return y;
    }
    matrix<Scalar> operator()(const matrix<Scalar>& x, activation f, executor* threads) const {
        return (*this)(x, kernel_of(f), threads);
    }

    /// A product that is still to be made: `sum += map(x, threads)` adds to the sum without a matrix in between.
    linear_product<Scalar> operator()(matrix<Scalar> x, executor* threads) const {
        return {*this, std::move(x), threads};
    }

    /// Over raw rows, `row_stride` elements apart; the results lie one after the other.
    /// \param finish what becomes of the sums; its bias and gain are this map's
    void apply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
               kernels::epilogue<Scalar> finish, executor* threads) const {
        apply_some(rows, row_stride, row_count, results, finish, threads, 0, outputs());
    }
    void apply(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results) const {
        apply(rows, row_stride, row_count, results, {}, nullptr);
    }

    /// Only the outputs from `first` to before `end` are wanted: those beside them may be written or not.
    void apply_some(const Scalar* rows, std::size_t row_stride, std::size_t row_count, Scalar* results,
                    kernels::epilogue<Scalar> finish, executor* threads, std::size_t first, std::size_t end) const {
        finish.bias = bias_.empty() ? nullptr : bias_.data();
        finish.gain = gain_.empty() ? nullptr : gain_.data();
        weight_.multiply(rows, row_stride, row_count, results, finish, threads, first, end);
    }

    /// As layer_norm::parameters.
    template <class Take>
    void parameters(const Take& take) const {
        weight_.parameters(take);
        take(std::as_bytes(std::span(bias_)));
        take(std::as_bytes(std::span(gain_)));
    }

    std::size_t inputs() const noexcept { return weight_.inputs(); }
    std::size_t outputs() const noexcept { return weight_.outputs(); }

   private:
    packed_weights<Scalar> weight_;
    aligned_vector<Scalar> bias_;  // [outputs], or empty
    aligned_vector<Scalar> gain_;  // [outputs], or empty
};

/// Rows and the map they are about to go through. It lives within one expression.
template <class Scalar>
class linear_product {
   public:
    linear_product(const linear<Scalar>& map, matrix<Scalar> x, executor* threads)
        : map_(&map), x_(std::move(x)), threads_(threads) {}

    operator matrix<Scalar>() const { return (*map_)(x_, kernels::function::identity, threads_); }

    friend matrix<Scalar>& operator+=(matrix<Scalar>& sum, const linear_product& y) {
        y.map_->apply(y.x_.data(), y.map_->inputs(), y.x_.rows(), sum.data(), {.add = true}, y.threads_);
        return sum;
    }

   private:
    const linear<Scalar>* map_;
    matrix<Scalar> x_;  // [rows, inputs]
    executor* threads_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
