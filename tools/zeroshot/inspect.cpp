/// \file zeroshot inspect: what a checkpoint is.

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
#include <zeroshot/support/json_writer.hpp>

#include "checkpoint_check.hpp"
#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "model.hpp"
#include "options.hpp"

namespace program {

namespace {

constexpr std::size_t name_columns = 15;

/// What is shown, row by row: a name and a text.
using table_rows = std::vector<std::pair<std::string_view, std::string>>;

const zeroshot::vision_transformer_config* transformer_of(const zeroshot::clip_config& config) {
    return std::get_if<zeroshot::vision_transformer_config>(&config.image);
}
const zeroshot::modified_resnet_config& resnet_of(const zeroshot::clip_config& config) {
    return std::get<zeroshot::modified_resnet_config>(config.image);
}

template <class Values>
void array(zeroshot::json_writer& json, std::string_view key, const Values& values) {
    json.key(key).begin_array();
    for (const auto& value : values) json.value(value);
    json.end_array();
}

void write_vision(zeroshot::json_writer& json, const zeroshot::clip_config& config) {
    json.key("image_encoder").value(transformer_of(config) ? "vision_transformer" : "modified_resnet");
    json.key("image_size").value(config.image_size());
    if (const auto* tower = transformer_of(config)) {
        json.key("patch_size").value(tower->patch_size).key("vision_width").value(tower->blocks.width);
        json.key("vision_layers").value(tower->blocks.layers).key("vision_heads").value(tower->blocks.heads);
        json.key("vision_mlp_width").value(tower->blocks.mlp_width).key("vision_epsilon").value(tower->blocks.epsilon);
    } else {
        json.key("vision_width").value(resnet_of(config).width);
        array(json, "vision_layers", resnet_of(config).layers);
        json.key("vision_heads").value(resnet_of(config).heads);
    }
}

void write_check(zeroshot::json_writer& json, const check_up& found) {
    json.key("check").begin_object().key("tensors").value(found.tensors);
    array(json, "findings", found.diagnostics);
    json.key("record").value(found.record).end_object();
}

void write_text(zeroshot::json_writer& json, const model& clip) {
    const zeroshot::text_config& tower = clip.config().text;
    const zeroshot::transformer_config& text = tower.blocks;
    json.key("text_activation").value(zeroshot::name_of(text.activation));
    json.key("context").value(tower.context).key("vocabulary").value(tower.vocabulary);
    json.key("text_width").value(text.width).key("text_layers").value(text.layers).key("text_heads").value(text.heads);
    json.key("text_mlp_width").value(text.mlp_width).key("text_epsilon").value(text.epsilon);
    if (clip.takes_texts()) {
        json.key("tokenizer_ids").value(clip.tokenizer().vocabulary().size());
    } else {
        json.key("tokenizer").value(zeroshot::missing_tokenizer(clip.provenance()));
    }
}

void write_images(zeroshot::json_writer& json, const zeroshot::preprocessing& pixels) {
    array(json, "mean", pixels.mean);
    array(json, "std", pixels.std);
    json.key("order")
        .value(zeroshot::name_of(pixels.order))
        .key("interpolation")
        .value(zeroshot::name_of(pixels.filter));
    json.key("resize").value(zeroshot::name_of(pixels.mode));
    if (pixels.resized) json.key("resized").value(*pixels.resized);
}

/// The activation of the image tower, of the text tower where the image tower has none of its own to choose.
std::string json_of(const model& clip, const check_up* checked) {
    const zeroshot::clip_config& config = clip.config();
    const zeroshot::provenance& origin = clip.provenance();
    zeroshot::json_writer json;
    json.begin_object()
        .key("model")
        .value(origin.place)
        .key("layout")
        .value(origin.layout)
        .key("container")
        .value(origin.container);
    json.key("towers").value(zeroshot::name_of(config.towers)).key("embedding").value(config.embedding);
    const bool chooses = config.has_image() && transformer_of(config);
    json.key("activation")
        .value(zeroshot::name_of(chooses ? transformer_of(config)->blocks.activation : config.text.blocks.activation));
    if (config.has_image()) write_vision(json, config);
    if (config.has_text()) write_text(json, clip);
    if (config.has_image()) write_images(json, clip.preprocessing());
    if (config.towers == zeroshot::clip_towers::both)
        json.key("logit_scale").value(clip.logit_scale()).key("logit_bias").value(clip.logit_bias());
    array(json, "dtypes", origin.dtypes);
    array(json, "sources", origin.sources);
    json.key("decisions").begin_object();
    for (const zeroshot::decision& each : origin.decisions) json.key(each.what).value(each.by);
    json.end_object();
    array(json, "unused", origin.unread);
    array(json, "skipped", origin.skipped);
    array(json, "warnings", origin.warnings);
    if (checked != nullptr) write_check(json, *checked);
    return json.end_object().text();
}

std::string joined(std::span<const std::string> parts, std::string_view between = ", ") {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : std::string(between)) + part;
    return text;
}

/// A number as short as it can be.
std::string number(float value) {
    return zeroshot::json_writer().value(value).text();
}

std::string colour(const std::array<float, 3>& values) {
    return number(values[0]) + "  " + number(values[1]) + "  " + number(values[2]);
}

std::string layout_text(const std::string& layout) {
    if (layout == "custom_text") return "open_clip, CustomTextCLIP";
    return layout == "hugging_face" ? "Hugging Face" : "OpenAI and open_clip";
}

std::string container_text(const std::string& container) {
    if (container == "pytorch") return "a file of torch.save";
    if (container == "torchscript") return "a TorchScript archive, whose code is not read";
    return container == "shards" ? "shards and their index" : "a safetensors file";
}

std::string blocks_text(const zeroshot::transformer_config& blocks) {
    return counted(blocks.layers, "layer") + " of width " + std::to_string(blocks.width) + ", " +
           counted(blocks.heads, "head") + ", MLP " + std::to_string(blocks.mlp_width) + ", " +
           std::string(zeroshot::name_of(blocks.activation));
}

std::string image_encoder_text(const zeroshot::clip_config& config) {
    if (const auto* tower = transformer_of(config)) {
        return "vision transformer, patches of " + std::to_string(tower->patch_size) + " x " +
               std::to_string(tower->patch_size) + ", " + blocks_text(tower->blocks);
    }
    const zeroshot::modified_resnet_config& tower = resnet_of(config);
    std::string layers;
    for (const std::size_t count : tower.layers) layers += (layers.empty() ? "" : "-") + std::to_string(count);
    return "modified ResNet, " + layers + " blocks of width " + std::to_string(tower.width) + ", " +
           counted(tower.heads, "head") + " in the attention pooling";
}

std::string resizing_text(const zeroshot::preprocessing& pixels) {
    std::string filter(zeroshot::name_of(pixels.filter));
    if (pixels.resized) filter += " to " + std::to_string(*pixels.resized) + ", the middle of that";
    if (pixels.mode == zeroshot::resize_mode::squash) return filter + ", squashed";
    return pixels.mode == zeroshot::resize_mode::longest ? filter + ", the whole image with its sides filled" : filter;
}

std::string tokenizer_text(const model& clip) {
    const std::string context = ", context " + std::to_string(clip.config().text.context);
    if (!clip.takes_texts())
        return zeroshot::missing_tokenizer(clip.provenance()) + ": ids alone can be embedded" + context;
    const std::size_t ids = clip.tokenizer().vocabulary().size(), rows = clip.config().text.vocabulary;
    const std::string own =
        zeroshot::tokenizer().vocabulary().size() == ids ? "CLIP's byte pairs" : "byte pairs of its own";
    return own + ", " + std::to_string(ids) + " ids" + (ids == rows ? "" : " for " + std::to_string(rows) + " rows") +
           context;
}

/// Who decided what the tensors leave open: a row for each who did, with what it was.
table_rows decided(const zeroshot::provenance& origin) {
    std::vector<std::pair<std::string, std::string>> by;  // who, what
    for (const zeroshot::decision& each : origin.decisions) {
        const auto at = std::ranges::find(by, each.by, &std::pair<std::string, std::string>::first);
        if (at == by.end())
            by.emplace_back(each.by, each.what);
        else
            at->second += ", " + each.what;
    }
    table_rows rows;
    for (const auto& [who, what] : by) rows.emplace_back(rows.empty() ? "decided by" : "", who + ": " + what);
    return rows;
}

/// Some of the names of what is in the file and not in the model.
std::string unused_text(const std::vector<std::string>& names) {
    constexpr std::size_t most_named = 4;
    const std::size_t shown = names.size() > most_named ? most_named : names.size();
    return joined(std::span(names).first(shown)) +
           (shown < names.size() ? ", and " + std::to_string(names.size() - shown) + " more" : "");
}

std::string temperature_text(const model& clip) {
    const std::string bias = clip.logit_bias() == 0 ? "" : ", and " + number(clip.logit_bias()) + " is added";
    return "cosines are multiplied by " + number(clip.logit_scale()) + bias;
}

void add_images(const zeroshot::preprocessing& pixels, table_rows& rows) {
    const std::string size = std::to_string(pixels.size),
                      whose = pixels.order == zeroshot::crop_order::openai ? "OpenAI" : "Hugging Face";
    rows.emplace_back("pictures", size + " x " + size + ", " + resizing_text(pixels) + ", in the order of " + whose);
    rows.emplace_back("  mean", colour(pixels.mean));
    rows.emplace_back("  std", colour(pixels.std));
}

void show(const model& clip, console& out) {
    const zeroshot::clip_config& config = clip.config();
    const zeroshot::provenance& origin = clip.provenance();
    table_rows rows{{"layout", layout_text(origin.layout) + ", " + container_text(origin.container) + "; stored as " +
                                   joined(origin.dtypes)}};
    rows.emplace_back("image encoder",
                      config.has_image() ? image_encoder_text(config) : "none: the file holds the text tower alone");
    rows.emplace_back("text encoder", config.has_text() ? blocks_text(config.text.blocks)
                                                        : "none: the file holds the image tower alone");
    if (config.has_text()) rows.emplace_back("tokenizer", tokenizer_text(clip));
    rows.emplace_back("embedding", counted(config.embedding, "number"));
    if (config.has_image()) add_images(clip.preprocessing(), rows);
    if (config.towers == zeroshot::clip_towers::both) rows.emplace_back("temperature", temperature_text(clip));
    for (const auto& [what, by] : decided(origin)) rows.emplace_back(what, by);
    if (!origin.unread.empty()) rows.emplace_back("unused", unused_text(origin.unread));
    if (!origin.skipped.empty()) rows.emplace_back("beside it", unused_text(origin.skipped));
    out.answer(out.styled(printable(origin.place), look::strong));
    for (const auto& [name, text] : rows)
        out.answer("  " + out.styled(padded(name, name_columns), look::faint) + printable(text));
}

bool is_healthy(const check_up& found) {
    return found.diagnostics.empty() && (found.record == "fits" || found.record == "none");
}

void tell_faults(const check_up& found, console& out) {
    for (const std::string& sentence : found.diagnostics) out.complain(sentence);
    if (found.record != "fits" && found.record != "none") out.complain(found.record);
}

void show(const check_up& found, console& out) {
    const std::string record = found.record == "fits" ? "it gives what it gave when it was converted"
                                                      : "it carries no record of what it should give";
    out.answer("  " + out.styled(padded("check", name_columns), look::faint) + "the numbers of " +
               counted(found.tensors, "tensor") + " are sound; " + record);
}

}  // namespace

void inspect(const inspect_options& options, session& with) {
    try {
        std::optional<check_up> checked;
        if (options.check) checked = check(options.model, with.out);
        if (checked) tell_faults(*checked, with.out);
        const model clip(options.model, with.out);
        if (options.as.json) {
            with.out.answer(json_of(clip, checked ? &*checked : nullptr));
        } else {
            show(clip, with.out);
            if (checked && is_healthy(*checked)) show(*checked, with.out);
        }
    } catch (const zeroshot::error&) {
        const failure why = current_failure();
        with.out.complain(why.sentence);
        if (!options.as.json) return;
        zeroshot::json_writer json;
        json.begin_object().key("model").value(options.model.model).key("error").begin_object();
        json.key("code").value(zeroshot::name_of(why.code)).key("message").value(why.sentence);
        with.out.answer(json.end_object().end_object().text());
    }
}

}  // namespace program
