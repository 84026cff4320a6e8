#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include <zeroshot/nn/shared_array.hpp>
#include <zeroshot/parallel.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

/// first, first + 1, ...
template <class Number>
shared_array<Number> counted(weight_memory& memory, std::size_t count, Number first) {
    return memory.array<Number>(count, [&](Number* numbers) { std::iota(numbers, numbers + count, first); });
}

template <class Number>
bool counts_from(const shared_array<Number>& numbers, Number first) {
    return std::ranges::all_of(numbers.values(), [&](Number number) { return number == first++; });
}

}  // namespace

TEST_CASE("arrays of one memory begin on cache lines, do not overlap and outlive the memory") {
    std::vector<shared_array<float>> floats;
    std::vector<shared_array<std::uint32_t>> words;
    {
        weight_memory memory;
        for (const std::size_t count : {1u, 15u, 16u, 17u, 1000u}) {
            floats.push_back(counted(memory, count, 1.0f));
            words.push_back(counted(memory, count, 7u));
        }
    }
    for (const auto& numbers : floats) {
        CHECK(counts_from(numbers, 1.0f));
        CHECK(reinterpret_cast<std::uintptr_t>(numbers.data()) % 64 == 0);
    }
    for (const auto& numbers : words) CHECK(counts_from(numbers, 7u));
}

TEST_CASE("an array may be larger than a chunk, and small ones follow it") {
    weight_memory memory;
    const std::size_t large = (std::size_t{70} << 20) / sizeof(float);
    const auto first = counted(memory, 3, 1.0f);
    const auto second = memory.array<float>(large, [&](float* numbers) { numbers[0] = numbers[large - 1] = 2; });
    const auto third = counted(memory, 3, 3.0f);
    CHECK(counts_from(first, 1.0f));
    CHECK(second.data()[0] + second.data()[large - 1] == 4.0f);
    CHECK(counts_from(third, 3.0f));
    CHECK(memory.array<float>(0, [](float*) {}).size() == 0);
}

TEST_CASE("several threads take arrays from one memory") {
    weight_memory memory;
    thread_pool threads(4);
    std::vector<shared_array<std::uint32_t>> all(200);
    parallel_for(&threads, all.size(),
                 [&](std::size_t i) { all[i] = counted(memory, 100 + i, static_cast<std::uint32_t>(1000 * i)); });
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(counts_from(all[i], static_cast<std::uint32_t>(1000 * i)));
}
