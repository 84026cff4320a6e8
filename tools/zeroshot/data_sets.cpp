#include "data_sets.hpp"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include <zeroshot/error.hpp>
#if defined(ZEROSHOT_PROGRAM_HAS_ZLIB)
#include <zeroshot/datasets/gzip.hpp>
#endif
#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/datasets/open_data_set.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"
#include "text_files.hpp"

namespace program {

namespace {

#if defined(ZEROSHOT_PROGRAM_HAS_ZLIB)
constexpr auto open_compressed = zeroshot::datasets::open_gzip;
#else
constexpr auto open_compressed = zeroshot::datasets::open_plain;
#endif

[[noreturn]] void refuse(const std::string& where, std::string what, std::string expected = "", std::string hint = "") {
    throw zeroshot::data_set_error(zeroshot::error_code::argument,
                                   {where, std::move(what), std::move(expected), std::move(hint)});
}

std::unique_ptr<zeroshot::datasets::data_set> try_open_parquet([[maybe_unused]] const std::string& path,
                                                               [[maybe_unused]] const std::string& split) {
#if defined(ZEROSHOT_PROGRAM_HAS_PARQUET)
    return open_parquet(path, split);
#else
    throw zeroshot::data_set_error(
        zeroshot::error_code::unsupported,
        {zeroshot::path_text(path), "this program was built without Apache Arrow, which reads Parquet", "",
         "install Arrow's C++ packages or Python's pyarrow, and build again: cmake -DPython3_EXECUTABLE=PYTHON"});
#endif
}

/// Position of each name; nothing for a duplicate name.
std::map<std::string, std::optional<std::uint32_t>> positions_of(const std::vector<std::string>& names) {
    std::map<std::string, std::optional<std::uint32_t>> positions;
    for (std::uint32_t i = 0; i < names.size(); ++i) {
        const auto [position, is_new] = positions.emplace(names[i], i);
        if (!is_new) position->second.reset();
    }
    return positions;
}

/// Whether the names are "0", "1", "2", ...: those of a data set that does not name its classes.
bool are_numbers(const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (names[i] != std::to_string(i)) return false;
    }
    return true;
}

/// The labels of the data set's classes without the unknown ones.
std::vector<std::uint32_t> known_labels(const zeroshot::datasets::data_set& images,
                                        const std::vector<std::string>& unknown) {
    const std::vector<std::string>& classes = images.classes();
    for (const std::string& name : unknown) {
        if (std::ranges::find(classes, name) == classes.end())
            refuse(images.location(), "no class " + zeroshot::quoted(name), "",
                   "--unknown takes class names of the data set");
    }
    std::vector<std::uint32_t> known;
    for (std::uint32_t label = 0; label < classes.size(); ++label) {
        if (std::ranges::find(unknown, classes[label]) == unknown.end()) known.push_back(label);
    }
    return known;
}

/// The data set's own classes.
class_list own_classes(const std::vector<std::string>& classes, const std::vector<std::uint32_t>& known) {
    class_list result;
    result.class_of_label.resize(classes.size());
    for (const std::uint32_t label : known) {
        result.class_of_label[label] = static_cast<std::uint32_t>(result.names.size());
        result.names.push_back(classes[label]);
    }
    return result;
}

/// The classes of a list, matched by name if it has all names of the data set, otherwise by position.
class_list listed_classes(const zeroshot::datasets::data_set& images, const std::vector<std::uint32_t>& known,
                          const std::string& list) {
    const std::vector<std::string>& classes = images.classes();
    class_list result{read_class_names(list), {}};
    const auto positions = positions_of(result.names);
    const auto is_missing = [&](std::uint32_t label) { return !positions.contains(classes[label]); };
    const auto is_unique = [&](std::uint32_t label) { return positions.at(classes[label]).has_value(); };
    const auto missing = std::ranges::find_if(known, is_missing);
    const bool by_name = missing == known.end() && std::ranges::all_of(known, is_unique);
    const bool numbered = result.names.size() > known.size() && are_numbers(classes);
    if (!by_name && !numbered && result.names.size() != known.size()) {
        const std::string file = zeroshot::path_text(list), count = std::to_string(known.size());
        refuse(images.location(),
               missing == known.end() ? "duplicate class name in " + file
                                      : "class " + zeroshot::quoted(classes[*missing]) + " is not in " + file,
               "all class names of the data set, or " + count + " names in the order of its classes",
               "--unknown CLASS excludes a class");
    }
    result.class_of_label.resize(classes.size());
    for (std::uint32_t i = 0; i < known.size(); ++i)
        result.class_of_label[known[i]] = by_name ? positions.at(classes[known[i]]) : i;
    return result;
}

}  // namespace

std::vector<std::string> read_class_names(const std::string& list) {
    if (list == "imagenet") return zeroshot::imagenet_classes();
    std::vector<std::string> names;
    for (text_line& line : read_entries(list, "classes")) names.push_back(std::move(line.text));
    return names;
}

opened_data open_data(const std::string& path, const std::optional<std::string>& format, const std::string& split) {
    namespace datasets = zeroshot::datasets;
    const datasets::data_format kind =
        format ? datasets::data_format_of(*format).value() : datasets::detect_format(path, split);
    const std::string name(datasets::name_of(kind));
    if (kind == datasets::data_format::parquet) return {try_open_parquet(path, split), name};
    return {datasets::open_data_set(path, kind, split, open_compressed), name};
}

std::vector<std::uint32_t> class_list::classes_of(const std::vector<std::uint32_t>& labels) const {
    if (!class_of_label.empty()) {
        std::vector<std::uint32_t> classes;
        for (const std::uint32_t label : labels) {
            if (class_of_label[label]) classes.push_back(*class_of_label[label]);
        }
        return classes;
    }
    for (const std::uint32_t label : labels) {
        if (label >= names.size())
            refuse("labels", "label " + std::to_string(label),
                   "below " + std::to_string(names.size()) + ", the number of classes");
    }
    return labels;
}

class_list classes_for(const zeroshot::datasets::data_set& images, const std::optional<std::string>& list,
                       const std::vector<std::string>& unknown) {
    const std::vector<std::string>& classes = images.classes();
    if (classes.empty()) {
        if (!list)
            refuse(images.location(), "the data set has no class names", "--classes FILE with one name per line");
        return {read_class_names(*list), {}};
    }
    const std::vector<std::uint32_t> known = known_labels(images, unknown);
    class_list result = list ? listed_classes(images, known, *list) : own_classes(classes, known);
    if (result.names.empty()) refuse(images.location(), "no class is left", "at least one");
    return result;
}

}  // namespace program
