#pragma once
/// \file Lookup of models by name in the user's folders, OpenAI's cache and Hugging Face's cache, without downloading.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Folders in which find_model() looks names up; an empty path is not searched.
struct model_folders {
    std::vector<std::filesystem::path> own{};  ///< with NAME.safetensors, NAME.pt or a folder NAME
    std::filesystem::path openai{};            ///< cache of OpenAI's package: ViT-B-32.pt, ...
    std::filesystem::path hub{};               ///< cache of Hugging Face's packages: models--ORG--NAME

    /// The folders of this process's environment: those listed in ZEROSHOT_MODELS; OpenAI's ~/.cache/clip; Hugging
    /// Face's HF_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub, with
    /// HOME or USERPROFILE for ~. The loader reads no other environment variables, and these nowhere else.
    static model_folders of_environment();
};

/// Location of a model: a path, and the known model where a name led to it.
struct model_location {
    std::filesystem::path path;                   ///< of a file or a folder
    std::optional<loading::known_model> known{};  ///< empty for a path, and for a name of the user's own
};

namespace loading {

/// Whether a file, folder or link of that name exists, a broken link included: opening it then says what is wrong.
inline bool path_exists(const std::filesystem::path& path) {
    std::error_code unknown;
    return std::filesystem::symlink_status(path, unknown).type() != std::filesystem::file_type::not_found;
}

/// Whether a text is a single component of a path: no separator, no drive, no "..".
inline bool is_path_component(std::string_view text) {
    constexpr std::size_t longest = 96;  // the Hub's limit for a name
    const auto plain = [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
    };
    return !text.empty() && text.size() <= longest && text.front() != '.' && std::ranges::all_of(text, plain);
}

/// "org/name@revision" of the Hub; a revision such as "refs/pr/1" may have slashes.
struct hub_name {
    std::string organisation, name, revision;

    std::string repository() const { return organisation + "/" + name; }

    static std::optional<hub_name> parse(std::string_view text) {
        const std::size_t slash = text.find('/'), at = (std::min)(text.find('@'), text.size());
        if (slash == std::string_view::npos || slash > at) return std::nullopt;
        hub_name parsed{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1, at - slash - 1)),
                        "main"};
        if (at < text.size()) parsed.revision = text.substr(at + 1);
        const bool valid =
            is_path_component(parsed.organisation) && is_path_component(parsed.name) && is_revision(parsed.revision);
        return valid ? std::optional(parsed) : std::nullopt;
    }

   private:
    static bool is_revision(std::string_view revision) {
        for (;; revision.remove_prefix(revision.find('/') + 1)) {
            const std::size_t end = revision.find('/');
            if (!is_path_component(revision.substr(0, end))) return false;
            if (end == std::string_view::npos) return true;
        }
    }
};

/// The commit that a branch or tag names in the cache folder of a repository; the revision itself for another.
inline std::string commit_of(const std::filesystem::path& folder, const std::string& revision) {
    constexpr std::size_t longest = 100;  // a commit has 40 digits
    const std::filesystem::path reference = folder / "refs" / revision;
    if (!path_exists(reference)) return revision;
    std::string commit;
    for (const std::byte each : read_file(reference, longest)) commit += static_cast<char>(each);
    while (commit.ends_with('\n')) commit.pop_back();
    if (is_path_component(commit)) return commit;
    throw file_error(error_code::format, {path_text(reference), "it holds " + quoted(commit), "a commit", ""});
}

inline constexpr std::string_view hub_prefix = "hf-hub:";  // open_clip's
inline constexpr std::array<std::string_view, 5> checkpoint_endings{".safetensors", ".pt", ".pth", ".bin", ".json"};

/// Lookup of one name.
class model_search {
   public:
    model_search(std::string_view name, const model_folders& folders) : name_(name), folders_(folders) {
        const bool from_hub = name.starts_with(hub_prefix);
        if (from_hub) name.remove_prefix(hub_prefix.size());
        if (std::ranges::any_of(checkpoint_endings, [&](std::string_view ending) { return name.ends_with(ending); }))
            return;
        known_ = known_model::find(name);
        if (!known_ || known_->is_in(name)) hub_ = hub_name::parse(name);
        if (hub_) known_ = known_model::find(hub_->repository());
        own_ = !from_hub && is_path_component(name);
    }

    /// Whether the text can be a name at all; else it is a path.
    bool is_name() const noexcept { return known_ || hub_ || own_; }

    std::optional<model_location> find() {
        add_candidates();
        const auto first = std::ranges::find_if(candidates_, [](const auto& each) { return path_exists(each.path); });
        return first == candidates_.end() ? std::nullopt : std::optional(*first);
    }

    file_error not_found() const {
        std::string hint = "it was looked for as a file or folder of that name";
        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            hint += (i == 0                        ? ", and in "
                     : i + 1 == candidates_.size() ? " and "
                                                   : ", ") +
                    path_text(candidates_[i].path);
        }
        if (folders_.own.empty()) hint += "; names are also looked up in the folders that ZEROSHOT_MODELS lists";
        return file_error(error_code::io, {"", "there is no model " + quoted(name_), "", hint + remedy()});
    }

   private:
    /// Adds every possible location, in order of precedence.
    void add_candidates() {
        if (hub_) return add_hub(*hub_, known_);
        std::string stem = known_ ? known_->name() : name_;
        if (known_) std::ranges::replace(stem, ':', '-');  // Windows allows no ':' in file names
        for (const std::filesystem::path& folder : folders_.own) {
            for (const char* ending : {".safetensors", ".pt", ""})
                candidates_.push_back({folder / (stem + ending), known_});
        }
        if (!known_) return;
        const known_model weights = published();
        if (weights.is_openais() && !folders_.openai.empty())
            candidates_.push_back({folders_.openai / weights.openai_file(), weights});
        for (const std::string& repository : weights.repositories()) add_hub(*hub_name::parse(repository), weights);
    }

    /// The weights of a known name; OpenAI's, if there are any, for a name without weights.
    known_model published() const { return known_->has_weights() ? *known_ : known_->of_openai().value_or(*known_); }

    /// Adds the snapshot of a revision: a commit, or a branch or tag, whose commit is in a file under refs/.
    void add_hub(const hub_name& hub, const std::optional<known_model>& known) {
        if (folders_.hub.empty()) return;
        const std::filesystem::path folder = folders_.hub / ("models--" + hub.organisation + "--" + hub.name);
        candidates_.push_back({folder / "snapshots" / commit_of(folder, hub.revision), known});
    }

    /// The command that downloads the model, or similar names.
    std::string remedy() const {
        if (hub_) return download(hub_->repository(), hub_->revision);
        if (!known_) {
            const std::string nearest = nearest_known_model(name_);
            return nearest.empty() ? "" : "; did you mean " + quoted(nearest) + "?";
        }
        const std::vector<std::string> repositories = published().repositories();
        return (known_->has_weights() ? "" : published_weights()) +
               (repositories.empty() ? "" : download(repositories.front(), "main"));
    }

    static std::string download(const std::string& repository, const std::string& revision) {
        return "; this gets it: hf download " + repository + (revision == "main" ? "" : " --revision " + revision);
    }

    std::string published_weights() const {
        const std::vector<known_model> all = known_->candidates();
        if (all.empty()) return "; no published weights of it are known";
        constexpr std::size_t most = 5;
        std::string text = "; there are weights for it: ";
        for (std::size_t i = 0; i < (std::min)(all.size(), most); ++i) text += (i == 0 ? "" : ", ") + all[i].name();
        return text + (all.size() > most ? " and others" : "");
    }

    std::string name_;
    const model_folders& folders_;
    std::optional<known_model> known_;
    std::optional<hub_name> hub_;
    bool own_ = false;  // may name a file in the user's folders
    std::vector<model_location> candidates_;
};

}  // namespace loading

inline model_folders model_folders::of_environment() {
    using std::filesystem::path;
    const auto variable = [](const char* name) {
        const char* const value = std::getenv(name);
        return value == nullptr ? path() : path(value);
    };
    const auto below = [](const path& folder, const char* name) { return folder.empty() ? folder : folder / name; };
    const auto first = [](const path& a, const path& b) { return a.empty() ? b : a; };
    const path home = first(variable("HOME"), variable("USERPROFILE"));
    const path cache = first(variable("XDG_CACHE_HOME"), below(home, ".cache"));
    const path hugging_face = first(variable("HF_HOME"), below(cache, "huggingface"));
    model_folders folders;
    constexpr char separator = path::preferred_separator == '/' ? ':' : ';';  // as in PATH
    const std::string list = variable("ZEROSHOT_MODELS").string();
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t end = (std::min)(list.find(separator, begin), list.size());
        if (end > begin) folders.own.emplace_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    folders.openai = below(home, ".cache/clip");
    folders.hub = first(variable("HF_HUB_CACHE"), below(hugging_face, "hub"));
    return folders;
}

/// Looks a model up by its name. An existing path of that name goes first; else the name may be
///
///     org/name, org/name@revision, hf-hub:org/name   a repository in Hugging Face's cache
///     ViT-B-32:laion2b_s34b_b79k                      known weights, in the user's folders and in both caches
///     ViT-B/32, ViT-B-32                              OpenAI's, or a file of that name in the user's folders
///     mine                                            a file of that name in the user's folders
///
/// \param name a name, or a path
/// \param folders where to look; pass your own, and no environment variable is read
/// \return the path itself for a text that cannot be a name
/// \throws file_error with the folders that were searched and the command that downloads the model
inline model_location find_model(const std::filesystem::path& name,
                                 const model_folders& folders = model_folders::of_environment()) {
    if (loading::path_exists(name)) return {name};
    loading::model_search search(name.generic_string(), folders);
    if (!search.is_name()) return {name};
    if (auto location = search.find()) return *std::move(location);
    throw search.not_found();
}

}}  // namespace zeroshot::ZEROSHOT_ABI
