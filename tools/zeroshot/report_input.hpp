#pragma once
/// \file Input of the report: the suite and the results it lists.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/support/json.hpp>

namespace program {

/// Results of a model on a data set.
struct report_entry {
    std::string name;
    std::string about;                      ///< description of the task
    std::string credit;                     ///< attribution of the images
    zeroshot::json evaluation;              ///< output of evaluate --json
    std::vector<zeroshot::json> probes{};   ///< outputs of probe --json
    std::optional<zeroshot::json> bench{};  ///< output of bench --json
    std::vector<zeroshot::json> images{};   ///< lines of evaluate --per-picture
    std::filesystem::path folder{};         ///< of the images; empty if they are not shown

    /// The names of the classes, by label.
    std::vector<std::string> class_names() const;

    /// The probe of penultimate features, as in the CLIP paper, otherwise the first one.
    const zeroshot::json& main_probe() const;
};

/// The results of a suite; its paths are relative to `folder`.
/// \throws zeroshot::error
std::vector<report_entry> read_suite(const zeroshot::json& suite, const std::filesystem::path& folder);

/// The member of an object, or the default if it is not a string.
std::string text_at(const zeroshot::json& object, std::string_view key, const std::string& default_text = "");

/// The member of an object, or nothing if it is not a number.
std::optional<double> number_at(const zeroshot::json& object, std::string_view key);

/// Whether a probe is of penultimate features.
bool is_penultimate(const zeroshot::json& probe);

}  // namespace program
