#pragma once
/// \file Splits of a data set (train, validation, test): their usual names, and which one is taken.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/folder_walk.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

/// A part of a data set.
enum class split_kind { test, validation, train };  // in the order in which one is taken by default

/// The kind of split that a folder, a file or a cell is named after: "test", "valid", "Training_Set", "val2017",
/// "seg_train"; nothing for other names.
inline std::optional<split_kind> split_kind_of(std::string_view name) {
    constexpr std::array<std::string_view, 12> fillers{"seg", "data",   "dataset", "datasets", "set",   "split",
                                                       "img", "images", "image",   "imgs",     "batch", "ilsvrc"};
    constexpr std::array<std::pair<std::string_view, split_kind>, 12> kinds{{{"test", split_kind::test},
                                                                             {"testing", split_kind::test},
                                                                             {"tests", split_kind::test},
                                                                             {"val", split_kind::validation},
                                                                             {"valid", split_kind::validation},
                                                                             {"validation", split_kind::validation},
                                                                             {"dev", split_kind::validation},
                                                                             {"eval", split_kind::validation},
                                                                             {"evaluation", split_kind::validation},
                                                                             {"train", split_kind::train},
                                                                             {"training", split_kind::train},
                                                                             {"trn", split_kind::train}}};
    const std::string lower = detail::lower_case(std::string(name));
    std::optional<split_kind> found;
    for (std::size_t at = 0; at < lower.size();) {
        constexpr std::string_view separators = " _-.0123456789";
        const std::size_t end = (std::min)(lower.find_first_of(separators, at), lower.size());
        std::string_view word = std::string_view(lower).substr(at, end - at);
        for (const std::string_view suffix : {"set", "data"}) {  // "trainset", "testdata"
            if (word.size() > suffix.size() && word.ends_with(suffix)) word.remove_suffix(suffix.size());
        }
        at = end + 1;
        if (word.empty() || std::ranges::find(fillers, word) != fillers.end()) continue;
        const auto kind = std::ranges::find(kinds, word, [](const auto& pair) { return pair.first; });
        if (kind == kinds.end() || found) return std::nullopt;
        found = kind->second;
    }
    return found;
}

namespace detail {

/// "test, train and val"
inline std::string listed(std::span<const std::string> names, std::size_t most = 8) {
    std::string text;
    for (std::size_t i = 0; i < (std::min)(names.size(), most); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + path_text(names[i]);
    return names.size() > most ? text + ", ..." : text;
}

/// The split that is taken of those that a data set has.
/// \param names of the splits that can be taken
/// \param request a name; empty for test, else validation, else the only one
/// \return position among the names
/// \throws data_set_error ARG where the request does not name one of them, or none is taken by default
inline std::size_t choose_split(const std::string& location, std::span<const std::string> names,
                                const std::string& request) {
    const auto positions_where = [&](const auto& matches) {
        std::vector<std::size_t> positions;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (matches(names[i])) positions.push_back(i);
        }
        return positions;
    };
    const auto of_kind = [&](std::optional<split_kind> kind) {
        return positions_where([&](const std::string& name) { return kind && split_kind_of(name) == kind; });
    };
    std::vector<std::size_t> found;
    if (!request.empty()) {
        found = positions_where([&](const std::string& name) { return lower_case(name) == lower_case(request); });
        if (found.empty()) found = of_kind(split_kind_of(request));
    } else if (names.size() == 1) {
        found = {0};
    } else {
        found = of_kind(split_kind::test);
        if (found.empty()) found = of_kind(split_kind::validation);
    }
    if (found.size() == 1) return found.front();
    throw data_set_error(error_code::argument,
                         {location,
                          request.empty() ? "it has the splits " + listed(names)
                                          : "it has no split " + quoted(request) + " but " + listed(names),
                          "one of them", "name it with --split"});
}

/// "photos: of the splits test and train, test is read; --split NAME takes another"
inline std::string split_note(const std::string& location, std::span<const std::string> names,
                              const std::string& taken) {
    return location + (names.size() == 1 ? ": the split " : ": of the splits ") + listed(names) +
           (names.size() == 1 ? "" : ", " + path_text(taken)) + " is read" +
           (names.size() == 1 ? "" : "; --split NAME takes another");
}

/// The files of one split, if names of files begin with those of splits, as in train-00000-of-00002.parquet; else all.
/// \param notes gets a sentence where there was a choice
inline std::vector<std::filesystem::path> files_of_split(std::vector<std::filesystem::path> files,
                                                         const std::string& location, const std::string& request,
                                                         std::vector<std::string>& notes) {
    const auto split_of = [](const std::filesystem::path& file) {
        const std::string name = file.filename().string();
        return name.substr(0, name.find_first_of("-."));
    };
    std::vector<std::string> names;
    for (const std::filesystem::path& file : files) {
        if (split_kind_of(split_of(file))) names.push_back(split_of(file));
    }
    if (names.empty() || files.size() == 1) return files;
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end());
    const std::string taken = names[choose_split(location, names, request)];
    if (names.size() > 1) notes.push_back(split_note(location, names, taken));
    std::erase_if(files, [&](const std::filesystem::path& file) { return split_of(file) != taken; });
    return files;
}

/// What a folder holds, hidden entries left out.
struct folder_contents {
    bool has_images = false;             // directly in it
    std::vector<std::string> folders{};  // those with images in them or below, sorted

    /// Whether it may be a folder of class folders.
    bool has_classes() const { return !folders.empty(); }
};

/// Whether there are images in a folder or below it; or may be, behind a link or where it cannot be listed.
inline bool holds_images(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> pending{folder};
    while (!pending.empty()) {
        std::error_code failed;
        std::filesystem::directory_iterator entry(std::exchange(pending.back(), {}), failed), end;
        pending.pop_back();
        for (; !failed && entry != end; entry.increment(failed)) {
            std::error_code unknown;
            const bool is_folder = entry->is_directory(unknown);
            if (is_folder ? entry->is_symlink(unknown) : has_image_extension(entry->path())) return true;
            if (is_folder && !folder_walk::is_left_out(entry->path())) pending.push_back(entry->path());
        }
        if (failed) return true;
    }
    return false;
}

inline folder_contents contents_of(const std::filesystem::path& folder) {
    folder_contents contents;
    std::error_code failed;
    std::filesystem::directory_iterator entry(folder, failed), end;
    for (; !failed && entry != end; entry.increment(failed)) {
        std::error_code unknown;
        if (!entry->is_directory(unknown)) {
            contents.has_images = contents.has_images || has_image_extension(entry->path());
        } else if (!folder_walk::is_left_out(entry->path()) && holds_images(entry->path())) {
            contents.folders.push_back(entry->path().filename().string());
        }
    }
    std::ranges::sort(contents.folders);
    return contents;
}

/// The folder with the class folders or splits in a folder that holds nothing but that folder, at any depth; the folder
/// itself if there is none.
/// \param is_split whether the folder is that of a split, and holds no others
inline std::filesystem::path unwrapped(const std::filesystem::path& folder, bool is_split) {
    constexpr int deepest = 8;
    std::filesystem::path inner = folder;
    for (int depth = 0; depth < deepest; ++depth) {
        const folder_contents contents = contents_of(inner);
        if (contents.folders.size() > 1 || (contents.has_images && contents.has_classes())) return inner;
        if (contents.has_images || contents.folders.empty()) break;  // a single class
        const std::string& only = contents.folders.front();
        if (!is_split && split_kind_of(only) && contents_of(inner / only).has_classes()) return inner;
        inner /= only;
    }
    return folder;
}

/// Whether folders are none of classes but the only one that images lie in: "images", "imgs", "data".
inline bool are_one_container(const std::vector<std::string>& folders) {
    constexpr std::array<std::string_view, 12> names{"images", "image", "imgs",   "img",        "pictures", "pics",
                                                     "photos", "data",  "frames", "jpegimages", "jpg",      "all"};
    return folders.size() == 1 && std::ranges::find(names, lower_case(folders.front())) != names.end();
}

/// A split in a folder of its own.
struct split_folder {
    std::string name;
    std::filesystem::path path;
    std::vector<std::string> classes{};  // empty where its images are in no class folders
};

inline std::vector<std::string> names_of(std::span<const split_folder> splits) {
    std::vector<std::string> names;
    for (const split_folder& each : splits) names.push_back(each.name);
    return names;
}

/// Whether a name is that of a class in two splits.
inline bool share_a_class(std::span<const split_folder> splits) {
    std::vector<std::string> all;
    for (const split_folder& each : splits) all.insert(all.end(), each.classes.begin(), each.classes.end());
    std::ranges::sort(all);
    return std::ranges::adjacent_find(all) != all.end();
}

/// The folder of class folders in the folder of a data set.
struct chosen_folder {
    std::filesystem::path path;
    std::vector<std::string> notes{};
};

/// The folders of a data set: those named like splits, and the others.
struct folders_by_name {
    std::vector<split_folder> splits{}, with_classes{};  // with_classes: the splits that have class folders
    std::vector<std::string> others{};

    /// "its folders test and train are named like splits"
    std::string text() const {
        return splits.size() == 1 ? "its folder " + listed(names_of(splits)) + " is named like a split"
                                  : "its folders " + listed(names_of(splits)) + " are named like splits";
    }

    /// Whether the folders named like splits are splits, not classes.
    bool are_splits() const {
        return others.empty() ? !splits.empty() : splits.size() > 1 && share_a_class(with_classes);
    }
};

inline folders_by_name folders_of(const std::filesystem::path& folder, const std::vector<std::string>& names) {
    folders_by_name found;
    for (const std::string& name : names) {
        if (!split_kind_of(name)) {
            found.others.push_back(name);
            continue;
        }
        const std::filesystem::path inner = unwrapped(folder / name, true);
        std::vector<std::string> classes = contents_of(inner).folders;
        if (are_one_container(classes)) classes.clear();
        found.splits.push_back({name, inner, std::move(classes)});
    }
    std::ranges::copy_if(found.splits, std::back_inserter(found.with_classes),
                         [](const split_folder& split) { return !split.classes.empty(); });
    return found;
}

inline constexpr const char* format_folders = "--format folders takes them as classes";

[[noreturn]] inline void refuse_folders(const std::filesystem::path& folder, const std::string& what,
                                        const std::string& expected = "", const std::string& hint = "") {
    throw data_set_error(error_code::argument, {path_text(folder), what, expected, hint});
}

/// Refuses folders of which it is in doubt whether they are classes: one named like a split, which may be a thing or
/// hold the same classes as those beside it, and a container of all images.
inline void refuse_doubtful_classes(const std::filesystem::path& folder, const std::vector<std::string>& names,
                                    const folders_by_name& found) {
    if (found.splits.size() == 1 && !found.others.empty()) {
        std::vector<split_folder> both = found.splits;
        both.push_back({"", "", found.others});
        if (share_a_class(both))
            refuse_folders(folder, found.text() + ", and holds folders of the names beside it", "", format_folders);
    }
    if (are_one_container(names))
        refuse_folders(folder, "its only folder " + quoted(names.front()) + " holds images without class folders",
                       "a folder for each class", format_folders);
}

/// Notes a class that has folders named like splits.
inline void note_splits_below(chosen_folder& chosen, const folders_by_name& found) {
    const std::string location = path_text(chosen.path);
    const std::vector<std::string> below =
        found.others.empty() ? found.others : contents_of(chosen.path / found.others.front()).folders;
    if (below.size() > 1 &&
        std::ranges::all_of(below, [](const auto& name) { return split_kind_of(name).has_value(); }))
        chosen.notes.push_back(location + ": warning: class " + quoted(found.others.front()) + " has the folders " +
                               listed(below) + "; images of all of them are read");
}

/// Refuses splits of which none, or which, is taken is in doubt.
inline void refuse_doubtful_splits(const std::filesystem::path& folder, const folders_by_name& found,
                                   const std::string& request) {
    const std::vector<split_folder>& with_classes = found.with_classes;
    if (with_classes.empty())
        refuse_folders(
            folder,
            found.text() + (found.splits.size() == 1 ? " and holds" : " and hold") + " images without class folders",
            "a folder for each class in them", format_folders);
    if (with_classes.size() > 1 && !share_a_class(with_classes))
        refuse_folders(folder, found.text() + ", but have no class in common", "",
                       std::string("--split NAME takes one of them, ") + format_folders);
    if (request.empty() && found.splits.size() > 1 && with_classes.size() == 1 &&
        split_kind_of(with_classes.front().name) == split_kind::train) {
        const std::string only = path_text(with_classes.front().name);
        refuse_folders(folder,
                       "of its splits " + listed(names_of(found.splits)) + " only " + only + " has class folders", "",
                       "--split " + only + " takes it");
    }
}

/// Finds the folder of class folders: the folder itself, or that of a split.
/// \param request name of the split; empty for test, else validation
/// \throws data_set_error where folders are named like splits, but it is in doubt whether they are, or which is meant
inline chosen_folder find_class_folders(const std::filesystem::path& folder, const std::string& request) {
    chosen_folder chosen{unwrapped(folder, false)};
    const std::string location = path_text(chosen.path);
    const std::vector<std::string> names = contents_of(chosen.path).folders;
    const bool is_other_name = !request.empty() && !split_kind_of(request);
    if (is_other_name && std::ranges::find(names, request) != names.end())
        return {unwrapped(chosen.path / request, true)};
    const folders_by_name found = folders_of(chosen.path, names);
    refuse_doubtful_classes(chosen.path, names, found);
    if (!found.are_splits()) {
        if (found.splits.size() > 1)
            chosen.notes.push_back(location + ": warning: " + found.text() + ", and are read as classes");
        if (is_other_name) refuse_folders(chosen.path, "no folder " + quoted(request) + " in it");
        if (chosen.path != folder) chosen.notes.push_back("the class folders are those in " + location);
        note_splits_below(chosen, found);
        return chosen;
    }
    refuse_doubtful_splits(chosen.path, found, request);
    const split_folder& taken = found.with_classes[choose_split(location, names_of(found.with_classes), request)];
    chosen.path = taken.path;
    chosen.notes.push_back(split_note(location, names_of(found.splits), taken.name));
    if (!found.others.empty())
        chosen.notes.push_back(location + ": the folders " + listed(found.others) +
                               " belong to no split and are not read");
    return chosen;
}

}  // namespace detail

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
