#pragma once
/// \file Configuration of a CLIP model: sizes and variants of both towers, and their validation.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The non-linearity of a transformer's MLP. A checkpoint's tensors do not tell which one it was trained with.
enum class activation {
    quick_gelu,  ///< x * sigmoid(1.702 x): QuickGELU in openai/CLIP clip/model.py
    gelu,        ///< x * Phi(x): torch.nn.GELU()
    gelu_tanh    ///< its approximation, torch.nn.GELU(approximate="tanh")
};

/// The name of an activation in configuration files.
constexpr std::string_view name_of(activation which) {
    constexpr std::array<std::string_view, 3> names{"quick_gelu", "gelu", "gelu_tanh"};
    return names[static_cast<std::size_t>(which)];
}

/// Sizes of a stack of residual attention blocks.
struct transformer_config {
    std::size_t width = 0;
    std::size_t layers = 0;
    std::size_t heads = 0;
    std::size_t mlp_width = 0;  ///< of the hidden layer between c_fc and c_proj, usually 4 * width
    zeroshot::activation activation = zeroshot::activation::quick_gelu;
    double epsilon = 1e-5;     ///< of the layer norms
    bool layer_scale = false;  ///< LayerScale: a gain per column on each residual branch, ls_1 and ls_2

    bool operator==(const transformer_config&) const = default;
};

/// Pooling of a vision transformer's tokens.
enum class image_pool {
    class_token,         ///< the layer norm of the first token: ViT-B/32 and most others
    mean,                ///< the layer norm of the mean patch: CLIPA
    mean_of_normalised,  ///< the mean of the patches' layer norms
    attention            ///< attention of a learnt query to the tokens' layer norms, and an MLP: SigLIP
};

/// The name of a pooling in configuration files.
constexpr std::string_view name_of(image_pool pool) noexcept {
    constexpr std::array<std::string_view, 4> names{"class_token", "mean", "mean_of_normalised", "attention"};
    return names[static_cast<std::size_t>(pool)];
}

/// Bicubic interpolation of position embeddings trained with images of another size.
enum class position_filter {
    antialiased,  ///< resize_pos_embed in open_clip model.py: antialias=True, Keys' cubic with a = -0.5
    plain         ///< interpolate_pos_encoding in transformers: four taps, a = -0.75
};

/// The name of a filter in configuration files.
constexpr std::string_view name_of(position_filter filter) noexcept {
    return filter == position_filter::antialiased ? "antialiased" : "plain";
}

/// Position embeddings trained with images of another size.
struct trained_positions {
    std::size_t image_size = 0;
    position_filter filter = position_filter::antialiased;

    bool operator==(const trained_positions&) const = default;
};

/// Image tower of the ViT family.
struct vision_transformer_config {
    std::size_t image_size = 0;
    std::size_t patch_size = 0;
    transformer_config transformer;
    bool pre_norm = true;  ///< a layer norm before the first block: ln_pre
    image_pool pool = image_pool::class_token;
    std::optional<trained_positions> positions{};  ///< if not trained with image_size
    bool class_token = true;                       ///< a learnt token before the patches: class_embedding
    bool patch_bias = false;                       ///< a bias of the patches' convolution: conv1.bias
    bool projection = true;                        ///< of the pooled token to the embedding: proj

    std::size_t grid() const noexcept { return image_size / patch_size; }  ///< patches on a side
    std::size_t patches() const noexcept { return grid() * grid(); }
    std::size_t tokens() const noexcept { return (class_token ? 1 : 0) + patches(); }
    bool operator==(const vision_transformer_config&) const = default;
};

/// Image tower of the ResNet family.
struct modified_resnet_config {
    std::size_t image_size = 0;
    std::size_t width = 0;  ///< channels of the first stage, before the fourfold expansion
    std::array<std::size_t, 4> layers{};
    std::size_t heads = 0;  ///< of the attention pooling

    static constexpr std::size_t reduction = 32;  ///< image pixels per side of a cell of the last feature map
    static constexpr std::size_t expansion = 4;   ///< Bottleneck.expansion

    std::size_t features() const noexcept { return width * 8 * expansion; }  ///< channels of the last feature map
    std::size_t cells() const noexcept { return (image_size / reduction) * (image_size / reduction); }
    bool operator==(const modified_resnet_config&) const = default;
};

/// The token whose row becomes the text embedding.
enum class text_pool {
    argmax,  ///< the first of the highest ids, CLIP's end token: "argmax" in open_clip
    end,     ///< the first text_config::end: "eos" in open_clip
    first,   ///< the first token
    last     ///< the last token of the context, padding included
};

/// The name of a pooling in configuration files.
constexpr std::string_view name_of(text_pool pool) noexcept {
    constexpr std::array<std::string_view, 4> names{"highest", "end", "first", "last"};
    return names[static_cast<std::size_t>(pool)];
}

/// Text tower.
struct text_config {
    std::size_t context = 77;
    std::size_t vocabulary = 49408;
    transformer_config transformer;
    text_pool pool = text_pool::argmax;
    std::size_t end = 0;      ///< id of the end token, for text_pool::end
    std::size_t padding = 0;  ///< id of the padding after a prompt, for towers without a causal mask
    bool causal = true;       ///< causal attention mask

    bool operator==(const text_config&) const = default;
};

/// The towers of a checkpoint. One alone is a CLIPVisionModelWithProjection or CLIPTextModelWithProjection of
/// transformers: its embeddings are those of the whole model, and it has no logit scale.
enum class clip_towers { both, image, text };

/// The name of a selection of towers in machine-readable output.
constexpr std::string_view name_of(clip_towers towers) noexcept {
    constexpr std::array<std::string_view, 3> names{"both", "image", "text"};
    return names[static_cast<std::size_t>(towers)];
}

/// Configuration of a CLIP model. With one tower alone, the other's configuration is ignored.
struct clip_config {
    std::size_t embedding = 0;  ///< size of the joint embedding space
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

// Limits far above any published model; a file beyond them is damaged or hostile.
inline constexpr std::size_t largest_size = 1 << 16;
inline constexpr std::size_t largest_image_size = 4096;
inline constexpr std::size_t largest_vocabulary = 1 << 24;
inline constexpr std::size_t most_tokens = 1 << 13;       // attention scores are its square
inline constexpr std::size_t most_activations = 1 << 27;  // numbers between two layers, for one image or prompt

class config_check {
   public:
    explicit config_check(std::string source) : source_(std::move(source)) {}

    void within(const std::string& name, std::size_t value, std::size_t limit) const {
        if (value == 0 || value > limit)
            fail(value == 0 ? error_code::argument : error_code::limit, name + " is " + std::to_string(value),
                 "1 to " + std::to_string(limit));
    }
    void divides(const std::string& name, std::size_t value, const std::string& part, std::size_t divisor) const {
        if (value % divisor != 0)
            fail(error_code::shape,
                 name + " " + std::to_string(value) + " is not a multiple of " + part + " " + std::to_string(divisor));
    }
    void below_vocabulary(const std::string& name, std::size_t id, std::size_t vocabulary) const {
        if (id >= vocabulary)
            fail(error_code::argument, name + " is " + std::to_string(id),
                 "below " + std::to_string(vocabulary) + ", the vocabulary");
    }
    void blocks(const std::string& tower, const transformer_config& config) const {
        within(tower + " width", config.width, largest_size);
        within(tower + " layers", config.layers, largest_size);
        within(tower + " heads", config.heads, largest_size);
        within(tower + " mlp_width", config.mlp_width, largest_size);
        divides(tower + " width", config.width, "heads", config.heads);
        if (!(config.epsilon >= 0 && config.epsilon < 1))
            fail(error_code::argument, tower + " layer norm epsilon is " + std::to_string(config.epsilon), "0 to 1");
    }
    /// Limits the memory for one image or prompt.
    void activations(const std::string& tower, std::size_t tokens, std::size_t width) const {
        within("tokens of the " + tower + " tower", tokens, most_tokens);
        within("activations of the " + tower + " tower", tokens * width, most_activations);
    }
    void tower(const vision_transformer_config& config, std::size_t embedding) const {
        within("image_size", config.image_size, largest_image_size);
        within("patch_size", config.patch_size, config.image_size);
        if (config.positions) {
            within("trained image_size", config.positions->image_size, largest_image_size);
            within("patch_size", config.patch_size, config.positions->image_size);
        }
        blocks("vision", config.transformer);
        activations("vision", config.tokens(), (std::max)(3 * config.transformer.width, config.transformer.mlp_width));
        if (config.pool == image_pool::class_token && !config.class_token)
            fail(error_code::argument, "the vision tower is pooled at a class token that it does not have");
        if (!config.projection && config.transformer.width != embedding)
            fail(error_code::shape, "embedding is " + std::to_string(embedding),
                 std::to_string(config.transformer.width) + ", the width of a vision tower without a projection");
    }
    void tower(const modified_resnet_config& config, std::size_t) const {
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
        blocks("text", config.transformer);
        within("context", config.context, largest_size);
        if (config.context < 3)
            fail(error_code::shape, "context is " + std::to_string(config.context), "at least 3: start, a token, end");
        activations("text", config.context, (std::max)(3 * config.transformer.width, config.transformer.mlp_width));
        within("vocabulary", config.vocabulary, largest_vocabulary);
        below_vocabulary("the id of the end token", config.end, config.vocabulary);
        below_vocabulary("the id of the padding", config.padding, config.vocabulary);
    }

   private:
    [[noreturn]] void fail(error_code code, const std::string& finding, const std::string& expected = "") const {
        throw checkpoint_error(code, {source_, finding, expected, ""});
    }

    std::string source_;
};

}  // namespace detail

/// Validates a configuration: sizes within limits, heads divide widths.
/// \param source file of the configuration, for messages
/// \throws checkpoint_error (ARG, SHAPE, LIMIT)
inline void check(const clip_config& config, const std::string& source) {
    const detail::config_check checks(source);
    checks.within("embedding", config.embedding, detail::largest_size);
    if (config.has_image()) std::visit([&](const auto& tower) { checks.tower(tower, config.embedding); }, config.image);
    if (config.has_text()) checks.tower(config.text);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
