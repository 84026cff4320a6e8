#pragma once
/// \file Peak rate of multiplications and additions of one core, measured: the limit that kernels are compared with.

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <limits>

#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/kernels/vector.hpp>

namespace benchmarks {

namespace kernels = zeroshot::kernels;

/// Products and sums of Chains independent vectors; the result depends on all of them.
template <std::size_t Chains, std::size_t Lanes>
[[gnu::always_inline]] inline float chains_of(std::size_t steps) noexcept {
    using vector = typename kernels::detail::vector_of<float, Lanes>::type;
    vector sums[Chains] = {};
    const vector factor = sums[0] + 0.5f, addend = sums[0] + 0.25f;
    for (std::size_t i = 0; i < Chains; ++i) sums[i] += static_cast<float>(i);  // equal chains would be one
    for (std::size_t step = 0; step < steps; ++step) {
#pragma GCC unroll 32
        for (std::size_t i = 0; i < Chains; ++i) sums[i] = sums[i] * factor + addend;
    }
    float all = 0;
    for (const vector& each : sums) all += each[0];
    return all;
}

inline float chains_portable(std::size_t steps) noexcept {
    return chains_of<12, 4>(steps);
}
#if ZEROSHOT_KERNELS_X86
[[gnu::target("avx2,fma")]] inline float chains_avx2(std::size_t steps) noexcept {
    return chains_of<12, 8>(steps);
}
[[gnu::target("avx512f,fma")]] inline float chains_avx512(std::size_t steps) noexcept {
    return chains_of<24, 16>(steps);
}
#endif

/// Operations a second, products and sums counted apart: the best of several runs, each of some milliseconds.
inline double measured_peak(const kernels::table& set) {
    constexpr std::size_t steps = 2'000'000, runs = 7;
    std::size_t lanes = 4, chains = 12;
    float (*run)(std::size_t) noexcept = chains_portable;
#if ZEROSHOT_KERNELS_X86
    if (set.set != kernels::instruction_set::portable) {
        const bool wide = set.set != kernels::instruction_set::avx2 && set.set != kernels::instruction_set::avx_vnni;
        lanes = wide ? 16 : 8;
        chains = wide ? 24 : 12;
        run = wide ? chains_avx512 : chains_avx2;
    }
#endif
    (void)set;
    double best = std::numeric_limits<double>::infinity();
    volatile float result = 0;
    for (std::size_t i = 0; i < runs; ++i) {
        const std::clock_t begin = std::clock();  // processor time: others may use the core meanwhile
        result = run(steps);
        best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    }
    (void)result;
    return 2.0 * static_cast<double>(steps * lanes * chains) / best;
}

}  // namespace benchmarks
