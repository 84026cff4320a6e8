#pragma once
/// \file Sequential reader of tar archives: ustar, with GNU's and POSIX's long names.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// A file in an archive.
struct tar_member {
    std::string name;
    std::vector<std::byte> bytes;
};

/// Reads the files of an archive from front to back; folders and links are skipped.
class tar_reader {
   public:
    static constexpr std::size_t largest_member = std::size_t{1} << 30;  // bytes; a member is read as a whole

    explicit tar_reader(std::unique_ptr<byte_stream> stream) : stream_(std::move(stream)) {}

    /// \return nothing after the last file
    /// \throws data_set_error FORMAT for a damaged or truncated archive, LIMIT for a file beyond `largest_member`
    std::optional<tar_member> next() {
        std::string long_name;
        std::optional<std::size_t> long_size;
        while (std::optional<header> head = read_header()) {
            if (long_size && head->type != 'x') head->size = *long_size;
            std::vector<std::byte> bytes = read_content(*head);
            const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            switch (head->type) {
                case '0':
                case '\0':
                case '7':  // contiguous file
                    return tar_member{long_name.empty() ? std::move(head->name) : std::move(long_name),
                                      std::move(bytes)};
                case 'L':  // GNU's long name
                    long_name = text.substr(0, text.find('\0'));
                    break;
                case 'x':  // POSIX: records of "length key=value\n"
                    read_records(text, long_name, long_size);
                    break;
                default:
                    long_name.clear();
                    long_size.reset();
            }
        }
        return std::nullopt;
    }

   private:
    static constexpr std::size_t block = 512;

    struct header {
        std::string name;
        std::size_t size = 0;
        char type = '0';
    };

    [[noreturn]] void fail(std::string what, error_code code = error_code::format, std::string expected = "",
                           std::string hint = "") const {
        throw data_set_error(code, {stream_->location() + ": byte " + std::to_string(header_), std::move(what),
                                    std::move(expected), std::move(hint)});
    }

    static std::string_view field(std::span<const std::byte, block> bytes, std::size_t begin, std::size_t length) {
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + begin, length);
        return text.substr(0, text.find('\0'));
    }

    /// An octal number; GNU writes larger ones in base 256, with the highest bit set.
    std::size_t number(std::span<const std::byte, block> bytes, std::size_t begin, std::size_t length) const {
        std::size_t value = 0;
        if (std::to_integer<unsigned>(bytes[begin]) >= 0x80) {
            for (std::size_t i = begin + 1; i < begin + length; ++i) {
                if (value >> 56 != 0) fail("a number is too large");
                value = value << 8 | std::to_integer<std::size_t>(bytes[i]);
            }
            return value;
        }
        for (const char digit : field(bytes, begin, length)) {
            if (digit == ' ') continue;
            if (digit < '0' || digit > '7') fail("this is no tar archive, or a damaged one");
            value = value << 3 | static_cast<std::size_t>(digit - '0');
        }
        return value;
    }

    /// \return nothing at the end of the archive, a block of zeros
    std::optional<header> read_header() {
        header_ = stream_->position();
        std::array<std::byte, block> bytes{};
        const std::size_t count = stream_->read(bytes);
        if (count != block) {
            fail(count == 0 ? "the archive ends without its end mark" : "the archive ends within a header",
                 error_code::format, "", "is the file truncated?");
        }
        if (std::ranges::all_of(bytes, [](std::byte each) { return each == std::byte{0}; })) return std::nullopt;
        expect_checksum(bytes);
        header head{std::string(field(bytes, 0, 100)), number(bytes, 124, 12), std::to_integer<char>(bytes[156])};
        const std::string_view prefix = field(bytes, 345, 155);
        const bool posix =
            field(bytes, 257, 6) == "ustar";  // GNU's own form has a space behind it, and other fields here
        if (posix && !prefix.empty()) head.name = std::string(prefix) + "/" + head.name;
        return head;
    }

    /// The checksum is the sum of all bytes of a header, with spaces in its own field.
    void expect_checksum(std::span<const std::byte, block> bytes) const {
        constexpr std::size_t begin = 148, length = 8;
        std::size_t sum = length * ' ';
        for (std::size_t i = 0; i < block; ++i) {
            if (i < begin || i >= begin + length) sum += std::to_integer<std::size_t>(bytes[i]);
        }
        if (sum != number(bytes, begin, length))
            fail("a header has a wrong checksum; this is no tar archive, or a damaged one");
    }

    std::vector<std::byte> read_content(const header& head) {
        if (head.size > largest_member) {
            fail("member " + quoted(head.name) + " has " + std::to_string(head.size) + " bytes", error_code::limit,
                 "at most " + std::to_string(largest_member));
        }
        constexpr std::size_t step = 1 << 22;  // the header may promise more than the file contains
        std::vector<std::byte> bytes;
        while (bytes.size() < head.size) {
            const std::size_t done = bytes.size();
            bytes.resize((std::min)(head.size, done + step));
            stream_->read_exactly(std::span(bytes).subspan(done), "member " + quoted(head.name));
        }
        std::array<std::byte, block> padding{};
        stream_->read_exactly(std::span(padding).first((block - head.size % block) % block),
                              "member " + quoted(head.name));
        return bytes;
    }

    void read_records(std::string_view text, std::string& name, std::optional<std::size_t>& size) const {
        while (!text.empty()) {
            const std::size_t digits = text.find(' ');
            const std::size_t length = detail::parse_number(text.substr(0, digits)).value_or(0);
            if (digits == std::string_view::npos || length <= digits + 1 || length > text.size())
                fail("an extended header is damaged");
            const std::string_view record = text.substr(digits + 1, length - digits - 2);  // without the newline
            if (record.starts_with("path=")) name = record.substr(5);
            if (record.starts_with("size=")) {
                size = detail::parse_number(record.substr(5));
                if (!size || *size / 10 > largest_member) fail("an extended header is damaged");
            }
            text.remove_prefix(length);
        }
    }

    std::unique_ptr<byte_stream> stream_;
    std::size_t header_ = 0;  // position of the last header
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
