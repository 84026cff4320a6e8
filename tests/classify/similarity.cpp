#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/classify/similarity.hpp>
#include <zeroshot/nn/normalization.hpp>
#include <zeroshot/support/file.hpp>

#include "tests/catch.hpp"
#include "tests/golden/features.hpp"

using namespace zeroshot;

namespace {

matrix<float> rows_of(std::initializer_list<std::initializer_list<float>> rows) {
    matrix<float> numbers(rows.size(), rows.begin()->size());
    float* to = numbers.data();
    for (const auto& row : rows) to = std::ranges::copy(row, to).out;
    return numbers;
}

/// The float32 rows of a .npy file whose last axis has 512 numbers: they stand at its end.
template <class Scalar>
matrix<Scalar> recorded_features(const std::string& file, std::size_t rows) {
    const std::vector<std::byte> bytes = read_file(file);
    std::vector<float> numbers(rows * 512);
    const std::size_t size = numbers.size() * sizeof(float);
    REQUIRE(bytes.size() > size);
    std::memcpy(numbers.data(), bytes.data() + (bytes.size() - size), size);
    matrix<Scalar> features(rows, 512);
    std::ranges::transform(numbers, features.data(), [](float x) { return static_cast<Scalar>(x); });
    return features;
}

template <class Scalar>
void check_recorded_features(const std::string& folder) {
    const auto images = normalized(recorded_features<Scalar>(folder + "/npclip_image_features.npy", 1));
    const auto texts = normalized(recorded_features<Scalar>(folder + "/npclip_text_features.npy", 3));
    const matrix<Scalar> logits = similarity(images, texts, Scalar{100});
    matrix<Scalar> probabilities = logits;
    softmax(probabilities.row(0));
    for (std::size_t i = 0; i < 3; ++i) {
        const double logit = golden::feature_logits[i];
        CHECK(std::abs(static_cast<double>(logits(0, i)) - logit) <= 1e-6 * logit);
        CHECK(std::abs(static_cast<double>(probabilities(0, i)) - golden::feature_probabilities[i]) <= 1e-6);
    }
}

}  // namespace

TEST_CASE("similarity is the scaled cosine plus the bias") {
    const auto images = normalized(rows_of({{3, 4}, {0, 2}})), texts = normalized(rows_of({{1, 0}, {0, 5}, {-3, -4}}));
    const auto logits = similarity(images, texts, 10.0f, 1.0f);
    const auto expected = rows_of({{7, 9, -9}, {1, 11, -7}});
    for (std::size_t i = 0; i < logits.size(); ++i)
        CHECK(logits.values()[i] == Approx(expected.values()[i]).epsilon(1e-6));
}

TEST_CASE("embeddings may be Eigen matrices in any storage order, and have the same logits in every batch") {
    const Eigen::MatrixXf images = Eigen::MatrixXf::Random(9, 67), texts = Eigen::MatrixXf::Random(13, 67);
    const matrix<float> logits = similarity(normalized(images).eigen(), normalized(texts).eigen(), 100.0f);
    const matrix<float> rows = normalized(images), classes = normalized(texts);
    CHECK(similarity(rows, classes, 100.0f) == logits);
    for (Eigen::Index i = 0; i < images.rows(); ++i) {
        const matrix<float> alone = similarity(rows.eigen().row(i), classes.eigen(), 100.0f);
        CHECK(std::ranges::equal(alone.row(0), logits.row(static_cast<std::size_t>(i))));
        double cosine = 0;
        for (Eigen::Index k = 0; k < images.cols(); ++k)
            cosine += static_cast<double>(rows.eigen()(i, k)) * static_cast<double>(classes.eigen()(0, k));
        // Both sums of 67 products below 1 are in double, rounded once to a float below 128.
        CHECK(std::abs(static_cast<double>(logits.eigen()(i, 0)) - 100 * cosine) < 1e-5);
    }
}

TEST_CASE("a row of norm 0, or with numbers that are not finite, is refused") {
    const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(normalized(rows_of({{1, 0}, {0, 0}}), "image embedding"),
                      Catch::Contains("image embedding 1: norm 0"));
    CHECK_THROWS_AS(normalized(rows_of({{nan, 0}})), numeric_error);
    CHECK_THROWS_AS(normalized(rows_of({{infinity, 0}})), numeric_error);
    const float tiny = 1e-30f;  // its square underflows float
    CHECK(normalized(rows_of({{tiny, 0}}))(0, 0) == 1.0f);
}

TEST_CASE("embeddings of different sizes are refused") {
    CHECK_THROWS_WITH(similarity(rows_of({{1, 0}}), rows_of({{1, 0, 0}}), 1.0f),
                      Catch::Contains("embeddings of 2 numbers, expected 3"));
}

TEST_CASE("the recorded features of ViT-B/32 give the published logits and probabilities") {
    const char* folder = std::getenv("ZEROSHOT_REFERENCE_DATA");
    if (folder == nullptr) {
        ZEROSHOT_SKIP_TEST("the recorded features of ViT-B/32 need ZEROSHOT_REFERENCE_DATA");
        return;
    }
    check_recorded_features<float>(folder);
    check_recorded_features<double>(folder);
}
