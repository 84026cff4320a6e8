#pragma once
/// \file Vectors of numbers that fill a register, in the compiler's own vector types: a kernel is written once for all
/// instruction sets, with intrinsics only for instructions that C++ cannot express.
///
/// The macros ZEROSHOT_KERNELS_* tell what this build can compile: families of processors, and vector types. A compiler
/// other than GCC and Clang has the portable kernels alone, with vectors of one lane.

#include <cstddef>
#include <cstdint>

#include <zeroshot/kernels/table.hpp>

#if defined(__GNUC__) || defined(__clang__)
#define ZEROSHOT_KERNELS_VECTORS 1
#else
#define ZEROSHOT_KERNELS_VECTORS 0
#endif
#if ZEROSHOT_KERNELS_VECTORS && (defined(__x86_64__) || defined(__i386__))
#define ZEROSHOT_KERNELS_X86 1
#else
#define ZEROSHOT_KERNELS_X86 0
#endif
#if ZEROSHOT_KERNELS_X86 && defined(__x86_64__) && defined(__linux__)  // in 64-bit mode, and permitted by the system
#define ZEROSHOT_KERNELS_AMX 1
#else
#define ZEROSHOT_KERNELS_AMX 0
#endif
#if ZEROSHOT_KERNELS_VECTORS && defined(__aarch64__)
#define ZEROSHOT_KERNELS_NEON 1
#else
#define ZEROSHOT_KERNELS_NEON 0
#endif
#if ZEROSHOT_KERNELS_VECTORS && defined(__wasm_simd128__)
#define ZEROSHOT_KERNELS_SIMD128 1
#else
#define ZEROSHOT_KERNELS_SIMD128 0
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

#if ZEROSHOT_KERNELS_VECTORS
template <class Scalar, std::size_t Lanes>
struct vector_of {
    typedef Scalar type __attribute__((vector_size(Lanes * sizeof(Scalar)), aligned(sizeof(Scalar)), may_alias));
};

/// A vector at an address that need not be aligned. Not a reference to the vector itself: Clang takes the result of a
/// function for aligned, whatever its type says.
template <class Scalar, std::size_t Lanes>
struct __attribute__((packed, may_alias)) unaligned {
    typename vector_of<Scalar, Lanes>::type vector;
};

/// Lanes of the portable kernels, in registers of 16 bytes: SSE2, SIMD128.
template <class Scalar>
inline constexpr std::size_t portable_lanes = 16 / sizeof(Scalar);
#else
template <class Scalar, std::size_t Lanes>
struct vector_of {
    static_assert(Lanes == 1);
    using type = Scalar;
};
template <class Scalar, std::size_t Lanes>
struct unaligned {
    Scalar vector;
};
template <class Scalar>
inline constexpr std::size_t portable_lanes = 1;
#endif

/// The vector at an address, which need not be aligned.
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline unaligned<Scalar, Lanes>& vector_at(Scalar* address) noexcept {
    return *reinterpret_cast<unaligned<Scalar, Lanes>*>(address);
}
template <std::size_t Lanes, class Scalar>
[[gnu::always_inline]] inline const unaligned<Scalar, Lanes>& vector_at(const Scalar* address) noexcept {
    return *reinterpret_cast<const unaligned<Scalar, Lanes>*>(address);
}

template <std::size_t Lanes>
using floats = typename vector_of<float, Lanes>::type;
template <std::size_t Lanes>
using integers = typename vector_of<std::int32_t, Lanes>::type;
template <std::size_t Lanes>
using words = typename vector_of<std::uint32_t, Lanes>::type;

// Vectors go by reference: by value, they would be passed as the program's own instruction set does it.

/// Converts numbers to the nearest float.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void convert(const integers<Lanes>& from, floats<Lanes>& to) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    to = __builtin_convertvector(from, floats<Lanes>);
#else
    to = static_cast<float>(from);
#endif
}

/// Converts numbers to integers, rounded towards zero.
template <std::size_t Lanes>
[[gnu::always_inline]] inline void convert(const floats<Lanes>& from, integers<Lanes>& to) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    to = __builtin_convertvector(from, integers<Lanes>);
#else
    to = static_cast<std::int32_t>(from);
#endif
}

/// Prefetches memory to the second level of the caches.
[[gnu::always_inline]] inline void prefetch(const void* address) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    __builtin_prefetch(address, 0, 2);
#else
    (void)address;
#endif
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
