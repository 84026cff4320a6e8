#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/algorithm.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

TEST_CASE("one element is enough for any, and of no elements all are as asked") {
    const auto negative = [](int each) { return each < 0; };
    CHECK(detail::any_of(std::vector{1, -1}, negative));
    CHECK_FALSE(detail::any_of(std::vector{1, 2}, negative));
    CHECK_FALSE(detail::all_of(std::vector{1, -1}, negative));
    CHECK(detail::all_of(std::vector<int>{}, negative));
}

TEST_CASE("the first element as asked is found in its place") {
    std::array numbers{3, -1, -2};
    CHECK(detail::find_if(numbers, [](int each) { return each < 0; }) == &numbers[1]);
    CHECK(detail::find_if(numbers, [](int each) { return each > 3; }) == nullptr);
    CHECK(detail::contains(numbers, -2));
    CHECK_FALSE(detail::contains(numbers, 2));
    CHECK(detail::first_highest(std::array{1, 3, 2, 3}) == 1);
}

TEST_CASE("a range is copied, added, filled and mended in place") {
    std::vector<int> numbers{1, 2};
    detail::append(numbers, std::array{3, 4, 5});
    CHECK(numbers == std::vector{1, 2, 3, 4, 5});
    CHECK(detail::copy(std::array{7, 8}, numbers.begin()) == numbers.begin() + 2);
    CHECK(numbers == std::vector{7, 8, 3, 4, 5});
    detail::fill(numbers, 0);
    CHECK(numbers == std::vector{0, 0, 0, 0, 0});
    std::string path = "a/b/c";
    detail::replace(path, '/', '-');
    CHECK(path == "a-b-c");
}

TEST_CASE("a part of a range is sorted by the order that is asked for") {
    std::array numbers{1, 3, 2, 5, 4};
    detail::sort(std::span(numbers).subspan(1), [](int a, int b) { return a > b; });
    CHECK(numbers == std::array{1, 5, 4, 3, 2});
}

TEST_CASE("ranges of every length are sorted as std::sort does it, equal elements and texts among them") {
    std::mt19937 random(1);
    for (std::size_t size = 0; size < 70; ++size) {
        std::vector<std::string> texts(size);
        for (std::string& text : texts) text = std::to_string(random() % (size + 1));
        std::vector<std::string> expected = texts;
        std::sort(expected.begin(), expected.end());
        detail::sort(texts, std::less<>());
        CHECK(texts == expected);
    }
}
