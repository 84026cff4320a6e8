#include <array>
#include <fstream>

#include <zeroshot/nn/packed_weight_cache.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;

namespace {

/// Numbers first, first + 1, ... of any type, and how often they were made.
template <class Number>
struct counting {
    unsigned first;
    std::size_t times = 0;

    static Number number(unsigned value) {
        if constexpr (std::is_same_v<Number, half> || std::is_same_v<Number, bfloat16>)
            return {static_cast<std::uint16_t>(value)};
        else
            return static_cast<Number>(value);
    }

    shared_array<Number> from(packed_weight_cache& file, const std::string& name, std::size_t count) {
        return file.array<Number>(name, count, [&] {
            ++times;
            return zeroshot::detail::make_shared_array<Number>(count, [&](Number* numbers) {
                for (std::size_t i = 0; i < count; ++i) numbers[i] = number(first + static_cast<unsigned>(i));
            });
        });
    }
};

template <class Number>
bool counts_from(const shared_array<Number>& numbers, unsigned first) {
    for (const Number& number : numbers.values()) {
        const Number expected = counting<Number>::number(first++);
        if (std::memcmp(&number, &expected, sizeof number) != 0) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("packed weights of every type are computed once and read from the cache afterwards") {
    const support::scratch_folder home;
    const std::filesystem::path file = home / "folder that is made" / "a.weights";
    for (const bool first : {true, false}) {
        packed_weight_cache cache(file, "key");
        counting<float> full{1};
        counting<double> wide{2};
        counting<half> halves{3};
        counting<bfloat16> bfloats{4};
        counting<std::uint32_t> words{5};
        const auto odd = halves.from(cache, "odd", 3);  // what is wider begins at its own alignment all the same
        CHECK(counts_from(odd, 3));
        CHECK(counts_from(full.from(cache, "full", 5), 1));
        CHECK(counts_from(wide.from(cache, "wide", 2), 2));
        CHECK(counts_from(bfloats.from(cache, "bfloats", 1), 4));
        CHECK(counts_from(words.from(cache, "words", 3), 5));
        CHECK(counts_from(words.from(cache, "none", 0), 5));
        const std::size_t made = full.times + wide.times + halves.times + bfloats.times + words.times;
        CHECK(made == (first ? 6 : 0));
        CHECK(cache.report().hit == !first);
        CHECK(cache.report().warning.empty());
        if (first) cache.write();
        CHECK(counts_from(odd, 3));  // they outlive the writing
    }
}

TEST_CASE("packed weights under another key, name, type or size are computed again") {
    const support::scratch_folder home;
    counting<float> numbers{7};
    {
        packed_weight_cache cache(home / "a", "key");
        numbers.from(cache, "a", 4);
        cache.write();
    }
    const auto made = [&](const std::string& key, const std::string& name, std::size_t count) {
        packed_weight_cache cache(home / "a", key);
        const std::size_t before = numbers.times;
        CHECK(counts_from(numbers.from(cache, name, count), 7));
        CHECK(cache.report().hit == (numbers.times == before));
        return numbers.times - before;
    };
    CHECK(made("key", "a", 4) == 0);
    CHECK(made("other", "a", 4) == 1);
    CHECK(made("key", "b", 4) == 1);
    CHECK(made("key", "a", 3) == 1);
    packed_weight_cache cache(home / "a", "key");
    counting<std::uint32_t> words{7};
    words.from(cache, "a", 4);
    CHECK(words.times == 1);
}

TEST_CASE("a damaged cache of packed weights is a warning, and is replaced") {
    const support::scratch_folder home;
    counting<float> numbers{7};
    {
        packed_weight_cache cache(home / "a", "key");
        numbers.from(cache, "a", 400);
        cache.write();
    }
    const std::string whole = support::text_of(read_file(home / "a"));
    for (const std::string& bytes :
         {std::string(), std::string("no"), whole.substr(0, whole.size() / 2), whole + "x"}) {
        std::ofstream(home / "a", std::ios::binary | std::ios::trunc) << bytes;
        packed_weight_cache cache(home / "a", "key");
        CHECK(has(cache.report().warning, "; computed again"));
        CHECK(counts_from(numbers.from(cache, "a", 400), 7));
        CHECK_FALSE(cache.report().hit);
        cache.write();
        CHECK(support::text_of(read_file(home / "a")) == whole);
    }
}

TEST_CASE("a cache of packed weights that cannot be written is a warning") {
    const support::scratch_folder home;
    write_file(home / "a", "a file");
    packed_weight_cache cache(home / "a" / "b", "key");
    counting<float> numbers{7};
    numbers.from(cache, "a", 4);
    cache.write();
    CHECK(has(cache.report().warning, "; not cached"));
    CHECK(support::text_of(read_file(home / "a")) == "a file");
}
