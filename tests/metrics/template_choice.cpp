#include <zeroshot/metrics/template_choice.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;
using support::has;
using support::thrown;

namespace {

matrix<float> two_classes(float a, float b) {
    matrix<float> classes(std::size_t{2}, std::size_t{2});
    classes(0, 0) = a;
    classes(0, 1) = 1 - a;
    classes(1, 0) = b;
    classes(1, 1) = 1 - b;
    return classes;
}

}  // namespace

TEST_CASE("the template that separates the classes is chosen on one half, and judged on the other") {
    // Images of class 0 lie along the first axis, of class 1 along the second.
    const std::vector<matrix<float>> classes{two_classes(0, 1), two_classes(1, 0), two_classes(1, 0)};
    const std::vector<std::string> sentences{"wrong {}", "right {}", "right too {}"};
    std::vector<prediction> predictions;
    for (std::uint32_t i = 0; i < 20; ++i) predictions.push_back(unreadable_prediction({i % 2}));
    const auto embeddings = [&](const auto& visit) {
        for (std::size_t i = 0; i < 20; ++i)
            visit(i, std::span<const float>(i % 2 == 0 ? std::vector<float>{1, 0.1f} : std::vector<float>{0.1f, 1}));
    };
    const template_comparison result = compare_templates(sentences, classes, predictions, embeddings, 1);
    CHECK(result.each[0].top1 == 0);
    CHECK(result.each[1].top1 == 1);
    CHECK(result.choice.chosen == std::vector<std::string>{"right {}"});  // the third helps no more
    CHECK(result.choice.validation_top1 == std::vector<double>{1});
    CHECK(result.choice.test_top1 == 1);
    CHECK(result.choice.test_top1_of_all == 1);
    CHECK(result.choice.validation_count == 10);
    CHECK(result.choice.test_count == 10);
}

TEST_CASE("the first template is chosen if none helps; no templates are refused") {
    const std::vector<matrix<float>> classes{two_classes(0, 1)};
    const std::vector<std::string> sentences{"wrong {}"};
    const std::vector<prediction> predictions{unreadable_prediction({0}), unreadable_prediction({0})};
    const auto embeddings = [&](const auto& visit) {
        for (std::size_t i = 0; i < 2; ++i) visit(i, std::span<const float>(std::vector<float>{1, 0}));
    };
    const template_comparison result = compare_templates(sentences, classes, predictions, embeddings, 1);
    CHECK(result.choice.chosen == sentences);
    CHECK(result.choice.test_top1 == 0);
    CHECK(has(thrown<argument_error>([&] { compare_templates({}, {}, predictions, embeddings, 1); }),
              "there are none to compare"));
}
