#pragma once
/// \file What a classifier said of one labelled image, as short as the metrics need it; and the line it is written
/// as.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Which of two classes with the same score comes first.
enum class ties {
    first_label,  ///< the one listed first: numpy.argmax, torch.argmax, and our classifier
    last_label    ///< the one listed last: sklearn.metrics.top_k_accuracy_score
};

/// A class and what it was given.
struct scored_class {
    std::uint32_t label;
    double logit;
    double probability;
};

/// The labels of an image; mostly there is one, which takes no memory of its own.
class label_list {
   public:
    label_list() = default;
    label_list(std::initializer_list<std::uint32_t> labels) : label_list(std::span(labels.begin(), labels.size())) {}
    label_list(const std::vector<std::uint32_t>& labels) : label_list(std::span(labels)) {}
    explicit label_list(std::span<const std::uint32_t> labels) : size_(static_cast<std::uint32_t>(labels.size())) {
        if (size_ == 1) {
            only_ = labels.front();
        } else if (size_ > 1) {
            several_ = std::make_shared<const std::vector<std::uint32_t>>(labels.begin(), labels.end());
        }
    }

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }
    const std::uint32_t* begin() const noexcept { return several_ ? several_->data() : &only_; }
    const std::uint32_t* end() const noexcept { return begin() + size_; }
    std::uint32_t front() const noexcept { return *begin(); }

   private:
    std::uint32_t size_ = 0;
    std::uint32_t only_ = 0;
    std::shared_ptr<const std::vector<std::uint32_t>> several_{};
};

/// What was said of one image, as far as the metrics need it: a few dozen bytes, since there are many images.
struct answer {
    label_list labels{};           ///< the true ones; none for an image of no listed class
    bool readable = true;          ///< one that is not counts as wrong
    std::uint32_t rank = 0;        ///< how many classes come before the first of the true ones
    std::uint32_t first = 0;       ///< the most probable class
    double first_probability = 0;  ///< its probability

    bool is_out_of_distribution() const noexcept { return labels.empty(); }
    std::uint32_t predicted() const noexcept { return first; }
    double confidence() const noexcept { return first_probability; }

    /// Is one of the true classes among the first k?
    bool is_within(std::size_t k) const noexcept { return readable && !is_out_of_distribution() && rank < k; }
    bool is_right() const noexcept { return is_within(1); }
};

/// An answer with what a person wants to know beside it.
struct full_prediction : answer {
    static constexpr std::size_t most_kept = 5;

    double probability = 0;                     ///< of the first of the true classes
    std::array<scored_class, most_kept> top{};  ///< the first classes, most probable first
    std::uint32_t kept = 0;                     ///< how many of `top` there are
};

/// The answer for an image that could not be read.
inline full_prediction unreadable(label_list labels) {
    full_prediction none;
    none.labels = std::move(labels);
    none.readable = false;
    return none;
}

/// The natural logarithm of the sum of the powers of e.
inline double log_sum_exp(std::span<const double> logits) noexcept {
    const double highest = *std::ranges::max_element(logits);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - highest);
    return highest + std::log(sum);
}

/// \param logits one for each class, at least one, all finite
/// \param labels below logits.size()
inline full_prediction prediction_of(std::span<const double> logits, label_list labels,
                                     ties order = ties::first_label) {
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
        if (logits[a] != logits[b]) return logits[a] > logits[b];
        return order == ties::first_label ? a < b : a > b;
    };
    const double all = log_sum_exp(logits);
    const auto probability = [&](std::uint32_t label) { return std::exp(logits[label] - all); };
    full_prediction found;
    std::vector<std::uint32_t> classes(logits.size());
    for (std::uint32_t label = 0; label < classes.size(); ++label) classes[label] = label;
    found.kept = static_cast<std::uint32_t>(std::min(full_prediction::most_kept, classes.size()));
    std::ranges::partial_sort(classes, classes.begin() + found.kept, before);
    for (std::uint32_t i = 0; i < found.kept; ++i)
        found.top[i] = {classes[i], logits[classes[i]], probability(classes[i])};
    found.first = found.top[0].label;
    found.first_probability = found.top[0].probability;
    if (!labels.empty()) {
        const std::uint32_t best = *std::ranges::min_element(labels, before);
        for (std::uint32_t label = 0; label < classes.size(); ++label) found.rank += before(label, best) ? 1u : 0u;
        found.probability = probability(best);
    }
    found.labels = std::move(labels);
    return found;
}

/// Why an image has no answer.
struct reading_failure {
    error_code code;
    std::string sentence;
};

/// An answer as a line of JSON, as `zeroshot evaluate --per-picture FILE` writes them:
///
///     {"name": "cat/1.png", "labels": [0], "rank": 1, "probability": 0.21,
///      "top": [{"class": 2, "probability": 0.7, "logit": 24.1}, ...at most five...]}
///     {"name": "cat/2.png", "labels": [0], "error": {"code": "FORMAT", "message": "..."}}
///
/// Classes are numbers from 0, places in the list "classes" of the evaluation. `rank` counts the classes before the
/// best of the true ones: 0 is right. An image of no listed class has no labels, and neither rank nor probability.
inline std::string json_line(std::string_view name, const full_prediction& said,
                             const std::optional<reading_failure>& failed = std::nullopt) {
    nlohmann::ordered_json line{{"name", name}, {"labels", said.labels}};
    if (!said.readable) {
        const auto [code, sentence] = failed.value_or(reading_failure{error_code::io, ""});
        line["error"] = {{"code", name_of(code)}, {"message", sentence}};
        return json_text_of(line);
    }
    if (!said.is_out_of_distribution()) {
        line["rank"] = said.rank;
        line["probability"] = json_number(said.probability);
    }
    line["top"] = nlohmann::ordered_json::array();
    for (const scored_class& each : std::span(said.top).first(said.kept)) {
        line["top"].push_back({{"class", each.label},
                               {"probability", json_number(each.probability)},
                               {"logit", json_number(each.logit)}});
    }
    return json_text_of(line);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
