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
        crc32 found;
        byte_range(archive_, begin_, size_).in_blocks(at_once, [&](std::span<const std::byte> block) {
            found.add(block);
        });
        if (found.value() == crc_) return;
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

/// Reads the records of an archive and checks that they agree.
class zip_reader {
   public:
    zip_reader(std::shared_ptr<const byte_source> source, const zip_limits& limits)
        : source_(std::move(source)), limits_(limits) {}

    std::vector<zip_entry> entries() {
        find_directory();
        std::vector<zip_entry> found = read_directory();
        for (zip_entry& entry : found) read_local_header(entry);
        expect_disjoint(found);
        sort_by_name(found);
        return found;
    }

   private:
    [[noreturn]] void refuse(error_code code, std::string what, std::string expected = "",
                             std::string hint = "") const {
        throw checkpoint_error(code, {source_->place(), std::move(what), std::move(expected), std::move(hint)});
    }
    [[noreturn]] void refuse(const zip_entry& entry, std::string what, error_code code = error_code::format) const {
        refuse(code, "entry " + quoted(entry.name) + " " + std::move(what));
    }

    /// Bytes of a range that was checked before.
    std::vector<std::byte> bytes(std::uint64_t offset, std::uint64_t count) const {
        return byte_range(source_, static_cast<std::size_t>(offset), static_cast<std::size_t>(count)).bytes();
    }

    /// Finds the directory by the end record, which must be the last 22 bytes: a comment could hide another one.
    void find_directory() {
        const std::uint64_t size = source_->size();
        if (size < zip_end_bytes) refuse(error_code::format, "the zip archive is truncated", "", incomplete);
        std::uint64_t directory_end = size - zip_end_bytes;
        const std::vector<std::byte> end = bytes(directory_end, zip_end_bytes);
        if (little_endian<std::uint32_t>(end) != zip_end_signature) {
            refuse(error_code::format, "the zip archive has no end record as its last 22 bytes",
                   "no bytes and no comment behind it", incomplete);
        }
        if (little_endian<std::uint16_t>(end, 20) != 0) refuse(error_code::format, "the zip archive has a comment");
        const std::uint16_t count = little_endian<std::uint16_t>(end, 10);
        count_ = count;
        directory_bytes_ = little_endian<std::uint32_t>(end, 12);
        directory_ = little_endian<std::uint32_t>(end, 16);
        expect_one_disk(little_endian<std::uint16_t>(end, 4), little_endian<std::uint16_t>(end, 6),
                        little_endian<std::uint16_t>(end, 8) == count);
        const bool needs_zip64 = count == in_zip64_16 || directory_bytes_ == in_zip64 || directory_ == in_zip64;
        if (!read_zip64(directory_end) && needs_zip64)
            refuse(error_code::format, "the zip archive has no zip64 record, and needs one");
        if (directory_ > directory_end || directory_bytes_ != directory_end - directory_) {
            refuse(error_code::format,
                   "the directory of the zip archive is said to be " + std::to_string(directory_bytes_) +
                       " bytes from byte " + std::to_string(directory_) + " on",
                   "it to end at byte " + std::to_string(directory_end), incomplete);
        }
        const std::string& place = source_->place();
        expect_at_most<checkpoint_error>(limits_.directory_bytes, directory_bytes_, "bytes of the zip directory",
                                         place);
        if (count_ > directory_bytes_ / zip_central_bytes) {
            refuse(error_code::format, "the directory claims " + std::to_string(count_) + " entries",
                   "no more than fit its " + std::to_string(directory_bytes_) + " bytes");
        }
        expect_at_most<checkpoint_error>(limits_.entries, count_, "entries of the zip archive", place);
    }

    void expect_one_disk(std::uint32_t this_disk, std::uint32_t directory_disk, bool all_here) const {
        if (this_disk == 0 && directory_disk == 0 && all_here) return;
        refuse(error_code::unsupported, "the zip archive is one part of several", "the whole in one file");
    }

    /// The zip64 end record, if any: PyTorch always writes it.
    /// \param directory_end offset of the 32-bit record; becomes the offset of the zip64 record
    bool read_zip64(std::uint64_t& directory_end) {
        if (directory_end < zip64_locator_bytes) return false;
        const std::uint64_t locator_at = directory_end - zip64_locator_bytes;
        const std::vector<std::byte> locator = bytes(locator_at, zip64_locator_bytes);
        if (little_endian<std::uint32_t>(locator) != zip64_locator_signature) return false;
        const auto record_at = little_endian<std::uint64_t>(locator, 8);
        const bool fits = locator_at >= zip64_end_bytes && record_at == locator_at - zip64_end_bytes;
        if (!fits) refuse(error_code::format, "the zip64 record does not stand before its locator");
        const std::vector<std::byte> record = bytes(record_at, zip64_end_bytes);
        constexpr std::size_t counted_from = 12;  // its size leaves out signature and size
        if (little_endian<std::uint32_t>(record) != zip64_end_signature ||
            little_endian<std::uint64_t>(record, 4) != zip64_end_bytes - counted_from) {
            refuse(error_code::format, "the zip64 record is none");
        }
        const auto count = little_endian<std::uint64_t>(record, 32);
        expect_one_disk(little_endian<std::uint32_t>(record, 16), little_endian<std::uint32_t>(record, 20),
                        little_endian<std::uint64_t>(record, 24) == count);
        adopt(count_, in_zip64_16, count);
        adopt(directory_bytes_, in_zip64, little_endian<std::uint64_t>(record, 40));
        adopt(directory_, in_zip64, little_endian<std::uint64_t>(record, 48));
        directory_end = record_at;
        return true;
    }

    void adopt(std::uint64_t& value, std::uint64_t sentinel, std::uint64_t wide) const {
        if (value != sentinel && value != wide)
            refuse(error_code::format, "the zip64 record and the end record do not agree");
        value = wide;
    }

    std::vector<zip_entry> read_directory() const {
        const std::vector<std::byte> all = bytes(directory_, directory_bytes_);
        std::vector<zip_entry> found;
        found.reserve(static_cast<std::size_t>(count_));
        std::span<const std::byte> rest(all);
        for (std::uint64_t i = 0; i < count_; ++i) found.push_back(read_central(rest));
        if (!rest.empty()) refuse(error_code::format, "the directory holds more than its entries");
        return found;
    }

    /// Reads one entry of the directory from the front of `rest`.
    zip_entry read_central(std::span<const std::byte>& rest) const {
        if (rest.size() < zip_central_bytes || little_endian<std::uint32_t>(rest) != zip_central_signature)
            refuse(error_code::format, "the directory of the zip archive is damaged", "", incomplete);
        const std::size_t name = little_endian<std::uint16_t>(rest, 28);
        const std::size_t extra = little_endian<std::uint16_t>(rest, 30);
        const std::size_t whole = zip_central_bytes + name + extra + little_endian<std::uint16_t>(rest, 32);
        if (whole > rest.size())
            refuse(error_code::format, "the directory of the zip archive is truncated", "", incomplete);
        zip_entry entry;
        entry.name = text(rest.subspan(zip_central_bytes, name));
        expect_plain_name(entry);
        entry.flags = little_endian<std::uint16_t>(rest, 8);
        entry.method = little_endian<std::uint16_t>(rest, 10);
        entry.crc = little_endian<std::uint32_t>(rest, 16);
        entry.stored = little_endian<std::uint32_t>(rest, 20);
        entry.size = little_endian<std::uint32_t>(rest, 24);
        entry.header = little_endian<std::uint32_t>(rest, 42);
        if (little_endian<std::uint16_t>(rest, 34) != 0) refuse(entry, "lies on another disk", error_code::unsupported);
        widen(entry, rest.subspan(zip_central_bytes + name, extra), {&entry.size, &entry.stored, &entry.header});
        rest = rest.subspan(whole);
        return entry;
    }

    static std::string text(std::span<const std::byte> bytes) {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }

    /// Refuses absolute paths and "..": entries are never written, but such an archive is hostile.
    void expect_plain_name(const zip_entry& entry) const {
        const std::string_view name = entry.name;
        constexpr std::string_view never{"\\\0", 2};
        bool plain = !name.empty() && name.front() != '/' && name.find_first_of(never) == std::string_view::npos;
        for (std::size_t begin = 0; begin < name.size();) {
            const std::size_t end = (std::min)(name.find('/', begin), name.size());
            const std::string_view part = name.substr(begin, end - begin);
            plain = plain && !part.empty() && part != "." && part != "..";
            begin = end + 1;
        }
        if (!plain) refuse(entry, "has a name that no entry may have");
    }

    /// Takes the values that did not fit 32 bits from the zip64 field, in its order.
    void widen(const zip_entry& entry, std::span<const std::byte> extra, std::vector<std::uint64_t*> values) const {
        values.erase(
            std::remove_if(values.begin(), values.end(), [](const std::uint64_t* value) { return *value != in_zip64; }),
            values.end());
        if (values.empty()) return;
        std::span<const std::byte> field = extra_field(entry, extra, zip64_extra);
        if (field.size() < values.size() * sizeof(std::uint64_t)) refuse(entry, "has no zip64 field that is complete");
        for (std::uint64_t* value : values) {
            *value = little_endian<std::uint64_t>(field);
            field = field.subspan(sizeof(std::uint64_t));
        }
    }

    std::span<const std::byte> extra_field(const zip_entry& entry, std::span<const std::byte> extra,
                                           std::uint16_t wanted) const {
        constexpr std::size_t head = 4;  // identifier and size
        while (extra.size() >= head) {
            const std::size_t size = little_endian<std::uint16_t>(extra, 2);
            if (size > extra.size() - head) refuse(entry, "has an extra field that is longer than all of them");
            if (little_endian<std::uint16_t>(extra) == wanted) return extra.subspan(head, size);
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
        if (little_endian<std::uint32_t>(head) != zip_local_signature)
            refuse(entry, "does not begin where it is said to");
        const std::size_t name = little_endian<std::uint16_t>(head, 26), extra = little_endian<std::uint16_t>(head, 28);
        entry.data = entry.header + zip_local_bytes + name + extra;
        if (entry.data > directory_ || entry.stored > directory_ - entry.data) {
            refuse(entry, "of " + std::to_string(entry.stored) + " bytes goes beyond the archive's directory at byte " +
                              std::to_string(directory_));
        }
        const std::vector<std::byte> behind = bytes(entry.header + zip_local_bytes, name + extra);
        if (text(std::span(behind).first(name)) != entry.name) refuse(entry, "has another name in its own header");
        if (little_endian<std::uint16_t>(head, 6) != entry.flags) refuse(entry, "has other flags in its own header");
        if (little_endian<std::uint16_t>(head, 8) != entry.method)
            refuse(entry, "has another compression in its own header");
        if ((entry.flags & zip_has_descriptor) != 0) return check_descriptor(entry);
        std::uint64_t stored = little_endian<std::uint32_t>(head, 18), size = little_endian<std::uint32_t>(head, 22);
        widen(entry, std::span(behind).subspan(name), {&size, &stored});
        if (little_endian<std::uint32_t>(head, 14) != entry.crc || stored != entry.stored || size != entry.size)
            refuse(entry, "has another size or checksum in its own header");
    }

    /// The data descriptor behind the bytes, with 32-bit or 64-bit sizes; optional.
    void check_descriptor(const zip_entry& entry) const {
        const std::uint64_t at = entry.data + entry.stored;
        const std::vector<std::byte> found =
            bytes(at, (std::min<std::uint64_t>)(zip64_descriptor_bytes, directory_ - at));
        if (found.size() < zip_descriptor_bytes || little_endian<std::uint32_t>(found) != zip_descriptor_signature)
            return;
        const bool narrow = little_endian<std::uint32_t>(found, 8) == entry.stored &&
                            little_endian<std::uint32_t>(found, 12) == entry.size;
        const bool wide = found.size() == zip64_descriptor_bytes &&
                          little_endian<std::uint64_t>(found, 8) == entry.stored &&
                          little_endian<std::uint64_t>(found, 16) == entry.size;
        if (little_endian<std::uint32_t>(found, 4) != entry.crc || !(narrow || wide))
            refuse(entry, "has another size or checksum behind its bytes");
    }

    /// The first entry begins the file, and entries do not overlap.
    void expect_disjoint(const std::vector<zip_entry>& entries) const {
        std::vector<const zip_entry*> order;
        for (const zip_entry& entry : entries) order.push_back(&entry);
        std::ranges::sort(order, [](const zip_entry* a, const zip_entry* b) { return a->header < b->header; });
        if (!order.empty() && order.front()->header != 0)
            refuse(error_code::format, "there are bytes before the zip archive", "",
                   "is it a self-extracting program?");
        for (std::size_t i = 1; i < order.size(); ++i) {
            if (order[i]->header < order[i - 1]->data + order[i - 1]->stored)
                refuse(*order[i], "overlaps entry " + quoted(order[i - 1]->name));
        }
    }

    void sort_by_name(std::vector<zip_entry>& entries) const {
        std::ranges::sort(entries, [](const zip_entry& a, const zip_entry& b) { return a.name < b.name; });
        for (std::size_t i = 1; i < entries.size(); ++i) {
            if (entries[i].name == entries[i - 1].name)
                refuse(error_code::format, "there are two entries " + quoted(entries[i].name));
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
        const auto at =
            std::lower_bound(entries_.begin(), entries_.end(), name,
                             [](const zip_entry& entry, std::string_view wanted) { return entry.name < wanted; });
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
