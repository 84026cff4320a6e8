#include "model_place.hpp"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"

namespace program {

namespace {

constexpr std::string_view bundled_name = "pictograms";

bool is_there(const std::filesystem::path& path) {
    std::error_code unknown;
    return std::filesystem::exists(path, unknown);
}

/// Where this program itself lies; empty where the system does not tell.
std::filesystem::path folder_of_program() {
    std::error_code unknown;
    return std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
}

/// Where the bundled model is found: among the user's own, where it is built, where it is installed.
std::vector<std::filesystem::path> places_of_bundled() {
    const std::string file = std::string(bundled_name) + ".safetensors";
    std::vector<std::filesystem::path> places;
    for (const std::filesystem::path& folder : zeroshot::model_folders::of_environment().own) places.push_back(folder / file);
    const std::filesystem::path here = folder_of_program();
    if (!here.empty()) {
        for (const char* folder : {"../models", "../../models", "../share/zeroshot"})
            places.push_back((here / folder / file).lexically_normal());
    }
    places.push_back(std::filesystem::path(ZEROSHOT_SOURCE_MODELS) / file);
    return places;
}

/// Short where it can be: below the folder one works in.
std::string shown(const std::filesystem::path& path) {
    std::error_code unknown;
    const std::filesystem::path near = path.lexically_relative(std::filesystem::current_path(unknown));
    return zeroshot::path_text(near.empty() || near.native().starts_with("..") ? path : near);
}

std::string list_of(const std::vector<std::filesystem::path>& places) {
    std::string list;
    for (std::size_t i = 0; i < places.size(); ++i)
        list += (i == 0 ? "" : i + 1 == places.size() ? " and " : ", ") + shown(places[i]);
    return list;
}

}  // namespace

std::filesystem::path place_of_model(const std::string& word, console& out) {
    if (!word.empty() && (word != bundled_name || is_there(word))) return word;
    const std::vector<std::filesystem::path> places = places_of_bundled();
    const auto place = std::ranges::find_if(places, is_there);
    if (place == places.end()) {
        throw zeroshot::file_error(zeroshot::error_code::io,
                                   {"--model", "the bundled model " + std::string(bundled_name) + " is not there", "",
                                    "it was looked for in " + list_of(places)});
    }
    if (word.empty())
        out.note("using the bundled model " + std::string(bundled_name) + " (" + shown(*place) +
                 "); --model chooses another");
    return *place;
}

}  // namespace program
