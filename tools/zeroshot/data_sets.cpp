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
#include <zeroshot/classify/class_names.hpp>
#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/datasets/open_data_set.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"
#include "label_lists.hpp"

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

/// The positions in a list of names that class names stand for which are numbers: those that the list gives its names,
/// else from 0, or from 1 where they are 1, 2, ... up to the number of names. Nothing for other class names.
std::optional<std::vector<std::uint32_t>> numbered(const std::vector<std::string>& classes, const label_list& list) {
    std::vector<std::size_t> numbers, given = list.numbers;
    for (const std::string& name : classes) {
        const std::optional<std::size_t> number = zeroshot::datasets::detail::parse_number(name);
        if (!number) return std::nullopt;
        numbers.push_back(*number);
    }
    const std::size_t names = list.labels.size();
    const auto [lowest, highest] = std::ranges::minmax(numbers);
    const std::size_t first = lowest == 1 && highest == names && numbers.size() == names ? 1 : 0;
    for (std::size_t i = 0; list.numbers.empty() && i < names; ++i) given.push_back(first + i);
    std::vector<std::uint32_t> positions;
    for (const std::size_t number : numbers) {
        const auto position = std::ranges::find(given, number);
        if (position == given.end()) return std::nullopt;
        positions.push_back(static_cast<std::uint32_t>(position - given.begin()));
    }
    return positions;
}

/// The labels of the data set's classes without the unknown ones.
/// \param words the names of the classes as words, under which they may be unknown as well
std::vector<std::uint32_t> known_labels(const zeroshot::datasets::data_set& images,
                                        const std::vector<std::string>& words,
                                        const std::vector<std::string>& unknown) {
    const std::vector<std::string>& classes = images.classes();
    const auto is_class = [&](std::size_t label, const std::string& name) {
        return classes[label] == name || words[label] == name;
    };
    for (const std::string& name : unknown) {
        std::size_t label = 0;
        while (label < classes.size() && !is_class(label, name)) ++label;
        if (label == classes.size())
            refuse(images.location(), "no class " + zeroshot::quoted(name), "",
                   "--unknown takes class names of the data set");
    }
    std::vector<std::uint32_t> known;
    for (std::uint32_t label = 0; label < classes.size(); ++label) {
        if (std::ranges::none_of(unknown, [&](const std::string& name) { return is_class(label, name); }))
            known.push_back(label);
    }
    return known;
}

/// The data set's own classes, under these names.
class_list own_classes(const std::vector<std::string>& names, const std::vector<std::uint32_t>& known) {
    class_list result;
    result.class_of_label.resize(names.size());
    for (const std::uint32_t label : known) {
        result.class_of_label[label] = static_cast<std::uint32_t>(result.names.size());
        result.names.push_back(names[label]);
    }
    return result;
}

/// The positions of the known classes in a list by their names; nothing if one is missing, or stands there twice.
std::optional<std::vector<std::uint32_t>> positions_by_name(const std::vector<std::string>& classes,
                                                            const std::vector<std::uint32_t>& known,
                                                            const std::vector<std::string>& names) {
    const auto positions = positions_of(names);
    std::vector<std::uint32_t> result;
    for (const std::uint32_t label : known) {
        const auto position = positions.find(classes[label]);
        if (position == positions.end() || !position->second) return std::nullopt;
        result.push_back(*position->second);
    }
    return result;
}

/// Names in lower case, with spaces for "_" and "-".
std::vector<std::string> plain_names(std::vector<std::string> names) {
    for (std::string& name : names) {
        name = zeroshot::datasets::detail::lower_case(std::move(name));
        std::ranges::replace(name, '_', ' ');
        std::ranges::replace(name, '-', ' ');
    }
    return names;
}

/// \param words the plain names of the data set's classes as words
/// \param names the plain names of the list
[[noreturn]] void refuse_list(const zeroshot::datasets::data_set& images, const std::vector<std::string>& words,
                              const std::vector<std::uint32_t>& known, const std::vector<std::string>& names,
                              const std::string& list) {
    const std::string file = zeroshot::path_text(list), count = std::to_string(known.size());
    const auto positions = positions_of(names);
    const auto missing =
        std::ranges::find_if(known, [&](std::uint32_t label) { return !positions.contains(words[label]); });
    refuse(images.location(),
           missing == known.end() ? "duplicate class name in " + file
                                  : "class " + zeroshot::quoted(images.classes()[*missing]) + " is not in " + file,
           "all class names of the data set, or " + count + " names in the order of its classes",
           "--unknown CLASS excludes a class");
}

std::vector<std::string> names_of(const label_list& list) {
    std::vector<std::string> names;
    for (const text_line& label : list.labels) names.push_back(label.text);
    return names;
}

/// Reads a list of class names, or ImageNet's, and prints what is odd about it.
label_list read_list(const std::string& list, console& out) {
    label_list read;
    if (list == "imagenet") {
        for (const std::string& name : zeroshot::imagenet_classes())
            read.labels.push_back({read.labels.size() + 1, name});
        return read;
    }
    read = read_label_list(list, "classes");
    if (!read.note.empty()) out.note(read.note);
    note_odd_labels(read.labels, list, out);
    note_duplicates(read.labels, list, out);
    return read;
}

/// The classes of a list.
/// \param words the names of the data set's classes as words
class_list listed_classes(const zeroshot::datasets::data_set& images, const std::vector<std::string>& words,
                          const std::vector<std::uint32_t>& known, const std::string& list, console& out) {
    const std::vector<std::string>& classes = images.classes();
    const auto is_wnid = [&](std::uint32_t label) { return zeroshot::imagenet_label(classes[label]).has_value(); };
    if (list == "imagenet" && std::ranges::all_of(known, is_wnid)) {
        out.note(images.location() + ": " + counted(known.size(), "folder") +
                 " called by identifiers of ImageNet's classes; the classes are theirs");
        return own_classes(words, known);
    }
    const label_list read = read_list(list, out);
    class_list result{names_of(read), {}};
    const std::vector<std::string> plain = plain_names(result.names), plain_words = plain_names(words);
    std::vector<std::string> known_names;
    for (const std::uint32_t label : known) known_names.push_back(classes[label]);
    std::optional<std::vector<std::uint32_t>> positions = positions_by_name(classes, known, result.names);
    if (!positions) positions = positions_by_name(words, known, result.names);
    if (!positions) positions = positions_by_name(plain_words, known, plain);
    if (!positions) positions = positions_by_name(plain_names(classes), known, plain);
    const auto note_first = [&](const std::string& how) {
        out.note(images.location() + ": " + how + ": " + zeroshot::quoted(known_names.front()) + " is " +
                 zeroshot::quoted(result.names[positions->front()]) +
                 (known_names.size() == 1 ? ""
                                          : ", " + zeroshot::quoted(known_names.back()) + " is " +
                                                zeroshot::quoted(result.names[positions->back()])));
    };
    const std::string file = zeroshot::path_text(list);
    if (!positions && !known.empty()) {
        positions = numbered(known_names, read);
        if (positions) note_first("its classes are numbers, and name those of " + file);
    }
    const bool is_any = std::ranges::any_of(
        known, [&](std::uint32_t label) { return std::ranges::find(plain, plain_words[label]) != plain.end(); });
    const bool are_numbers = std::ranges::all_of(known_names, [](const std::string& name) {
        return zeroshot::datasets::detail::parse_number(name).has_value();
    });
    const bool is_other_numbering = are_numbers && !read.numbers.empty();
    if (!positions && !is_any && !is_other_numbering && result.names.size() == known.size()) {
        positions.emplace();
        for (std::uint32_t i = 0; i < known.size(); ++i) positions->push_back(i);
        if (!known.empty()) note_first("its classes are named by " + file + " in order");
    }
    if (!positions) refuse_list(images, plain_words, known, plain, list);
    result.class_of_label.resize(classes.size());
    for (std::size_t i = 0; i < known.size(); ++i) result.class_of_label[known[i]] = (*positions)[i];
    return result;
}

/// The names of the classes as words.
zeroshot::class_names in_words(const opened_data& data) {
    const bool are_free = data.format == "folders" || data.format == "manifest";  // others have published names
    if (are_free) return zeroshot::names_in_words(data.images->classes());
    return {data.images->classes()};
}

void note_words(const opened_data& data, const zeroshot::class_names& words, console& out) {
    const std::string& location = data.images->location();
    if (!words.note.empty()) out.note(location + ": " + words.note + "; --class-names as-is leaves them");
    if (!words.warning.empty()) out.note("warning: " + location + ": " + words.warning + "; --classes FILE names them");
}

}  // namespace

std::vector<std::string> read_class_names(const std::string& list, console& out) {
    return names_of(read_list(list, out));
}

std::vector<std::string> read_names_of_indices(const std::string& list, const std::string& location, console& out) {
    const label_list read = read_list(list, out);
    const std::vector<std::size_t>& numbers = read.numbers;
    if (numbers.empty() || (numbers.front() == 0 && numbers.back() + 1 == numbers.size())) return names_of(read);
    refuse(zeroshot::path_text(list),
           (numbers.front() != 0 ? "its numbers begin at " + std::to_string(numbers.front())
                                 : "it has " + counted(numbers.size(), "name") + " with numbers up to " +
                                       std::to_string(numbers.back())) +
               ", and the labels of " + zeroshot::path_text(location) + " are indices from 0",
           "the numbers 0 to " + std::to_string(numbers.size() - 1));
}

opened_data open_data(const std::string& path, const std::optional<std::string>& format, const std::string& split,
                      const zeroshot::datasets::list_columns& columns, console& out) {
    namespace datasets = zeroshot::datasets;
    std::optional<datasets::data_format> kind;
    if (format) kind = datasets::data_format_of(*format);
    const std::string name(datasets::name_of(kind ? *kind : datasets::detect_format(path)));
    opened_data data{name == "parquet" ? try_open_parquet(path, split)
                                       : datasets::open_data_set(path, kind, split, open_compressed, columns),
                     name};
    for (const std::string& note : data.images->notes()) out.note(note);
    for (const zeroshot::file_error& failure : data.images->failures()) out.error(failure.what());
    return data;
}

std::vector<std::string> names_for_prompts(const opened_data& data, console& out) {
    zeroshot::class_names words = in_words(data);
    note_words(data, words, out);
    return std::move(words.names);
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

class_list classes_for(const opened_data& data, const std::optional<std::string>& list,
                       const std::vector<std::string>& unknown, bool are_words, console& out) {
    const zeroshot::datasets::data_set& images = *data.images;
    const std::vector<std::string>& classes = images.classes();
    if (classes.empty()) {
        if (!list)
            refuse(images.location(), "the labels are numbers, and no class has a name",
                   "--classes FILE with a name on each line, that of class 0 first");
        return {read_names_of_indices(*list, images.location(), out), {}};
    }
    const zeroshot::class_names words = in_words(data);
    const std::vector<std::uint32_t> known = known_labels(images, words.names, unknown);
    if (!list && are_words) note_words(data, words, out);
    class_list result = list ? listed_classes(images, words.names, known, *list, out)
                             : own_classes(are_words ? words.names : classes, known);
    if (result.names.empty()) refuse(images.location(), "no class is left", "at least one");
    if (result.names.size() == 1)
        out.note("warning: " + images.location() + ": the only class is " + zeroshot::quoted(result.names.front()) +
                 ", so that every answer is right; is another folder meant?");
    return result;
}

}  // namespace program
