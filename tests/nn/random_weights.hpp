#pragma once
/// \file Random weights and inputs for the test of a layer.

#include <algorithm>
#include <cstddef>
#include <deque>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot_tests {

inline std::vector<double> random_numbers(std::size_t count, unsigned seed) {
    std::mt19937 generator(seed);
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> numbers(count);
    for (double& number : numbers) number = uniform(generator);
    return numbers;
}

template <class Scalar>
zeroshot::matrix<Scalar> random_matrix(std::size_t rows, std::size_t columns, unsigned seed) {
    zeroshot::matrix<Scalar> numbers(rows, columns);
    std::ranges::transform(random_numbers(rows * columns, seed), numbers.data(),
                           [](double x) { return static_cast<Scalar>(x); });
    return numbers;
}

/// Random tensors of double below "visual".
class random_weights {
   public:
    random_weights& add(const std::string& name, std::vector<std::size_t> shape, double shift = 0) {
        values_.push_back(random_numbers(zeroshot::element_count(shape), static_cast<unsigned>(values_.size() + 1)));
        for (double& value : values_.back()) value += shift;
        tensors_.push_back(
            {"visual." + name, {zeroshot::dtype::f64, std::move(shape), std::as_bytes(std::span(values_.back()))}});
        return *this;
    }

    /// The elements of an added tensor.
    const std::vector<double>& values(const std::string& name) const {
        for (std::size_t i = 0; i < tensors_.size(); ++i) {
            if (tensors_[i].name == "visual." + name) return values_[i];
        }
        throw std::out_of_range(name);
    }

    zeroshot::weights get() const {
        return zeroshot::weights(zeroshot::checkpoint::from_bytes(zeroshot::safetensors_bytes(tensors_), "test")) /
               "visual";
    }

   private:
    std::deque<std::vector<double>> values_;  // a deque does not move them: tensors_ refers to them
    std::vector<zeroshot::named_tensor> tensors_;
};

}  // namespace zeroshot_tests
