#pragma once
/// \file Known models: names, sizes, heads, activations and repositories of the CLIPs that OpenAI, open_clip and
/// TinyCLIP published.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/edit_distance.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

namespace detail {

/// Mean and standard deviation of pixels: OpenAI's, or 0.5 throughout.
enum class known_pixels : std::uint8_t { openai, halves };

/// Sizes and heads of a named model.
struct known_architecture {
    std::string_view name;
    std::uint16_t embedding, image_size;
    std::uint16_t patch_size;  ///< 0 for a ModifiedResNet
    std::uint16_t width, mlp_width;
    std::array<std::uint8_t, 4> layers;  ///< a VisionTransformer has the first alone
    std::uint8_t heads;
    std::uint16_t text_width;
    std::uint8_t text_heads, text_layers;
};

/// Published weights of an architecture.
struct known_weights {
    std::uint8_t architecture;
    std::string_view tag;
    std::optional<zeroshot::activation> activation;  ///< empty where only their config.json states it
    known_pixels pixels;
    bool squashed;                ///< images are resized to the square regardless of their shape
    std::string_view repository;  ///< on huggingface.co; empty where there is none
};

/// Another repository with the same weights.
struct known_repository {
    std::uint8_t weights;
    std::string_view name;
};

#include <zeroshot/load/tables/known_models.inc>

inline constexpr std::size_t known_context = 77, known_vocabulary = 49'408;  // of every architecture in the table
inline constexpr std::string_view forced_quick_gelu = "-quickgelu";          // open_clip's suffix
inline constexpr std::string_view openai_tag = "openai";

/// A tag as open_clip compares it: lower case, with underscores.
inline std::string clean_tag(std::string_view tag) {
    std::string clean(tag);
    for (char& letter : clean) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
        if (letter == '-') letter = '_';
    }
    return clean;
}

/// "ViT-L/14@336px" and the file's "ViT-L-14-336px" as open_clip spells them.
inline std::string plain_spelling(std::string_view name) {
    std::string plain(name);
    std::ranges::replace(plain, '/', '-');
    std::ranges::replace(plain, '@', '-');
    if (plain.ends_with("px")) plain.resize(plain.size() - 2);
    return plain;
}

}  // namespace detail

/// A known model, or one set of its weights.
class known_model {
   public:
    /// \param name "ViT-B-32", with weights "ViT-B-32:laion2b_s34b_b79k", OpenAI's "ViT-B/32", the stem of a file such
    /// as "ViT-L-14-336px", or a repository "openai/clip-vit-base-patch32"
    /// \return empty for an unknown name
    static std::optional<known_model> find(std::string_view name) {
        if (auto model = of_repository(name)) return model;
        const std::string plain = detail::plain_spelling(name);
        const auto model = spelled(plain);
        const bool spelled_by_openai = plain != name && model && model->weights_ == nullptr;
        const auto openais = spelled_by_openai ? model->of_openai() : std::nullopt;
        return openais ? openais : model;
    }

    /// The model of these sizes; heads and activations are not compared.
    static std::optional<known_model> of_sizes(const clip_config& sizes) {
        for (const detail::known_architecture& each : detail::known_architectures) {
            if (fits(each, sizes)) return known_model(each);
        }
        return std::nullopt;
    }

    /// OpenAI's weights of this model; empty where OpenAI published none.
    std::optional<known_model> of_openai() const { return tagged(detail::openai_tag); }

    /// Whether the name includes weights.
    bool has_weights() const noexcept { return weights_ != nullptr; }

    bool same_architecture(const known_model& other) const noexcept { return architecture_ == other.architecture_; }

    /// "ViT-B-32", "ViT-B-32:openai", as find() reads it.
    std::string name() const {
        std::string name(architecture_->name);
        if (quick_gelu_) name += detail::forced_quick_gelu;
        if (weights_ != nullptr) (name += ':') += weights_->tag;
        return name;
    }

    bool is_openais() const noexcept { return has_weights() && weights_->tag == detail::openai_tag; }

    /// The file name in OpenAI's package: _MODELS of clip.py.
    std::string openai_file() const {
        const std::string name(architecture_->name);
        return name + (name.ends_with("-336") ? "px.pt" : ".pt");
    }

    /// All weights of the name, each as a model of its own.
    std::vector<known_model> candidates() const {
        if (weights_ != nullptr) return {*this};
        std::vector<known_model> all;
        for (const detail::known_weights& each : detail::all_known_weights) {
            const bool fitting = !quick_gelu_ || each.activation == zeroshot::activation::quick_gelu;
            if (architecture_of(each) == architecture_ && fitting)
                all.push_back(known_model(*architecture_, &each, quick_gelu_));
        }
        return all;
    }

    /// Repositories on huggingface.co with these weights, OpenAI's own first; none for a name without weights.
    std::vector<std::string> repositories() const {
        std::vector<std::string> all;
        if (weights_ == nullptr) return all;
        for (const detail::known_repository& each : detail::known_repositories) {
            if (&detail::all_known_weights[each.weights] == weights_) all.emplace_back(each.name);
        }
        if (!weights_->repository.empty()) all.emplace_back(weights_->repository);
        return all;
    }

    /// Whether these weights are in that repository.
    bool is_in(std::string_view repository) const {
        const std::vector<std::string> all = repositories();
        return std::ranges::find(all, repository) != all.end();
    }

    /// The activation, where all weights of the name agree.
    std::optional<zeroshot::activation> activation() const {
        if (quick_gelu_) return zeroshot::activation::quick_gelu;
        const std::vector<known_model> all = candidates();
        if (all.empty()) return zeroshot::activation::gelu;  // open_clip's default
        const std::optional<zeroshot::activation> first = all.front().weights_->activation;
        const auto same = [&](const known_model& each) { return each.weights_->activation == first; };
        return std::ranges::all_of(all, same) ? first : std::nullopt;
    }

    /// How images become square, where all weights of the name agree.
    std::optional<resize_mode> resize() const {
        const std::vector<known_model> all = candidates();
        const auto is_squashed = [](const known_model& each) { return each.weights_->squashed; };
        if (std::ranges::none_of(all, is_squashed)) return resize_mode::shortest;  // open_clip's default
        return std::ranges::all_of(all, is_squashed) ? std::optional(resize_mode::squash) : std::nullopt;
    }

    /// Settings of the name: sizes, heads, and all that the weights of the name agree upon.
    settings facts() const {
        const detail::known_architecture& known = *architecture_;
        const bool transformer = known.patch_size != 0;
        settings stated;
        stated.source = "the known model " + described();
        stated.embedding = known.embedding;
        stated.image_size = stated.preprocess_size = known.image_size;
        stated.mode = resize();
        stated.context = detail::known_context;
        stated.vocabulary = detail::known_vocabulary;
        stated.vision.width = known.width;
        stated.vision.heads = known.heads;
        if (transformer) {
            stated.patch_size = known.patch_size;
            stated.vision.layers = known.layers[0];
            stated.vision.mlp_width = known.mlp_width;
        }
        stated.text.width = known.text_width;
        stated.text.layers = known.text_layers;
        stated.text.heads = known.text_heads;
        stated.text.mlp_width = std::size_t{4} * known.text_width;
        stated.vision.activation = stated.text.activation = activation();
        state_pixels(stated);
        return stated;
    }

   private:
    explicit known_model(const detail::known_architecture& architecture, const detail::known_weights* weights = nullptr,
                         bool quick_gelu = false)
        : architecture_(&architecture), weights_(weights), quick_gelu_(quick_gelu) {}

    static const detail::known_architecture* architecture_of(const detail::known_weights& weights) {
        return &detail::known_architectures[weights.architecture];
    }

    static std::optional<known_model> of_repository(std::string_view name) {
        for (const detail::known_weights& each : detail::all_known_weights) {
            if (!name.empty() && each.repository == name) return known_model(*architecture_of(each), &each);
        }
        for (const detail::known_repository& each : detail::known_repositories) {
            const detail::known_weights& weights = detail::all_known_weights[each.weights];
            if (each.name == name) return known_model(*architecture_of(weights), &weights);
        }
        return std::nullopt;
    }

    /// NAME, NAME-quickgelu, and either with a tag behind ":" or, as in the names of files, "-".
    static std::optional<known_model> spelled(std::string_view name) {
        for (const detail::known_architecture& each : detail::known_architectures) {
            if (!name.starts_with(each.name)) continue;
            std::string_view rest = name.substr(each.name.size());
            const bool forced = rest.starts_with(detail::forced_quick_gelu);
            if (forced) rest.remove_prefix(detail::forced_quick_gelu.size());
            const known_model model(each, nullptr, forced);
            if (rest.empty()) return model;
            if (rest[0] != ':' && rest[0] != '-') continue;
            if (const auto tagged = model.tagged(rest.substr(1))) return tagged;
        }
        return std::nullopt;
    }

    std::optional<known_model> tagged(std::string_view tag) const {
        const std::string clean = detail::clean_tag(tag);
        for (const known_model& each : candidates()) {
            if (each.weights_->tag == clean) return each;
        }
        return std::nullopt;
    }

    static bool fits(const detail::known_architecture& known, const clip_config& sizes) {
        const transformer_config& text = sizes.text.transformer;
        return sizes.embedding == known.embedding && sizes.image_size() == known.image_size &&
               sizes.text.context == detail::known_context && sizes.text.vocabulary == detail::known_vocabulary &&
               text.width == known.text_width && text.layers == known.text_layers &&
               text.mlp_width == std::size_t{4} * known.text_width &&
               std::visit([&](const auto& tower) { return fits(known, tower); }, sizes.image);
    }
    static bool fits(const detail::known_architecture& known, const vision_transformer_config& tower) {
        return tower.patch_size == known.patch_size && tower.transformer.width == known.width &&
               tower.transformer.layers == known.layers[0] && tower.transformer.mlp_width == known.mlp_width;
    }
    static bool fits(const detail::known_architecture& known, const modified_resnet_config& tower) {
        return known.patch_size == 0 && tower.width == known.width &&
               std::equal(tower.layers.begin(), tower.layers.end(), known.layers.begin());
    }

    void state_pixels(settings& stated) const {
        const std::vector<known_model> all = candidates();
        const auto all_want = [&](detail::known_pixels pixels) {
            return std::ranges::all_of(all, [&](const known_model& each) { return each.weights_->pixels == pixels; });
        };
        constexpr std::array<float, 3> halves{0.5f, 0.5f, 0.5f};
        if (all_want(detail::known_pixels::openai)) {
            stated.mean = clip_mean;
            stated.standard_deviation = clip_std;
        } else if (all_want(detail::known_pixels::halves)) {
            stated.mean = stated.standard_deviation = halves;
        }
    }

    /// "ViT-B-32 (openai)"
    std::string described() const {
        const known_model plain(*architecture_, nullptr, quick_gelu_);
        return plain.name() + (weights_ == nullptr ? "" : " (" + std::string(weights_->tag) + ")");
    }

    const detail::known_architecture* architecture_;
    const detail::known_weights* weights_;
    bool quick_gelu_;
};

/// The known name with the smallest edit distance, with weights where `name` has some; empty where none is similar.
inline std::string nearest_known_model(std::string_view name) {
    constexpr std::size_t longest = 100;
    if (name.size() > longest) return {};
    const std::string plain = detail::clean_tag(detail::plain_spelling(name));
    std::size_t smallest = (std::max<std::size_t>)(2, name.size() / 4) + 1;
    std::string nearest;
    const auto consider = [&](const std::string& candidate) {
        const std::size_t distance = zeroshot::detail::edit_distance(plain, detail::clean_tag(candidate));
        if (distance < smallest) smallest = distance, nearest = candidate;
    };
    const bool weights = plain.find(':') != std::string::npos;
    for (const detail::known_architecture& each : detail::known_architectures) {
        const auto model = known_model::find(each.name);
        if (!weights) consider(model->name());
        for (const known_model& candidate : weights ? model->candidates() : std::vector<known_model>{})
            consider(candidate.name());
    }
    return nearest;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
