#pragma once
/// \file Images of tests/golden/formats, and how Pillow opens them.

#include <array>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/support/checksum.hpp>

#include "tests/image/support.hpp"

namespace recorded {

inline zeroshot::image open(const std::string& name, const zeroshot::decode_options& options = {}) {
    return zeroshot::read_image(golden("formats/" + name), options);
}

/// The first 16 digits of the hash of all rows.
inline std::string digest_of(const zeroshot::image& decoded) {
    std::string bytes;
    for (std::size_t y = 0; y < decoded.height(); ++y) bytes.append(decoded.row(y).begin(), decoded.row(y).end());
    return zeroshot::sha256().add(bytes).digits().substr(0, 16);
}

/// Compares the images of a format with Pillow's; returns how many there are.
inline int compare(std::string_view ending) {
    constexpr std::array<std::string_view, 9> modes{"1", "L", "LA", "RGB", "RGBA", "P", "BGR", "BGRA", "CMYK"};
    std::ifstream lines(golden("formats/formats.txt"));
    REQUIRE(lines.good());
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        std::string name, mode, digest;
        std::size_t width = 0, height = 0;
        std::istringstream(line) >> name >> mode >> width >> height >> digest;
        if (!name.ends_with(ending)) continue;
        INFO(line);
        const zeroshot::image decoded = open(name);
        CHECK(modes[static_cast<std::size_t>(decoded.mode())] == mode);
        CHECK(decoded.width() == width);
        CHECK(decoded.height() == height);
        CHECK(digest_of(decoded) == digest);
        ++count;
    }
    return count;
}

/// Expects an image beyond the limits to be refused.
inline void expect_limits(const std::string& name) {
    zeroshot::decode_options options;
    options.max_pixels = 1000;
    CHECK_THAT(refusal_of([&] { open(name, options); }), contains("LIMIT") && contains("45 x 37"));
    options = {};
    options.memory_budget = 5000;
    CHECK_THAT(refusal_of([&] { open(name, options); }), contains("LIMIT") && contains("memory"));
}

/// Expects an image that is cut to be refused.
inline void expect_refused_cuts(const std::string& name) {
    const auto whole = file_bytes(golden("formats/" + name));
    for (std::size_t size = 16; size + 200 < whole.size(); size += 11)
        CHECK_THAT(refusal_of([&] { zeroshot::decode(std::span(whole).first(size)); }),
                   contains("FORMAT") || contains("UNSUPPORTED"));
}

/// Changes and cuts the images of a format: each gives an image or an error of ours.
inline void harm(std::string_view ending, int runs) {
    std::ifstream lines(golden("formats/formats.txt"));
    zeroshot::decode_options options;
    options.max_pixels = 1000000;
    options.memory_budget = 20000000;
    std::uint32_t random = 1;
    const auto below = [&](std::size_t limit) {
        random = random * 1664525 + 1013904223;  // Numerical Recipes
        return (random >> 8) % limit;
    };
    for (std::string line; std::getline(lines, line);) {
        const std::string name = line.substr(0, line.find(' '));
        if (!name.ends_with(ending)) continue;
        const auto good = file_bytes(golden("formats/" + name));
        for (int run = 0; run < runs; ++run) {
            auto file = good;
            for (std::size_t change = 0; change <= below(4); ++change)
                file[below(run % 2 == 0 ? file.size() : (std::min)(file.size(), std::size_t{64}))] =
                    static_cast<std::byte>(below(256));
            if (run % 4 == 3) file.resize(1 + below(file.size()));
            CHECK_NOTHROW(refusal_of([&] { zeroshot::decode(file, options); }));
        }
    }
}

}  // namespace recorded
