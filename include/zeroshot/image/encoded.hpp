#pragma once
/// \file What the readers of PNG and JPEG share: errors at a byte, limits, numbers in network order.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Something is wrong with an encoded image at a byte.
[[noreturn]] inline void throw_at_byte(error_code code, std::size_t position, std::string what,
                                       std::string expected = "", std::string hint = "") {
    throw image_error(code,
                      {"byte " + std::to_string(position), std::move(what), std::move(expected), std::move(hint)});
}

[[noreturn]] inline void throw_ends_early(std::size_t position) {
    throw_at_byte(error_code::format, position, "image data ends early at byte " + std::to_string(position), "",
                  "was the file cut off?");
}

/// Refuses an image by its header, before anything is allocated.
inline void refuse_pixels(std::size_t position, std::size_t width, std::size_t height, std::size_t max_pixels) {
    if (width > max_pixels / height) {
        throw_at_byte(error_code::limit, position,
                      "the image has " + std::to_string(width) + " x " + std::to_string(height) + " pixels",
                      "at most " + std::to_string(max_pixels) + " in all",
                      "raise decode_options::max_pixels if it is meant");
    }
}

inline void refuse_memory(std::size_t position, std::size_t needed, std::size_t budget) {
    if (needed > budget) {
        throw_at_byte(error_code::limit, position, "decoding takes " + std::to_string(needed) + " bytes of memory",
                      "at most " + std::to_string(budget), "raise decode_options::memory_budget if it is meant");
    }
}

/// Big-endian, as PNG and JPEG write numbers.
inline std::uint32_t big_endian(std::span<const std::byte> bytes) {
    std::uint32_t value = 0;
    for (const std::byte byte : bytes) value = value << 8 | std::to_integer<std::uint32_t>(byte);
    return value;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
