#pragma once
/// \file Recorded results of scikit-learn and CLIP_benchmark, for the tests of the metrics.

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <zeroshot/metrics/prediction.hpp>

#include "tests/support/files.hpp"

namespace support {

/// tests/golden/metrics.txt: a name and numbers on each line.
class metrics_record {
   public:
    static constexpr std::size_t classes = 7;

    metrics_record() {
        std::ifstream file(ZEROSHOT_SOURCE_DIR "/tests/golden/metrics.txt");
        for (std::string line; std::getline(file, line);) {
            std::istringstream words(line);
            std::string name;
            words >> name;
            for (double number = 0; words >> number;) lines_[name].push_back(number);
        }
        REQUIRE(lines_.count("logits") == 1);
    }

    const std::vector<double>& operator[](const std::string& name) const { return lines_.at(name); }
    std::size_t images() const { return lines_.at("labels").size(); }
    std::span<const double> logits(std::size_t image) const {
        return std::span(lines_.at("logits")).subspan(image * classes, classes);
    }
    std::uint32_t label(std::size_t image) const { return static_cast<std::uint32_t>(lines_.at("labels")[image]); }
    bool is_true(std::size_t image, std::size_t label) const {
        return lines_.at("several")[image * classes + label] == 1;
    }

    std::vector<zeroshot::metrics::prediction> predictions(
        zeroshot::metrics::ties order = zeroshot::metrics::ties::first_label) const {
        std::vector<zeroshot::metrics::prediction> all;
        for (std::size_t i = 0; i < images(); ++i)
            all.push_back(zeroshot::metrics::prediction_of(logits(i), {label(i)}, order));
        return all;
    }

   private:
    std::map<std::string, std::vector<double>> lines_;
};

/// Acceptance: the references' numbers to 1e-9.
inline bool is_close(double ours, double theirs) {
    INFO("ours " << ours << ", theirs " << theirs);
    CHECK(std::abs(ours - theirs) <= 1e-9);
    return std::abs(ours - theirs) <= 1e-9;
}

}  // namespace support
