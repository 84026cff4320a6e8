#pragma once
/// \file What a checkpoint is: the sizes its tensors show, and what they leave open as the settings say.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/nn/weights.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// A configuration, and what had to be assumed for it.
struct architecture {
    clip_config config;
    std::vector<std::string> assumed;  ///< "QuickGELU", "heads of 64"; empty where everything was said
};

namespace detail {

/// Reads sizes off tensors and settles the rest, in the manner of build_model in openai/CLIP clip/model.py.
class architect {
   public:
    architect(const weights& w, std::span<const settings> sources) : w_(w), sources_(sources) {}

    architecture draw() {
        clip_config& config = result_.config;
        config = measure();
        agree("embedding", config.embedding, &settings::embedding);
        if (config.has_text()) settle(config.text);
        if (config.has_image()) settle_images();
        check(config, w_.place());
        return std::move(result_);
    }

    /// The sizes that the tensors show; heads, activations and epsilons are not among them.
    clip_config measure() const {
        clip_config config;
        config.towers = towers();
        config.text.context = config.has_text() ? extent("positional_embedding", 0) : 0;
        config.text.vocabulary = config.has_text() ? extent("token_embedding.weight", 0) : 0;
        if (config.has_text()) config.text.blocks = blocks("", "ln_final.weight");
        if (config.has_image() && w_.has("visual.proj"))
            config.image = vision_transformer();
        else if (config.has_image())
            config.image = modified_resnet();
        config.embedding = config.has_text() ? extent("text_projection", 1) : projected();
        return config;
    }

   private:
    /// A checkpoint without a temperature in which nothing of a tower stands is the other tower alone, as transformers
    /// saves it. With a temperature it is a CLIP of which something is missing.
    clip_towers towers() const {
        const bool whole = w_.has("logit_scale"), image = !(w_ / "visual").names().empty();
        const bool text = w_.has("token_embedding.weight") || w_.has("text_projection");
        if (whole || image == text) return clip_towers::both;
        return image ? clip_towers::image : clip_towers::text;
    }

    /// The embedding's size as the image tower shows it.
    std::size_t projected() const {
        return w_.has("visual.proj") ? extent("visual.proj", 1) : extent("visual.attnpool.c_proj.weight", 0);
    }

    static constexpr std::size_t head_width = 64;  // of all of OpenAI's towers
    static constexpr std::array<std::size_t, 3> open_clips_widths{1280, 1408,
                                                                  1664};  // of ViT-H, g and bigG, with other heads

    std::size_t extent(std::string_view name, std::size_t axis) const {
        const std::vector<std::size_t> shape = w_.shape(name);
        if (axis >= shape.size()) {
            throw checkpoint_error(error_code::shape,
                                   {w_.place(), "tensor " + std::string(name) + " is " + shape_text(shape),
                                    "at least " + std::to_string(axis + 1) + " axes", ""});
        }
        return shape[axis];
    }

    /// The whole square root of the cells of a feature map: its side.
    std::size_t side(std::string_view positional_embedding) const {
        const std::size_t rows = extent(positional_embedding, 0);
        const auto root =
            static_cast<std::size_t>(std::lround(std::sqrt(std::max(static_cast<double>(rows) - 1, 0.0))));
        if (rows < 2 || root * root + 1 != rows) {
            throw checkpoint_error(
                error_code::shape,
                {w_.place(), "tensor " + std::string(positional_embedding) + " has " + std::to_string(rows) + " rows",
                 "one more than a square", ""});
        }
        return root;
    }

    transformer_config blocks(const std::string& path, const std::string& norm) const {
        const std::string prefix = path.empty() ? "" : path + ".";
        transformer_config config;
        config.width = extent(prefix + norm, 0);
        config.layers = (w_ / (prefix + "transformer.resblocks")).children();
        if (config.layers == 0) w_.shape(prefix + "transformer.resblocks.0.ln_1.weight");  // says what is missing
        config.mlp_width = extent(prefix + "transformer.resblocks.0.mlp.c_fc.weight", 0);
        config.layer_scale = w_.has(prefix + "transformer.resblocks.0.ls_1.gamma");
        return config;
    }

    vision_transformer_config vision_transformer() const {
        vision_transformer_config config;
        config.patch_size = extent("visual.conv1.weight", 3);
        config.image_size = config.patch_size * side("visual.positional_embedding");
        config.blocks = blocks("visual", "ln_post.weight");
        return config;
    }

    modified_resnet_config modified_resnet() const {
        modified_resnet_config config;
        config.width = extent("visual.layer1.0.conv1.weight", 0);
        for (std::size_t stage = 0; stage < config.layers.size(); ++stage) {
            config.layers[stage] = (w_ / "visual" / ("layer" + std::to_string(stage + 1))).children();
        }
        config.image_size = modified_resnet_config::reduction * side("visual.attnpool.positional_embedding");
        return config;
    }

    void settle(const std::string& tower, transformer_config& config, tower_settings settings::*said) {
        config.heads = heads(tower, config.width, said);
        config.activation = function(tower, config.width, said);
        config.epsilon = first<double>(said, &tower_settings::epsilon).value_or(config.epsilon);
        if (first<bool>(said, &tower_settings::layer_scale).value_or(config.layer_scale) != config.layer_scale)
            contradiction(tower + " blocks", "LayerScale (ls_1, ls_2)", config.layer_scale);
        agree(tower + " width", config.width, said, &tower_settings::width);
        agree(tower + " layers", config.layers, said, &tower_settings::layers);
        agree(tower + " mlp_width", config.mlp_width, said, &tower_settings::mlp_width);
    }

    void settle(text_config& config) {
        settle("text", config.blocks, &settings::text);
        take(config.pool, &settings::text_pooling);
        take(config.end, &settings::end);
        take(config.padding, &settings::padding);
        take(config.causal, &settings::causal);
        agree("context", config.context, &settings::context);
        agree("vocabulary", config.vocabulary, &settings::vocabulary);
    }

    void settle_images() {
        clip_config& config = result_.config;
        std::visit([&](auto& tower) { settle(tower); }, config.image);
        agree("image_size", config.image_size(), &settings::image_size);
        for (const settings& source : sources_) {
            if (source.preprocess_size != source.wanted_size)
                agree("size of the preprocessing", config.image_size(), source, source.preprocess_size);
        }
        if (const auto wanted = first_of(&settings::wanted_size)) resize_images(*wanted);
    }

    void settle(vision_transformer_config& config) {
        if (const auto stated = first_of(&settings::image_size)) {  // pixels beyond the last whole patch leave no trace
            if (config.patch_size != 0 && *stated / config.patch_size == config.image_size / config.patch_size)
                config.image_size = *stated;
        }
        settle("vision", config.blocks, &settings::vision);
        take(config.pre_norm, &settings::pre_norm);
        if (!config.pre_norm && w_.has("visual.ln_pre.weight")) contradiction("a vision tower", "ln_pre", true);
        take(config.pool, &settings::vision_pooling);
        agree("patch_size", config.patch_size, &settings::patch_size);
    }

    /// Images of another size than the tower was trained with: its positions are carried over to their grid.
    void resize_images(std::size_t size) {
        clip_config& config = result_.config;
        if (size == config.image_size()) return;
        auto* tower = std::get_if<vision_transformer_config>(&config.image);
        if (tower == nullptr) {
            throw checkpoint_error(
                error_code::unsupported,
                {w_.place(), "images of " + std::to_string(size) + " pixels",
                 std::to_string(config.image_size()) + ", all that its ModifiedResNet has positions for", ""});
        }
        const auto usual =
            w_.layout() == checkpoint_layout::hugging_face ? position_filter::plain : position_filter::antialiased;
        tower->positions = {tower->image_size, first_of(&settings::positions).value_or(usual)};
        tower->image_size = size;
    }

    void settle(modified_resnet_config& config) {
        if (const auto said = first<std::size_t>(&settings::vision, &tower_settings::head_width)) {
            config.heads = *said == 0 ? 0 : config.features() / *said;
        }
        if (const auto said = first<std::size_t>(&settings::vision, &tower_settings::heads)) config.heads = *said;
        if (config.heads == 0) config.heads = config.width * 32 / head_width;  // ModifiedResNet knows no other
        agree("vision width", config.width, &settings::vision, &tower_settings::width);
    }

    std::size_t heads(const std::string& tower, std::size_t width, tower_settings settings::*said) {
        for (const settings& source : sources_) {
            const tower_settings& found = source.*said;
            if (found.heads) return *found.heads;
            if (found.head_width) return *found.head_width == 0 ? 0 : width / *found.head_width;
        }
        if (!may_be_openais(tower, width) || width % head_width != 0) {
            refuse_to_guess("the number of heads of its " + tower + " tower, " + std::to_string(width) + " wide,",
                            tower + "_heads", "--" + tower + "-heads");
        }
        assume("heads of 64");
        return width / head_width;
    }

    activation function(const std::string& tower, std::size_t width, tower_settings settings::*said) {
        if (const auto found = first<activation>(said, &tower_settings::function)) return *found;
        if (!may_be_openais(tower, width))
            refuse_to_guess("the activation of its " + tower + " tower", "function", "--activation");
        assume("QuickGELU");
        return activation::quick_gelu;
    }

    /// Whether a tower is in the layout of OpenAI's files, and of none of the widths that open_clip alone has.
    bool may_be_openais(const std::string& tower, std::size_t width) const {
        const bool open_clips =
            tower == "vision" && std::ranges::find(open_clips_widths, width) != open_clips_widths.end();
        return w_.layout() == checkpoint_layout::openai && !open_clips;
    }

    [[noreturn]] void refuse_to_guess(const std::string& what, const std::string& option,
                                      const std::string& flag) const {
        throw checkpoint_error(
            error_code::argument,
            {w_.place(), what + " is neither in its tensors nor in a file beside it", "",
             "give it: load_options::" + option + " or load_options::name, " + flag + " or --name of the program"});
    }

    void assume(const std::string& what) {
        if (std::ranges::find(result_.assumed, what) == result_.assumed.end()) result_.assumed.push_back(what);
    }

    [[noreturn]] void contradiction(const std::string& where, const std::string& what, bool there) const {
        throw checkpoint_error(error_code::shape, {w_.place(), where + (there ? " with " : " without ") + what,
                                                   std::string(there ? "none" : "it") + ", as the configuration says",
                                                   "do both belong together?"});
    }

    /// What the first source says that is not silent; without one, the value stays.
    template <class Value>
    void take(Value& value, std::optional<Value> settings::*member) const {
        value = first_of(member).value_or(value);
    }

    template <class Value>
    std::optional<Value> first_of(std::optional<Value> settings::*member) const {
        return first_set(sources_, member);
    }

    template <class Value>
    std::optional<Value> first(tower_settings settings::*tower, std::optional<Value> tower_settings::*member) const {
        for (const settings& source : sources_) {
            if (source.*tower.*member) return source.*tower.*member;
        }
        return std::nullopt;
    }

    /// What is said of a size must be what the tensors show.
    void agree(const std::string& name, std::size_t shown, const settings& source,
               const std::optional<std::size_t>& said) const {
        if (said && *said != shown) {
            throw checkpoint_error(error_code::shape,
                                   {w_.place(), name + " is " + std::to_string(*said) + " in " + source.source,
                                    std::to_string(shown) + " as the tensors show", "do both belong together?"});
        }
    }
    void agree(const std::string& name, std::size_t shown, std::optional<std::size_t> settings::*member) const {
        for (const settings& source : sources_) agree(name, shown, source, source.*member);
    }
    void agree(const std::string& name, std::size_t shown, tower_settings settings::*tower,
               std::optional<std::size_t> tower_settings::*member) const {
        for (const settings& source : sources_) agree(name, shown, source, source.*tower.*member);
    }

    const weights& w_;
    std::span<const settings> sources_;
    architecture result_;
};

/// The sizes that a checkpoint's tensors show, without what they leave open.
/// \throws checkpoint_error where one is missing
inline clip_config sizes_of(const weights& w) {
    return architect(w, {}).measure();
}

}  // namespace detail

/// Finds out what the checkpoint is.
/// \param sources what is said outside its tensors, the first one counts most
/// \throws checkpoint_error where a tensor is missing, sizes contradict each other, or something can be neither seen
/// nor assumed
inline architecture architecture_of(const weights& w, std::span<const settings> sources) {
    return detail::architect(w, sources).draw();
}

}}  // namespace zeroshot::ZEROSHOT_ABI
