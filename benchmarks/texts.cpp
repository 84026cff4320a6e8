/// \file From a text to ids.

#include <cstddef>
#include <string>

#include <benchmark/benchmark.h>

#include <zeroshot/text/tokenizer.hpp>

namespace {

void make_tokenizer(benchmark::State& state) {
    for (auto _ : state) benchmark::DoNotOptimize(zeroshot::tokenizer());
}

void tokenize(benchmark::State& state, const std::string& text) {
    const zeroshot::tokenizer words;
    for (auto _ : state) benchmark::DoNotOptimize(words.encode(text));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

BENCHMARK(make_tokenizer)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(tokenize, prompt, std::string("a photo of a golden retriever, a type of dog."))
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(tokenize, unknown_words,
                  std::string("Zwischenzeitlich verwirrte Eichhörnchen überqueren 1984 die Straße \xF0\x9F\x90\xBF"))
    ->Unit(benchmark::kMicrosecond);

}  // namespace
