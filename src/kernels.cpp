/// \file The kernels, instantiated once for zeroshot::compiled.

#include <zeroshot/kernels/activation.hpp>
#include <zeroshot/kernels/multiply.hpp>
#include <zeroshot/kernels/multiply_quantized.hpp>
#include <zeroshot/kernels/row.hpp>
#include <zeroshot/kernels/winograd.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

template void multiply(const product<float>&, instruction_set, std::size_t, std::size_t) noexcept;
template void multiply(const product<double>&, instruction_set, std::size_t, std::size_t) noexcept;
template void multiply(narrow, const narrow_product&, instruction_set, std::size_t, std::size_t) noexcept;
template void apply(function, float*, std::size_t, instruction_set) noexcept;
template void apply(function, double*, std::size_t, instruction_set) noexcept;
template void softmax(float*, std::size_t, float, instruction_set) noexcept;
template void softmax(double*, std::size_t, double, instruction_set) noexcept;
template void normalise(const float*, std::size_t, const float*, const float*, float, float*, instruction_set) noexcept;
template void normalise(const double*, std::size_t, const double*, const double*, double, double*,
                        instruction_set) noexcept;
template void winograd_transform(const float* const*, std::size_t, float*, std::size_t, instruction_set) noexcept;
template void winograd_transform(const double* const*, std::size_t, double*, std::size_t, instruction_set) noexcept;
template void winograd_finish(const float*, std::size_t, const float*, std::size_t, bool, float* const*,
                              instruction_set) noexcept;
template void winograd_finish(const double*, std::size_t, const double*, std::size_t, bool, double* const*,
                              instruction_set) noexcept;

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
