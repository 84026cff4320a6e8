#pragma once
/// \file The sizes of a CLIP: what a checkpoint's tensors and the files beside it say, checked before a tensor is
/// built.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <zeroshot/error.hpp>
#include <zeroshot/nn/activation.hpp>
#include <zeroshot/nn/position_embedding.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The sizes of a stack of residual attention blocks.
struct transformer_config {
    std::size_t width = 0;
    std::size_t layers = 0;
    std::size_t heads = 0;
    std::size_t mlp_width = 0;  ///< of the hidden layer between c_fc and c_proj, mostly 4 * width
    activation function = activation::quick_gelu;
    double epsilon = 1e-5;     ///< of its layer norms
    bool layer_scale = false;  ///< each branch is multiplied with a gain per column before it is added: ls_1, ls_2

    bool operator==(const transformer_config&) const = default;
};

/// What a vision transformer's tokens are summed up by.
enum class image_pool {
    class_token,        ///< the first token, normalised: ViT-B/32 and most others
    mean,               ///< the mean of the patches, then normalised: CLIPA
    mean_of_normalised  ///< the mean of the normalised patches
};

/// The pooling as files name it.
constexpr std::string_view name_of(image_pool pool) noexcept {
    constexpr std::array<std::string_view, 3> names{"class_token", "mean", "mean_of_normalised"};
    return names[static_cast<std::size_t>(pool)];
}

/// Where position embeddings come from that were trained with images of another size.
struct trained_positions {
    std::size_t image_size = 0;
    position_filter filter = position_filter::antialiased;

    bool operator==(const trained_positions&) const = default;
};

/// The image tower of ViT-B/32 and its kin.
struct vision_transformer_config {
    std::size_t image_size = 0;
    std::size_t patch_size = 0;
    transformer_config blocks;
    bool pre_norm = true;  ///< a layer norm before the first block: ln_pre
    image_pool pool = image_pool::class_token;
    std::optional<trained_positions> positions{};  ///< where they are not those of image_size

    std::size_t grid() const noexcept { return image_size / patch_size; }  ///< patches on a side
    std::size_t patches() const noexcept { return grid() * grid(); }
    bool operator==(const vision_transformer_config&) const = default;
};

/// The image tower of RN50 and its kin.
struct modified_resnet_config {
    std::size_t image_size = 0;
    std::size_t width = 0;  ///< channels of the first stage, before the fourfold expansion
    std::array<std::size_t, 4> layers{};
    std::size_t heads = 0;  ///< of the attention pooling

    static constexpr std::size_t reduction = 32;  ///< pixels of the image for a cell of the last feature map
    static constexpr std::size_t expansion = 4;   ///< Bottleneck.expansion

    std::size_t features() const noexcept { return width * 8 * expansion; }  ///< channels of the last feature map
    std::size_t positions() const noexcept { return (image_size / reduction) * (image_size / reduction); }
    bool operator==(const modified_resnet_config&) const = default;
};

/// Which token of a prompt the text tower is read at.
enum class text_pool {
    highest,  ///< the first of the highest ids, CLIP's end token: open_clip's "argmax"
    end,      ///< the first text_config::end: open_clip's "eos"
    first,    ///< the first token
    last      ///< the last of the context, padding or not
};

/// The pooling as files name it.
constexpr std::string_view name_of(text_pool pool) noexcept {
    constexpr std::array<std::string_view, 4> names{"highest", "end", "first", "last"};
    return names[static_cast<std::size_t>(pool)];
}

/// The text tower.
struct text_config {
    std::size_t context = 77;
    std::size_t vocabulary = 49408;
    transformer_config blocks;
    text_pool pool = text_pool::highest;
    std::size_t end = 0;      ///< the id of the end token, for text_pool::end
    std::size_t padding = 0;  ///< the id behind a prompt, for towers that look so far
    bool causal = true;       ///< a token sees only what stands before it

    bool operator==(const text_config&) const = default;
};

/// Which towers a checkpoint holds. One alone is what transformers saves of a CLIPVisionModelWithProjection or a
/// CLIPTextModelWithProjection: its embeddings are those of the whole model, and there is no temperature.
enum class clip_towers { both, image, text };

/// The towers as scripts see them.
constexpr std::string_view name_of(clip_towers towers) noexcept {
    constexpr std::array<std::string_view, 3> names{"both", "image", "text"};
    return names[static_cast<std::size_t>(towers)];
}

/// A CLIP, or one of its towers: then what is said of the other means nothing, and its sizes are 0.
struct clip_config {
    std::size_t embedding = 0;  ///< size of the space both towers project into
    std::variant<vision_transformer_config, modified_resnet_config> image;
    text_config text;
    clip_towers towers = clip_towers::both;

    bool has_image() const noexcept { return towers != clip_towers::text; }
    bool has_text() const noexcept { return towers != clip_towers::image; }

    std::size_t image_size() const {
        return std::visit([](const auto& tower) { return tower.image_size; }, image);
    }
    bool operator==(const clip_config&) const = default;
};

namespace detail {

/// No tower in the field comes near these; a file that asks for more is broken or hostile.
inline constexpr std::size_t largest_size = 1 << 16;
inline constexpr std::size_t largest_image_size = 4096;
inline constexpr std::size_t largest_vocabulary = 1 << 24;
inline constexpr std::size_t most_tokens = 1 << 13;       // their square is a matrix of attention
inline constexpr std::size_t most_activations = 1 << 27;  // numbers between two layers, of one image or prompt

class config_check {
   public:
    explicit config_check(std::string place) : place_(std::move(place)) {}

    void within(const std::string& name, std::size_t value, std::size_t limit) const {
        if (value == 0 || value > limit) {
            throw checkpoint_error(
                value == 0 ? error_code::argument : error_code::limit,
                {place_, name + " is " + std::to_string(value), "1 to " + std::to_string(limit), ""});
        }
    }
    void divides(const std::string& name, std::size_t value, const std::string& part, std::size_t divisor) const {
        if (value % divisor != 0) {
            throw checkpoint_error(error_code::shape, {place_,
                                                       name + " " + std::to_string(value) + " is not a multiple of " +
                                                           part + " " + std::to_string(divisor),
                                                       "", ""});
        }
    }
    void below_vocabulary(const std::string& name, std::size_t id, std::size_t vocabulary) const {
        if (id >= vocabulary) {
            throw checkpoint_error(error_code::argument,
                                   {place_, name + " is " + std::to_string(id),
                                    "below " + std::to_string(vocabulary) + ", the vocabulary", ""});
        }
    }
    void blocks(const std::string& tower, const transformer_config& config) const {
        within(tower + " width", config.width, largest_size);
        within(tower + " layers", config.layers, largest_size);
        within(tower + " heads", config.heads, largest_size);
        within(tower + " mlp_width", config.mlp_width, largest_size);
        divides(tower + " width", config.width, "heads", config.heads);
        if (!(config.epsilon >= 0 && config.epsilon < 1)) {
            throw checkpoint_error(
                error_code::argument,
                {place_, tower + " layer norm epsilon is " + std::to_string(config.epsilon), "0 to 1", ""});
        }
    }
    /// The memory that one image or prompt takes on its way.
    void activations(const std::string& tower, std::size_t tokens, std::size_t width) const {
        within("tokens of the " + tower + " tower", tokens, most_tokens);
        within("activations of the " + tower + " tower", tokens * width, most_activations);
    }
    void tower(const vision_transformer_config& config) const {
        within("image_size", config.image_size, largest_image_size);
        within("patch_size", config.patch_size, config.image_size);
        if (config.positions) {
            within("trained image_size", config.positions->image_size, largest_image_size);
            within("patch_size", config.patch_size, config.positions->image_size);
        }
        blocks("vision", config.blocks);
        activations("vision", config.patches() + 1, std::max(3 * config.blocks.width, config.blocks.mlp_width));
    }
    void tower(const modified_resnet_config& config) const {
        within("image_size", config.image_size, largest_image_size);
        divides("image_size", config.image_size, "the reduction", modified_resnet_config::reduction);
        within("vision width", config.width, largest_size / 32);
        divides("vision width", config.width, "the halves of the stem,", 2);
        for (const std::size_t layers : config.layers) within("layers of a vision stage", layers, largest_size);
        within("vision heads", config.heads, largest_size);
        divides("vision features", config.features(), "heads", config.heads);
        const std::size_t half = config.image_size / 2;  // the stem's side
        within("activations of the vision tower", half * half * config.width, most_activations);
    }
    void tower(const text_config& config) const {
        blocks("text", config.blocks);
        within("context", config.context, largest_size);
        if (config.context < 3) {
            throw checkpoint_error(error_code::shape, {place_, "context is " + std::to_string(config.context),
                                                       "at least 3: start, a token, end", ""});
        }
        activations("text", config.context, std::max(3 * config.blocks.width, config.blocks.mlp_width));
        within("vocabulary", config.vocabulary, largest_vocabulary);
        below_vocabulary("the id of the end token", config.end, config.vocabulary);
        below_vocabulary("the id of the padding", config.padding, config.vocabulary);
    }

   private:
    std::string place_;
};

}  // namespace detail

/// Checks that the sizes make a model: nothing zero, nothing absurd, heads divide widths.
/// \param place what the configuration was read from, for the message
/// \throws checkpoint_error (ARG, SHAPE, LIMIT)
inline void check(const clip_config& config, const std::string& place) {
    const detail::config_check that(place);
    that.within("embedding", config.embedding, detail::largest_size);
    if (config.has_image()) std::visit([&](const auto& tower) { that.tower(tower); }, config.image);
    if (config.has_text()) that.tower(config.text);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
