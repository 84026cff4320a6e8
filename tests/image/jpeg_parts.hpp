#pragma once
/// \file Recorded JPEGs and edits of their segments, for tests.

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/image/encoded.hpp>

#include "tests/image/support.hpp"

namespace jpeg_parts {

using bytes = std::vector<std::byte>;

inline bytes sample(const std::string& name) {
    return file_bytes(golden("jpeg/" + name + ".jpg"));
}

/// Where the first segment with this marker begins.
inline std::size_t find(const bytes& file, unsigned marker) {
    for (std::size_t i = 2; i + 1 < file.size(); ++i) {
        if (file[i] == std::byte{0xff} && file[i + 1] == static_cast<std::byte>(marker)) return i;
    }
    FAIL("no marker " << marker);
    return 0;
}

inline std::size_t length_of(const bytes& file, std::size_t segment) {
    return 2 + zeroshot::detail::big_endian(std::span(file).subspan(segment + 2, 2));
}

inline bytes without(bytes file, std::size_t segment) {
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(segment);
    file.erase(begin, begin + static_cast<std::ptrdiff_t>(length_of(file, segment)));
    return file;
}

inline bytes inserted(bytes file, std::size_t position, const bytes& more) {
    file.insert(file.begin() + static_cast<std::ptrdiff_t>(position), more.begin(), more.end());
    return file;
}

inline bytes with(bytes file, std::size_t position, unsigned value) {
    file[position] = static_cast<std::byte>(value);
    return file;
}

inline bytes of(std::initializer_list<unsigned> values) {
    bytes out;
    for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

inline bytes text(std::string_view letters) {
    bytes out;
    for (const char letter : letters) out.push_back(static_cast<std::byte>(letter));
    return out;
}

inline bytes joined(std::initializer_list<bytes> parts) {
    bytes out;
    for (const bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

}  // namespace jpeg_parts
