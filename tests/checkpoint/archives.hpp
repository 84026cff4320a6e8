#pragma once
/// \file Zip archives with every field free, and pickles from their opcodes.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/support/checksum.hpp>

#include "tests/support/files.hpp"

namespace support {

/// A number as so many bytes, the lowest first.
inline std::string bytes_of_number(std::uint64_t number, std::size_t bytes) {
    std::string text = little_endian(number);
    text.resize(bytes, '\0');
    return text;
}

inline std::uint32_t crc_of(std::string_view text) {
    return zeroshot::detail::crc32().add(std::as_bytes(std::span(text))).value();
}

/// An entry of an archive. Fields without a value are written correctly; "local" ones override the entry's own header.
struct zip_item {
    std::string name;
    std::string data;
    std::uint16_t method = 0;
    std::uint16_t flags = 0x0808;  // a descriptor follows, UTF-8: as PyTorch writes
    std::optional<std::uint32_t> crc{};
    std::optional<std::uint32_t> stored{};
    std::optional<std::uint32_t> size{};
    std::optional<std::uint32_t> header{};
    std::uint16_t disk = 0;
    std::string extra{};        // of the directory
    std::string local_extra{};  // of the header
    std::optional<std::string> local_name{};
    std::optional<std::uint16_t> local_flags{};
    std::optional<std::uint16_t> local_method{};
    std::optional<std::uint32_t> local_crc{};
    std::optional<std::uint32_t> local_size{};
    std::optional<std::string> descriptor{};
};

/// An archive. Fields without a value are written correctly.
struct zip_file {
    std::vector<zip_item> items;
    std::string before{};            // bytes before the first entry
    std::string before_directory{};  // bytes behind the last
    std::string behind_directory{};
    std::string comment{};
    std::string behind{};  // bytes behind the end record
    bool zip64 = false;    // write the 64-bit record
    std::optional<std::uint64_t> count64{};
    std::optional<std::string> record64{};
    std::optional<std::uint16_t> count{};
    std::optional<std::uint32_t> directory{};
    std::optional<std::uint32_t> directory_bytes{};
    std::uint16_t disk = 0;

    std::vector<std::byte> bytes() const { return bytes_of(text()); }

    std::string text() const {
        std::string out = before, central;
        for (const zip_item& item : items) {
            central += central_header(item, out.size());
            out += local_header(item) + item.data + descriptor(item);
        }
        out += before_directory;
        const std::size_t begin = out.size();
        out += central + behind_directory;
        if (zip64) out += end64(begin, central.size(), out.size());
        return out + end(begin, central.size()) + comment + behind;
    }

   private:
    static std::uint32_t crc(const zip_item& item) { return item.crc.value_or(crc_of(item.data)); }
    static std::uint32_t stored(const zip_item& item) {
        return item.stored.value_or(static_cast<std::uint32_t>(item.data.size()));
    }
    static std::uint32_t size(const zip_item& item) { return item.size.value_or(stored(item)); }

    static std::string local_header(const zip_item& item) {
        const std::string& name = item.local_name ? *item.local_name : item.name;
        const std::uint16_t flags = item.local_flags.value_or(item.flags);
        const bool later = (flags & 8u) != 0;
        return std::string("PK\x03\x04\0\0", 6) + bytes_of_number(flags, 2) +
               bytes_of_number(item.local_method.value_or(item.method), 2) + bytes_of_number(0, 4) +
               bytes_of_number(item.local_crc.value_or(later ? 0 : crc(item)), 4) +
               bytes_of_number(item.local_size.value_or(later ? 0 : stored(item)), 4) +
               bytes_of_number(item.local_size.value_or(later ? 0 : size(item)), 4) + bytes_of_number(name.size(), 2) +
               bytes_of_number(item.local_extra.size(), 2) + name + item.local_extra;
    }

    static std::string descriptor(const zip_item& item) {
        if ((item.flags & 8u) == 0) return "";
        return item.descriptor.value_or("PK\x07\x08" + bytes_of_number(crc(item), 4) +
                                        bytes_of_number(stored(item), 4) + bytes_of_number(size(item), 4));
    }

    static std::string central_header(const zip_item& item, std::size_t offset) {
        return std::string("PK\x01\x02\0\0\0\0", 8) + bytes_of_number(item.flags, 2) + bytes_of_number(item.method, 2) +
               bytes_of_number(0, 4) + bytes_of_number(crc(item), 4) + bytes_of_number(stored(item), 4) +
               bytes_of_number(size(item), 4) + bytes_of_number(item.name.size(), 2) +
               bytes_of_number(item.extra.size(), 2) + bytes_of_number(0, 2) + bytes_of_number(item.disk, 2) +
               bytes_of_number(0, 6) + bytes_of_number(item.header.value_or(static_cast<std::uint32_t>(offset)), 4) +
               item.name + item.extra;
    }

    std::string end64(std::size_t begin, std::size_t bytes, std::size_t here) const {
        const std::uint64_t entries = count64.value_or(items.size());
        const std::string record = "PK\x06\x06" + little_endian(44) + bytes_of_number(0, 12) + little_endian(entries) +
                                   little_endian(entries) + little_endian(bytes) + little_endian(begin);
        return record64.value_or(record) + "PK\x06\x07" + bytes_of_number(0, 4) + little_endian(here) +
               bytes_of_number(1, 4);
    }

    std::string end(std::size_t begin, std::size_t bytes) const {
        const std::uint64_t entries = count.value_or(static_cast<std::uint16_t>(items.size()));
        return "PK\x05\x06" + bytes_of_number(disk, 4) + bytes_of_number(entries, 2) + bytes_of_number(entries, 2) +
               bytes_of_number(directory_bytes.value_or(static_cast<std::uint32_t>(bytes)), 4) +
               bytes_of_number(directory.value_or(static_cast<std::uint32_t>(begin)), 4) +
               bytes_of_number(comment.size(), 2);
    }
};

/// Opcodes of pickles, to be written one after the other.
namespace pickles {

inline const std::string begin = "\x80\x02", stop = ".", mark = "(", tuple = "t", none = "N", reduce = "R", build = "b",
                         persistent = "Q", setitems = "u", setitem = "s", append = "a", appends = "e", dictionary = "}",
                         list = "]", empty = ")", newobj = "\x81", yes = "\x88", no = "\x89";

inline std::string text(std::string_view text) {
    return "X" + bytes_of_number(text.size(), 4) + std::string(text);
}
inline std::string integer(std::int64_t number) {
    return "\x8a\x08" + little_endian(static_cast<std::uint64_t>(number));
}
inline std::string global(const std::string& module, const std::string& name) {
    return "c" + module + "\n" + name + "\n";
}
inline std::string put(std::uint8_t slot) {
    return "q" + bytes_of_number(slot, 1);
}
inline std::string get(std::uint8_t slot) {
    return "h" + bytes_of_number(slot, 1);
}
inline std::string numbers(const std::vector<std::int64_t>& values) {
    std::string out = mark;
    for (const std::int64_t value : values) out += integer(value);
    return out + tuple;
}
inline std::string ordered_dictionary() {
    return global("collections", "OrderedDict") + empty + reduce;
}

/// A storage as torch.save refers to it.
struct storage {
    std::string key = "0";
    std::int64_t elements = 6;
    std::string type = global("torch", "FloatStorage");
    std::string device = "cpu";
    std::string text() const {
        return mark + pickles::text("storage") + type + pickles::text(key) + pickles::text(device) + integer(elements) +
               tuple + persistent;
    }
};

inline std::string saved_tensor(const storage& from, std::int64_t offset, const std::vector<std::int64_t>& shape,
                                const std::vector<std::int64_t>& strides) {
    return global("torch._utils", "_rebuild_tensor_v2") + mark + from.text() + integer(offset) + numbers(shape) +
           numbers(strides) + no + ordered_dictionary() + tuple + reduce;
}

/// A dictionary of names and values.
inline std::string state(const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string out = dictionary + mark;
    for (const auto& [name, value] : entries) out += text(name) + value;
    return out + setitems;
}

}  // namespace pickles

/// A file as torch.save writes it, around a pickle's values and the bytes of its storages.
inline zip_file torch_file(const std::string& value, const std::vector<std::string>& storages = {}) {
    zip_file file{{{"archive/data.pkl", pickles::begin + value + pickles::stop}, {"archive/byteorder", "little"}}};
    for (std::size_t i = 0; i < storages.size(); ++i)
        file.items.push_back({"archive/data/" + std::to_string(i), storages[i]});
    file.items.push_back({"archive/version", "3\n"});
    return file;
}

}  // namespace support
