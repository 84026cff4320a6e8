/// \file The kernels, instantiated once for zeroshot::compiled.

#undef ZEROSHOT_COMPILED  // here they are defined

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/kernels.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

template const scalar_kernels<float>& portable_kernels() noexcept;
template const scalar_kernels<double>& portable_kernels() noexcept;
template void pack(const float*, std::size_t, std::size_t, std::size_t, std::size_t, float*) noexcept;
template void pack(const double*, std::size_t, std::size_t, std::size_t, std::size_t, double*) noexcept;
template void pack(const half*, std::size_t, std::size_t, std::size_t, std::size_t, half*) noexcept;
template void pack(const bfloat16*, std::size_t, std::size_t, std::size_t, std::size_t, bfloat16*) noexcept;

namespace detail {
/// A use of the function, so that it is compiled.
extern const auto compiled_tables = &tables;
}  // namespace detail

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
