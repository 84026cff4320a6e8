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

/// AMX is 64-bit processors' alone, and the system's to permit.
#if ZEROSHOT_KERNELS_X86 && defined(__x86_64__) && defined(__linux__)
#define ZEROSHOT_KERNELS_AMX 1
#include <sys/syscall.h>
#include <unistd.h>
#else
#define ZEROSHOT_KERNELS_AMX 0
#endif

/// The instructions that every 64-bit ARM has, and those of WebAssembly where the program is compiled with -msimd128.
#if defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
#define ZEROSHOT_KERNELS_NEON 1
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#else
#define ZEROSHOT_KERNELS_NEON 0
#endif
#if defined(__wasm_simd128__)
#define ZEROSHOT_KERNELS_SIMD128 1
#else
#define ZEROSHOT_KERNELS_SIMD128 0
#endif

#if defined(__GNUC__) || defined(__clang__)
#define ZEROSHOT_ALWAYS_INLINE [[gnu::always_inline]] inline
#else
#define ZEROSHOT_ALWAYS_INLINE inline
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels {

/// From the plainest to the widest of each family of processors: x86, ARM, WebAssembly. Each runs what stands before it
/// in its family as well, but for avx_vnni, which stands for the processors that have it and nothing of AVX-512. amx is
/// its tiles for bfloat16 and for bytes, which no processor has without the other.
enum class instruction_set {
    portable,
    avx2,
    avx_vnni,
    avx512,
    avx512_vnni,
    avx512_bf16,
    amx,
    neon,
    neon_dot,
    neon_bf16,
    simd128
};

/// Those of the family that the program is compiled for, the best first.
inline constexpr std::array all_instruction_sets {
#if ZEROSHOT_KERNELS_X86
    instruction_set::amx, instruction_set::avx512_bf16, instruction_set::avx512_vnni, instruction_set::avx512,
        instruction_set::avx_vnni, instruction_set::avx2,
#elif ZEROSHOT_KERNELS_NEON
    instruction_set::neon_bf16, instruction_set::neon_dot, instruction_set::neon,
#elif ZEROSHOT_KERNELS_SIMD128
    instruction_set::simd128,
#endif
        instruction_set::portable
};

constexpr std::string_view name_of(instruction_set set) {
    constexpr std::array<std::string_view, 11> names{"portable",    "avx2",        "avx_vnni", "avx512",
                                                     "avx512_vnni", "avx512_bf16", "amx",      "neon",
                                                     "neon_dot",    "neon_bf16",   "simd128"};
    return names[static_cast<std::size_t>(set)];
}

#if ZEROSHOT_KERNELS_X86
namespace detail {

// Each is asked once: in a virtual machine CPUID takes tens of microseconds.

/// AVX-VNNI, which not every compiler's __builtin_cpu_supports knows: leaf 7, subleaf 1, EAX bit 4.
inline bool processor_has_avx_vnni() noexcept {
    static const bool found = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
    }();
    return found;
}

#if ZEROSHOT_KERNELS_AMX
/// AMX's tiles, for bfloat16 and for bytes: leaf 7, EDX bits 24, 22 and 25. And does the system save their shapes and
/// contents? XCR0 bits 17 and 18; leaf 1, ECX bit 27 tells whether it can be read.
inline bool processor_has_amx() noexcept {
    constexpr unsigned features = 1u << 24 | 1u << 22 | 1u << 25, readable = 1u << 27, tiles = 1u << 17 | 1u << 18;
    static const bool found = [] {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & features) != features) return false;
        if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & readable) == 0) return false;
        __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
        return (a & tiles) == tiles;
    }();
    return found;
}

/// Asks Linux, once, for the memory it saves the contents of tiles in: granted to all threads, until the process ends.
/// Documentation/arch/x86/xstate.rst of Linux; older than 5.16, it does not know the question.
inline bool system_permits_tiles() noexcept {
    constexpr long request = 0x1023, tile_contents = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool permitted = ::syscall(SYS_arch_prctl, request, tile_contents) == 0;
    return permitted;
}
#endif

}  // namespace detail
#elif ZEROSHOT_KERNELS_NEON
namespace detail {

/// SDOT and BFDOT, by the program's flags or as Linux tells it: HWCAP_ASIMDDP and HWCAP2_BF16 of its asm/hwcap.h.
inline bool processor_has_dot() noexcept {
#if defined(__ARM_FEATURE_DOTPROD)
    return true;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP) & (1ul << 20)) != 0;
#else
    return false;
#endif
}
inline bool processor_has_bf16() noexcept {
#if defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
    return true;
#elif defined(__linux__)
    return (getauxval(AT_HWCAP2) & (1ul << 14)) != 0;
#else
    return false;
#endif
}

}  // namespace detail
#endif

/// Can this machine run it? Of a machine with AMX, the question for it asks the system for the permission as well.
inline bool is_available(instruction_set set) noexcept {
#if ZEROSHOT_KERNELS_X86
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
    switch (set) {
        case instruction_set::amx:
#if ZEROSHOT_KERNELS_AMX
            return is_available(instruction_set::avx512_bf16) && detail::processor_has_amx() &&
                   detail::system_permits_tiles();
#else
            return false;
#endif
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
        default:
            break;
    }
#elif ZEROSHOT_KERNELS_NEON
    switch (set) {
        case instruction_set::neon_bf16:
            return detail::processor_has_dot() && detail::processor_has_bf16();
        case instruction_set::neon_dot:
            return detail::processor_has_dot();
        case instruction_set::neon:
            return true;
        default:
            break;
    }
#elif ZEROSHOT_KERNELS_SIMD128
    if (set == instruction_set::simd128) return true;
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

}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels
