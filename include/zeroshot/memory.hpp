#pragma once
/// \file Allocators of vectors and matrices, reuse of the memory of activations, and memory in huge pages.

#include <bit>
#include <cstddef>
#include <iterator>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <zeroshot/version.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Alignment of all numbers: a cache line, and the widest vector.
inline constexpr std::align_val_t number_alignment{64};

/// Blocks of memory that were freed, kept for the next allocations of their size.
class freed_blocks {
   public:
    static constexpr std::size_t smallest = std::size_t{1} << 15;  // bytes: malloc itself keeps smaller ones
    static constexpr std::size_t most_bytes = std::size_t{1} << 26;

    /// Size of the block for so many bytes: of those that are kept, one of eight sizes for each power of two.
    static constexpr std::size_t block_size(std::size_t bytes) noexcept {
        if (bytes < smallest || bytes > most_bytes) return bytes;
        const std::size_t step = std::bit_floor(bytes) / 8;
        return (bytes + step - 1) / step * step;
    }

    freed_blocks() { blocks_.reserve(most_blocks); }
    ~freed_blocks() {
        while (!blocks_.empty()) drop_oldest();
    }
    freed_blocks(const freed_blocks&) = delete;
    freed_blocks& operator=(const freed_blocks&) = delete;

    /// Of the blocks of that size the one freed last, which is in the caches; null if there is none.
    void* take(std::size_t size) noexcept {
        for (auto each = blocks_.rbegin(); each != blocks_.rend(); ++each) {
            if (each->size != size) continue;
            void* const memory = each->memory;
            bytes_ -= size;
            blocks_.erase(std::next(each).base());
            return memory;
        }
        return nullptr;
    }

    /// Whether a block of that size is kept; for it, the oldest ones are returned to the system.
    bool keep(void* memory, std::size_t size) noexcept {
        if (size < smallest || size > most_bytes) return false;
        while (blocks_.size() == most_blocks || size > most_bytes - bytes_) drop_oldest();
        blocks_.push_back({size, memory});  // within the capacity
        bytes_ += size;
        return true;
    }

   private:
    static constexpr std::size_t most_blocks = 64;

    struct block {
        std::size_t size;
        void* memory;
    };

    void drop_oldest() noexcept {
        bytes_ -= blocks_.front().size;
        ::operator delete(blocks_.front().memory, number_alignment);
        blocks_.erase(blocks_.begin());
    }

    std::vector<block> blocks_{};  // the oldest first
    std::size_t bytes_ = 0;
};

/// Memory of activations. While one of its uses lives, large blocks that its thread frees are kept for the thread's
/// next allocations, and afterwards for the next use: the system would have to clear them again for every layer.
class activation_memory {
   public:
    /// Use by the calling thread. Uses may be nested; several threads have blocks of their own.
    class use {
       public:
        explicit use(activation_memory& memory)
            : memory_(memory), blocks_(memory.take()), outer_(std::exchange(current(), blocks_.get())) {}
        ~use() {
            current() = outer_;
            memory_.put(std::move(blocks_));
        }
        use(const use&) = delete;
        use& operator=(const use&) = delete;

       private:
        activation_memory& memory_;
        std::unique_ptr<freed_blocks> blocks_;
        freed_blocks* outer_;
    };

    static void* allocate(std::size_t bytes) {
        const std::size_t size = freed_blocks::block_size(bytes);
        void* const kept = current() == nullptr ? nullptr : current()->take(size);
        return kept != nullptr ? kept : ::operator new(size, number_alignment);
    }

    /// \param bytes as allocated
    static void deallocate(void* memory, std::size_t bytes) noexcept {
        if (current() != nullptr && current()->keep(memory, freed_blocks::block_size(bytes))) return;
        ::operator delete(memory, number_alignment);
    }

   private:
    static freed_blocks*& current() noexcept {
        thread_local freed_blocks* blocks = nullptr;
        return blocks;
    }

    std::unique_ptr<freed_blocks> take() {
        const std::lock_guard one_at_a_time(changing_);
        if (idle_.empty()) return std::make_unique<freed_blocks>();
        std::unique_ptr<freed_blocks> blocks = std::move(idle_.back());
        idle_.pop_back();
        return blocks;
    }

    void put(std::unique_ptr<freed_blocks> blocks) noexcept {
        const std::lock_guard one_at_a_time(changing_);
        try {
            idle_.push_back(std::move(blocks));
        } catch (const std::bad_alloc&) {  // then they are freed
        }
    }

    std::mutex changing_{};
    std::vector<std::unique_ptr<freed_blocks>> idle_{};
};

/// Allocator with one alignment whatever the compiler flags. Eigen's own depends on -m flags: memory that it allocated
/// in an AVX-512 translation unit and freed in a plain one corrupts the heap.
template <class Scalar>
class aligned_allocator {
   public:
    using value_type = Scalar;

    aligned_allocator() = default;
    template <class Other>
    aligned_allocator(const aligned_allocator<Other>&) noexcept {}

    Scalar* allocate(std::size_t count) {
        if (count > (std::numeric_limits<std::size_t>::max)() / sizeof(Scalar)) throw std::bad_array_new_length();
        return static_cast<Scalar*>(activation_memory::allocate(count * sizeof(Scalar)));
    }
    void deallocate(Scalar* memory, std::size_t count) noexcept {
        activation_memory::deallocate(memory, count * sizeof(Scalar));
    }

    template <class Other>
    bool operator==(const aligned_allocator<Other>&) const noexcept {
        return true;
    }
};

template <class Scalar>
using aligned_vector = std::vector<Scalar, aligned_allocator<Scalar>>;

/// Allocator of the same alignment that leaves new elements uninitialised.
template <class Scalar>
class uninitialized_allocator : public aligned_allocator<Scalar> {
   public:
    template <class Other>
    struct rebind {
        using other = uninitialized_allocator<Other>;
    };

    uninitialized_allocator() = default;
    template <class Other>
    uninitialized_allocator(const uninitialized_allocator<Other>&) noexcept {}

    template <class Element, class... Arguments>
    void construct(Element* element, Arguments&&... arguments) {
        if constexpr (sizeof...(Arguments) == 0)
            ::new (static_cast<void*>(element)) Element;
        else
            ::new (static_cast<void*>(element)) Element(std::forward<Arguments>(arguments)...);
    }
};

/// A vector whose new elements are uninitialised, for results that are written in full.
template <class Scalar>
using uninitialized_vector = std::vector<Scalar, uninitialized_allocator<Scalar>>;

/// Uninitialised memory, for which Linux is asked for pages of 2 MiB; where it refuses, small pages do. A page takes
/// memory when it is first written.
inline std::shared_ptr<std::byte> allocate_in_huge_pages(std::size_t bytes) {
#if defined(__linux__)
    constexpr std::align_val_t page{std::size_t{1} << 21};
#else
    constexpr std::align_val_t page = number_alignment;
#endif
    const std::shared_ptr<std::byte> memory(static_cast<std::byte*>(::operator new(bytes, page)),
                                            [](std::byte* begin) { ::operator delete(begin, page); });
#if defined(__linux__)
    ::madvise(memory.get(), bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
