#include <zeroshot/load/settings.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;

namespace {

json parsed(const char* text) {
    return json::parse(text, "config.json");
}

}  // namespace

TEST_CASE("activations go by the names transformers gives them") {
    using detail::optional_activation;
    CHECK(optional_activation(parsed(R"({"a": "quick_gelu"})"), "a") == activation::quick_gelu);
    CHECK(optional_activation(parsed(R"({"a": "gelu"})"), "a") == activation::gelu);
    CHECK(optional_activation(parsed(R"({"a": "gelu_pytorch_tanh"})"), "a") == activation::gelu_tanh);
    CHECK_FALSE(optional_activation(parsed(R"({"a": null})"), "a"));
    CHECK_FALSE(optional_activation(parsed("{}"), "a"));
    CHECK_THROWS_WITH(optional_activation(parsed(R"({"a": "relu"})"), "a"),
                      Catch::Contains("config.json: /a: activation 'relu', expected quick_gelu"));
    CHECK_THROWS_AS(optional_activation(parsed(R"({"a": 12})"), "a"), checkpoint_error);
}

TEST_CASE("D6: a mean is three numbers") {
    CHECK((*detail::optional_colour(parsed(R"({"mean": [0.5, 0.25, 1]})"), "mean"))[1] == 0.25f);
    CHECK_THROWS_WITH(detail::optional_colour(parsed(R"({"mean": [0.5, 0.5]})"), "mean"),
                      Catch::Contains("2 numbers, expected 3"));
    CHECK_THROWS_WITH(detail::optional_colour(parsed(R"({"mean": [1, 2, 3, 4]})"), "mean"),
                      Catch::Contains("4 numbers, expected 3"));
    CHECK_THROWS_AS(detail::optional_colour(parsed(R"({"mean": ["a", 1, 2]})"), "mean"), checkpoint_error);
}

TEST_CASE("D7: a number in quotes is no number") {
    CHECK_THROWS_WITH(detail::optional_size(parsed(R"({"layers": "12"})"), "layers"),
                      Catch::Contains("/layers is a string"));
    CHECK_THROWS_AS(detail::optional_size(parsed(R"({"layers": -1})"), "layers"), checkpoint_error);
    CHECK_THROWS_AS(detail::optional_size(parsed(R"({"layers": 1.5})"), "layers"), checkpoint_error);
}
