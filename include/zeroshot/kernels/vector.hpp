#pragma once
/// \file Vectors of numbers, as many as a register holds, in the compiler's own vector types: a kernel is written once
/// for all instruction sets. Intrinsics stand only where C++ has no word for an instruction.
///
/// The macros ZEROSHOT_KERNELS_* say what this build can compile: whole families of processors, and vector types. A
/// compiler that is neither GCC nor Clang has the portable kernels alone, one number at a time.

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
#else
/// A vector's operations, one number at a time.
template <class Scalar, std::size_t Lanes>
struct vector_of {
    struct type {
        Scalar values[Lanes];
        type& operator+=(const type& other) {
            for (std::size_t i = 0; i < Lanes; ++i) values[i] += other.values[i];
            return *this;
        }
        type& operator*=(const type& other) {
            for (std::size_t i = 0; i < Lanes; ++i) values[i] *= other.values[i];
            return *this;
        }
        friend type operator+(type a, const type& b) { return a += b; }
        friend type operator-(type a, const type& b) {
            for (std::size_t i = 0; i < Lanes; ++i) a.values[i] -= b.values[i];
            return a;
        }
        friend type operator-(type a, Scalar b) {
            for (Scalar& value : a.values) value -= b;
            return a;
        }
        friend type operator*(type a, const type& b) { return a *= b; }
        friend type operator*(Scalar factor, type vector) {
            for (Scalar& value : vector.values) value *= factor;
            return vector;
        }
        Scalar operator[](std::size_t i) const { return values[i]; }
    };
};
#endif

/// A vector in the middle of numbers. Why not a reference to it? Clang takes what a function returns for aligned,
/// whatever its type says.
#if ZEROSHOT_KERNELS_VECTORS
template <class Scalar, std::size_t Lanes>
struct __attribute__((packed, may_alias)) unaligned {
    typename vector_of<Scalar, Lanes>::type vector;
};
#else
template <class Scalar, std::size_t Lanes>
struct unaligned {
    typename vector_of<Scalar, Lanes>::type vector;
};
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

#if ZEROSHOT_KERNELS_VECTORS
template <std::size_t Lanes>
using floats = typename vector_of<float, Lanes>::type;
template <std::size_t Lanes>
using integers = typename vector_of<std::int32_t, Lanes>::type;
template <std::size_t Lanes>
using words = typename vector_of<std::uint32_t, Lanes>::type;
#endif

/// Prefetches memory to the second level of the caches.
[[gnu::always_inline]] inline void prefetch(const void* address) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    __builtin_prefetch(address, 0, 2);
#else
    (void)address;
#endif
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
