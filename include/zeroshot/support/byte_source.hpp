#pragma once
/// \file Byte sources, such as memory or a file, and ranges of them.

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The little-endian number at an offset.
template <std::unsigned_integral Number>
Number little_endian(std::span<const std::byte> bytes, std::size_t offset = 0) {
    Number value = 0;
    for (std::size_t i = sizeof(Number); i-- > 0;)
        value = static_cast<Number>(value << 8 | std::to_integer<Number>(bytes[offset + i]));
    return value;
}

/// The bytes of a text. (A span of a string_view is not constructible in every standard library.)
inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace detail

/// Bytes that can be read in parts, from any thread.
class byte_source {
   public:
    byte_source(const byte_source&) = delete;
    byte_source& operator=(const byte_source&) = delete;
    virtual ~byte_source() = default;

    /// The name in messages.
    virtual const std::string& place() const noexcept = 0;
    virtual std::size_t size() const noexcept = 0;

    /// Fills the span with the bytes from `offset` on, which must lie within size().
    /// \throws file_error; checkpoint_error where the bytes carry a checksum that does not fit
    virtual void read(std::size_t offset, std::span<std::byte> into) const {
        std::ranges::copy(memory().subspan(offset, into.size()), into.begin());
    }

    /// All bytes in memory; empty where they must be read.
    virtual std::span<const std::byte> memory() const noexcept { return {}; }

    /// Identity and state of the file; empty for memory.
    virtual std::string identity() const { return {}; }

    /// \throws file_error where the file changed since it was opened
    virtual void expect_unchanged() const {}

   protected:
    byte_source() = default;
};

/// Bytes in memory.
class memory_source final : public byte_source {
   public:
    memory_source(std::vector<std::byte> bytes, std::string place)
        : bytes_(std::move(bytes)), place_(std::move(place)) {}

    const std::string& place() const noexcept override { return place_; }
    std::size_t size() const noexcept override { return bytes_.size(); }
    std::span<const std::byte> memory() const noexcept override { return bytes_; }

   private:
    std::vector<std::byte> bytes_;
    std::string place_;
};

/// A range of a source, which it keeps alive, or of memory that must outlive it.
class byte_range {
   public:
    byte_range() = default;

    /// Memory that outlives this.
    byte_range(std::span<const std::byte> memory) : memory_(memory), size_(memory.size()) {}
    byte_range(const std::vector<std::byte>& memory) : byte_range(std::span<const std::byte>(memory)) {}

    /// \param offset, size must lie within the source
    byte_range(std::shared_ptr<const byte_source> source, std::size_t offset, std::size_t size)
        : source_(std::move(source)), offset_(offset), size_(size) {
        if (const auto all = source_->memory(); !all.empty()) memory_ = all.subspan(offset, size);
    }

    std::size_t size() const noexcept { return size_; }

    /// The bytes in memory; empty where they must be read.
    std::span<const std::byte> memory() const noexcept { return memory_; }

    /// A part of the range; `offset` and `size` must lie within size().
    byte_range part(std::size_t offset, std::size_t size) const {
        byte_range result = *this;
        if (memory_.data() != nullptr) result.memory_ = memory_.subspan(offset, size);
        result.offset_ += offset;
        result.size_ = size;
        return result;
    }

    /// Fills the span with the bytes from `offset` on, which must lie within size().
    /// \throws as byte_source::read
    void read(std::size_t offset, std::span<std::byte> into) const {
        if (source_ != nullptr && memory_.data() == nullptr) return source_->read(offset_ + offset, into);
        std::ranges::copy(memory_.subspan(offset, into.size()), into.begin());
    }

    /// Visits all bytes in order, in chunks of at most `chunk` bytes, in memory or read into one buffer.
    /// \param visit called with each chunk
    template <class Visit>
    void in_chunks(std::size_t chunk, const Visit& visit) const {
        const bool in_memory = memory_.data() != nullptr;
        const std::unique_ptr<std::byte[]> buffer(new std::byte[in_memory ? 0 : (std::min)(chunk, size_)]);
        for (std::size_t done = 0; done < size_; done += chunk) {
            const std::size_t count = (std::min)(chunk, size_ - done);
            if (!in_memory) read(done, std::span(buffer.get(), count));
            visit(in_memory ? memory_.subspan(done, count) : std::span<const std::byte>(buffer.get(), count));
        }
    }

    /// A copy of all the bytes.
    std::vector<std::byte> bytes() const {
        std::vector<std::byte> all(size_);
        read(0, all);
        return all;
    }

   private:
    std::shared_ptr<const byte_source> source_;  // null for memory that others own
    std::span<const std::byte> memory_;          // null where the bytes must be read
    std::size_t offset_ = 0;
    std::size_t size_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
