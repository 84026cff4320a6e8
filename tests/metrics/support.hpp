#pragma once
/// \file What the tests of evaluate share: the record of the metrics, files on disk, and data sets read to their end.

#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
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
    std::span<const double> logits(std::size_t picture) const {
        return std::span(lines_.at("logits")).subspan(picture * classes, classes);
    }
    std::uint32_t label(std::size_t picture) const { return static_cast<std::uint32_t>(lines_.at("labels")[picture]); }
    bool is_true(std::size_t picture, std::size_t label) const {
        return lines_.at("several")[picture * classes + label] == 1;
    }

    std::vector<zeroshot::answer> answers(zeroshot::ties order = zeroshot::ties::first_label) const {
        std::vector<zeroshot::answer> all;
        for (std::size_t i = 0; i < images(); ++i) all.push_back(zeroshot::prediction_of(logits(i), {label(i)}, order));
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

inline void write(const std::filesystem::path& file, std::string_view bytes) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << bytes;
}

inline std::vector<zeroshot::example> all_of(zeroshot::data_set& from) {
    std::vector<zeroshot::example> found;
    while (std::optional<zeroshot::example> one = from.next()) found.push_back(*std::move(one));
    return found;
}

/// "name:label,label name:label"
inline std::string listed(zeroshot::data_set& from) {
    std::string text;
    for (const zeroshot::example& one : all_of(from)) {
        text += (text.empty() ? "" : " ") + one.name + ":";
        for (std::size_t i = 0; i < one.labels.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(one.labels[i]);
    }
    return text;
}

inline std::string bytes_at(const zeroshot::example& one) {
    return text_of(std::get<std::vector<std::byte>>(one.picture));
}

/// The first bytes of the first row of an image of pixels.
inline std::vector<int> pixels_at(const zeroshot::example& one, std::size_t count) {
    const auto row = std::get<zeroshot::image>(one.picture).row(0);
    return {row.begin(), row.begin() + static_cast<std::ptrdiff_t>(count)};
}

inline std::string big_endian(std::uint32_t number) {
    std::string text;
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(number >> shift & 255);
    return text;
}

}  // namespace support
