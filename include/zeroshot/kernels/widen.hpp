#pragma once
/// \file Sixteen-bit weights to full width: exact, and fast enough to be done anew for every product.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <zeroshot/half.hpp>
#include <zeroshot/kernels/instruction_set.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

namespace detail {

template <class Stored, class Scalar>
ZEROSHOT_ALWAYS_INLINE void widen_each(const Stored* from, std::size_t count, Scalar* to) noexcept {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<Scalar>(widened(from[i]));
}

#if ZEROSHOT_KERNELS_X86
/// The processor's own conversion, eight at a time. Why not its intrinsics? Their header takes longer to compile than
/// all of the kernels.
ZEROSHOT_TARGET("avx2,f16c")
inline void widen_f16c(const half* from, std::size_t count, float* to) noexcept {
    typedef short eight_halves __attribute__((vector_size(16), aligned(2), may_alias));
    typedef float eight_floats __attribute__((vector_size(32), aligned(4), may_alias));
    std::size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        *reinterpret_cast<eight_floats*>(to + i) =
            __builtin_ia32_vcvtph2ps256(*reinterpret_cast<const eight_halves*>(from + i));
    }
    widen_each(from + i, count - i, to + i);
}

template <class Stored, class Scalar>
ZEROSHOT_TARGET("avx2")
void widen_avx2(const Stored* from, std::size_t count, Scalar* to) noexcept {
    widen_each(from, count, to);
}
#elif ZEROSHOT_KERNELS_NEON
/// The processor's own conversion, four at a time.
inline void widen_fcvtl(const half* from, std::size_t count, float* to) noexcept {
    typedef std::uint16_t four_halves __attribute__((vector_size(8), aligned(2), may_alias));
    typedef float four_floats __attribute__((vector_size(16)));
    typedef float unaligned_floats __attribute__((vector_size(16), aligned(4), may_alias));
    std::size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        four_floats widened;
        __asm__("fcvtl %0.4s, %1.4h" : "=w"(widened) : "w"(*reinterpret_cast<const four_halves*>(from + i)));
        *reinterpret_cast<unaligned_floats*>(to + i) = widened;
    }
    widen_each(from + i, count - i, to + i);
}
#endif

}  // namespace detail

/// \param set must be available
template <class Stored, class Scalar>
void widen(const Stored* from, std::size_t count, Scalar* to, instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    if (set != instruction_set::portable) {
        if constexpr (std::is_same_v<Stored, half> && std::is_same_v<Scalar, float>)
            return detail::widen_f16c(from, count, to);  // every processor with AVX2 has F16C
        else
            return detail::widen_avx2(from, count, to);
    }
#elif ZEROSHOT_KERNELS_NEON
    if constexpr (std::is_same_v<Stored, half> && std::is_same_v<Scalar, float>) {
        if (set != instruction_set::portable) return detail::widen_fcvtl(from, count, to);
    }
#endif
    (void)set;
    detail::widen_each(from, count, to);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
