#include "data_sets.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#if defined(ZEROSHOT_PROGRAM_HAS_ZLIB)
#include <zeroshot/datasets/gzip.hpp>
#endif
#include <zeroshot/classify/prompt_lists.hpp>
#include <zeroshot/datasets/open_data_set.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"
#include "text_files.hpp"

namespace program {

namespace {

#if defined(ZEROSHOT_PROGRAM_HAS_ZLIB)
constexpr auto opener = zeroshot::datasets::open_gzip;
#else
constexpr auto opener = zeroshot::datasets::open_plain;
#endif

[[noreturn]] void refuse(const std::string& where, std::string what, std::string expected = "", std::string hint = "") {
    throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                   {where, std::move(what), std::move(expected), std::move(hint)});
}

std::unique_ptr<zeroshot::datasets::data_set> opened_parquet([[maybe_unused]] const std::string& place,
                                                             [[maybe_unused]] const std::string& split) {
#if defined(ZEROSHOT_PROGRAM_HAS_PARQUET)
    return open_parquet(place, split);
#else
    throw zeroshot::data_set_error(
        zeroshot::error_code::unsupported,
        {zeroshot::path_text(place), "this program was built without Apache Arrow, which reads Parquet", "",
         "install Arrow's C++ packages or Python's pyarrow, and build again: cmake -DPython3_EXECUTABLE=PYTHON"});
#endif
}

/// Positions by name; nothing for a name that is there twice.
std::map<std::string, std::optional<std::uint32_t>> positions_of(const std::vector<std::string>& names) {
    std::map<std::string, std::optional<std::uint32_t>> positions;
    for (std::uint32_t i = 0; i < names.size(); ++i) {
        const auto [at, is_new] = positions.emplace(names[i], i);
        if (!is_new) at->second.reset();
    }
    return positions;
}

/// "0", "1", "2", ...: a data set that does not name its classes.
bool are_numbers(const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] != std::to_string(i)) return false;
    }
    return true;
}

/// The classes of the data set that are not unknown, by their labels.
std::vector<std::uint32_t> known_labels(const zeroshot::datasets::data_set& images,
                                        const std::vector<std::string>& unknown) {
    const std::vector<std::string>& own = images.classes();
    for (const std::string& name : unknown) {
        if (std::ranges::find(own, name) == own.end())
            refuse(images.location(), "there is no class " + zeroshot::quoted(name), "",
                   "--unknown names classes of the data set");
    }
    std::vector<std::uint32_t> known;
    for (std::uint32_t label = 0; label < own.size(); ++label) {
        if (std::ranges::find(unknown, own[label]) == unknown.end()) known.push_back(label);
    }
    return known;
}

}  // namespace

std::vector<std::string> class_names_in(const std::string& list) {
    if (list == "imagenet") return zeroshot::imagenet_classes();
    std::vector<std::string> names;
    for (text_line& line : read_entries(list, "classes")) names.push_back(std::move(line.text));
    return names;
}

opened_data open_data(const std::string& place, const std::optional<std::string>& format, const std::string& split) {
    const zeroshot::datasets::data_format kind =
        format ? zeroshot::datasets::data_format_of(*format).value() : zeroshot::datasets::detect_format(place, split);
    if (kind == zeroshot::datasets::data_format::parquet)
        return {opened_parquet(place, split), std::string(zeroshot::datasets::name_of(kind))};
    return {zeroshot::datasets::open_data_set(place, kind, split, opener),
            std::string(zeroshot::datasets::name_of(kind))};
}

std::vector<std::uint32_t> class_list::labels_of(const std::vector<std::uint32_t>& own) const {
    if (!of_label.empty()) {
        std::vector<std::uint32_t> labels;
        for (const std::uint32_t label : own) {
            if (of_label[label]) labels.push_back(*of_label[label]);
        }
        return labels;
    }
    for (const std::uint32_t label : own) {
        if (label >= names.size())
            refuse("labels", "label " + std::to_string(label),
                   "below " + std::to_string(names.size()) + ", the number of classes");
    }
    return own;
}

class_list classes_for(const zeroshot::datasets::data_set& images, const std::optional<std::string>& file,
                       const std::vector<std::string>& unknown) {
    const std::vector<std::string>& own = images.classes();
    if (own.empty()) {
        if (!file) refuse(images.location(), "it does not name its classes", "--classes FILE with a name on each line");
        return {class_names_in(*file), {}};
    }
    const std::vector<std::uint32_t> known = known_labels(images, unknown);
    class_list found;
    found.of_label.resize(own.size());
    if (!file) {
        for (const std::uint32_t label : known) {
            found.of_label[label] = static_cast<std::uint32_t>(found.names.size());
            found.names.push_back(own[label]);
        }
    } else {
        found.names = class_names_in(*file);
        const auto positions = positions_of(found.names);
        const auto missing =
            std::ranges::find_if(known, [&](std::uint32_t label) { return !positions.contains(own[label]); });
        const bool by_name = missing == known.end() && std::ranges::all_of(known, [&](std::uint32_t label) {
                                 return positions.at(own[label]).has_value();
                             });
        const bool numbered = found.names.size() > known.size() && are_numbers(own);
        if (!by_name && !numbered && found.names.size() != known.size()) {
            refuse(images.location(),
                   missing == known.end()
                       ? "a class name stands twice in " + zeroshot::path_text(*file)
                       : "class " + zeroshot::quoted(own[*missing]) + " is not in " + zeroshot::path_text(*file),
                   "every class of the data set, or a name for each of its " + std::to_string(known.size()) +
                       " classes in their order",
                   "--unknown CLASS leaves one out");
        }
        for (std::uint32_t i = 0; i < known.size(); ++i)
            found.of_label[known[i]] = by_name ? positions.at(own[known[i]]) : i;
    }
    if (found.names.empty()) refuse(images.location(), "no class is left", "at least one");
    return found;
}

std::vector<std::string> templates_in(const std::string& list) {
    if (list == "openai80") return zeroshot::openai_templates();
    if (list == "openai7") return zeroshot::short_openai_templates();
    std::vector<std::string> templates;
    for (const text_line& line : read_entries(list, "templates")) {
        try {
            zeroshot::prompt_template{line.text};
        } catch (const zeroshot::error& fault) {
            zeroshot::diagnostic found = fault.diagnostic();
            found.where = zeroshot::path_text(list) + ": line " + std::to_string(line.number) + ": " + found.where;
            throw zeroshot::argument_error(fault.code(), std::move(found));
        }
        templates.push_back(line.text);
    }
    return templates;
}

}  // namespace program
