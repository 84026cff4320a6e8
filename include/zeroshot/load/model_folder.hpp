#pragma once
/// \file Folders of models as training and publishing leave them: which file is the checkpoint.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

/// Names of files in a folder as they are, sorted; none for a folder that cannot be listed.
inline std::vector<std::string> files_in(const std::filesystem::path& folder) {
    constexpr std::size_t most = 1'000'000;  // of a folder by mistake, such as a data set
    std::vector<std::string> names;
    std::error_code unreadable;
    for (std::filesystem::directory_iterator each(folder, unreadable), end; each != end; each.increment(unreadable)) {
        if (names.size() == most) break;
        if (!each->is_directory(unreadable)) names.push_back(each->path().filename().string());
    }
    std::ranges::sort(names);
    return names;
}

/// Whether a file name is that of weights: neither the state of a training run nor a LoRA adapter.
inline bool names_weights(std::string_view name) {
    constexpr std::array<std::string_view, 5> endings{".safetensors", ".pt", ".pth", ".ckpt", ".bin"};
    constexpr std::array<std::string_view, 7> others{"optimizer", "scheduler",     "training_args", "scaler",
                                                     "rng_state", "adapter_model", "random_states"};
    return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); }) &&
           std::ranges::none_of(others, [&](std::string_view other) { return name.starts_with(other); });
}

/// Names joined by commas for a message, the first few of many.
inline std::string joined_names(const std::vector<std::string>& names) {
    constexpr std::size_t most = 8;
    std::string text;
    for (std::size_t i = 0; i < (std::min)(names.size(), most); ++i)
        text += (i == 0 ? "" : ", ") + zeroshot::detail::escaped(names[i]);
    return names.size() > most ? text + ", ..." : text;
}

/// The snapshot in a repository of Hugging Face's cache: that of its main branch, or the only one; the folder itself
/// where it is no such repository.
inline std::filesystem::path snapshot_in(const std::filesystem::path& folder) {
    if (path_exists(folder / "refs" / "main")) return folder / "snapshots" / commit_of(folder, "main");
    std::vector<std::filesystem::path> snapshots;
    std::error_code unreadable;
    for (std::filesystem::directory_iterator each(folder / "snapshots", unreadable), end; each != end;
         each.increment(unreadable))
        snapshots.push_back(each->path());
    return snapshots.size() == 1 ? snapshots.front() : folder;
}

/// The folder of the CLIP that modules.json of sentence-transformers names, if there is one.
inline std::optional<std::filesystem::path> sentence_transformer_in(const std::filesystem::path& folder) {
    if (!path_exists(folder / "modules.json")) return std::nullopt;
    const json modules = read_json(folder / "modules.json");
    for (const json& part : modules.is_array() ? modules.items() : std::vector<json>{}) {
        const std::optional<json> path = part.is_object() ? part.find("path") : std::nullopt;
        const std::string name = path && path->is_string() ? path->as_string() : "";
        if (name.ends_with("CLIPModel") && is_path_component(name) && path_exists(folder / name)) return folder / name;
    }
    return std::nullopt;
}

/// Refuses a folder with an adapter alone.
inline void refuse_adapter(const std::filesystem::path& folder) {
    const std::filesystem::path file = folder / "adapter_config.json";
    if (!path_exists(file)) return;
    const json adapter = read_json(file);
    const std::optional<json> base = adapter.find("base_model_name_or_path");
    throw checkpoint_error(
        error_code::unsupported,
        {path_text(folder),
         "the folder holds a LoRA adapter" +
             (base && base->is_string() ? " for " + quoted(base->as_string()) : std::string()) + ", no model",
         "the merged model", "merge it first: merge_and_unload() of peft, then save_pretrained()"});
}

/// The file with a published name of Hugging Face or open_clip in a folder, if there is one.
inline std::optional<std::filesystem::path> published_checkpoint_in(const std::filesystem::path& folder) {
    for (const char* name : {"model.safetensors", "model.safetensors.index.json", "open_clip_model.safetensors",
                             "open_clip_pytorch_model.safetensors", "pytorch_model.bin", "pytorch_model.bin.index.json",
                             "open_clip_pytorch_model.bin"}) {
        if (path_exists(folder / name)) return folder / name;
    }
    return std::nullopt;
}

/// The checkpoint in a folder: by its published name, else the only index of shards, else the only file of weights; in
/// the snapshot of a repository, or in the CLIP of sentence-transformers.
/// \throws file_error where there is none, or several; checkpoint_error (UNSUPPORTED) for an adapter
inline std::filesystem::path checkpoint_in(const std::filesystem::path& given) {
    std::filesystem::path folder = snapshot_in(given);
    if (auto published = published_checkpoint_in(folder)) return *std::move(published);
    if (auto inner = sentence_transformer_in(folder)) {
        folder = *std::move(inner);
        if (auto published = published_checkpoint_in(folder)) return *std::move(published);
    }
    const std::vector<std::string> files = files_in(folder);
    const auto only = [&](const auto& fits) {
        std::vector<std::string> fitting;
        std::ranges::copy_if(files, std::back_inserter(fitting), fits);
        return fitting;
    };
    const auto indices = only([](std::string_view name) {
        return name.ends_with(".safetensors.index.json") || name.ends_with(".bin.index.json");
    });
    if (indices.size() == 1) return folder / indices.front();
    const auto weights = only(names_weights);
    if (weights.size() == 1) return folder / weights.front();
    if (weights.empty()) refuse_adapter(folder);
    throw file_error(error_code::io,
                     {path_text(folder),
                      weights.empty() ? files.empty() ? "the folder holds no files"
                                                      : "the folder holds no checkpoint, but " + joined_names(files)
                                      : "the folder holds several checkpoints: " + joined_names(weights),
                      weights.empty() ? "model.safetensors, open_clip_model.safetensors, pytorch_model.bin or another "
                                        "file of weights"
                                      : "one",
                      weights.empty() ? "" : "give the path of the file"});
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
