#pragma once
/// \file Where the names of models lead: the user's folders and the caches of others. Nothing is ever downloaded.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
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

/// The folders in which names are looked up; an empty path is none.
struct model_folders {
    std::vector<std::filesystem::path> own{};  ///< with NAME.safetensors, NAME.pt or a folder NAME
    std::filesystem::path openai{};            ///< where OpenAI's package keeps ViT-B-32.pt and its kin
    std::filesystem::path hub{};               ///< where Hugging Face's packages keep models--ORG--NAME
};

/// A name's place, and the model that the name says it is.
struct model_place {
    std::filesystem::path path;          ///< a file or a folder
    std::optional<known_model> known{};  ///< empty for a path, and for a name that is the user's own
};

namespace detail {

/// A variable of the environment; empty where it is not set.
inline std::filesystem::path environment_path(const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::filesystem::path() : std::filesystem::path(value);
}

/// The folders of a list, as in PATH.
inline std::vector<std::filesystem::path> listed_folders(const std::string& list) {
    constexpr char separator = std::filesystem::path::preferred_separator == '/' ? ':' : ';';
    std::vector<std::filesystem::path> folders;
    for (std::size_t begin = 0; begin <= list.size();) {
        const std::size_t end = std::min(list.find(separator, begin), list.size());
        if (end > begin) folders.emplace_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    return folders;
}

inline std::filesystem::path below(const std::filesystem::path& folder, const char* name) {
    return folder.empty() ? folder : folder / name;
}

inline std::filesystem::path first_given(std::initializer_list<std::filesystem::path> paths) {
    for (const std::filesystem::path& each : paths) {
        if (!each.empty()) return each;
    }
    return {};
}

/// Whether anything has that name, a link that leads nowhere included: opening it then says what is wrong with it.
inline bool stands(const std::filesystem::path& path) {
    std::error_code unknown;
    return std::filesystem::symlink_status(path, unknown).type() != std::filesystem::file_type::not_found;
}

/// Whether a text is one part of a path, and leads nowhere else: no separator, no drive, no "..".
inline bool is_plain_part(std::string_view text) {
    constexpr std::size_t longest = 96;  // the Hub's limit for a name
    const auto plain = [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
               (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.';
    };
    return !text.empty() && text.size() <= longest && text.front() != '.' && std::ranges::all_of(text, plain);
}

/// "org/name@revision" of the Hub; a revision may have slashes.
struct hub_name {
    std::string organisation, name, revision;

    std::string repository() const { return organisation + "/" + name; }

    static std::optional<hub_name> parse(std::string_view text) {
        const std::size_t slash = text.find('/'), at = std::min(text.find('@'), text.size());
        if (slash == std::string_view::npos || slash > at) return std::nullopt;
        hub_name found{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1, at - slash - 1)), "main"};
        if (at < text.size()) found.revision = text.substr(at + 1);
        const bool plain = is_plain_part(found.organisation) && is_plain_part(found.name) && is_plain(found.revision);
        return plain ? std::optional(found) : std::nullopt;
    }

   private:
    /// "main", "refs/pr/1": a branch may lie in folders of git's, and so it does in the cache.
    static bool is_plain(std::string_view revision) {
        while (true) {
            const std::size_t end = revision.find('/');
            if (!is_plain_part(revision.substr(0, end))) return false;
            if (end == std::string_view::npos) return true;
            revision.remove_prefix(end + 1);
        }
    }
};

inline constexpr std::string_view hub_prefix = "hf-hub:";  // open_clip's
inline constexpr std::array<std::string_view, 5> checkpoint_endings{".safetensors", ".pt", ".pth", ".bin", ".json"};

/// Looks one name up.
class model_search {
   public:
    model_search(std::string_view name, const model_folders& folders) : name_(name), folders_(folders) {
        const bool from_hub = name.starts_with(hub_prefix);
        if (from_hub) name.remove_prefix(hub_prefix.size());
        if (is_checkpoint_file(name)) return;
        known_ = known_model::find(name);
        if (!known_ || known_->is_in(name)) hub_ = hub_name::parse(name);
        if (hub_) known_ = known_model::find(hub_->repository());
        own_ = !from_hub && is_plain_part(name);
    }

    /// Whether the text can be a name at all; else it is a path.
    bool is_name() const noexcept { return known_ || hub_ || own_; }

    std::optional<model_place> find() {
        add_places();
        const auto found = std::ranges::find_if(places_, [](const model_place& each) { return stands(each.path); });
        return found == places_.end() ? std::nullopt : std::optional(*found);
    }

    file_error nowhere() const {
        std::string hint = "it was looked for as a file or folder of that name";
        for (std::size_t i = 0; i < places_.size(); ++i)
            hint += (i == 0 ? ", and in " : i + 1 == places_.size() ? " and " : ", ") + path_text(places_[i].path);
        if (folders_.own.empty()) hint += "; names are also looked up in the folders that ZEROSHOT_MODELS lists";
        return file_error(error_code::io, {"", "there is no model " + quoted(name_), "", hint + remedy()});
    }

   private:
    static bool is_checkpoint_file(std::string_view name) {
        return std::ranges::any_of(checkpoint_endings, [&](std::string_view ending) { return name.ends_with(ending); });
    }

    /// Everywhere the model may lie, in the order of preference.
    void add_places() {
        if (hub_) return add_hub(*hub_, known_);
        add_own(known_ ? file_stem(*known_) : name_);
        if (known_) add_published(meant());
    }

    /// What a known name stands for where it names no weights: OpenAI's, if there are any.
    known_model meant() const { return known_->has_weights() ? *known_ : known_->of_openai().value_or(*known_); }

    /// The name as a file's: Windows has no ':'.
    static std::string file_stem(const known_model& known) {
        std::string stem = known.name();
        std::ranges::replace(stem, ':', '-');
        return stem;
    }

    void add_own(const std::string& stem) {
        for (const std::filesystem::path& folder : folders_.own) {
            for (const char* ending : {".safetensors", ".pt", ""})
                places_.push_back({folder / (stem + ending), known_});
        }
    }

    void add_published(const known_model& weights) {
        if (weights.is_openais() && !folders_.openai.empty())
            places_.push_back({folders_.openai / weights.openai_file(), weights});
        for (const std::string& repository : weights.repositories()) add_hub(*hub_name::parse(repository), weights);
    }

    /// The snapshot of a revision: a branch or tag, which a file under refs/ translates, or a commit itself.
    void add_hub(const hub_name& hub, const std::optional<known_model>& known) {
        if (folders_.hub.empty()) return;
        const std::filesystem::path folder = folders_.hub / ("models--" + hub.organisation + "--" + hub.name);
        places_.push_back({folder / "snapshots" / commit_of(folder, hub.revision), known});
    }

    static std::string commit_of(const std::filesystem::path& folder, const std::string& revision) {
        constexpr std::size_t longest = 100;  // a commit has 40 digits
        const std::filesystem::path reference = folder / "refs" / revision;
        if (!stands(reference)) return revision;
        std::string commit;
        for (const std::byte each : read_file(reference, longest)) commit += static_cast<char>(each);
        while (commit.ends_with('\n')) commit.pop_back();
        if (!is_plain_part(commit)) {
            throw file_error(error_code::format, {path_text(reference), "it holds " + quoted(commit), "a commit", ""});
        }
        return commit;
    }

    /// How the model is got, as far as the name tells.
    std::string remedy() const {
        if (hub_) return download(hub_->repository(), hub_->revision);
        if (!known_) return suggestion();
        const std::vector<std::string> repositories = meant().repositories();
        return (known_->has_weights() ? "" : weights_there_are()) +
               (repositories.empty() ? "" : download(repositories.front(), "main"));
    }

    static std::string download(const std::string& repository, const std::string& revision) {
        return "; this gets it: hf download " + repository + (revision == "main" ? "" : " --revision " + revision);
    }

    std::string suggestion() const {
        const std::string nearest = nearest_known_model(name_);
        return nearest.empty() ? "" : "; did you mean " + quoted(nearest) + "?";
    }

    std::string weights_there_are() const {
        const std::vector<known_model> all = known_->candidates();
        if (all.empty()) return "; nobody is known to have published weights of it";
        constexpr std::size_t most = 5;
        std::string text = "; there are weights for it: ";
        for (std::size_t i = 0; i < std::min(all.size(), most); ++i) text += (i == 0 ? "" : ", ") + all[i].name();
        return text + (all.size() > most ? " and others" : "");
    }

    std::string name_;
    const model_folders& folders_;
    std::optional<known_model> known_;
    std::optional<hub_name> hub_;
    bool own_ = false;  // it may be a name of the user's own
    std::vector<model_place> places_;
};

}  // namespace detail

/// The folders of this process's environment: those that ZEROSHOT_MODELS lists, OpenAI's ~/.cache/clip, and Hugging
/// Face's cache at HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub.
inline model_folders folders_of_environment() {
    using detail::below, detail::environment_path;
    const std::filesystem::path home = detail::first_given({environment_path("HOME"), environment_path("USERPROFILE")});
    const std::filesystem::path cache =
        detail::first_given({environment_path("XDG_CACHE_HOME"), below(home, ".cache")});
    const std::filesystem::path hugging_face =
        detail::first_given({environment_path("HF_HOME"), below(cache, "huggingface")});
    return {detail::listed_folders(environment_path("ZEROSHOT_MODELS").string()), below(home, ".cache/clip"),
            detail::first_given({environment_path("HF_HUB_CACHE"), below(hugging_face, "hub")})};
}

/// Where a path or a name leads. What stands there always wins; else the name may be
///
///   org/name, org/name@revision, hf-hub:org/name   a repository in Hugging Face's cache
///   ViT-B-32:laion2b_s34b_b79k                      known weights, in the user's folders and in both caches
///   ViT-B/32, ViT-B-32                              OpenAI's, or whatever the user's folders have under that name
///   mine                                            in the user's folders
///
/// \return the path itself where it can be no name: opening it then says what is wrong
/// \throws file_error saying where a name was looked for and which command gets the model
inline model_place find_model(const std::filesystem::path& path, const model_folders& folders) {
    if (detail::stands(path)) return {path};
    detail::model_search search(path.generic_string(), folders);
    if (!search.is_name()) return {path};
    if (const auto found = search.find()) return *found;
    throw search.nowhere();
}

}}  // namespace zeroshot::ZEROSHOT_ABI
