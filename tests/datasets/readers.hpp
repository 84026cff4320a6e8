#pragma once
/// \file Tiny data sets in the published formats, and helpers to read them.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>

#include "tests/support/files.hpp"

namespace support {

inline void write(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
}

inline std::vector<zeroshot::datasets::example> all_of(zeroshot::datasets::data_set& from) {
    std::vector<zeroshot::datasets::example> all;
    while (std::optional<zeroshot::datasets::example> next = from.next()) all.push_back(*std::move(next));
    return all;
}

/// "name:label,label name:label"
inline std::string listed(zeroshot::datasets::data_set& from) {
    std::string text;
    for (const zeroshot::datasets::example& one : all_of(from)) {
        text += (text.empty() ? "" : " ") + one.name + ":";
        for (std::size_t i = 0; i < one.labels.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(one.labels[i]);
    }
    return text;
}

inline std::string bytes_at(const zeroshot::datasets::example& one) {
    return text_of(std::get<std::vector<std::byte>>(one.image));
}

/// The first bytes of the first row of an image of pixels.
inline std::vector<int> pixels_at(const zeroshot::datasets::example& one, std::size_t count) {
    const auto row = std::get<zeroshot::image>(one.image).row(0);
    return {row.begin(), row.begin() + static_cast<std::ptrdiff_t>(count)};
}

inline std::string big_endian(std::uint32_t number) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 255);
    return text;
}

/// A member of an archive as ustar writes it.
inline std::string tar_entry(const std::string& name, const std::string& content, char type = '0',
                             const std::string& magic = "ustar") {
    std::string head(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { head.replace(at, text.size(), text); };
    const auto octal = [](std::size_t number, std::size_t digits) {
        std::string text(digits, '0');
        for (std::size_t i = digits; i-- > 0; number >>= 3) text[i] = static_cast<char>('0' + (number & 7));
        return text;
    };
    put(0, name.substr(0, 100));
    put(100, "0000644");
    put(124, octal(content.size(), 11));
    head[156] = type;
    put(257, magic);
    put(148, "        ");
    std::size_t sum = 0;
    for (const char each : head) sum += static_cast<unsigned char>(each);
    put(148, octal(sum, 6) + '\0' + " ");
    return head + content + std::string((512 - content.size() % 512) % 512, '\0');
}

inline const std::string tar_end(1024, '\0');

/// The head of an IDX file of bytes.
inline std::string idx_head(const std::vector<std::uint32_t>& shape) {
    std::string text = {0, 0, 8, static_cast<char>(shape.size())};
    for (const std::uint32_t length : shape) text += big_endian(length);
    return text;
}

/// An image of CIFAR: planes of one value each.
inline std::string cifar_planes(char red, char green, char blue) {
    return std::string(1024, red) + std::string(1024, green) + std::string(1024, blue);
}

/// Opcodes of Python 2's pickle of protocol 2.
namespace python2 {

inline std::string text(const std::string& content) {
    if (content.size() < 256) return "U" + std::string(1, static_cast<char>(content.size())) + content;
    return "T" + little_endian(content.size()).substr(0, 4) + content;
}
inline std::string number(std::uint32_t value) {
    return "J" + little_endian(value).substr(0, 4);
}
inline std::string list(const std::string& items) {
    return "](" + items + "e";
}
inline std::string dictionary(const std::string& items) {
    return "}(" + items + "u";
}
inline std::string whole(const std::string& value) {
    return "\x80\x02" + value + ".";
}

/// An array as numpy.ndarray.__reduce__ gives it.
inline std::string array(std::uint32_t rows, std::uint32_t columns, const std::string& bytes,
                         const std::string& type = "u1") {
    const std::string made = "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK" + std::string(1, '\0') +
                             "\x85" + text("b") + "\x87R";
    const std::string dtype = "cnumpy\ndtype\n" + text(type) + "K" + std::string(1, '\0') + "K\x01\x87R(K\x03" +
                              text("|") + "NNN" + number(0xffffffff) + number(0xffffffff) + "K" + std::string(1, '\0') +
                              "tb";
    return made + "(K\x01" + number(rows) + number(columns) + "\x86" + dtype + "\x89" + text(bytes) + "tb";
}

}  // namespace python2

}  // namespace support
