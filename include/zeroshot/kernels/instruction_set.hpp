#pragma once
/// \file Which instruction sets the kernels know, which of them this machine can run, and which one is in use.

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include <zeroshot/version.hpp>

/// Functions marked so are compiled for that instruction set whatever the flags of the program.
#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define ZEROSHOT_KERNELS_X86 1
#define ZEROSHOT_TARGET(features) __attribute__((target(features)))
#include <cpuid.h>
#else
#define ZEROSHOT_KERNELS_X86 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ZEROSHOT_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define ZEROSHOT_ALWAYS_INLINE inline
#endif

namespace zeroshot::inline ZEROSHOT_ABI::kernels {

/// From the plainest to the widest. Each runs what stands before it as well, but for avx_vnni, which stands for the
/// processors that have it and nothing of AVX-512.
enum class instruction_set { portable, avx2, avx_vnni, avx512, avx512_vnni, avx512_bf16 };

inline constexpr std::array all_instruction_sets{instruction_set::avx512_bf16, instruction_set::avx512_vnni,
                                                 instruction_set::avx512,      instruction_set::avx_vnni,
                                                 instruction_set::avx2,        instruction_set::portable};

constexpr std::string_view name_of(instruction_set set) {
    constexpr std::array<std::string_view, 6> names{"portable", "avx2",        "avx_vnni",
                                                    "avx512",   "avx512_vnni", "avx512_bf16"};
    return names[static_cast<std::size_t>(set)];
}

#if ZEROSHOT_KERNELS_X86
namespace detail {

/// AVX-VNNI, which not every compiler's __builtin_cpu_supports knows: leaf 7, subleaf 1, EAX bit 4.
inline bool processor_has_avx_vnni() noexcept {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
}

}  // namespace detail
#endif

/// Can this machine run it?
inline bool is_available(instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
    switch (set) {
        case instruction_set::avx512_bf16:
            return avx512 && __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
        case instruction_set::avx512_vnni:
            return avx512 && __builtin_cpu_supports("avx512vnni");
        case instruction_set::avx512:
            return avx512;
        case instruction_set::avx_vnni:
            return avx2 && detail::processor_has_avx_vnni();
        case instruction_set::avx2:
            return avx2;
        case instruction_set::portable:
            return true;
    }
#endif
    return set == instruction_set::portable;
}

/// The instruction set in use: the best one available, or the one that the environment variable ZEROSHOT_KERNELS names
/// where this machine can run it. Intel's processors do AVX512_BF16 at half the speed of their AVX-512 in float, so it
/// is not the best there.
inline instruction_set active() noexcept {
    const char* wanted = std::getenv("ZEROSHOT_KERNELS");
    if (wanted != nullptr) {
        for (const instruction_set set : all_instruction_sets) {
            if (name_of(set) == wanted && is_available(set)) return set;
        }
    }
    for (const instruction_set set : all_instruction_sets) {
#if ZEROSHOT_KERNELS_X86
        if (set == instruction_set::avx512_bf16 && __builtin_cpu_is("intel")) continue;
#endif
        if (is_available(set)) return set;
    }
    return instruction_set::portable;
}

}  // namespace zeroshot::inline ZEROSHOT_ABI::kernels
