#pragma once
/// \file Immutable arrays that copies share, such as packed weights, and the memory that those of a model lie in.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include <zeroshot/memory.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Immutable array in memory of its own, in that of a model, or in a mapped file. Copies share it.
template <class Number>
class shared_array {
   public:
    shared_array() = default;
    explicit shared_array(uninitialized_vector<Number> numbers) {
        const auto owner = std::make_shared<const uninitialized_vector<Number>>(std::move(numbers));
        numbers_ = *owner;
        owner_ = owner;
    }

    /// \param owner of the memory
    shared_array(std::span<const Number> numbers, std::shared_ptr<const void> owner)
        : numbers_(numbers), owner_(std::move(owner)) {}

    const Number* data() const noexcept { return numbers_.data(); }
    std::size_t size() const noexcept { return numbers_.size(); }
    std::span<const Number> values() const noexcept { return numbers_; }
    const std::shared_ptr<const void>& owner() const noexcept { return owner_; }

   private:
    std::span<const Number> numbers_{};
    std::shared_ptr<const void> owner_{};
};

namespace detail {

/// An array of `count` numbers in memory of its own, which write(numbers) writes.
template <class Number, class Write>
shared_array<Number> make_shared_array(std::size_t count, const Write& write) {
    uninitialized_vector<Number> numbers(count);
    write(numbers.data());
    return shared_array<Number>(std::move(numbers));
}

}  // namespace detail

/// Memory of a model's packed weights: large chunks, for which Linux is asked for pages of 2 MiB. Every call reads all
/// weights of a tower once: in pages of 4 KiB, these would be many more than the TLB has entries. May be used from any
/// thread.
class weight_memory {
   public:
    /// An array of `count` numbers, which write(numbers) writes. It keeps its chunk alive.
    template <class Number, class Write>
    shared_array<Number> array(std::size_t count, const Write& write) {
        const std::shared_ptr<std::byte> place = allocate(count * sizeof(Number));
        Number* const numbers = reinterpret_cast<Number*>(place.get());
        write(numbers);
        return {{numbers, count}, place};
    }

   private:
#if defined(__linux__)
    static constexpr std::size_t chunk_size = std::size_t{1} << 26;  // only pages that are written take memory
#else
    static constexpr std::size_t chunk_size = 0;  // each array alone
#endif

    std::shared_ptr<std::byte> allocate(std::size_t bytes) {
        constexpr std::size_t line = 64;
        const std::lock_guard one_at_a_time(allocating_);
        if (bytes > chunk_size / 2) return allocate_in_huge_pages(bytes);
        if (bytes > left_) {
            chunk_ = allocate_in_huge_pages(chunk_size);
            next_ = chunk_.get();
            left_ = chunk_size;
        }
        std::byte* const place = next_;
        // The next array begins on another line of the first page, and thus in other sets of the caches.
        const std::size_t taken = (std::min)(left_, (bytes + line - 1) / line * line + line);
        next_ += taken;
        left_ -= taken;
        return {chunk_, place};
    }

    std::mutex allocating_{};
    std::shared_ptr<std::byte> chunk_{};
    std::byte* next_ = nullptr;
    std::size_t left_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
