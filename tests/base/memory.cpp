#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <zeroshot/memory.hpp>
#include <zeroshot/parallel.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

constexpr std::size_t large = freed_blocks::smallest;

/// The address of so many bytes, which are freed again.
std::uintptr_t address_of_new(std::size_t bytes) {
    std::byte* const memory = aligned_allocator<std::byte>().allocate(bytes);
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    aligned_allocator<std::byte>().deallocate(memory, bytes);
    return address;
}

}  // namespace

TEST_CASE("vectors begin at cache lines, whatever their size") {
    for (const std::size_t size : {std::size_t{1}, std::size_t{63}, large - 1, large, 5 * large}) {
        const aligned_vector<std::byte> bytes(size);
        CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % 64 == 0);
        CHECK(std::ranges::count(bytes, std::byte{0}) == static_cast<std::ptrdiff_t>(size));
    }
}

TEST_CASE("blocks that are kept have eight sizes for each power of two") {
    CHECK(freed_blocks::block_size(7) == 7);
    CHECK(freed_blocks::block_size(large - 1) == large - 1);
    CHECK(freed_blocks::block_size(large) == large);
    CHECK(freed_blocks::block_size(large + 1) == large + large / 8);
    CHECK(freed_blocks::block_size(3 * large - 1) == 3 * large);
    CHECK(freed_blocks::block_size(freed_blocks::most_bytes - 1) == freed_blocks::most_bytes);
    CHECK(freed_blocks::block_size(freed_blocks::most_bytes + 1) == freed_blocks::most_bytes + 1);
}

TEST_CASE("of the freed blocks of a size, the last one is taken") {
    freed_blocks blocks;
    std::vector<void*> memory;
    for (const std::size_t size : {3 * large, 2 * large, 2 * large}) {
        memory.push_back(::operator new(size, number_alignment));
        REQUIRE(blocks.keep(memory.back(), size));
    }
    CHECK(blocks.take(large) == nullptr);
    CHECK(blocks.take(2 * large) == memory[2]);
    CHECK(blocks.take(2 * large) == memory[1]);
    CHECK(blocks.take(2 * large) == nullptr);
    CHECK(blocks.take(3 * large) == memory[0]);
    for (void* const each : memory) ::operator delete(each, number_alignment);
}

TEST_CASE("small and very large blocks are not kept, and the oldest ones make room for new ones") {
    freed_blocks blocks;
    int place = 0;
    CHECK_FALSE(blocks.keep(&place, large - 1));
    CHECK_FALSE(blocks.keep(&place, freed_blocks::most_bytes + 1));
    const auto keep = [&](std::size_t size) { REQUIRE(blocks.keep(::operator new(size, number_alignment), size)); };
    const auto is_kept = [&](std::size_t size) {
        void* const memory = blocks.take(size);
        ::operator delete(memory, number_alignment);
        return memory != nullptr;
    };
    keep(2 * large);
    for (int i = 0; i < 64; ++i) keep(large);
    CHECK_FALSE(is_kept(2 * large));
    CHECK(is_kept(large));
    keep(freed_blocks::most_bytes);
    CHECK_FALSE(is_kept(large));
    CHECK(is_kept(freed_blocks::most_bytes));
}

TEST_CASE("what a thread frees while it uses a memory is its next allocation, also in a later use") {
    activation_memory memory;
    std::uintptr_t first = 0;
    {
        const activation_memory::use used(memory);
        first = address_of_new(3 * large);
        const uninitialized_vector<float> again(3 * large / sizeof(float));
        CHECK(reinterpret_cast<std::uintptr_t>(again.data()) == first);
        CHECK(address_of_new(3 * large) != first);
    }
    const activation_memory::use used(memory);
    CHECK(address_of_new(3 * large) == first);
}

TEST_CASE("uses may be nested, and a vector may outlive the use and the memory") {
    aligned_vector<int> result;
    {
        activation_memory memory;
        const activation_memory::use outer(memory);
        const std::uintptr_t kept = address_of_new(2 * large);
        {
            const activation_memory::use inner(memory);
            result.assign(large, 7);
        }
        CHECK(address_of_new(2 * large) == kept);
    }
    CHECK(std::ranges::count(result, 7) == static_cast<std::ptrdiff_t>(large));
}

TEST_CASE("threads that use one memory have blocks of their own, and may free each other's vectors") {
    activation_memory memory;
    std::vector<aligned_vector<unsigned>> passed(64);
    thread_pool threads(4);
    for (unsigned round = 0; round < 3; ++round) {
        parallel_for(&threads, passed.size(), [&](std::size_t i) {
            const activation_memory::use used(memory);
            passed[i] = aligned_vector<unsigned>(large + 100 * i, static_cast<unsigned>(i) + round);
            const aligned_vector<unsigned> scratch(large, 99u);
        });
        for (std::size_t i = 0; i < passed.size(); ++i)
            CHECK(std::ranges::count(passed[i], static_cast<unsigned>(i) + round) == std::ranges::ssize(passed[i]));
    }
}

TEST_CASE("memory in huge pages begins at one, and can be written") {
    const std::size_t size = (std::size_t{3} << 20) + 5;
    const std::shared_ptr<std::byte> memory = allocate_in_huge_pages(size);
#if defined(__linux__)
    CHECK(reinterpret_cast<std::uintptr_t>(memory.get()) % (std::size_t{1} << 21) == 0);
#endif
    std::fill_n(memory.get(), size, std::byte{3});
    CHECK(memory.get()[size - 1] == std::byte{3});
}
