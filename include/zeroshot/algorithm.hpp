#pragma once
/// \file The few algorithms over whole ranges that the library is written with.
///
/// Why not std::ranges? Its constraints are asked anew for every call: a tenth of the time it takes to compile the
/// library.

#include <algorithm>
#include <cstddef>

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

template <class Range, class Less>
constexpr void sort(Range&& range, const Less& before) {
    std::sort(range.begin(), range.end(), before);
}

}  // namespace zeroshot::inline ZEROSHOT_ABI::detail
