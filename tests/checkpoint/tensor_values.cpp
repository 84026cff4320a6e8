#include <zeroshot/checkpoint/tensor_values.hpp>

#include "tests/support/files.hpp"
#include "tests/support/stored_values.hpp"

using namespace zeroshot;
using support::raw;

namespace {

std::vector<double> numbers(const stored_tensor& stored) {
    return support::stored_values<double>(stored);
}

}  // namespace

TEST_CASE("a view with strides is read in the order of its axes") {
    const std::vector<std::byte> bytes = support::bytes_of(raw<float>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
    const auto view = [&](std::vector<std::size_t> shape, std::vector<std::size_t> strides) {
        return numbers({dtype::f32, std::move(shape), bytes, std::move(strides)});
    };
    CHECK(view({3, 4}, {}) == std::vector<double>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    CHECK(view({4, 3}, {1, 4}) == std::vector<double>{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});  // transposed
    CHECK(view({2, 2}, {8, 2}) == std::vector<double>{0, 2, 8, 10});
    CHECK(view({3}, {0}) == std::vector<double>{0, 0, 0});  // expanded
    CHECK(view({2, 3, 2}, {1, 4, 2}) == std::vector<double>{0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11});
    CHECK(view({2, 0}, {1, 1}).empty());
}

TEST_CASE("elements beyond one block come in order") {
    std::vector<float> values(200'000);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const support::scratch_folder folder;
    write_file(folder / "a", std::as_bytes(std::span(values)));
    const auto source = std::make_shared<open_file>(folder / "a");
    const stored_tensor stored{dtype::f32, {values.size()}, byte_range(source, 0, source->size())};
    const auto read = support::stored_values<float>(stored);
    CHECK(std::equal(read.begin(), read.end(), values.begin(), values.end()));
    std::size_t blocks = 0;
    in_chunks(stored, [&](const stored_numbers&) { ++blocks; });
    CHECK(blocks == 13);  // of 64 KiB
    const auto middle = support::stored_values<float>(elements_of(stored, 99'999, 50'001));
    CHECK(std::equal(middle.begin(), middle.end(), values.begin() + 99'999, values.begin() + 150'000));
}

TEST_CASE("half numbers widen to the same floats at any alignment") {
    std::string text = "x";
    for (std::uint16_t bits = 0; bits < 0x7c00; ++bits)
        text += raw<std::uint16_t>({bits, static_cast<std::uint16_t>(bits | 0x8000)});
    const std::vector<std::byte> odd = support::bytes_of(text), even(odd.begin() + 1, odd.end());
    const stored_tensor misaligned{dtype::f16, {even.size() / 2}, byte_range(std::span(odd).subspan(1))};
    const stored_tensor aligned{dtype::f16, {even.size() / 2}, even};
    const auto a = support::stored_values<float>(misaligned), b = support::stored_values<float>(aligned);
    CHECK(std::equal(a.begin(), a.end(), b.begin(), b.end()));
    CHECK(b[2 * 0x3c00] == 1.0f);
    CHECK(b[2] == 0x1p-24f);  // the smallest subnormal
}

TEST_CASE("only floating types hold weights") {
    CHECK(is_floating(dtype::f16));
    CHECK(is_floating(dtype::f64));
    CHECK(!is_floating(dtype::i64));
}

TEST_CASE("elements that are not finite, subnormal or zero are counted") {
    constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<std::byte> floats = support::bytes_of(raw<float>({1, -7, 0, -0.0f, inf, nan, 1e-40f, 0x1p-126f}));
    const tensor_health health = health_of({dtype::f32, {8}, floats});
    CHECK(health.count == 8);
    CHECK(health.not_finite == 2);
    CHECK(health.zero == 2);
    CHECK(health.subnormal == 1);
    CHECK(health.largest == 7);
    CHECK_FALSE(health.is_sound());
}

TEST_CASE("the smallest normal number depends on the type") {
    const std::vector<std::byte> halves = support::bytes_of(raw<std::uint16_t>({0x0001, 0x03ff, 0x0400, 0x7bff}));
    CHECK(health_of({dtype::f16, {4}, halves}).subnormal == 2);
    CHECK(health_of({dtype::f16, {4}, halves}).largest == 65504);
    CHECK(health_of({dtype::bf16, {4}, halves}).subnormal == 1);  // from 2^-126 on they are normal there
}

TEST_CASE("a tensor of zeros is not sound, an empty one is") {
    CHECK_FALSE(health_of({dtype::f32, {2}, std::vector<std::byte>(8)}).is_sound());
    CHECK(health_of({dtype::f32, {0}, {}}).is_sound());
}
