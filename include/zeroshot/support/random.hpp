#pragma once
/// \file SplitMix64 random numbers, and random permutations and halves.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every machine. The distributions of `<random>` differ
/// between standard libraries.
class random_generator {
   public:
    explicit random_generator(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t bits = state_;
        bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
        bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
        return bits ^ bits >> 31;
    }

    /// A number below `count`, from the upper bits of a product; the bias is below count / 2^32.
    /// \param count from 1 to 2^32
    std::size_t below(std::size_t count) noexcept {
        return static_cast<std::size_t>((next() >> 32) * static_cast<std::uint64_t>(count) >> 32);
    }

   private:
    std::uint64_t state_;
};

/// A random permutation of 0 to count - 1: Fisher and Yates, from the last index to the first.
inline std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) {
    std::vector<std::size_t> order(count);
    std::iota(order.begin(), order.end(), std::size_t{0});
    random_generator random(seed);
    for (std::size_t rest = count; rest > 1; --rest) std::swap(order[rest - 1], order[random.below(rest)]);
    return order;
}

/// Splits indices at random: true for one half of them, rounded down.
inline std::vector<bool> random_half(std::size_t count, std::uint64_t seed) {
    const std::vector<std::size_t> order = shuffled(count, seed);
    std::vector<bool> half(count, false);
    for (std::size_t i = 0; i < count / 2; ++i) half[order[i]] = true;
    return half;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
