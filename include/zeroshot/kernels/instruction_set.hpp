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
#else
#define ZEROSHOT_KERNELS_X86 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ZEROSHOT_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define ZEROSHOT_ALWAYS_INLINE inline
#endif

namespace zeroshot::inline ZEROSHOT_ABI::kernels {

/// From the plainest to the widest.
enum class instruction_set { portable, avx2, avx512 };

inline constexpr std::array all_instruction_sets{instruction_set::avx512, instruction_set::avx2,
                                                 instruction_set::portable};

constexpr std::string_view name_of(instruction_set set) {
    constexpr std::array<std::string_view, 3> names{"portable", "avx2", "avx512"};
    return names[static_cast<std::size_t>(set)];
}

/// Can this machine run it?
inline bool is_available(instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    switch (set) {
        case instruction_set::avx512:
            return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma");
        case instruction_set::avx2:
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        case instruction_set::portable:
            return true;
    }
#endif
    return set == instruction_set::portable;
}

/// The instruction set in use: the best one available, or the one that the environment variable ZEROSHOT_KERNELS names
/// where this machine can run it.
inline instruction_set active() noexcept {
    const char* wanted = std::getenv("ZEROSHOT_KERNELS");
    instruction_set best = instruction_set::portable;
    for (const instruction_set set : all_instruction_sets) {
        if (!is_available(set)) continue;
        if (wanted != nullptr && name_of(set) == wanted) return set;
        if (set > best) best = set;
    }
    return best;
}

}  // namespace zeroshot::inline ZEROSHOT_ABI::kernels
