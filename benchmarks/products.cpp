/// \file The products of the towers, layer by layer, against the measured peak of this core; softmax and normalisation.

#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <zeroshot/kernels/kernels.hpp>

#include "benchmarks/peak.hpp"

namespace {

namespace kernels = zeroshot::kernels;

std::vector<float> random_numbers(std::size_t count) {
    std::mt19937 generator(1);
    std::normal_distribution<float> normal;
    std::vector<float> numbers(count);
    for (float& number : numbers) number = normal(generator);
    return numbers;
}

/// One layer's product.
struct layer {
    std::string name;
    std::size_t rows, inputs, outputs;
};

const std::vector<layer>& layers() {
    static const std::vector<layer> all = [] {
        struct tower {
            std::string name;
            std::size_t rows, width;
        };
        const std::vector<tower> towers{{"ViT-B-32 b1", 50, 768},  {"ViT-B-32 b8", 400, 768},
                                        {"ViT-B-16 b1", 197, 768}, {"ViT-L-14 b1", 257, 1024},
                                        {"text 77", 77, 512},      {"text 10", 10, 512}};
        std::vector<layer> made;
        for (const tower& each : towers) {
            made.push_back({each.name + "/in_proj", each.rows, each.width, 3 * each.width});
            made.push_back({each.name + "/out_proj", each.rows, each.width, each.width});
            made.push_back({each.name + "/c_fc", each.rows, each.width, 4 * each.width});
            made.push_back({each.name + "/c_proj", each.rows, 4 * each.width, each.width});
        }
        // ModifiedResNet-50's convolutions as products: 1x1, and 3x3 after their patches were gathered.
        made.push_back({"RN50/layer1 1x1", 56 * 56, 256, 64});
        made.push_back({"RN50/layer1 3x3", 56 * 56, 9 * 64, 64});
        made.push_back({"RN50/layer4 1x1", 7 * 7, 2048, 512});
        made.push_back({"RN50/layer4 3x3", 7 * 7, 9 * 512, 512});
        return made;
    }();
    return all;
}

/// Operations a second, and what share of the peak that is.
void count_operations(benchmark::State& state, double operations, double peak) {
    const double all = operations * static_cast<double>(state.iterations());
    state.counters["GFLOP/s"] = benchmark::Counter(all / 1e9, benchmark::Counter::kIsRate);
    state.counters["of peak"] = benchmark::Counter(all / peak, benchmark::Counter::kIsRate);
}

void multiply(benchmark::State& state, const layer& one, const kernels::table& set, double peak) {
    const std::vector<float> rows = random_numbers(one.rows * one.inputs);
    const std::vector<float> weights = random_numbers(one.inputs * one.outputs);
    std::vector<float> packed(kernels::packed_size(one.outputs, one.inputs)), result(one.rows * one.outputs);
    kernels::pack(weights.data(), one.inputs, 1, one.outputs, one.inputs, packed.data());
    const kernels::product<float> product{rows.data(), one.inputs, one.rows,      packed.data(),
                                          one.outputs, one.inputs, result.data(), one.outputs};
    for (auto _ : state) {
        kernels::multiply(product, set);
        benchmark::DoNotOptimize(result.data());
        benchmark::ClobberMemory();
    }
    count_operations(state, 2.0 * static_cast<double>(one.rows * one.inputs * one.outputs), peak);
}

/// A row of attention scores.
void softmax(benchmark::State& state, std::size_t width, const kernels::table& set) {
    const std::vector<float> before = random_numbers(width);
    std::vector<float> row = before;
    for (auto _ : state) {
        row = before;
        kernels::softmax(row.data(), width, 0.125f, set);
        benchmark::DoNotOptimize(row.data());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(width));
}

void layer_norm(benchmark::State& state, std::size_t width, const kernels::table& set) {
    const std::vector<float> row = random_numbers(width), gain = random_numbers(width), bias = random_numbers(width);
    std::vector<float> result(width);
    for (auto _ : state) {
        kernels::normalise(row.data(), width, gain.data(), bias.data(), 1e-5f, result.data(), set);
        benchmark::DoNotOptimize(result.data());
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(width));
}

/// All instruction sets of this machine: "product/avx2/ViT-B-32 b1/c_fc".
[[maybe_unused]] const bool all_are_registered = [] {
    for (const kernels::table* const each : kernels::tables()) {
        const kernels::table& set = *each;
        if (!set.is_available()) continue;
        const std::string name(set.name);
        const double peak = benchmarks::measured_peak(set);
        for (const layer& one : layers()) {
            benchmark::RegisterBenchmark(
                ("product/" + name + "/" + one.name).c_str(),
                [one, &set, peak](benchmark::State& state) { multiply(state, one, set, peak); });
        }
        for (const std::size_t width : {50u, 77u, 257u}) {
            benchmark::RegisterBenchmark(("softmax/" + name + "/" + std::to_string(width)).c_str(),
                                         [width, &set](benchmark::State& state) { softmax(state, width, set); });
        }
        for (const std::size_t width : {512u, 768u, 1024u}) {
            benchmark::RegisterBenchmark(("layer norm/" + name + "/" + std::to_string(width)).c_str(),
                                         [width, &set](benchmark::State& state) { layer_norm(state, width, set); });
        }
    }
    return true;
}();

}  // namespace
