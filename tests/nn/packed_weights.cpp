#include <zeroshot/nn/packed_weights.hpp>

#include "tests/catch.hpp"
#include "tests/nn/random_weights.hpp"

using namespace zeroshot;
using namespace zeroshot_tests;

namespace {

/// A matrix [4, 37] in 16 bits, "weight", and its first row in full, "row".
checkpoint stored_as(dtype type) {
    std::vector<std::uint16_t> bits;
    for (const double value : random_numbers(4 * 37, 3)) {
        const auto number = static_cast<float>(value);
        bits.push_back(type == dtype::f16 ? half_from_float(number) : bfloat_from_float(number));
    }
    const std::vector<named_tensor> tensors{{"visual.weight", {type, {4, 37}, std::as_bytes(std::span(bits))}}};
    return checkpoint::from_bytes(safetensors_bytes(tensors), "test");
}

matrix<float> product(const weights& w, std::size_t inputs, std::size_t outputs, matrix_order order) {
    const packed_weights<float> packed(w, "visual.weight", inputs, outputs, order);
    REQUIRE(packed.inputs() == inputs);
    REQUIRE(packed.outputs() == outputs);
    const matrix<float> x = random_matrix<float>(11, inputs, 5);
    const std::vector<float> bias(outputs, 0.25f);
    matrix<float> y(11, outputs);
    packed.multiply(x.data(), inputs, 11, y.data(), {bias.data()});
    return y;
}

}  // namespace

TEST_CASE("weights kept in 16 bits give the same bits as the same weights in full, whichever way they are stored") {
    for (const dtype type : {dtype::f16, dtype::bf16}) {
        const weights full(stored_as(type));
        const weights compact(stored_as(type), {.storage = weight_storage::compact});
        CHECK_FALSE(full.stays_compact("visual.weight"));
        CHECK(compact.stays_compact("visual.weight"));
        for (const matrix_order order : {matrix_order::outputs_first, matrix_order::inputs_first}) {
            const bool first = order == matrix_order::outputs_first;
            const std::size_t inputs = first ? 37 : 4, outputs = first ? 4 : 37;
            CHECK(product(compact, inputs, outputs, order) == product(full, inputs, outputs, order));
        }
    }
}

TEST_CASE("only what is stored in 16 bits stays so") {
    random_weights made;
    made.add("weight", {2, 3});
    CHECK_FALSE(weights(made.get().file(), {.storage = weight_storage::compact}).stays_compact("visual.weight"));
}

TEST_CASE("a number in 16 bits that is not finite is refused as in full") {
    std::vector<std::uint16_t> bits{0x3c00, 0x7c00};
    const std::vector<named_tensor> tensors{{"visual.weight", {dtype::f16, {1, 2}, std::as_bytes(std::span(bits))}}};
    const weights w(checkpoint::from_bytes(safetensors_bytes(tensors), "test"), {.storage = weight_storage::compact});
    CHECK_THROWS_WITH((packed_weights<float>(w, "visual.weight", 2, 1, matrix_order::outputs_first)),
                      Catch::Contains("tensor visual.weight is not finite at [0, 1]"));
}
