#pragma once
/// \file As many numbers as a register holds, in the compiler's own vector types: the words the kernels are written in.
///
/// Why not intrinsics? Their headers take longer to compile than all of the kernels, and every function would have to
/// be written once for each instruction set.

#include <cstddef>
#include <cstdint>

#include <zeroshot/kernels/instruction_set.hpp>

#if defined(__GNUC__) || defined(__clang__)
#define ZEROSHOT_KERNELS_VECTORS 1
#else
#define ZEROSHOT_KERNELS_VECTORS 0
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

#if ZEROSHOT_KERNELS_VECTORS
template <class Scalar, std::size_t Lanes>
struct vector_of {
    typedef Scalar type __attribute__((vector_size(Lanes * sizeof(Scalar)), aligned(sizeof(Scalar)), may_alias));
};
#else
/// What the kernels do with a vector, one number at a time.
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
ZEROSHOT_ALWAYS_INLINE unaligned<Scalar, Lanes>& vector_at(Scalar* address) noexcept {
    return *reinterpret_cast<unaligned<Scalar, Lanes>*>(address);
}
template <std::size_t Lanes, class Scalar>
ZEROSHOT_ALWAYS_INLINE const unaligned<Scalar, Lanes>& vector_at(const Scalar* address) noexcept {
    return *reinterpret_cast<const unaligned<Scalar, Lanes>*>(address);
}

/// Asks for memory that will be read soon, to the second level of the caches.
ZEROSHOT_ALWAYS_INLINE void prefetch(const void* address) noexcept {
#if ZEROSHOT_KERNELS_VECTORS
    __builtin_prefetch(address, 0, 2);
#else
    (void)address;
#endif
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail
