#pragma once
/// \file Views of tensors as Eigen::TensorMap. Not part of the umbrella: Eigen's Tensor module is slow to compile.

#include <cstddef>

#include <unsupported/Eigen/CXX11/Tensor>

#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

template <class EigenTensor, class Tensor>
Eigen::TensorMap<EigenTensor> tensor_map(Tensor& values) {
    typename EigenTensor::Dimensions extents;
    for (std::size_t axis = 0; axis < extents.size(); ++axis)
        extents[axis] = static_cast<Eigen::Index>(values.extent(axis));
    return {values.data(), extents};
}

}  // namespace detail

/// A view for Eigen's Tensor module with the same axes: `eigen_tensor(pixels).chip(0, 0)` is the first image.
/// \param values outlives the view
template <class Scalar, std::size_t Rank>
auto eigen_tensor(tensor<Scalar, Rank>& values) {
    return detail::tensor_map<Eigen::Tensor<Scalar, static_cast<int>(Rank), Eigen::RowMajor>>(values);
}
template <class Scalar, std::size_t Rank>
auto eigen_tensor(const tensor<Scalar, Rank>& values) {
    return detail::tensor_map<const Eigen::Tensor<Scalar, static_cast<int>(Rank), Eigen::RowMajor>>(values);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
