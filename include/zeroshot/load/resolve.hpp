#pragma once
/// \file Resolution of a model's settings: sizes from the tensors, all else from the sources in order of precedence.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/model_folder.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/text/tokenizer.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

// Rules that hold where no source states a setting.
inline constexpr std::string_view openai_rule = "default: OpenAI's rule";  // of the towers
inline constexpr std::string_view transformers_default = "default: as transformers 5";
inline constexpr std::string_view openai_default = "default: as OpenAI's models";  // of images and texts

/// A model's own tokenizer, or the name of one that is not implemented; neither for CLIP's own.
struct tokenizer_settings {
    std::shared_ptr<const zeroshot::tokenizer> own{};
    std::string other{};
};

/// The configuration of a model, and the source of each setting that the tensors leave open.
struct resolved_model {
    clip_config config{};
    preprocessing images{};  ///< unused without an image tower
    resolved<std::size_t> vision_heads{}, text_heads{};
    resolved<activation> vision_activation{}, text_activation{};
    resolved<std::array<float, 3>> mean{}, standard_deviation{};
    resolved<preprocessing_order> order{};
    resolved<zeroshot::transparency> transparency{};
    resolved<interpolation> filter{};
    resolved<tokenizer_settings> tokenizer{};

    bool has_transformer() const { return std::holds_alternative<vision_transformer_config>(config.image); }

    /// Settings that the tensors leave open, each with its source.
    std::vector<decision> decisions() const {
        std::vector<decision> all;
        if (config.has_image()) all.push_back({"vision heads", vision_heads.source});
        if (config.has_image() && has_transformer()) all.push_back({"vision activation", vision_activation.source});
        if (config.has_text()) {
            all.push_back({"text heads", text_heads.source});
            all.push_back({"text activation", text_activation.source});
        }
        if (config.has_image()) {
            all.push_back({"mean", mean.source});
            all.push_back({"std", standard_deviation.source});
            all.push_back({"order", order.source});
            all.push_back({"transparency", transparency.source});
            all.push_back({"interpolation", filter.source});
        }
        if (config.has_text()) all.push_back({"tokenizer", tokenizer.source});
        return all;
    }

    /// Settings of the transformers that hold for OpenAI's own models and that no source states.
    std::vector<std::string> assumptions() const {
        const bool vision = config.has_image() && has_transformer();
        const auto assumed = [&](const auto& of_vision, const auto& of_text) {
            return (vision && of_vision.source == openai_rule) || (config.has_text() && of_text.source == openai_rule);
        };
        std::vector<std::string> all;
        if (assumed(vision_heads, text_heads)) all.push_back("heads of 64");
        if (assumed(vision_activation, text_activation)) all.push_back("QuickGELU");
        return all;
    }
};

/// The sizes that a checkpoint's tensors show; heads, activations and epsilons are not among them.
/// Mirrors build_model in openai/CLIP clip/model.py.
class tensor_sizes {
   public:
    explicit tensor_sizes(const weights& w) : w_(w) {}

    /// \throws checkpoint_error where a tensor is missing or has too few axes
    clip_config config() const {
        clip_config config;
        config.towers = towers();
        config.text.context = config.has_text() ? extent("positional_embedding", 0) : 0;
        config.text.vocabulary = config.has_text() ? extent("token_embedding.weight", 0) : 0;
        if (config.has_text()) config.text.transformer = blocks("", "ln_final.weight");
        const bool transformer = w_.has("visual.proj") || pools_by_attention();
        if (config.has_image() && !transformer) expect_modified_resnet();
        if (config.has_image() && transformer) config.image = vision_transformer();
        if (config.has_image() && !transformer) config.image = modified_resnet();
        config.embedding = config.has_text()       ? extent("text_projection", 1)
                           : w_.has("visual.proj") ? extent("visual.proj", 1)
                           : transformer           ? extent("visual.ln_post.weight", 0)
                                                   : extent("visual.attnpool.c_proj.weight", 0);
        return config;
    }

   private:
    /// Whether the image tower is a vision transformer with an attention_pooling_head, such as SigLIP's.
    bool pools_by_attention() const { return w_.has("visual.attn_pool.probe"); }

    /// A checkpoint without a logit scale and without any tensor of one tower is the other tower alone, as transformers
    /// saves it. With a logit scale it is a CLIP with missing tensors.
    clip_towers towers() const {
        const bool whole = w_.has("logit_scale"), image = !(w_ / "visual").names().empty();
        const bool text = w_.has("token_embedding.weight") || w_.has("text_projection");
        if (whole || image == text) return clip_towers::both;
        return image ? clip_towers::image : clip_towers::text;
    }

    /// Refuses an image tower that is neither of OpenAI's two kinds by the names of its tensors.
    void expect_modified_resnet() const {
        const std::vector<std::string> names = (w_ / "visual").names();
        const auto is_layer = [](const std::string& name) { return name.starts_with("visual.layer1."); };
        if (names.empty() || std::ranges::any_of(names, is_layer)) return;
        throw checkpoint_error(
            error_code::unsupported,
            {w_.place(), "an image tower with neither visual.proj nor visual.layer1, but " + joined_names(names),
             "a VisionTransformer or ModifiedResNet as in OpenAI's CLIP", "is it another kind of model?"});
    }

    std::size_t extent(std::string_view name, std::size_t axis) const {
        const std::vector<std::size_t> shape = w_.shape(name);
        if (axis >= shape.size()) {
            throw checkpoint_error(error_code::shape,
                                   {w_.place(), "tensor " + std::string(name) + " is " + shape_text(shape),
                                    "at least " + std::to_string(axis + 1) + " axes", ""});
        }
        return shape[axis];
    }

    /// Side of the square feature map that has a position for each cell, and one for the class token, if any.
    std::size_t side(std::string_view positional_embedding, bool class_token = true) const {
        const std::size_t rows = extent(positional_embedding, 0), others = class_token ? 1 : 0;
        const auto root = static_cast<std::size_t>(
            std::lround(std::sqrt((std::max)(static_cast<double>(rows) - static_cast<double>(others), 0.0))));
        if (root == 0 || root * root + others != rows) {
            throw checkpoint_error(
                error_code::shape,
                {w_.place(), "tensor " + std::string(positional_embedding) + " has " + std::to_string(rows) + " rows",
                 class_token ? "one more than a square" : "a square", ""});
        }
        return root;
    }

    transformer_config blocks(const std::string& path, const std::string& norm) const {
        const std::string prefix = path.empty() ? "" : path + ".";
        transformer_config config;
        config.width = extent(prefix + norm, 0);
        config.layers = (w_ / (prefix + "transformer.resblocks")).children();
        if (config.layers == 0) w_.shape(prefix + "transformer.resblocks.0.ln_1.weight");  // throws: it is missing
        config.mlp_width = extent(prefix + "transformer.resblocks.0.mlp.c_fc.weight", 0);
        config.layer_scale = w_.has(prefix + "transformer.resblocks.0.ls_1.gamma");
        return config;
    }

    vision_transformer_config vision_transformer() const {
        vision_transformer_config config;
        config.patch_size = extent("visual.conv1.weight", 3);
        config.class_token = !pools_by_attention() || w_.has("visual.class_embedding");
        config.image_size = config.patch_size * side("visual.positional_embedding", config.class_token);
        config.transformer = blocks("visual", "ln_post.weight");
        config.projection = w_.has("visual.proj");
        return config;
    }

    modified_resnet_config modified_resnet() const {
        modified_resnet_config config;
        config.width = extent("visual.layer1.0.conv1.weight", 0);
        for (std::size_t stage = 0; stage < config.layers.size(); ++stage)
            config.layers[stage] = (w_ / "visual" / ("layer" + std::to_string(stage + 1))).children();
        config.image_size = modified_resnet_config::reduction * side("visual.attnpool.positional_embedding");
        return config;
    }

    const weights& w_;
};

/// Resolves the settings of one checkpoint.
class resolver {
   public:
    resolver(const weights& w, std::span<const settings> sources) : w_(w), sources_(sources) {}

    resolved_model resolve() {
        clip_config& config = result_.config;
        config = tensor_sizes(w_).config();
        expect_size("embedding", config.embedding, &settings::embedding);
        if (config.has_text()) resolve_text(config.text);
        if (config.has_image()) {
            std::visit([&](auto& tower) { resolve_tower(tower); }, config.image);
            resolve_image_size();
        }
        check(config, w_.place());
        if (config.has_image()) resolve_preprocessing();
        if (config.has_text()) resolve_tokenizer();
        return std::move(result_);
    }

   private:
    static constexpr std::size_t openai_head_width = 64;
    /// Widths of ViT-H, g and bigG, which OpenAI has not and whose heads are not 64 wide.
    static constexpr std::array<std::size_t, 3> open_clip_widths{1280, 1408, 1664};

    template <class Value>
    static auto in(tower_settings settings::*tower, std::optional<Value> tower_settings::*member) {
        return [tower, member](const settings& source) { return source.*tower.*member; };
    }

    static auto heads_of(tower_settings settings::*tower, std::size_t width) {
        return [tower, width](const settings& source) {
            const tower_settings& stated = source.*tower;
            if (stated.heads || !stated.head_width) return stated.heads;
            return std::optional(*stated.head_width == 0 ? std::size_t{0} : width / *stated.head_width);
        };
    }

    void resolve_text(text_config& config) {
        resolve_blocks("text", config.transformer, &settings::text, result_.text_heads, result_.text_activation);
        config.pool = value(&settings::text_pooling, config.pool);
        config.end = value(&settings::end, config.end);
        config.padding = value(&settings::padding, config.padding);
        config.causal = value(&settings::causal, config.causal);
        expect_size("context", config.context, &settings::context);
        expect_size("vocabulary", config.vocabulary, &settings::vocabulary);
    }

    void resolve_tower(vision_transformer_config& config) {
        if (const auto stated = first_stated(sources_, &settings::image_size)) {
            // Pixels beyond the last whole patch do not show in the tensors.
            const std::size_t patch = config.patch_size;
            if (patch != 0 && stated->value / patch == config.image_size / patch) config.image_size = stated->value;
        }
        resolve_blocks("vision", config.transformer, &settings::vision, result_.vision_heads,
                       result_.vision_activation);
        config.pre_norm = value(&settings::pre_norm, config.pre_norm);
        if (!config.pre_norm && w_.has("visual.ln_pre.weight")) contradiction("a vision tower", "ln_pre", true);
        config.patch_bias = value(&settings::patch_bias, config.patch_bias);
        config.pool = value(&settings::vision_pooling, config.pool);
        expect_size("patch_size", config.patch_size, &settings::patch_size);
    }

    void resolve_tower(modified_resnet_config& config) {
        const std::size_t features = config.features();
        result_.vision_heads =
            stated_or(sources_, heads_of(&settings::vision, features), features / openai_head_width, openai_rule);
        config.heads = result_.vision_heads.value;
        expect_size("vision width", config.width, in(&settings::vision, &tower_settings::width));
    }

    void resolve_blocks(const std::string& tower, transformer_config& sizes, tower_settings settings::*part,
                        resolved<std::size_t>& heads, resolved<zeroshot::activation>& activation) {
        const bool by_rule = follows_openai(tower, sizes.width);
        if (auto stated = first_stated(sources_, heads_of(part, sizes.width))) {
            heads = *std::move(stated);
        } else if (by_rule && sizes.width % openai_head_width == 0) {
            heads = {sizes.width / openai_head_width, std::string(openai_rule)};
        } else {
            refuse_to_guess("the number of heads of its " + tower + " tower, " + std::to_string(sizes.width) + " wide,",
                            tower + "_heads");
        }
        if (auto stated = first_stated(sources_, in(part, &tower_settings::activation))) {
            activation = *std::move(stated);
        } else if (by_rule) {
            activation = {zeroshot::activation::quick_gelu, std::string(openai_rule)};
        } else {
            refuse_to_guess("the activation of its " + tower + " tower", "activation");
        }
        sizes.heads = heads.value;
        sizes.activation = activation.value;
        sizes.epsilon = value(in(part, &tower_settings::epsilon), sizes.epsilon);
        if (value(in(part, &tower_settings::layer_scale), sizes.layer_scale) != sizes.layer_scale)
            contradiction(tower + " blocks", "LayerScale (ls_1, ls_2)", sizes.layer_scale);
        expect_size(tower + " width", sizes.width, in(part, &tower_settings::width));
        expect_size(tower + " layers", sizes.layers, in(part, &tower_settings::layers));
        expect_size(tower + " mlp_width", sizes.mlp_width, in(part, &tower_settings::mlp_width));
    }

    /// Stated sizes are those of the tensors; for a requested one, the positions are resampled to its grid.
    void resolve_image_size() {
        clip_config& config = result_.config;
        const std::size_t trained = config.image_size();
        expect_size("image_size", trained, &settings::image_size);
        expect_size("size of the preprocessing", trained, [](const settings& source) {
            return source.preprocess_size == source.requested_image_size ? std::nullopt : source.preprocess_size;
        });
        const std::size_t size = value(&settings::requested_image_size, trained);
        if (size == trained) return;
        auto* tower = std::get_if<vision_transformer_config>(&config.image);
        if (tower == nullptr) {
            throw checkpoint_error(
                error_code::unsupported,
                {w_.place(), "images of " + std::to_string(size) + " pixels",
                 std::to_string(trained) + ", the only size its ModifiedResNet has positions for", ""});
        }
        const auto usual = is_hugging_face(w_.layout()) ? position_filter::plain : position_filter::antialiased;
        tower->positions = {trained, value(&settings::positions, usual)};
        tower->image_size = size;
    }

    void resolve_preprocessing() {
        preprocessing& images = result_.images;
        images.size = result_.config.image_size();
        const auto resolve = [&](auto& kept, auto& used, auto member, std::string_view rule = openai_default) {
            kept = stated_or(sources_, member, used, rule);
            used = kept.value;
        };
        resolve(result_.mean, images.mean, &settings::mean);
        resolve(result_.standard_deviation, images.standard_deviation, &settings::standard_deviation);
        const bool as_transformers = is_hugging_face(w_.layout());
        if (as_transformers) images.order = preprocessing_order::hugging_face;
        resolve(result_.order, images.order, &settings::order, as_transformers ? transformers_default : openai_default);
        resolve(result_.filter, images.filter, &settings::filter);
        const bool is_hugging_face = images.order == preprocessing_order::hugging_face;
        if (is_hugging_face) images.transparency = transparency::on_white();
        resolve(result_.transparency, images.transparency, &settings::transparency,
                is_hugging_face ? transformers_default : openai_default);
        images.mode = value(&settings::mode, images.mode);
        images.fill = value(&settings::fill, images.fill);
        if (!first_stated(sources_, &settings::requested_image_size))
            if (const auto stated = first_stated(sources_, &settings::resized)) images.resized = stated->value;
        check(images);
    }

    void resolve_tokenizer() {
        const auto stated = [](const settings& source) -> std::optional<tokenizer_settings> {
            if (!source.tokenizer && !source.other_tokenizer) return std::nullopt;
            return tokenizer_settings{source.tokenizer, source.other_tokenizer.value_or("")};
        };
        result_.tokenizer = stated_or(sources_, stated, tokenizer_settings{}, openai_default);
    }

    /// The value of a setting, without its source.
    template <class Value, class Get>
    Value value(const Get& get, Value fallback) const {
        return stated_or(sources_, get, std::move(fallback)).value;
    }

    /// Whether a tower is in the layout of OpenAI's files, and of none of the widths that only open_clip has.
    bool follows_openai(const std::string& tower, std::size_t width) const {
        const bool open_clip =
            tower == "vision" && std::ranges::find(open_clip_widths, width) != open_clip_widths.end();
        return w_.layout() == checkpoint_layout::openai && !open_clip;
    }

    /// Every source that states a size must state that of the tensors.
    template <class Get>
    void expect_size(const std::string& name, std::size_t shown, const Get& get) const {
        for (const settings& source : sources_) {
            const std::optional<std::size_t> stated = std::invoke(get, source);
            if (!stated || *stated == shown) continue;
            throw checkpoint_error(error_code::shape,
                                   {w_.place(), name + " is " + std::to_string(*stated) + " in " + source.source,
                                    std::to_string(shown) + " as in the tensors", "do both belong together?"});
        }
    }

    [[noreturn]] void refuse_to_guess(const std::string& what, const std::string& option) const {
        throw checkpoint_error(error_code::argument,
                               {w_.place(), what + " is neither in its tensors nor in a file beside it", "",
                                "give it: load_options::" + option + " or load_options::name"});
    }

    [[noreturn]] void contradiction(const std::string& where, const std::string& what, bool present) const {
        throw checkpoint_error(error_code::shape, {w_.place(), where + (present ? " with " : " without ") + what,
                                                   std::string(present ? "none" : "it") + ", as in the configuration",
                                                   "do both belong together?"});
    }

    const weights& w_;
    std::span<const settings> sources_;
    resolved_model result_;
};

/// Resolves the settings of a checkpoint.
/// \param sources in order of precedence
/// \throws checkpoint_error where a tensor is missing, sizes contradict each other, or a setting is stated nowhere and
/// follows from no rule; argument_error for a mean or standard deviation that cannot be used
inline resolved_model resolve(const weights& w, std::span<const settings> sources) {
    return resolver(w, sources).resolve();
}

/// The tokenizer of the settings: CLIP's own, unless they have another.
/// \param rows of the token embedding; more of them than ids is padding
/// \return empty where the model needs one that is not implemented, or the tokenizer has more ids than rows
inline std::optional<tokenizer> tokenizer_of(const resolved<tokenizer_settings>& settings, std::size_t rows) {
    if (!settings.value.other.empty()) return std::nullopt;
    tokenizer result = settings.value.own ? *settings.value.own : tokenizer();
    return rows < result.size() ? std::nullopt : std::optional(std::move(result));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
