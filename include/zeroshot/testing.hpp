#pragma once
/// \file Tiny CLIPs with random weights, for unit tests of programs that use zeroshot; not part of the umbrella.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/checkpoint/safetensors.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/converted.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/random.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace testing {

/// Configuration of a vision transformer of two layers and a text transformer of one, some 100 kB of weights.
inline clip_config tiny_vision_transformer() {
    clip_config config;
    config.embedding = 16;
    config.image = vision_transformer_config{32, 8, {32, 2, 2, 64, activation::quick_gelu, 1e-5}};
    config.text = {32, 514 + 256, {32, 1, 2, 64, activation::quick_gelu, 1e-5}};
    return config;
}

/// Configuration of a ModifiedResNet of one block in each stage and the same text transformer.
inline clip_config tiny_modified_resnet() {
    clip_config config = tiny_vision_transformer();
    config.image = modified_resnet_config{32, 4, {1, 1, 1, 1}, 2};
    return config;
}

/// A checkpoint with random weights in the converted form. The same seed gives the same bytes on every machine.
class random_checkpoint {
   public:
    /// Makes random weights for a configuration.
    /// \throws argument_error for a configuration that no model can have
    explicit random_checkpoint(const clip_config& config = tiny_vision_transformer(), std::uint64_t seed = 1)
        : random_(seed) {
        check(config, "random_checkpoint");
        std::visit([&](const auto& tower) { add_tower(tower, config.embedding); }, config.image);
        add_text(config);
        const preprocessing images{.size = config.image_size()};
        metadata_ = loading::converted_metadata(config, images, first_merges(config.text.vocabulary));
    }

    /// The bytes of a safetensors file: `zeroshot::load(random_checkpoint().bytes())`.
    std::vector<std::byte> bytes() const { return safetensors_bytes(named(), metadata_); }

    /// Writes the safetensors file.
    /// \throws file_error where it cannot be written
    void write(const std::filesystem::path& path) const { write_safetensors(path, named(), metadata_); }

   private:
    struct random_tensor {
        std::string name;
        std::vector<std::size_t> shape;
        std::vector<float> values;
    };

    void add_tower(const vision_transformer_config& tower, std::size_t embedding) {
        const std::size_t width = tower.transformer.width;
        add("visual.conv1.weight", {width, 3, tower.patch_size, tower.patch_size});
        if (tower.patch_bias) add("visual.conv1.bias", {width});
        if (tower.class_token) add("visual.class_embedding", {width});
        const std::size_t trained = tower.positions ? tower.positions->image_size : tower.image_size;
        const std::size_t grid = trained / tower.patch_size;
        add("visual.positional_embedding", {tower.tokens() - tower.patches() + grid * grid, width});
        if (tower.pre_norm) add_norm("visual.ln_pre", width);
        add_blocks("visual.transformer", tower.transformer);
        add_norm("visual.ln_post", width);
        if (tower.pool == image_pool::attention) add_attention_pool("visual.attn_pool.", tower.transformer);
        if (tower.projection) add("visual.proj", {width, embedding});
    }

    void add_tower(const modified_resnet_config& tower, std::size_t embedding) {
        const std::size_t half = tower.width / 2;
        add_convolution("visual.", "conv1", "bn1", half, 3, 3);
        add_convolution("visual.", "conv2", "bn2", half, half, 3);
        add_convolution("visual.", "conv3", "bn3", tower.width, half, 3);
        std::size_t inputs = tower.width;
        for (std::size_t stage = 0; stage < tower.layers.size(); ++stage) {
            const std::size_t planes = tower.width << stage, outputs = planes * modified_resnet_config::expansion;
            for (std::size_t block = 0; block < tower.layers[stage]; ++block) {
                const std::string path = "visual.layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
                add_convolution(path, "conv1", "bn1", planes, inputs, 1);
                add_convolution(path, "conv2", "bn2", planes, planes, 3);
                add_convolution(path, "conv3", "bn3", outputs, planes, 1);
                if (block == 0) add_convolution(path, "downsample.0", "downsample.1", outputs, inputs, 1);
                inputs = outputs;
            }
        }
        add("visual.attnpool.positional_embedding", {tower.cells() + 1, inputs});
        for (const char* name : {"q_proj", "k_proj", "v_proj"})
            add_linear(std::string("visual.attnpool.") + name, inputs, inputs);
        add_linear("visual.attnpool.c_proj", embedding, inputs);
    }

    void add_text(const clip_config& config) {
        const text_config& text = config.text;
        add("token_embedding.weight", {text.vocabulary, text.transformer.width});
        add("positional_embedding", {text.context, text.transformer.width});
        add_blocks("transformer", text.transformer);
        add_norm("ln_final", text.transformer.width);
        add("text_projection", {text.transformer.width, config.embedding});
        constexpr float factor = 100;  // of all of OpenAI's releases
        tensors_.push_back({"logit_scale", {}, {std::log(factor)}});
    }

    void add_attention_pool(const std::string& path, const transformer_config& tower) {
        add(path + "probe", {1, 1, tower.width});
        add_attention(path + "attn.", tower.width);
        add_norm(path + "ln", tower.width);
        add_mlp(path + "mlp.", tower);
    }

    void add_attention(const std::string& path, std::size_t width) {
        add(path + "in_proj_weight", {3 * width, width});
        add(path + "in_proj_bias", {3 * width});
        add_linear(path + "out_proj", width, width);
    }

    void add_mlp(const std::string& path, const transformer_config& tower) {
        add_linear(path + "c_fc", tower.mlp_width, tower.width);
        add_linear(path + "c_proj", tower.width, tower.mlp_width);
    }

    void add_blocks(const std::string& path, const transformer_config& tower) {
        for (std::size_t layer = 0; layer < tower.layers; ++layer) {
            const std::string block = path + ".resblocks." + std::to_string(layer) + ".";
            add_norm(block + "ln_1", tower.width);
            add_attention(block + "attn.", tower.width);
            add_norm(block + "ln_2", tower.width);
            add_mlp(block + "mlp.", tower);
            if (!tower.layer_scale) continue;
            add(block + "ls_1.gamma", {tower.width});
            add(block + "ls_2.gamma", {tower.width});
        }
    }

    void add_linear(const std::string& path, std::size_t outputs, std::size_t inputs) {
        add(path + ".weight", {outputs, inputs});
        add(path + ".bias", {outputs});
    }

    void add_norm(const std::string& path, std::size_t width) {
        add(path + ".weight", {width}, 1);
        add(path + ".bias", {width});
    }

    void add_convolution(const std::string& path, const std::string& conv, const std::string& bn, std::size_t outputs,
                         std::size_t inputs, std::size_t size) {
        add(path + conv + ".weight", {outputs, inputs, size, size});
        add_norm(path + bn, outputs);
        add(path + bn + ".running_mean", {outputs});
        add(path + bn + ".running_var", {outputs}, 1);
    }

    /// Adds a tensor of random numbers around a centre, scaled so that sums over all but the first axis stay about 1.
    void add(const std::string& name, std::vector<std::size_t> shape, float centre = 0) {
        const std::size_t count = element_count(shape);
        const std::size_t summed = shape.size() > 1 ? count / shape.front() : 16;
        const float spread = 1 / std::sqrt(static_cast<float>(summed));
        std::vector<float> values(count);
        for (float& value : values) value = centre + spread * next();
        tensors_.push_back({name, std::move(shape), std::move(values)});
    }

    /// Uniform between -1.7 and 1.7, of variance 1, from the top 24 bits of a random number.
    float next() {
        const float unit = static_cast<float>(random_.next() >> 40) / 16777216.0f;  // [0, 1)
        return (2 * unit - 1) * std::sqrt(3.0f);
    }

    /// A tokenizer of the first of CLIP's merges, as many as the embedding has rows for.
    static tokenizer first_merges(std::size_t vocabulary_size) {
        const vocabulary clip = vocabulary::clip();
        std::vector<std::string> lines = clip.merge_lines();
        const std::size_t without_merges = clip.size() - lines.size();
        lines.resize((std::min)(lines.size(), vocabulary_size - (std::min)(vocabulary_size, without_merges)));
        return tokenizer(vocabulary::from_merges(lines));
    }

    std::vector<named_tensor> named() const {
        std::vector<named_tensor> views;
        for (const random_tensor& each : tensors_) {
            views.push_back({each.name, {dtype::f32, each.shape, std::as_bytes(std::span(each.values))}});
        }
        return views;
    }

    random_generator random_;
    std::deque<random_tensor> tensors_;
    tensor_metadata metadata_;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::testing
