#include <zeroshot/checkpoint/stored_tensor.hpp>

#include "tests/support/files.hpp"

using namespace zeroshot;

TEST_CASE("type names and sizes are those of safetensors") {
    CHECK(name_of(dtype::bf16) == "BF16");
    CHECK(bits_of(dtype::bf16) == 16);
    CHECK(name_of(dtype::u64) == "U64");
    CHECK(bits_of(dtype::f4) == 4);
}

TEST_CASE("tensors are found by name, and duplicates reported") {
    tensor_list list;
    for (const char* name : {"c", "a", "b"}) list.tensors.push_back({name, {dtype::f32, {}, {}}});
    CHECK(!list.sort_names());
    CHECK(list.find("b") == &list.tensors[2].tensor);
    CHECK(list.find("d") == nullptr);
    list.tensors.push_back({"a", {dtype::f16, {}, {}}});
    const auto duplicates = list.sort_names();
    REQUIRE(duplicates);
    CHECK(*duplicates == std::pair<std::uint32_t, std::uint32_t>(1, 3));
}

TEST_CASE(
    "the bytes of a shape are counted whatever the order of its axes, or refused where 64 bits do not hold them") {
    using shape = std::vector<std::size_t>;
    CHECK(detail::stored_size(dtype::f32, shape{2, 3}) == 24);
    CHECK(detail::stored_size(dtype::f32, shape{}) == 4);
    CHECK(detail::stored_size(dtype::f32, shape{0, 3}) == 0);
    CHECK(!detail::stored_size(dtype::f4, shape{3}));
    const std::size_t huge = std::size_t{1} << 63;
    CHECK(!detail::stored_size(dtype::f32, shape{huge, 2}));
    CHECK(!detail::stored_size(dtype::f32, shape{huge, 0, 2}));
    CHECK(!detail::stored_size(dtype::f32, shape{0, 2, huge}));
}
