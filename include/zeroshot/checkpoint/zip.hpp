#pragma once
/// \file Zip archives: a strictly checked directory, and uncompressed entries as byte sources.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/limits.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/checksum.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// An entry of the central directory.
struct zip_entry {
    std::string name;
    std::uint16_t flags = 0;
    std::uint16_t method = 0;  ///< 0: stored as it is
    std::uint32_t crc = 0;     ///< 0 where it was not computed
    std::uint64_t stored = 0;  ///< bytes in the archive
    std::uint64_t size = 0;    ///< bytes of its contents
    std::uint64_t header = 0;  ///< where its local header begins
    std::uint64_t data = 0;    ///< where its bytes begin
};

namespace detail {

// Sizes and signatures of the records, and values that mean "see the zip64 record" (APPNOTE.TXT 6.3.10, 4.3 and 4.5).
inline constexpr std::size_t zip_local_bytes = 30, zip_central_bytes = 46, zip_end_bytes = 22, zip64_locator_bytes = 20,
                             zip64_end_bytes = 56, zip_descriptor_bytes = 16, zip64_descriptor_bytes = 24;
inline constexpr std::uint32_t zip_local_signature = 0x04034b50, zip_central_signature = 0x02014b50,
                               zip_end_signature = 0x06054b50, zip64_locator_signature = 0x07064b50,
                               zip64_end_signature = 0x06064b50, zip_descriptor_signature = 0x08074b50;
inline constexpr std::uint32_t in_zip64 = 0xffffffff;
inline constexpr std::uint16_t in_zip64_16 = 0xffff;
inline constexpr std::uint16_t zip64_extra = 1;
inline constexpr unsigned zip_encrypted = 1u << 0 | 1u << 6 | 1u << 13, zip_has_descriptor = 1u << 3;

/// The bytes of an uncompressed entry. The first read compares them with their checksum.
class zip_record final : public byte_source {
   public:
    zip_record(std::shared_ptr<const byte_source> archive, const zip_entry& entry)
        : archive_(std::move(archive)),
          place_(archive_->place() + ": entry " + quoted(entry.name)),
          begin_(static_cast<std::size_t>(entry.data)),
          size_(static_cast<std::size_t>(entry.size)),
          crc_(entry.crc) {}

    const std::string& place() const noexcept override { return place_; }
    std::size_t size() const noexcept override { return size_; }
    void read(std::size_t offset, std::span<std::byte> into) const override {
        std::call_once(verified_, [this] { verify(); });
        archive_->read(begin_ + offset, into);
    }
    void expect_unchanged() const override { archive_->expect_unchanged(); }

   private:
    void verify() const {
        if (crc_ == 0) return;  // torch.save without checksums
        constexpr std::size_t at_once = 1 << 18;
        crc32 sum;
        const byte_range contents(archive_, begin_, size_);
        contents.in_chunks(at_once, [&](std::span<const std::byte> chunk) { sum.add(chunk); });
        if (sum.value() == crc_) return;
        throw checkpoint_error(error_code::format, {place_, "the bytes do not fit their checksum", "",
                                                    "the file is damaged; download it again"});
    }

    std::shared_ptr<const byte_source> archive_;
    std::string place_;
    std::size_t begin_;
    std::size_t size_;
    std::uint32_t crc_;
    mutable std::once_flag verified_;
};

/// The little-endian number of a record at an offset.
inline std::uint16_t u16(std::span<const std::byte> record, std::size_t offset = 0) {
    return little_endian<std::uint16_t>(record, offset);
}
inline std::uint32_t u32(std::span<const std::byte> record, std::size_t offset = 0) {
    return little_endian<std::uint32_t>(record, offset);
}
inline std::uint64_t u64(std::span<const std::byte> record, std::size_t offset = 0) {
    return little_endian<std::uint64_t>(record, offset);
}

/// Reads the records of an archive and checks that they agree.
class zip_reader {
   public:
    zip_reader(std::shared_ptr<const byte_source> source, const zip_limits& limits)
        : source_(std::move(source)), limits_(limits) {}

    std::vector<zip_entry> entries() {
        find_directory();
        std::vector<zip_entry> entries = read_directory();
        for (zip_entry& entry : entries) read_local_header(entry);
        std::ranges::sort(entries, {}, &zip_entry::header);
        expect_disjoint(entries);
        std::ranges::sort(entries, {}, &zip_entry::name);
        const auto duplicate = std::ranges::adjacent_find(entries, {}, &zip_entry::name);
        if (duplicate != entries.end()) refuse("there are two entries " + quoted(duplicate->name));
        return entries;
    }

   private:
    [[noreturn]] void refuse(std::string what, std::string expected = "", std::string hint = "",
                             error_code code = error_code::format) const {
        throw checkpoint_error(code, {source_->place(), std::move(what), std::move(expected), std::move(hint)});
    }
    [[noreturn]] void refuse(const zip_entry& entry, std::string what) const {
        refuse("entry " + quoted(entry.name) + " " + std::move(what));
    }

    /// Bytes of a range that was checked before.
    std::vector<std::byte> bytes(std::uint64_t offset, std::uint64_t count) const {
        return byte_range(source_, static_cast<std::size_t>(offset), static_cast<std::size_t>(count)).bytes();
    }

    /// Finds the directory by the end record, which must be the last 22 bytes: a comment could hide another one.
    void find_directory() {
        if (source_->size() < zip_end_bytes) refuse("the zip archive is truncated", "", incomplete);
        std::uint64_t directory_end = source_->size() - zip_end_bytes;
        const std::vector<std::byte> end = bytes(directory_end, zip_end_bytes);
        if (u32(end) != zip_end_signature) {
            refuse("the zip archive has no end record as its last 22 bytes", "no bytes and no comment behind it",
                   incomplete);
        }
        if (u16(end, 20) != 0) refuse("the zip archive has a comment");
        count_ = u16(end, 10);
        directory_bytes_ = u32(end, 12);
        directory_ = u32(end, 16);
        expect_one_disk(u16(end, 4), u16(end, 6), u16(end, 8) == count_);
        const bool needs_zip64 = count_ == in_zip64_16 || directory_bytes_ == in_zip64 || directory_ == in_zip64;
        if (!read_zip64(directory_end) && needs_zip64) refuse("the zip archive has no zip64 record, and needs one");
        if (directory_ > directory_end || directory_bytes_ != directory_end - directory_) {
            refuse("the directory of the zip archive is said to be " + std::to_string(directory_bytes_) +
                       " bytes from byte " + std::to_string(directory_) + " on",
                   "it to end at byte " + std::to_string(directory_end), incomplete);
        }
        const std::string& place = source_->place();
        expect_at_most<checkpoint_error>(limits_.directory_bytes, directory_bytes_, "bytes of the zip directory",
                                         place);
        if (count_ > directory_bytes_ / zip_central_bytes) {
            refuse("the directory claims " + std::to_string(count_) + " entries",
                   "no more than fit its " + std::to_string(directory_bytes_) + " bytes");
        }
        expect_at_most<checkpoint_error>(limits_.entries, count_, "entries of the zip archive", place);
    }

    void expect_one_disk(std::uint32_t this_disk, std::uint32_t directory_disk, bool holds_all) const {
        if (this_disk == 0 && directory_disk == 0 && holds_all) return;
        refuse("the zip archive is one part of several", "the whole in one file", "", error_code::unsupported);
    }

    /// The zip64 end record, if any: PyTorch always writes it.
    /// \param directory_end offset of the 32-bit record; becomes the offset of the zip64 record
    bool read_zip64(std::uint64_t& directory_end) {
        if (directory_end < zip64_locator_bytes) return false;
        const std::uint64_t locator_begin = directory_end - zip64_locator_bytes;
        const std::vector<std::byte> locator = bytes(locator_begin, zip64_locator_bytes);
        if (u32(locator) != zip64_locator_signature) return false;
        const std::uint64_t record_begin = u64(locator, 8);
        if (locator_begin < zip64_end_bytes || record_begin != locator_begin - zip64_end_bytes)
            refuse("the zip64 record does not stand before its locator");
        const std::vector<std::byte> record = bytes(record_begin, zip64_end_bytes);
        constexpr std::size_t counted_from = 12;  // its size leaves out signature and size
        if (u32(record) != zip64_end_signature || u64(record, 4) != zip64_end_bytes - counted_from)
            refuse("the zip64 record has a wrong signature or size");
        expect_one_disk(u32(record, 16), u32(record, 20), u64(record, 24) == u64(record, 32));
        const auto replace = [&](std::uint64_t& value, std::uint64_t sentinel, std::uint64_t wide) {
            if (value != sentinel && value != wide) refuse("the zip64 record and the end record do not agree");
            value = wide;
        };
        replace(count_, in_zip64_16, u64(record, 32));
        replace(directory_bytes_, in_zip64, u64(record, 40));
        replace(directory_, in_zip64, u64(record, 48));
        directory_end = record_begin;
        return true;
    }

    std::vector<zip_entry> read_directory() const {
        const std::vector<std::byte> directory = bytes(directory_, directory_bytes_);
        std::vector<zip_entry> entries;
        entries.reserve(static_cast<std::size_t>(count_));
        std::span<const std::byte> rest(directory);
        for (std::uint64_t i = 0; i < count_; ++i) entries.push_back(read_central(rest));
        if (!rest.empty()) refuse("the directory holds more than its entries");
        return entries;
    }

    /// Reads one entry of the directory from the front of `rest`.
    zip_entry read_central(std::span<const std::byte>& rest) const {
        if (rest.size() < zip_central_bytes || u32(rest) != zip_central_signature)
            refuse("the directory of the zip archive is damaged", "", incomplete);
        const std::size_t name_size = u16(rest, 28), extra_size = u16(rest, 30);
        const std::size_t size = zip_central_bytes + name_size + extra_size + u16(rest, 32);
        if (size > rest.size()) refuse("the directory of the zip archive is truncated", "", incomplete);
        zip_entry entry{text(rest.subspan(zip_central_bytes, name_size)),
                        u16(rest, 8),
                        u16(rest, 10),
                        u32(rest, 16),
                        u32(rest, 20),
                        u32(rest, 24),
                        u32(rest, 42)};
        expect_plain_name(entry);
        if (u16(rest, 34) != 0)
            refuse("entry " + quoted(entry.name) + " lies on another disk", "", "", error_code::unsupported);
        widen(entry, rest.subspan(zip_central_bytes + name_size, extra_size),
              {&entry.size, &entry.stored, &entry.header});
        rest = rest.subspan(size);
        return entry;
    }

    static std::string text(std::span<const std::byte> bytes) {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    /// Refuses absolute paths and "..": entries are never written, but such an archive is hostile.
    void expect_plain_name(const zip_entry& entry) const {
        constexpr std::string_view forbidden{"\\\0", 2};
        bool plain = !entry.name.empty() && entry.name.find_first_of(forbidden) == std::string::npos;
        for (std::size_t begin = 0; begin < entry.name.size();) {
            const std::size_t end = (std::min)(entry.name.find('/', begin), entry.name.size());
            const std::string_view part = std::string_view(entry.name).substr(begin, end - begin);
            plain = plain && !part.empty() && part != "." && part != "..";
            begin = end + 1;
        }
        if (!plain) refuse(entry, "has a name that no entry may have");
    }

    /// Replaces the values that did not fit 32 bits by those of the zip64 field, in its order.
    void widen(const zip_entry& entry, std::span<const std::byte> extra, std::vector<std::uint64_t*> values) const {
        std::erase_if(values, [](const std::uint64_t* value) { return *value != in_zip64; });
        if (values.empty()) return;
        std::span<const std::byte> field = zip64_field(entry, extra);
        if (field.size() < values.size() * sizeof(std::uint64_t)) refuse(entry, "has no zip64 field that is complete");
        for (std::uint64_t* value : values) {
            *value = u64(field);
            field = field.subspan(sizeof *value);
        }
    }

    std::span<const std::byte> zip64_field(const zip_entry& entry, std::span<const std::byte> extra) const {
        constexpr std::size_t head = 4;  // identifier and size
        while (extra.size() >= head) {
            const std::size_t size = u16(extra, 2);
            if (size > extra.size() - head) refuse(entry, "has an extra field that is longer than all of them");
            if (u16(extra) == zip64_extra) return extra.subspan(head, size);
            extra = extra.subspan(head + size);
        }
        return {};
    }

    /// Finds the first byte of an entry. Its local header must agree with the directory: otherwise two programs could
    /// see different files.
    void read_local_header(zip_entry& entry) const {
        if (entry.header > directory_ || directory_ - entry.header < zip_local_bytes)
            refuse(entry, "lies outside the archive");
        const std::vector<std::byte> head = bytes(entry.header, zip_local_bytes);
        if (u32(head) != zip_local_signature) refuse(entry, "does not begin where it is said to");
        const std::size_t name_size = u16(head, 26), extra_size = u16(head, 28);
        entry.data = entry.header + zip_local_bytes + name_size + extra_size;
        if (entry.data > directory_ || entry.stored > directory_ - entry.data) {
            refuse(entry, "of " + std::to_string(entry.stored) + " bytes goes beyond the archive's directory at byte " +
                              std::to_string(directory_));
        }
        const std::vector<std::byte> tail = bytes(entry.header + zip_local_bytes, name_size + extra_size);
        if (text(std::span(tail).first(name_size)) != entry.name) refuse(entry, "has another name in its own header");
        if (u16(head, 6) != entry.flags) refuse(entry, "has other flags in its own header");
        if (u16(head, 8) != entry.method) refuse(entry, "has another compression in its own header");
        if ((entry.flags & zip_has_descriptor) != 0) return check_descriptor(entry);
        std::uint64_t stored = u32(head, 18), size = u32(head, 22);
        widen(entry, std::span(tail).subspan(name_size), {&size, &stored});
        if (u32(head, 14) != entry.crc || stored != entry.stored || size != entry.size)
            refuse(entry, "has another size or checksum in its own header");
    }

    /// The data descriptor behind the bytes, with 32-bit or 64-bit sizes; optional.
    void check_descriptor(const zip_entry& entry) const {
        const std::uint64_t begin = entry.data + entry.stored;
        const std::vector<std::byte> descriptor =
            bytes(begin, (std::min<std::uint64_t>)(zip64_descriptor_bytes, directory_ - begin));
        if (descriptor.size() < zip_descriptor_bytes || u32(descriptor) != zip_descriptor_signature) return;
        const bool fits_32 = u32(descriptor, 8) == entry.stored && u32(descriptor, 12) == entry.size;
        const bool fits_64 = descriptor.size() == zip64_descriptor_bytes && u64(descriptor, 8) == entry.stored &&
                             u64(descriptor, 16) == entry.size;
        if (u32(descriptor, 4) != entry.crc || !(fits_32 || fits_64))
            refuse(entry, "has another size or checksum behind its bytes");
    }

    /// The first entry begins the file, and entries do not overlap.
    /// \param entries in the order of the file
    void expect_disjoint(const std::vector<zip_entry>& entries) const {
        if (!entries.empty() && entries.front().header != 0)
            refuse("there are bytes before the zip archive", "", "is it a self-extracting program?");
        for (std::size_t i = 1; i < entries.size(); ++i) {
            if (entries[i].header < entries[i - 1].data + entries[i - 1].stored)
                refuse(entries[i], "overlaps entry " + quoted(entries[i - 1].name));
        }
    }

    static constexpr const char* incomplete = "incomplete download?";

    std::shared_ptr<const byte_source> source_;
    const zip_limits& limits_;
    std::uint64_t count_ = 0;
    std::uint64_t directory_ = 0;
    std::uint64_t directory_bytes_ = 0;
};

}  // namespace detail

/// A zip archive with a checked directory. Only uncompressed entries can be read.
class zip_archive {
   public:
    /// Reads the directory and the headers of the entries.
    /// \throws checkpoint_error FORMAT where directory and headers disagree, entries overlap, the first is not at byte
    /// 0, or a comment follows; UNSUPPORTED for archives of several parts; LIMIT
    explicit zip_archive(std::shared_ptr<const byte_source> source, const zip_limits& limits = {})
        : source_(std::move(source)), entries_(detail::zip_reader(source_, limits).entries()) {}

    const std::string& place() const noexcept { return source_->place(); }

    /// Sorted by name.
    const std::vector<zip_entry>& entries() const noexcept { return entries_; }

    /// The entry with a name, or null.
    const zip_entry* find(std::string_view name) const {
        const auto at = std::ranges::lower_bound(entries_, name, std::ranges::less(), &zip_entry::name);
        return at != entries_.end() && at->name == name ? &*at : nullptr;
    }

    /// The contents of an entry.
    /// \throws checkpoint_error UNSUPPORTED where the entry is compressed or encrypted
    std::shared_ptr<const byte_source> contents(const zip_entry& entry) const {
        const auto refuse = [&](error_code code, const char* what) {
            throw checkpoint_error(code, {place(), "entry " + quoted(entry.name) + what, "", "save it uncompressed"});
        };
        if ((entry.flags & detail::zip_encrypted) != 0) refuse(error_code::unsupported, " is encrypted");
        if (entry.method != 0) refuse(error_code::unsupported, " is compressed");
        if (entry.stored != entry.size) refuse(error_code::format, " has two sizes");
        return std::make_shared<detail::zip_record>(source_, entry);
    }

   private:
    std::shared_ptr<const byte_source> source_;
    std::vector<zip_entry> entries_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
