#pragma once
/// \file Several labels as CLIP_benchmark keeps them: an array of NumPy with a 1 for each class that is there.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// A number as it lies in memory.
template <class Number>
double number_at(std::span<const std::byte> bytes) {
    Number value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return static_cast<double>(value);
}

/// What reads a number of that type; nothing for another type. \param type as NumPy writes it: "<i8"
inline auto number_reader(std::string_view type) -> double (*)(std::span<const std::byte>) {
    if (type == "|b1" || type == "|u1") return number_at<std::uint8_t>;
    if (type == "|i1") return number_at<std::int8_t>;
    if (type == "<i2") return number_at<std::int16_t>;
    if (type == "<i4") return number_at<std::int32_t>;
    if (type == "<i8") return number_at<std::int64_t>;
    if (type == "<f4") return number_at<float>;
    if (type == "<f8") return number_at<double>;
    return nullptr;
}

/// What stands behind a key of the dictionary in the head of an .npy file, up to the next comma or bracket.
inline std::string_view npy_value(std::string_view head, std::string_view key) {
    const std::size_t at = head.find(key);
    if (at == std::string_view::npos) return {};
    std::string_view value = head.substr(at + key.size());
    value.remove_prefix(std::min(value.find_first_not_of(": '("), value.size()));
    return value.substr(0, value.find_first_of(",')"));
}

}  // namespace detail

/// The classes of which the array says 1.
/// \param bytes an .npy file of a vector [classes] of 0 and 1, as numpy.lib.format writes it
/// \param place for sentences
/// \throws data_set_error FORMAT where it is something else
inline std::vector<std::size_t> labels_of_multi_hot(std::span<const std::byte> bytes, const std::string& place) {
    const auto refuse = [&](std::string what, std::string expected) {
        throw data_set_error(error_code::format, {place, std::move(what), std::move(expected), ""});
    };
    constexpr std::string_view magic = "\x93NUMPY";
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr std::size_t old_begin = 10, new_begin = 12;  // of the dictionary; since version 2 its length has 4 bytes
    if (text.size() < new_begin || !text.starts_with(magic)) refuse("this is no array of NumPy", "an .npy file");
    const auto byte_at = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(text[at])); };
    const bool is_old = byte_at(magic.size()) == 1;
    std::size_t length = byte_at(8) | byte_at(9) << 8;
    if (!is_old) length |= byte_at(10) << 16 | byte_at(11) << 24;
    const std::size_t begin = (is_old ? old_begin : new_begin) + length;
    if (begin > text.size()) refuse("it ends within its head", "an .npy file");
    const std::string_view head = text.substr(0, begin);
    const std::string_view type = detail::npy_value(head, "'descr'");
    const auto read = detail::number_reader(type);
    if (read == nullptr) refuse("numbers of type " + quoted(type), "numbers that are 0 or 1");
    const std::size_t size = static_cast<std::size_t>(type.back() - '0');
    const std::string_view shape = head.substr(std::min(head.find("'shape'"), head.size()));
    const bool is_vector = shape.find(",)") < shape.find(')');
    const std::size_t count = (text.size() - begin) / size;
    if (!is_vector || detail::npy_value(head, "'shape'") != std::to_string(count) ||
        count * size != text.size() - begin)
        refuse("an array of another shape, or cut", "a vector with a number for each class");
    std::vector<std::size_t> labels;
    for (std::size_t label = 0; label < count; ++label) {
        const double number = read(bytes.subspan(begin + label * size, size));
        if (number != 0 && number != 1) refuse("class " + std::to_string(label) + " is neither 0 nor 1", "0 or 1");
        if (number == 1) labels.push_back(label);
    }
    return labels;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
