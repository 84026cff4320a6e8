/// \file Subcommand inspect: description of a checkpoint.

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/support/json.hpp>

#include "checkpoint_check.hpp"
#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "model_setup.hpp"
#include "options.hpp"

namespace program {

namespace {

constexpr std::size_t name_columns = 15;

/// Rows of the text output: name and text.
using table_rows = std::vector<std::pair<std::string_view, std::string>>;

const zeroshot::vision_transformer_config* transformer_of(const zeroshot::clip_config& config) {
    return std::get_if<zeroshot::vision_transformer_config>(&config.image);
}
const zeroshot::modified_resnet_config& resnet_of(const zeroshot::clip_config& config) {
    return std::get<zeroshot::modified_resnet_config>(config.image);
}

void write_vision(nlohmann::ordered_json& json, const zeroshot::clip_config& config) {
    json["image_encoder"] = transformer_of(config) ? "vision_transformer" : "modified_resnet";
    json["image_size"] = config.image_size();
    if (const auto* tower = transformer_of(config)) {
        json["patch_size"] = tower->patch_size;
        json["vision_width"] = tower->transformer.width;
        json["vision_layers"] = tower->transformer.layers;
        json["vision_heads"] = tower->transformer.heads;
        json["vision_mlp_width"] = tower->transformer.mlp_width;
        json["vision_epsilon"] = zeroshot::json_number(tower->transformer.epsilon);
    } else {
        json["vision_width"] = resnet_of(config).width;
        json["vision_layers"] = resnet_of(config).layers;
        json["vision_heads"] = resnet_of(config).heads;
    }
}

void write_text(nlohmann::ordered_json& json, const zeroshot::clip& clip) {
    const zeroshot::text_config& tower = clip.config().text;
    const zeroshot::transformer_config& text = tower.transformer;
    json["text_activation"] = zeroshot::name_of(text.activation);
    json["context"] = tower.context;
    json["vocabulary"] = tower.vocabulary;
    json["text_width"] = text.width;
    json["text_layers"] = text.layers;
    json["text_heads"] = text.heads;
    json["text_mlp_width"] = text.mlp_width;
    json["text_epsilon"] = zeroshot::json_number(text.epsilon);
    if (clip.takes_texts()) {
        json["tokenizer_ids"] = clip.tokenizer().size();
    } else {
        json["tokenizer"] = zeroshot::missing_tokenizer(clip.provenance());
    }
}

void write_images(nlohmann::ordered_json& json, const zeroshot::preprocessing& pixels) {
    json["mean"] = zeroshot::json_numbers(pixels.mean);
    json["std"] = zeroshot::json_numbers(pixels.standard_deviation);
    json["order"] = zeroshot::name_of(pixels.order);
    json["transparency"] = zeroshot::name_of(pixels.transparency);
    json["interpolation"] = zeroshot::name_of(pixels.filter);
    json["resize"] = zeroshot::name_of(pixels.mode);
    if (pixels.resized) json["resized"] = *pixels.resized;
}

/// "activation" is that of the image encoder or, if it is a ResNet, that of the text encoder.
std::string json_of(const zeroshot::clip& clip, const checkpoint_check* checked) {
    const zeroshot::clip_config& config = clip.config();
    const zeroshot::provenance& origin = clip.provenance();
    const bool is_transformer = config.has_image() && transformer_of(config);
    nlohmann::ordered_json json{
        {"model", origin.place},
        {"layout", origin.layout},
        {"container", origin.container},
        {"towers", zeroshot::name_of(config.towers)},
        {"embedding", config.embedding},
        {"activation", zeroshot::name_of(is_transformer ? transformer_of(config)->transformer.activation
                                                        : config.text.transformer.activation)}};
    if (config.has_image()) write_vision(json, config);
    if (config.has_text()) write_text(json, clip);
    if (config.has_image()) write_images(json, clip.preprocessing());
    if (config.towers == zeroshot::clip_towers::both) {
        json["logit_scale"] = zeroshot::json_number(clip.logit_scale());
        json["logit_bias"] = zeroshot::json_number(clip.logit_bias());
    }
    json["dtypes"] = origin.dtypes;
    json["sources"] = origin.sources;
    json["decisions"] = nlohmann::ordered_json::object();
    for (const zeroshot::decision& each : origin.decisions) json["decisions"][each.what] = each.by;
    json["unused"] = origin.unread;
    json["skipped"] = origin.skipped;
    json["warnings"] = nlohmann::ordered_json::array();
    for (const std::string& warning : origin.warnings) json["warnings"].push_back(in_terms_of_the_program(warning));
    if (checked != nullptr) {
        json["check"] = {
            {"tensors", checked->tensors}, {"findings", checked->diagnostics}, {"record", checked->record}};
    }
    return zeroshot::json_text_of(json);
}

std::string joined(std::span<const std::string> parts, std::string_view between = ", ") {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : std::string(between)) + part;
    return text;
}

/// A number with as few digits as read back the same.
std::string number(float value) {
    return zeroshot::number_text(value);
}

std::string colour(const std::array<float, 3>& values) {
    return number(values[0]) + "  " + number(values[1]) + "  " + number(values[2]);
}

std::string layout_text(const std::string& layout) {
    if (layout == "custom_text") return "open_clip, CustomTextCLIP";
    if (layout == "hugging_face_siglip") return "Hugging Face, SigLIP";
    return layout == "hugging_face" ? "Hugging Face" : "OpenAI and open_clip";
}

std::string container_text(const std::string& container) {
    if (container == "pytorch") return "file of torch.save";
    if (container == "torchscript") return "TorchScript archive (its code is not used)";
    return container == "shards" ? "shards with an index" : "safetensors file";
}

std::string sizes_text(const zeroshot::transformer_config& tower) {
    return counted(tower.layers, "layer") + " of width " + std::to_string(tower.width) + ", " +
           counted(tower.heads, "head") + ", MLP " + std::to_string(tower.mlp_width) + ", " +
           std::string(zeroshot::name_of(tower.activation));
}

std::string image_encoder_text(const zeroshot::clip_config& config) {
    if (const auto* tower = transformer_of(config)) {
        return "vision transformer, patches of " + std::to_string(tower->patch_size) + " x " +
               std::to_string(tower->patch_size) + ", " + sizes_text(tower->transformer);
    }
    const zeroshot::modified_resnet_config& tower = resnet_of(config);
    std::string layers;
    for (const std::size_t count : tower.layers) layers += (layers.empty() ? "" : "-") + std::to_string(count);
    return "modified ResNet, " + layers + " blocks of width " + std::to_string(tower.width) + ", " +
           counted(tower.heads, "head") + " in attention pooling";
}

std::string resizing_text(const zeroshot::preprocessing& pixels) {
    std::string filter(zeroshot::name_of(pixels.filter));
    if (pixels.resized) filter += " to " + std::to_string(*pixels.resized) + ", centre crop";
    if (pixels.mode == zeroshot::resize_mode::squash) return filter + ", aspect ratio not kept";
    return pixels.mode == zeroshot::resize_mode::longest ? filter + ", whole image with filled margins" : filter;
}

std::string tokenizer_text(const zeroshot::clip& clip) {
    const std::string context = ", context " + std::to_string(clip.config().text.context);
    if (!clip.takes_texts())
        return zeroshot::missing_tokenizer(clip.provenance()) + ": only token ids can be embedded" + context;
    const std::size_t ids = clip.tokenizer().size(), rows = clip.config().text.vocabulary;
    const bool is_clips = clip.tokenizer().vocabulary().has_clip_merges();
    const zeroshot::tokenizer_rules& rules = clip.tokenizer().rules();
    const bool has_added = rules.added.size() > 2;  // beside start and end
    const std::string own =
        std::string(is_clips ? "CLIP's BPE" : "BPE with its own merges") +
        (rules.normalizer == zeroshot::text_normalizer::openai ? "" : " by the rules of a tokenizer.json") +
        (has_added ? ", " + std::to_string(rules.added.size() - 2) + " added tokens" : "");
    return own + ", " + std::to_string(ids) + " ids" + (ids == rows ? "" : " for " + std::to_string(rows) + " rows") +
           context;
}

/// Sources of the settings that the tensors do not determine, a row for each source.
table_rows decision_rows(const zeroshot::provenance& origin) {
    std::vector<std::pair<std::string, std::string>> by;  // who, what
    for (const zeroshot::decision& each : origin.decisions) {
        const auto at = std::ranges::find(by, each.by, &std::pair<std::string, std::string>::first);
        if (at == by.end())
            by.emplace_back(each.by, each.what);
        else
            at->second += ", " + each.what;
    }
    table_rows rows;
    for (const auto& [who, what] : by) rows.emplace_back(rows.empty() ? "settings from" : "", who + ": " + what);
    return rows;
}

/// The first names of a list.
std::string abbreviated(const std::vector<std::string>& names) {
    constexpr std::size_t maximum = 4;
    const std::size_t shown = std::min(names.size(), maximum);
    return joined(std::span(names).first(shown)) +
           (shown < names.size() ? ", and " + std::to_string(names.size() - shown) + " more" : "");
}

std::string temperature_text(const zeroshot::clip& clip) {
    const std::string bias = clip.logit_bias() == 0 ? "" : ", bias " + number(clip.logit_bias());
    return "logit scale " + number(clip.logit_scale()) + bias;
}

void add_images(const zeroshot::preprocessing& pixels, table_rows& rows) {
    const std::string size = std::to_string(pixels.size),
                      order = pixels.order == zeroshot::preprocessing_order::openai ? "OpenAI" : "Hugging Face";
    rows.emplace_back("images", size + " x " + size + ", " + resizing_text(pixels) + ", " + order + " order");
    rows.emplace_back("  transparency", pixels.transparency.background
                                            ? "laid on " + zeroshot::name_of(pixels.transparency)
                                            : "dropped: the colours beneath show");
    rows.emplace_back("  mean", colour(pixels.mean));
    rows.emplace_back("  std", colour(pixels.standard_deviation));
}

void print(const zeroshot::clip& clip, console& out) {
    const zeroshot::clip_config& config = clip.config();
    const zeroshot::provenance& origin = clip.provenance();
    table_rows rows{{"layout", layout_text(origin.layout) + ", " + container_text(origin.container) + "; stored as " +
                                   joined(origin.dtypes)}};
    rows.emplace_back("image encoder",
                      config.has_image() ? image_encoder_text(config) : "none: the file holds only the text tower");
    rows.emplace_back("text encoder", config.has_text() ? sizes_text(config.text.transformer)
                                                        : "none: the file holds only the image tower");
    if (config.has_text()) rows.emplace_back("tokenizer", tokenizer_text(clip));
    rows.emplace_back("embedding", counted(config.embedding, "number"));
    if (config.has_image()) add_images(clip.preprocessing(), rows);
    if (config.towers == zeroshot::clip_towers::both) rows.emplace_back("temperature", temperature_text(clip));
    for (const auto& [what, by] : decision_rows(origin)) rows.emplace_back(what, by);
    if (!origin.unread.empty()) rows.emplace_back("unused", abbreviated(origin.unread));
    if (!origin.skipped.empty()) rows.emplace_back("skipped", abbreviated(origin.skipped));
    out.print(out.styled(printable(origin.place), text_style::bold));
    for (const auto& [name, text] : rows)
        out.print("  " + out.styled(padded(name, name_columns), text_style::faint) + printable(text));
}

bool passed(const checkpoint_check& check) {
    return check.diagnostics.empty() && (check.record == "fits" || check.record == "none");
}

void print_problems(const checkpoint_check& check, console& out) {
    for (const std::string& message : check.diagnostics) out.error(message);
    if (check.record != "fits" && check.record != "none") out.error(check.record);
}

void print(const checkpoint_check& check, console& out) {
    const std::string record = check.record == "fits" ? "outputs as recorded at conversion" : "no recorded outputs";
    out.print("  " + out.styled(padded("check", name_columns), text_style::faint) + counted(check.tensors, "tensor") +
              " without NaN or infinity; " + record);
}

}  // namespace

void inspect(const inspect_options& options, command_context& context) {
    try {
        std::optional<checkpoint_check> checked;
        if (options.check) checked = check_checkpoint(options.model, context.out);
        if (checked) print_problems(*checked, context.out);
        const zeroshot::clip clip = load_model(options.model, context.out);
        if (options.common.json) {
            context.out.print(json_of(clip, checked ? &*checked : nullptr));
        } else {
            print(clip, context.out);
            if (checked && passed(*checked)) print(*checked, context.out);
        }
    } catch (const zeroshot::error&) {
        const failure error = current_failure();
        context.out.error(error.message);
        if (!options.common.json) return;
        context.out.print(
            zeroshot::json_text_of({{"model", options.model.model},
                                    {"error", {{"code", zeroshot::name_of(error.code)}, {"message", error.message}}}}));
    }
}

}  // namespace program
