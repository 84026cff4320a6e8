#include <cstring>
#include <string>
#include <vector>

#include <zeroshot/datasets/multi_hot.hpp>

#include "tests/datasets/readers.hpp"

using namespace zeroshot;
using support::has;
using support::thrown;

namespace {

/// As numpy.lib.format.write_array writes a vector: the head padded with spaces to a multiple of 64.
template <class Number>
std::string npy(const std::string& type, const std::vector<Number>& numbers, const std::string& shape,
                int version = 1) {
    std::string head = "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
    const std::size_t begin = version == 1 ? 10 : 12;
    head += std::string((64 - (begin + head.size() + 1) % 64) % 64, ' ') + "\n";
    std::string text = "\x93NUMPY" + std::string{static_cast<char>(version), '\0'};
    text += static_cast<char>(head.size());
    text += std::string(version == 1 ? 1 : 3, '\0') + head;
    text.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(Number));
    return text;
}

std::vector<std::size_t> labels(const std::string& bytes) {
    return labels_of_multi_hot(std::as_bytes(std::span(bytes)), "a.npy");
}

std::string refusal(const std::string& bytes) {
    return thrown<data_set_error>([&] { labels(bytes); });
}

}  // namespace

TEST_CASE("the classes with a 1 are the labels, whatever the type of the numbers") {
    const std::vector<std::size_t> expected{1, 3};
    CHECK(labels(npy<std::int64_t>("<i8", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<std::int64_t>("<i8", {0, 1, 0, 1}, "(4,)", 2)) == expected);
    CHECK(labels(npy<std::int32_t>("<i4", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<std::uint8_t>("|u1", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<std::uint8_t>("|b1", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<float>("<f4", {0, 1, 0, 1}, "(4,)")) == expected);
    CHECK(labels(npy<double>("<f8", {0, 0, 0, 0}, "(4,)")).empty());
}

TEST_CASE("an array that is no vector of 0 and 1 is refused") {
    CHECK(has(refusal("x"), "a.npy: this is no array of NumPy"));
    CHECK(has(refusal(npy<float>("<f4", {0, 0.5F}, "(2,)")), "class 1 is neither 0 nor 1"));
    CHECK(has(refusal(npy<float>("<c8", {0, 1}, "(1,)")), "numbers of type '<c8'"));
    CHECK(has(refusal(npy<float>("<f4", {0, 1}, "(1, 2)")), "an array of another shape, or cut"));
    CHECK(has(refusal(npy<float>("<f4", {0, 1}, "(3,)")), "an array of another shape, or cut"));
    const std::string whole = npy<float>("<f4", {0, 1}, "(2,)");
    CHECK(has(refusal(whole.substr(0, whole.size() - 1)), "an array of another shape, or cut"));
    CHECK(has(refusal(whole.substr(0, 40)), "it ends within its head"));
}
