#pragma once
/// \file tar archives, a member after the other: ustar, with GNU's and POSIX's long names.

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
#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A file in an archive.
struct tar_member {
    std::string name;
    std::vector<std::byte> bytes;
};

/// Reads an archive from front to back; what is no file (folders, links) is passed over.
class tar_reader {
   public:
    static constexpr std::size_t largest_member = std::size_t{1} << 30;  // bytes; they are read whole

    explicit tar_reader(std::unique_ptr<byte_stream> from) : from_(std::move(from)) {}

    const std::string& place() const noexcept { return from_->place(); }

    /// The next file; nothing behind the last.
    /// \throws data_set_error FORMAT where the archive is damaged or cut off, LIMIT for a file beyond `largest_member`
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
                case '7':  // contiguous: a file like any other
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

    [[noreturn]] void refuse(std::string what, error_code code = error_code::format, std::string expected = "",
                             std::string hint = "") const {
        throw data_set_error(code, {from_->place() + ": byte " + std::to_string(begin_), std::move(what),
                                    std::move(expected), std::move(hint)});
    }

    static std::string_view field(std::span<const std::byte, block> bytes, std::size_t begin, std::size_t length) {
        const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + begin, length);
        return text.substr(0, text.find('\0'));
    }

    /// Digits of base 8; GNU writes what does not fit as bytes, with the highest bit set.
    std::size_t number(std::span<const std::byte, block> bytes, std::size_t begin, std::size_t length) const {
        std::size_t value = 0;
        if (std::to_integer<unsigned>(bytes[begin]) >= 0x80) {
            for (std::size_t i = begin + 1; i < begin + length; ++i) {
                if (value >> 56 != 0) refuse("a number is too large");
                value = value << 8 | std::to_integer<std::size_t>(bytes[i]);
            }
            return value;
        }
        for (const char digit : field(bytes, begin, length)) {
            if (digit == ' ') continue;
            if (digit < '0' || digit > '7') refuse("this is no tar archive, or damaged");
            value = value << 3 | static_cast<std::size_t>(digit - '0');
        }
        return value;
    }

    /// Nothing at the mark that ends the archive: a block of zeros.
    std::optional<header> read_header() {
        begin_ = from_->position();
        std::array<std::byte, block> bytes{};
        const std::size_t count = from_->read(bytes);
        if (count != block) {
            refuse(count == 0 ? "the archive ends without its end mark" : "the archive ends within a header",
                   error_code::format, "", "was it cut off?");
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

    /// The sum of all bytes of a header, with spaces in the place of the sum itself.
    void expect_checksum(std::span<const std::byte, block> bytes) const {
        constexpr std::size_t begin = 148, length = 8;
        std::size_t sum = length * ' ';
        for (std::size_t i = 0; i < block; ++i) {
            if (i < begin || i >= begin + length) sum += std::to_integer<std::size_t>(bytes[i]);
        }
        if (sum != number(bytes, begin, length))
            refuse("the checksum of a header does not fit; this is no tar archive, or damaged");
    }

    std::vector<std::byte> read_content(const header& head) {
        if (head.size > largest_member) {
            refuse("member " + quoted(head.name) + " has " + std::to_string(head.size) + " bytes", error_code::limit,
                   "at most " + std::to_string(largest_member));
        }
        constexpr std::size_t at_once = 1 << 22;  // the header may promise more than there is
        std::vector<std::byte> bytes;
        while (bytes.size() < head.size) {
            const std::size_t done = bytes.size();
            bytes.resize(std::min(head.size, done + at_once));
            from_->read_all(std::span(bytes).subspan(done), "member " + quoted(head.name));
        }
        std::array<std::byte, block> padding{};
        from_->read_all(std::span(padding).first((block - head.size % block) % block), "member " + quoted(head.name));
        return bytes;
    }

    void read_records(std::string_view text, std::string& name, std::optional<std::size_t>& size) const {
        while (!text.empty()) {
            std::size_t length = 0, at = 0;
            for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && length < text.size(); ++at)
                length = length * 10 + static_cast<std::size_t>(text[at] - '0');
            if (at == 0 || at >= text.size() || text[at] != ' ' || length <= at + 1 || length > text.size())
                refuse("an extended header is damaged");
            const std::string_view record = text.substr(at + 1, length - at - 2);  // without the line's end
            if (record.starts_with("path=")) name = record.substr(5);
            if (record.starts_with("size=")) {
                size = 0;
                for (const char digit : record.substr(5)) {
                    if (digit < '0' || digit > '9' || *size > largest_member) refuse("an extended header is damaged");
                    size = *size * 10 + static_cast<std::size_t>(digit - '0');
                }
            }
            text.remove_prefix(length);
        }
    }

    std::unique_ptr<byte_stream> from_;
    std::size_t begin_ = 0;  // of the header in hand
};

}}  // namespace zeroshot::ZEROSHOT_ABI
