#pragma once
// What C++20 has and the standard library of Emscripten 3.1.6 (libc++ 13), which Debian 12 has, does not, as far as we
// and our tests use it. Included before all else.

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

namespace std {

template <class To, class From>
constexpr To bit_cast(const From& from) noexcept {
    return __builtin_bit_cast(To, from);
}

/// Of numbers as JSON writes them; Emscripten knows no locale but C.
inline from_chars_result from_chars(const char* first, const char* last, double& value) {
    const string text(first, last);
    char* end = nullptr;
    const double read = strtod(text.c_str(), &end);
    if (end == text.c_str()) return {first, errc::invalid_argument};
    value = read;
    return {first + (end - text.c_str()), errc()};
}

/// The shortest digits that are read as the same number.
template <class Real, enable_if_t<is_floating_point_v<Real>, int> = 0>
to_chars_result to_chars(char* first, char* last, Real number) {
    int count = 0;
    for (int digits = 1; digits <= numeric_limits<Real>::max_digits10; ++digits) {
        count = snprintf(first, static_cast<size_t>(last - first), "%.*g", digits, static_cast<double>(number));
        if (static_cast<Real>(strtod(first, nullptr)) == number) break;
    }
    return {first + count, errc()};
}

namespace ranges {

using std::greater;
using std::less;

template <class Out>
struct written {
    Out out;
};

template <class Order, class Projection>
constexpr auto by(Order order, Projection of) {
    return [=](const auto& a, const auto& b) { return invoke(order, invoke(of, a), invoke(of, b)); };
}

#define ZEROSHOT_OF_A_RANGE(name)                                      \
    template <class Range, class... Rest>                              \
    constexpr auto name(Range&& range, const Rest&... rest) {          \
        return std::name(std::begin(range), std::end(range), rest...); \
    }
ZEROSHOT_OF_A_RANGE(all_of)
ZEROSHOT_OF_A_RANGE(any_of)
ZEROSHOT_OF_A_RANGE(none_of)
ZEROSHOT_OF_A_RANGE(count_if)
ZEROSHOT_OF_A_RANGE(fill)
ZEROSHOT_OF_A_RANGE(find_if)
ZEROSHOT_OF_A_RANGE(replace)
ZEROSHOT_OF_A_RANGE(find)
ZEROSHOT_OF_A_RANGE(is_sorted)
ZEROSHOT_OF_A_RANGE(lower_bound)
ZEROSHOT_OF_A_RANGE(upper_bound)
#undef ZEROSHOT_OF_A_RANGE

/// Those that take an order and what to order by.
#define ZEROSHOT_ORDERED(name)                                                     \
    template <class Range, class Order = std::less<>, class Projection = identity> \
    constexpr auto name(Range&& range, Order order = {}, Projection of = {}) {     \
        return std::name(std::begin(range), std::end(range), by(order, of));       \
    }
ZEROSHOT_ORDERED(sort)
ZEROSHOT_ORDERED(stable_sort)
ZEROSHOT_ORDERED(max_element)
ZEROSHOT_ORDERED(min_element)
#undef ZEROSHOT_ORDERED

template <class Range, class Middle, class Order = std::less<>>
constexpr void partial_sort(Range&& range, Middle middle, Order order = {}) {
    std::partial_sort(std::begin(range), middle, std::end(range), order);
}

template <class Range, class Value, class Projection = identity>
constexpr auto count(Range&& range, const Value& value, Projection of = {}) {
    return std::count_if(std::begin(range), std::end(range),
                         [&](const auto& each) { return invoke(of, each) == value; });
}

template <class Range, class Other, class Same = ranges::equal_to>
constexpr bool equal(Range&& range, Other&& other, Same same = {}) {
    return std::equal(std::begin(range), std::end(range), std::begin(other), std::end(other), same);
}

template <class Range, class Out>
constexpr auto copy(Range&& range, Out to) {
    return written<Out>{std::copy(std::begin(range), std::end(range), to)};
}

template <class Range, class Out, class Function>
constexpr auto transform(Range&& range, Out to, Function f) {
    return written<Out>{std::transform(std::begin(range), std::end(range), to, f)};
}
template <class Range, class Other, class Out, class Function>
constexpr auto transform(Range&& range, Other&& other, Out to, Function f) {
    return written<Out>{std::transform(std::begin(range), std::end(range), std::begin(other), to, f)};
}

}  // namespace ranges
}  // namespace std

