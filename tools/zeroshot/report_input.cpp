#include "report_input.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace program {

namespace {

using zeroshot::json;

/// A member that is absent, one string, or a list of strings.
std::vector<std::string> texts_at(const json& object, std::string_view key) {
    const std::optional<json> member = object.find(key);
    if (!member || member->is_null()) return {};
    if (member->is_string()) return {member->as_string()};
    return member->texts();
}

/// The objects of a file with one JSON object per line.
std::vector<json> read_json_lines(const std::filesystem::path& path, const std::string& name) {
    const std::vector<std::byte> bytes = zeroshot::read_file(path);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<json> lines;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0) lines.push_back(json::parse(text.substr(0, end), name + ": line " + std::to_string(line)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

report_entry read_entry(const json& result, const std::filesystem::path& folder) {
    report_entry entry{result.at("name").as_string(), text_at(result, "about"), text_at(result, "credit"),
                       zeroshot::read_json(folder / result.at("evaluation").as_string())};
    for (const std::string& file : texts_at(result, "probe"))
        entry.probes.push_back(zeroshot::read_json(folder / file));
    if (const std::string file = text_at(result, "bench"); !file.empty())
        entry.bench = zeroshot::read_json(folder / file);
    if (const std::string name = text_at(result, "folder"); !name.empty()) entry.folder = folder / name;
    if (const std::string file = text_at(result, "per_picture"); !file.empty())
        entry.images = read_json_lines(folder / file, file);
    return entry;
}

}  // namespace

std::vector<std::string> report_entry::class_names() const {
    std::vector<std::string> names;
    for (const json& each : evaluation.at("per_class").items()) names.push_back(each.at("class").as_string());
    return names;
}

const json& report_entry::main_probe() const {
    const auto probe = std::ranges::find_if(probes, is_penultimate);
    return probe == probes.end() ? probes.front() : *probe;
}

std::vector<report_entry> read_suite(const json& suite, const std::filesystem::path& folder) {
    std::vector<report_entry> entries;
    for (const json& result : suite.at("results").items()) entries.push_back(read_entry(result, folder));
    if (entries.empty()) {
        throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                       {suite.where(), "the list of results is empty", "at least one result", ""});
    }
    return entries;
}

std::string text_at(const json& object, std::string_view key, const std::string& default_text) {
    const std::optional<json> member = object.find(key);
    return member && member->is_string() ? member->as_string() : default_text;
}

std::optional<double> number_at(const json& object, std::string_view key) {
    const std::optional<json> member = object.find(key);
    if (!member || !member->is_number()) return std::nullopt;
    return member->as_number();
}

bool is_penultimate(const json& probe) {
    return text_at(probe, "features") == "penultimate";
}

}  // namespace program
