#include <filesystem>
#include <string>
#include <vector>

#include <zeroshot/probe/linear_classifier.hpp>
#include <zeroshot/support/file.hpp>

#include "tests/catch.hpp"

using namespace zeroshot;
using namespace zeroshot::probe;
using Catch::Contains;

namespace {

matrix<double> weights_of(std::initializer_list<double> numbers, std::size_t columns) {
    matrix<double> weights(numbers.size() / columns, columns);
    std::ranges::copy(numbers, weights.data());
    return weights;
}

linear_classifier example(embedding_length length = embedding_length::unchanged) {
    return {{"cat", "dog"}, weights_of({1, 0, 2, -1, 0.5, 0}, 3), {0.25, -0.5}, length};
}

matrix<float> single_row(std::initializer_list<float> numbers) {
    matrix<float> row(std::size_t{1}, numbers.size());
    std::ranges::copy(numbers, row.data());
    return row;
}

}  // namespace

TEST_CASE("a linear classifier scores embeddings as they are, or normalised") {
    const matrix<float> row = single_row({3, 0, 4});
    CHECK(example().logits(row)(0, 0) == 11.25);
    CHECK(example().logits(row)(0, 1) == -3.5);
    CHECK(std::abs(example(embedding_length::one).logits(row)(0, 0) - (0.6 + 1.6 + 0.25)) < 1e-6);  // of floats near 1
    CHECK(example().of_embeddings(row).front().best().label == "cat");
}

TEST_CASE("the zero-shot head is a linear classifier, and can be interpolated with a probe") {
    matrix<float> texts(2, 3);
    texts(0, 0) = texts(1, 1) = 1;
    const auto zero_shot = linear_classifier::zero_shot({"cat", "dog"}, texts, 100, -1);
    CHECK(zero_shot.logits(single_row({0, 2, 0}))(0, 1) == 99);
    const linear_classifier half = mixed(zero_shot, example(embedding_length::one), 0.25);
    CHECK(half.weights()(0, 0) == 75.25);
    CHECK(half.intercepts()[1] == -0.875);
    CHECK_THROWS_WITH(mixed(zero_shot, example(), 0.5), Contains("differ"));
}

TEST_CASE("a probe is written to a file and read back bit by bit") {
    const std::filesystem::path path = std::filesystem::temp_directory_path() / "zeroshot_test_probe.safetensors";
    write_probe(path, example(embedding_length::one));
    const linear_classifier again = read_probe(path);
    CHECK(again.labels() == example().labels());
    CHECK(again.weights() == example().weights());
    CHECK(again.intercepts() == example().intercepts());
    CHECK(again.length() == embedding_length::one);

    const matrix<double> weights = example().weights();
    const named_tensor tensor{"weights", {dtype::f64, {2, 3}, byte_range(std::as_bytes(weights.values()))}};
    write_safetensors(path, std::array{tensor});
    CHECK_THROWS_WITH(read_probe(path), Contains("this is no probe"));
    write_safetensors(path, std::array{tensor},
                      {{"zeroshot.probe", R"({"format":1,"length_one":true,"labels":["a","b"]})"}});
    CHECK_THROWS_WITH(read_probe(path), Contains("tensor intercepts: it is missing, expected F64 [2]"));
    write_safetensors(path, std::array{tensor},
                      {{"zeroshot.probe", R"({"format":1,"length_one":true,"labels":["a"]})"}});
    CHECK_THROWS_WITH(read_probe(path), Contains("tensor weights: F64 [2, 3], expected F64 [1, 3]"));
    write_safetensors(path, std::array{tensor}, {{"zeroshot.probe", R"({"format":2})"}});
    CHECK_THROWS_WITH(read_probe(path), Contains("later format"));
    std::filesystem::remove(path);
}

TEST_CASE("a linear classifier refuses shapes that do not fit together, and numbers that are not finite") {
    CHECK_THROWS_WITH(linear_classifier({"a"}, weights_of({1, 2}, 1), {0}),
                      Contains("1 labels, weights [2, 1] and 1 intercepts"));
    CHECK_THROWS_AS(linear_classifier({"a"}, weights_of({std::nan("")}, 1), {0}), numeric_error);
    CHECK_THROWS_WITH(example().logits(single_row({1})), Contains("is this probe of another model?"));
    CHECK_THROWS_AS(example(embedding_length::one).logits(single_row({0, 0, 0})), numeric_error);
}

TEST_CASE("embeddings may be Eigen matrices in any storage order, and have the same logits in every batch") {
    Eigen::MatrixXf columns(2, 3);
    columns << 3, 0, 4, 1, -2, 0.5f;
    const matrix<double> both = example().logits(columns);
    for (Eigen::Index i = 0; i < 2; ++i) {
        const matrix<double> alone = example().logits(columns.row(i));
        CHECK(std::ranges::equal(alone.row(0), both.row(static_cast<std::size_t>(i))));
    }
}
