#pragma once
/// \file The few algorithms over whole ranges that the library is written with.
///
/// Why not std::ranges? Its constraints are asked anew for every call: a tenth of the time it takes to compile the
/// library.

#include <algorithm>
#include <cstddef>
#include <utility>

#include <zeroshot/version.hpp>

namespace zeroshot::inline ZEROSHOT_ABI::detail {

template <class Range, class Predicate>
constexpr bool any_of(const Range& range, const Predicate& is) {
    for (const auto& element : range) {
        if (is(element)) return true;
    }
    return false;
}

template <class Range, class Predicate>
constexpr bool all_of(const Range& range, const Predicate& is) {
    for (const auto& element : range) {
        if (!is(element)) return false;
    }
    return true;
}

template <class Range, class Value>
constexpr bool contains(const Range& range, const Value& value) {
    for (const auto& element : range) {
        if (element == value) return true;
    }
    return false;
}

/// The first element that is as asked, or null.
template <class Range, class Predicate>
constexpr auto find_if(Range& range, const Predicate& is) -> decltype(&*range.begin()) {
    for (auto& element : range) {
        if (is(element)) return &element;
    }
    return nullptr;
}

/// \return the place behind the last element written
template <class Range, class Output>
constexpr Output copy(const Range& from, Output to) {
    return std::copy(from.begin(), from.end(), to);
}

/// Adds a range to the end of a vector.
template <class Vector, class Range>
constexpr void append(Vector& vector, const Range& range) {
    const std::size_t size = vector.size();
    vector.resize(size + range.size());
    copy(range, vector.begin() + static_cast<std::ptrdiff_t>(size));
}

template <class Range, class Value>
constexpr void fill(Range&& range, const Value& value) {
    for (auto& element : range) element = value;
}

template <class Range, class Value>
constexpr void replace(Range& range, const Value& old, const Value& value) {
    for (auto& element : range) {
        if (element == old) element = value;
    }
}

/// The place of the first of the highest.
template <class Range>
constexpr std::size_t first_highest(const Range& range) {
    return static_cast<std::size_t>(std::max_element(range.begin(), range.end()) - range.begin());
}

/// By a heap, in as many steps at worst as usually. Why not std::sort? It is compiled anew for every kind of range, and
/// is thirty functions.
template <class Range, class Less>
constexpr void sort(Range&& range, const Less& before) {
    const auto sink = [&](std::size_t place, std::size_t end) {
        for (std::size_t child = 2 * place + 1; child < end; child = 2 * place + 1) {
            if (child + 1 < end && before(range[child], range[child + 1])) ++child;
            if (!before(range[place], range[child])) return;
            std::swap(range[place], range[child]);
            place = child;
        }
    };
    for (std::size_t place = range.size() / 2; place-- > 0;) sink(place, range.size());
    for (std::size_t end = range.size(); end-- > 1;) {
        std::swap(range[0], range[end]);
        sink(0, end);
    }
}

}  // namespace zeroshot::inline ZEROSHOT_ABI::detail
