#include <array>
#include <fstream>

#include <zeroshot/nn/packed_weight_cache.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

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

    fixed_numbers<Number> from(packed_weight_cache& file, const std::string& name, std::size_t count) {
        return file.numbers<Number>(name, count, [&](Number* numbers) {
            ++times;
            for (std::size_t i = 0; i < count; ++i) numbers[i] = number(first + static_cast<unsigned>(i));
        });
    }
};

template <class Number>
bool counts_from(const fixed_numbers<Number>& numbers, unsigned first) {
    for (const Number& number : numbers.values()) {
        const Number expected = counting<Number>::number(first++);
        if (std::memcmp(&number, &expected, sizeof number) != 0) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("packed weights of every type are made once, and found by the next") {
    const support::scratch_folder home;
    const std::filesystem::path file = home / "folder that is made" / "a.weights";
    for (const bool first : {true, false}) {
        packed_weight_cache kept(file, "key");
        counting<float> full{1};
        counting<double> wide{2};
        counting<half> halves{3};
        counting<bfloat16> bfloats{4};
        counting<std::uint32_t> words{5};
        const auto odd = halves.from(kept, "odd", 3);  // what is wider begins at its own alignment all the same
        CHECK(counts_from(odd, 3));
        CHECK(counts_from(full.from(kept, "full", 5), 1));
        CHECK(counts_from(wide.from(kept, "wide", 2), 2));
        CHECK(counts_from(bfloats.from(kept, "bfloats", 1), 4));
        CHECK(counts_from(words.from(kept, "words", 3), 5));
        CHECK(counts_from(words.from(kept, "none", 0), 5));
        const std::size_t made = full.times + wide.times + halves.times + bfloats.times + words.times;
        CHECK(made == (first ? 6 : 0));
        CHECK(kept.is_complete() == !first);
        CHECK(kept.trouble().empty());
        if (first) kept.write();
        CHECK(counts_from(odd, 3));  // they outlive the writing
    }
}

TEST_CASE("what another key, name, type or number of them is for is made anew") {
    const support::scratch_folder home;
    counting<float> numbers{7};
    {
        packed_weight_cache kept(home / "a", "key");
        numbers.from(kept, "a", 4);
        kept.write();
    }
    const auto made = [&](const std::string& key, const std::string& name, std::size_t count) {
        packed_weight_cache kept(home / "a", key);
        const std::size_t before = numbers.times;
        CHECK(counts_from(numbers.from(kept, name, count), 7));
        CHECK(kept.is_complete() == (numbers.times == before));
        return numbers.times - before;
    };
    CHECK(made("key", "a", 4) == 0);
    CHECK(made("other", "a", 4) == 1);
    CHECK(made("key", "b", 4) == 1);
    CHECK(made("key", "a", 3) == 1);
    packed_weight_cache kept(home / "a", "key");
    counting<std::uint32_t> words{7};
    words.from(kept, "a", 4);
    CHECK(words.times == 1);
}

TEST_CASE("a file that is cut off or no such file is made anew, and said; then it is replaced") {
    const support::scratch_folder home;
    counting<float> numbers{7};
    {
        packed_weight_cache kept(home / "a", "key");
        numbers.from(kept, "a", 400);
        kept.write();
    }
    const std::string whole = support::text_of(read_file(home / "a"));
    for (const std::string& bytes :
         {std::string(), std::string("no"), whole.substr(0, whole.size() / 2), whole + "x"}) {
        std::ofstream(home / "a", std::ios::binary | std::ios::trunc) << bytes;
        packed_weight_cache kept(home / "a", "key");
        CHECK(has(kept.trouble(), "; the weights are packed again"));
        CHECK(counts_from(numbers.from(kept, "a", 400), 7));
        CHECK_FALSE(kept.is_complete());
        kept.write();
        CHECK(support::text_of(read_file(home / "a")) == whole);
    }
}

TEST_CASE("where nothing can be written, what is there stays") {
    const support::scratch_folder home;
    write_file(home / "a", "a file");
    packed_weight_cache kept(home / "a" / "b", "key");
    counting<float> numbers{7};
    numbers.from(kept, "a", 4);
    CHECK(has(thrown<file_error>([&] { kept.write(); }), "IO"));
    CHECK(support::text_of(read_file(home / "a")) == "a file");
}
