#include "model_place.hpp"

#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/io/file.hpp>

#include "console.hpp"

namespace program {

namespace {

constexpr std::string_view bundled_name = "pictograms";

bool is_there(const std::filesystem::path& path) {
    std::error_code unknown;
    return std::filesystem::exists(path, unknown);
}

/// The folder of models that the user has set up.
std::optional<std::filesystem::path> models_of_user() {
    const char* folder = std::getenv("ZEROSHOT_MODELS");
    return folder == nullptr || *folder == '\0' ? std::nullopt : std::optional<std::filesystem::path>(folder);
}

/// Where this program itself lies; empty where the system does not tell.
std::filesystem::path folder_of_program() {
    std::error_code unknown;
    return std::filesystem::read_symlink("/proc/self/exe", unknown).parent_path();
}

/// Places for a name: the user's own folder, and for the bundled model the places where it is built and installed.
std::vector<std::filesystem::path> places_for(std::string_view name) {
    const std::string file = std::string(name) + ".safetensors";
    std::vector<std::filesystem::path> places;
    if (const auto folder = models_of_user()) places.insert(places.end(), {*folder / name, *folder / file});
    if (name != bundled_name) return places;
    const std::filesystem::path here = folder_of_program();
    if (!here.empty()) {
        for (const char* folder : {"../models", "../../models", "../share/zeroshot"}) places.push_back((here / folder / file).lexically_normal());
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
    for (std::size_t i = 0; i < places.size(); ++i) list += (i == 0 ? "" : i + 1 == places.size() ? " and " : ", ") + shown(places[i]);
    return list;
}

}  // namespace

std::filesystem::path place_of_model(const std::string& word, console& out) {
    if (!word.empty() && is_there(word)) return word;
    const bool is_path = word.find('/') != std::string::npos || word.ends_with(".safetensors");
    if (is_path) return word;  // opening it says what is wrong
    const std::string_view name = word.empty() ? bundled_name : std::string_view(word);
    const std::vector<std::filesystem::path> places = places_for(name);
    for (const std::filesystem::path& place : places) {
        if (!is_there(place)) continue;
        if (word.empty()) out.note("using the bundled model " + std::string(name) + " (" + shown(place) + "); --model chooses another");
        return place;
    }
    const std::string what = word.empty() ? "the bundled model " + std::string(name) + " is not there" : "there is no model " + zeroshot::quoted(word);
    std::string looked = "it was looked for ";
    if (!word.empty()) looked += std::string("as a file or folder of that name") + (places.empty() ? "" : ", and ");
    if (!places.empty()) looked += "in " + list_of(places);
    if (!models_of_user()) looked += "; names are also looked up in the folder that the environment variable ZEROSHOT_MODELS names";
    throw zeroshot::file_error(zeroshot::error_code::io, {"--model", what, "", looked});
}

}  // namespace program
