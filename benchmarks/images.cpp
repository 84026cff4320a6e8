/// \file From a file to pixels: decoding, resizing, and all of it together.

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/preprocess.hpp>

#include "tools/zeroshot/synthetic_jpeg.hpp"

namespace {

constexpr std::size_t photo_width = 640, photo_height = 480;  // as `zeroshot bench` takes

zeroshot::image noise(std::size_t width, std::size_t height) {
    std::mt19937 generator(1);
    std::vector<std::uint8_t> pixels(width * height * 3);
    for (std::uint8_t& byte : pixels) byte = static_cast<std::uint8_t>(generator());
    return zeroshot::image(std::move(pixels), width, height, zeroshot::pixel_mode::rgb);
}

/// The whole image, the shorter side to 224 pixels: what Pillow's Image.resize does for CLIP.
void resize(benchmark::State& state) {
    const auto width = static_cast<std::size_t>(state.range(0)), height = static_cast<std::size_t>(state.range(1));
    const zeroshot::image image = noise(width, height);
    for (auto _ : state) benchmark::DoNotOptimize(zeroshot::resize(image, 224 * width / height, 224));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(width * height * 3));
}

/// Only what CLIP's crop shows of it.
void crop(benchmark::State& state) {
    const zeroshot::image image =
        noise(static_cast<std::size_t>(state.range(0)), static_cast<std::size_t>(state.range(1)));
    for (auto _ : state) benchmark::DoNotOptimize(zeroshot::crop_of(image));
}

void decode(benchmark::State& state) {
    const std::string file = program::synthetic_photo(photo_width, photo_height);
    for (auto _ : state) benchmark::DoNotOptimize(zeroshot::decode(std::as_bytes(std::span(file))));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file.size()));
}

/// The markers of the file, read before it is decoded.
void scan(benchmark::State& state) {
    const std::string file = program::synthetic_photo(photo_width, photo_height);
    const zeroshot::decode_options options;
    for (auto _ : state) benchmark::DoNotOptimize(zeroshot::detail::scan_jpeg(std::as_bytes(std::span(file)), options));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file.size()));
}

void decode_and_preprocess(benchmark::State& state) {
    const std::string file = program::synthetic_photo(photo_width, photo_height);
    for (auto _ : state)
        benchmark::DoNotOptimize(zeroshot::preprocess(zeroshot::decode(std::as_bytes(std::span(file)))));
}

BENCHMARK(resize)->Args({640, 480})->Args({1920, 1080})->Args({4000, 3000})->Unit(benchmark::kMillisecond);
BENCHMARK(crop)->Args({640, 480})->Args({1920, 1080})->Args({4000, 3000})->Unit(benchmark::kMillisecond);
BENCHMARK(scan)->Unit(benchmark::kMillisecond);
BENCHMARK(decode)->Unit(benchmark::kMillisecond);
BENCHMARK(decode_and_preprocess)->Unit(benchmark::kMillisecond);

}  // namespace
