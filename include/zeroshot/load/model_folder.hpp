#pragma once
/// \file Folders of models as training and publishing leave them: which file is the checkpoint.

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

#include <zeroshot/checkpoint/shards.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

/// Names of files and of folders in a folder as they are, sorted.
struct folder_listing {
    std::vector<std::string> files, folders;

    /// \param folder nothing is listed of one that cannot be read
    explicit folder_listing(const std::filesystem::path& folder) {
        constexpr std::size_t most = 100'000;  // of a folder by mistake, such as a data set
        std::error_code unreadable;
        std::filesystem::directory_iterator each(folder, unreadable), end;
        for (std::size_t count = 0; each != end && count < most; each.increment(unreadable), ++count)
            (each->is_directory(unreadable) ? folders : files).push_back(each->path().filename().string());
        std::ranges::sort(files);
        std::ranges::sort(folders);
    }
};

inline bool ends_with_any(std::string_view name, std::span<const std::string_view> endings) {
    return std::ranges::any_of(endings, [&](std::string_view ending) { return name.ends_with(ending); });
}

/// Whether a file name is that of weights: neither the state of a training run nor an adapter.
inline bool names_weights(std::string_view name) {
    constexpr std::array<std::string_view, 5> endings{".safetensors", ".pt", ".pth", ".ckpt", ".bin"};
    constexpr std::array<std::string_view, 7> others{"optimizer", "scheduler",     "training_args", "scaler",
                                                     "rng_state", "adapter_model", "random_states"};
    constexpr std::string_view deepspeed = "optim_states.pt";
    return ends_with_any(name, endings) && !name.ends_with(deepspeed) &&
           std::ranges::none_of(others, [&](std::string_view other) { return name.starts_with(other); });
}

/// Whether a file name is that of a model in a format of another program: checkpoint::open() says which.
inline bool names_other_format(std::string_view name) {
    constexpr std::array<std::string_view, 13> endings{".onnx", ".h5",  ".msgpack", ".gguf",   ".distcp",
                                                       ".pb",   ".xml", ".npz",     ".tflite", ".keras",
                                                       ".pt2",  ".pkl", ".pickle"};
    return ends_with_any(name, endings);
}

/// Whether NAME.bin holds the weights of NAME.xml (OpenVINO) or NAME.onnx.
inline bool is_data_of_other(std::string_view name, const std::vector<std::string>& files) {
    constexpr std::string_view ending = ".bin";
    if (!name.ends_with(ending)) return false;
    const std::string stem(name.substr(0, name.size() - ending.size()));
    return std::ranges::count(files, stem + ".xml") + std::ranges::count(files, stem + ".onnx") > 0;
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

/// A member of an object that is a text; empty for none.
inline std::string text_member(const json& object, std::string_view key) {
    const std::optional<json> value = object.is_object() ? object.find(key) : std::nullopt;
    return value && value->is_string() ? value->as_string() : "";
}

/// Refuses an adapter without its model, and a pipeline of diffusers, whose parts lie in folders.
inline void refuse_parts_of_models(const std::filesystem::path& folder) {
    const auto refuse = [](const std::filesystem::path& place, std::string what, const char* expected,
                           const char* hint) {
        throw checkpoint_error(error_code::unsupported, {path_text(place), std::move(what), expected, hint});
    };
    if (path_exists(folder / "adapter_config.json")) {
        const json adapter = read_json(folder / "adapter_config.json");
        const std::string type = text_member(adapter, "peft_type"),
                          base = text_member(adapter, "base_model_name_or_path");
        refuse(folder,
               "the folder holds " + (type == "LORA" ? "a LoRA adapter" : "an adapter of peft, " + quoted(type)) +
                   (base.empty() ? "" : " for " + quoted(base)) + ", no model",
               "the merged model", "merge it first: merge_and_unload() of peft, then save_pretrained()");
    }
    if (path_exists(folder / "model_index.json")) {
        const std::string type = text_member(read_json(folder / "model_index.json"), "_class_name");
        refuse(folder / "model_index.json", "the folder holds a pipeline of diffusers, " + quoted(type), "a CLIP",
               "get the whole CLIP that its encoders were taken from");
    }
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

/// The digits after "-of-" in the name of one of several shards, model-00001-of-00002.safetensors; empty for others.
inline std::string shard_count(const std::string& name) {
    constexpr std::size_t digits = 5;
    const std::size_t mark = name.rfind("-of-");
    if (mark == std::string::npos || mark < digits) return "";
    const std::string index = name.substr(mark - digits, digits), count = name.substr(mark + 4, digits);
    const bool are_digits = (index + count).find_first_not_of("0123456789") == std::string::npos;
    return are_digits && count.size() == digits ? count : "";
}

inline void refuse_shard(const std::filesystem::path& path) {
    const std::string name = path.filename().string(), count = shard_count(name);
    if (count.empty() || count == "00001" || !names_weights(name)) return;
    throw checkpoint_error(error_code::unsupported,
                           {path_text(path), "one of several shards", "their folder or their index", ""});
}

inline file_error several_checkpoints(const std::filesystem::path& folder, const std::vector<std::string>& names) {
    const bool are_shards = !shard_count(names.front()).empty();
    return {error_code::io,
            {path_text(folder),
             (are_shards ? "the folder holds shards without their index: " : "the folder holds several checkpoints: ") +
                 joined_names(names),
             are_shards ? "an index such as model.safetensors.index.json" : "one",
             are_shards ? "download it to the same folder" : "give the path of the file"}};
}

inline file_error no_checkpoint(const std::filesystem::path& folder, const folder_listing& all) {
    std::string names = all.files.empty() ? "" : ", but " + joined_names(all.files);
    if (!all.folders.empty()) names += (names.empty() ? ", but folders: " : "; folders: ") + joined_names(all.folders);
    return {error_code::io,
            {path_text(folder), names.empty() ? "the folder is empty" : "the folder holds no checkpoint" + names,
             "model.safetensors, open_clip_model.safetensors, pytorch_model.bin or another file of weights",
             all.folders.empty() ? "" : "is the model in one of its folders?"}};
}

/// The checkpoint in a folder: by its published name, else the only index of shards, else the only file of weights; in
/// the snapshot of a repository, or in the CLIP of sentence-transformers. Without any, a model in another format.
/// \throws file_error where there is none, or several; checkpoint_error (UNSUPPORTED) for an adapter, or a pipeline of
/// diffusers
inline std::filesystem::path checkpoint_in(const std::filesystem::path& given) {
    std::filesystem::path folder = snapshot_in(given);
    if (auto published = published_checkpoint_in(folder)) return *std::move(published);
    if (auto inner = sentence_transformer_in(folder)) {
        folder = *std::move(inner);
        if (auto published = published_checkpoint_in(folder)) return *std::move(published);
    }
    const folder_listing all(folder);
    const auto among = [&](const auto& fits) {
        std::vector<std::string> fitting;
        std::ranges::copy_if(all.files, std::back_inserter(fitting), fits);
        return fitting;
    };
    const auto indices = among([](std::string_view name) {
        return zeroshot::detail::names_index(name) &&
               (name.find(".safetensors.") != name.npos || name.find(".bin.") != name.npos);
    });
    if (indices.size() == 1) return folder / indices.front();
    const auto weights =
        among([&](const std::string& name) { return names_weights(name) && !is_data_of_other(name, all.files); });
    if (weights.size() == 1) return folder / weights.front();
    if (weights.size() > 1) throw several_checkpoints(folder, weights);
    refuse_parts_of_models(folder);
    const auto others = among(names_other_format);
    if (!others.empty()) return folder / others.front();
    throw no_checkpoint(folder, all);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
