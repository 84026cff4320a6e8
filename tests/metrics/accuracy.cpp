#include <cstdint>
#include <string>
#include <vector>

#include <zeroshot/metrics/accuracy.hpp>

#include "tests/metrics/support.hpp"

using namespace zeroshot;
using namespace zeroshot::metrics;
using support::is_close;

TEST_CASE("top-k accuracies are CLIP_benchmark's, and scikit-learn's where the last of equal scores comes first") {
    const support::metrics_record record;
    const auto first = record.predictions(), last = record.predictions(ties::last_label);
    for (std::size_t k = 1; k <= record.classes; ++k) {
        INFO("k = " << k);
        is_close(top_k_accuracy(first, k), record["top_k_first"][k - 1]);
        is_close(top_k_accuracy(first, k), record["top_k_clip_benchmark"][k - 1]);
        is_close(top_k_accuracy(last, k), record["top_k_sklearn"][k - 1]);
    }
}

TEST_CASE("recall and confusion are scikit-learn's, with a class that has no images") {
    const support::metrics_record record;
    const auto predictions = record.predictions();
    const std::vector<std::string> names(record.classes);
    is_close(mean_per_class_recall(class_results(predictions, names)), record["mean_per_class"][0]);
    std::vector<double> table(record.classes * record.classes, 0);
    for (const confusion_entry& entry : confusion_of(predictions))
        table[entry.label * record.classes + entry.predicted] = static_cast<double>(entry.count);
    CHECK(table == record["confusion"]);
}

TEST_CASE(
    "average precisions are scikit-learn's and CLIP_benchmark's, equal scores and a class never true among them") {
    const support::metrics_record record;
    for (std::size_t label = 0; label < record.classes; ++label) {
        INFO("class " << label);
        std::vector<scored_truth> column;
        for (std::size_t i = 0; i < record.images(); ++i)
            column.push_back({record.logits(i)[label], record.is_true(i, label)});
        is_close(average_precision(column), record["ap_sklearn"][label]);
        is_close(average_precision(column, tied_scores::in_order), record["ap_clip_benchmark"][label]);
        const std::size_t recorded = label == 3 ? 2 : label;
        if (label == 2) CHECK_FALSE(area_under_roc(column));
        if (recorded < 2 || label == 3) is_close(area_under_roc(column).value(), record["auroc"][recorded]);
    }
}

TEST_CASE("unreadable images count as wrong, and out-of-distribution images are in no share") {
    const std::vector<double> logits{2, 1};
    const std::vector<prediction> predictions{prediction_of(logits, {0}), unreadable_prediction({0}),
                                              prediction_of(logits, {}), prediction_of(logits, {1})};
    CHECK(count_in_distribution(predictions) == 3);
    CHECK(top_k_accuracy(predictions, 1) == 1.0 / 3);
    CHECK(top_k_accuracy(predictions, 2) == 2.0 / 3);
    const std::vector<class_result> classes = class_results(predictions, std::vector<std::string>{"a", "b"});
    CHECK(classes[0].count == 2);
    CHECK(classes[0].unreadable == 1);
    CHECK(classes[0].correct == 1);
    CHECK(classes[0].predicted == 2);
    CHECK(mean_per_class_recall(classes) == 0.25);
    CHECK(confusion_of(predictions).size() == 2);
}

TEST_CASE("metrics without images are 0") {
    CHECK(top_k_accuracy({}, 1) == 0);
    CHECK(mean_per_class_recall({}) == 0);
    CHECK(average_precision({}) == 0);
    CHECK(confusion_of({}).empty());
}

TEST_CASE("classes that are confused with one another form groups, the group with the most mistakes first") {
    const std::vector<std::size_t> counts{10, 10, 10, 4, 4, 10};
    const std::vector<confusion_entry> confusion{{0, 0, 7}, {0, 1, 2}, {1, 0, 3}, {1, 2, 1}, {2, 1, 1},
                                                 {0, 2, 1}, {3, 4, 3}, {4, 3, 1}, {5, 0, 9}};
    const std::vector<confusion_group> result = confusion_groups(counts, confusion);
    REQUIRE(result.size() == 2);  // 5 is predicted as 0, but nothing as 5
    CHECK(result[0].classes == std::vector<std::uint32_t>{0, 1, 2});
    CHECK(result[0].mistakes == 8);
    CHECK(result[0].images == 30);
    CHECK(result[1].classes == std::vector<std::uint32_t>{3, 4});
    CHECK(result[1].mistakes == 4);
}

TEST_CASE("a chain of confused classes is split into groups of at most eight") {
    constexpr std::uint32_t classes = 40;
    const std::vector<std::size_t> counts(classes, 2);
    std::vector<confusion_entry> chain;
    for (std::uint32_t label = 0; label + 1 < classes; ++label) {
        chain.push_back({label, label + 1, 1});
        chain.push_back({label + 1, label, 1});
    }
    std::size_t total = 0;
    for (const confusion_group& one : confusion_groups(counts, chain)) {
        CHECK(one.classes.size() <= 8);
        total += one.classes.size();
    }
    CHECK(total == classes);
    CHECK(confusion_groups(counts, {}).empty());
}

TEST_CASE("intervals equal those of NumPy for the same draws") {
    const support::metrics_record record;
    confidence_intervals options;
    options.seed = 3;
    options.resamples = 200;
    const confidence_intervals result = bootstrap(record.predictions(), record.classes, options);
    const std::vector<double>& recorded = record["bootstrap"];
    is_close(result.top1.lower, recorded[0]);
    is_close(result.top1.upper, recorded[1]);
    is_close(result.top5.lower, recorded[2]);
    is_close(result.top5.upper, recorded[3]);
    is_close(result.mean_per_class->lower, recorded[4]);
    is_close(result.mean_per_class->upper, recorded[5]);
}

TEST_CASE("images with several labels have no recall, and no images no interval") {
    const std::vector<prediction> predictions{prediction_of(std::vector<double>{1, 2}, {0, 1})};
    CHECK_FALSE(bootstrap(predictions, 2).mean_per_class);
    CHECK(bootstrap(predictions, 2).top1.lower == 1);
    CHECK(bootstrap({}, 2).top1.upper == 0);
}

TEST_CASE("a quantile is interpolated between its neighbours") {
    CHECK(quantile({4, 1, 2}, 0.25) == 1.5);
    CHECK(quantile({4, 1, 2}, 1) == 4);
}
