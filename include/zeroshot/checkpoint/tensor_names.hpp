#pragma once
/// \file Tensor names: the three published layouts of CLIP, mapped to OpenAI's names.

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/layout_rules.hpp>
#include <zeroshot/checkpoint/layouts/hugging_face.hpp>
#include <zeroshot/checkpoint/layouts/hugging_face_siglip.hpp>
#include <zeroshot/checkpoint/layouts/openai.hpp>
#include <zeroshot/checkpoint/tensor_values.hpp>
#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The naming scheme of a checkpoint's tensors.
enum class checkpoint_layout {
    openai,              ///< openai/CLIP, and open_clip's CLIP
    custom_text,         ///< open_clip's CustomTextCLIP: the text tower's names begin with "text."
    hugging_face,        ///< transformers' CLIPModel
    hugging_face_siglip  ///< transformers' SiglipModel
};

/// The layout's name in `inspect --json`.
inline std::string_view name_of(checkpoint_layout layout) {
    constexpr std::array<std::string_view, 4> names{"openai", "custom_text", "hugging_face", "hugging_face_siglip"};
    return names[static_cast<std::size_t>(layout)];
}

/// Whether transformers wrote the names, and its configuration files lie beside the checkpoint.
constexpr bool is_hugging_face(checkpoint_layout layout) {
    return layout == checkpoint_layout::hugging_face || layout == checkpoint_layout::hugging_face_siglip;
}

/// A tensor of the file that is a part of a canonical tensor.
struct tensor_part {
    std::string name;  ///< in the file
    stored_tensor stored;
};

/// A tensor under OpenAI's name: its parts concatenated along the first axis, then transposed where the layout stores
/// the transpose. The layout decides that, not the shape: many projections are square.
struct canonical_tensor {
    std::vector<std::size_t> shape;
    std::vector<tensor_part> parts;
    bool transposed = false;
    std::size_t index = 0;  ///< among the canonical tensors, by name
};

/// A checkpoint's tensors under OpenAI's names.
struct canonical_tensors {
    checkpoint_layout layout = checkpoint_layout::openai;
    std::map<std::string, canonical_tensor, std::less<>> tensors;
    std::vector<std::string> unknown;  ///< names in the file that the layout gives no meaning
    std::string prefix;                ///< before the names of the layout: "module."
    std::string wrapped;               ///< the first name with wrappers inside it: "visual._orig_mod.conv1.weight"
};

namespace detail {

/// Buffers and settings among the weights of some files, which are not read.
inline bool is_buffer_or_setting(std::string_view name) {
    constexpr std::array<std::string_view, 6> endings{"position_ids",     "attn_mask",      "num_batches_tracked",
                                                      "input_resolution", "context_length", "vocab_size"};
    const std::string_view last = name.substr(name.rfind('.') + 1);  // npos + 1 is 0
    return std::ranges::find(endings, last) != endings.end();
}

/// The table of a layout.
inline std::span<const layout_rule> rules_of(checkpoint_layout layout) {
    constexpr std::array<std::span<const layout_rule>, 4> tables{openai_rules, custom_text_rules, hugging_face_rules,
                                                                 hugging_face_siglip_rules};
    return tables[static_cast<std::size_t>(layout)];
}

/// Checks that all parts exist and fit, and finds the shape of the whole.
inline void join_parts(const checkpoint& file, const std::string& name, canonical_tensor& tensor) {
    const auto refuse = [&](const std::string& what, const std::string& expected) {
        throw checkpoint_error(error_code::shape, {file.place(), what, expected});
    };
    std::size_t rows = 0;
    for (const tensor_part& part : tensor.parts) {
        if (part.name.empty()) refuse("a part of tensor " + quoted(name) + " is missing", "query, key and value");
        const std::vector<std::size_t>& first = tensor.parts.front().stored.shape;
        const std::vector<std::size_t>& shape = part.stored.shape;
        const bool fits = tensor.parts.size() == 1 || (!shape.empty() && shape.size() == first.size() &&
                                                       std::equal(shape.begin() + 1, shape.end(), first.begin() + 1));
        if (!fits) refuse("tensor " + quoted(part.name) + " is " + shape_text(shape), shape_text(first));
        if (!shape.empty()) rows += shape.front();
    }
    tensor.shape = tensor.parts.front().stored.shape;
    if (!tensor.shape.empty()) tensor.shape.front() = rows;
    if (!tensor.transposed) return;
    if (tensor.shape.size() != 2) {
        refuse("tensor " + quoted(tensor.parts.front().name) + " is " + shape_text(tensor.shape), "a matrix");
    }
    std::swap(tensor.shape[0], tensor.shape[1]);
}

/// The first names of the file, for a message.
inline std::string first_names(const checkpoint& file) {
    constexpr std::size_t enough = 5;
    std::string names;
    std::size_t count = 0;
    for (const named_tensor& each : file.tensors()) {
        if (count++ == enough) return names + ", ...";
        names += (names.empty() ? "" : ", ") + quoted(each.name);
    }
    return names;
}

/// Evidence of a CLIP's towers below a prefix.
struct tower_evidence {
    bool hugging_face = false, siglip = false, custom_text = false, openai = false;
    bool image = false, text = false;
    std::string timm{};  ///< a name of an image tower of timm

    void add(std::string_view name) {
        const bool is_vision = name.starts_with("vision_model."), is_text = name.starts_with("text_model.");
        const bool is_visual = name.starts_with("visual."), is_custom = name.starts_with("text.");
        const bool is_block = name.starts_with("transformer.resblocks.");
        hugging_face |= is_vision || is_text;
        siglip |= name == "vision_model.head.probe" || name == "text_model.head.weight";
        custom_text |= is_custom;
        openai |= is_visual || is_block;
        image |= is_vision || is_visual;
        text |= is_text || is_custom || is_block;
        if (timm.empty() && name.starts_with("visual.trunk.")) timm = name;
    }

    std::optional<checkpoint_layout> layout() const {
        if (siglip) return checkpoint_layout::hugging_face_siglip;
        if (hugging_face) return checkpoint_layout::hugging_face;
        if (custom_text) return checkpoint_layout::custom_text;
        return openai ? std::optional(checkpoint_layout::openai) : std::nullopt;
    }
};

/// Modules of PyTorch that wrap another one: DataParallel, torch.compile, DeepSpeed, FSDP, checkpointed activations.
inline constexpr std::array<std::string_view, 5> module_wrappers{
    "module.", "_orig_mod.", "_forward_module.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module."};

/// A name without the wrappers inside it: "visual._orig_mod.conv1.weight" as "visual.conv1.weight".
inline std::string unwrapped(std::string_view name) {
    std::string plain;
    while (!name.empty()) {
        const std::string_view part = name.substr(0, (std::min)(name.find('.'), name.size() - 1) + 1);
        if (plain.empty() || std::ranges::find(module_wrappers, part) == module_wrappers.end()) plain += part;
        name.remove_prefix(part.size());
    }
    return plain;
}

/// Evidence by prefix, where training left some before a model: wrappers, Lightning, distillation, and classes that
/// hold a CLIP, nested in each other.
inline std::map<std::string, tower_evidence> evidence_in(const checkpoint& file) {
    constexpr std::array<std::string_view, 8> holders{"model.",      "clip_model.", "clip.",    "net.",
                                                      "state_dict.", "backbone.",   "student.", "teacher."};
    constexpr std::size_t deepest = 6;
    std::map<std::string, tower_evidence> all;
    for (const named_tensor& each : file.tensors()) {
        std::size_t prefix = 0;
        for (std::size_t depth = 0; depth <= deepest; ++depth) {
            const std::string_view name = std::string_view(each.name).substr(prefix);
            all[each.name.substr(0, prefix)].add(unwrapped(name));
            const auto size_in = [&](const auto& prefixes) {
                const auto found = std::ranges::find_if(prefixes, [&](auto other) { return name.starts_with(other); });
                return found == prefixes.end() ? std::size_t{0} : found->size();
            };
            const std::size_t size = size_in(module_wrappers) + size_in(holders);  // one of them, or none
            if (size == 0) break;
            prefix += size;
        }
    }
    return all;
}

/// A part of tensor names that tells another kind of file than a CLIP, and a remedy.
struct foreign_tensor {
    std::string_view part;
    const char* what;
    const char* hint;
};

inline constexpr const char* before_quantization = "save the model as it is before it is quantized";
inline constexpr std::array foreign_tensors{
    foreign_tensor{"lora_", "the weights of a LoRA adapter",
                   "merge it with its model first: merge_and_unload() of peft, then save_pretrained()"},
    foreign_tensor{"model.diffusion_model.", "a Stable Diffusion, whose text encoders have no image tower",
                   "get the whole CLIP that they were taken from"},
    foreign_tensor{".SCB", "weights that bitsandbytes has quantized", before_quantization},
    foreign_tensor{".absmax", "weights that bitsandbytes has quantized", before_quantization},
    foreign_tensor{".zero_point", "weights that PyTorch has quantized", before_quantization},
    foreign_tensor{".qweight", "quantized weights", before_quantization},
    foreign_tensor{".weight_scale", "quantized weights", before_quantization},
};

/// Refuses files that hold a CLIP's tensors, or some of them, in another form, as what they are.
inline void refuse_foreign_tensors(const checkpoint& file) {
    for (const foreign_tensor& foreign : foreign_tensors) {
        const auto at = std::ranges::find_if(file.tensors(), [&](const named_tensor& each) {
            return each.name.find(foreign.part) != std::string::npos;
        });
        if (at == file.tensors().end()) continue;
        throw checkpoint_error(
            error_code::unsupported,
            {file.place(), std::string("it holds ") + foreign.what + ": " + quoted(at->name), "a CLIP", foreign.hint});
    }
    if (file.find("class_embedding") == nullptr || file.find("conv1.weight") == nullptr) return;
    throw checkpoint_error(error_code::unsupported,
                           {file.place(), "it holds an image tower without the prefix \"visual.\" of its names",
                            "a CLIP", "save the state dict of the whole model"});
}

/// Refuses a tower that was taken out of a CLIP without its projection into the shared space, as what it is.
inline void refuse_lone_tower(const checkpoint& file) {
    const auto has = [&](std::string_view ending) {
        return std::ranges::any_of(file.tensors(),
                                   [&](const named_tensor& each) { return each.name.ends_with(ending); });
    };
    if (has("visual_projection.weight") || has("text_projection.weight") || has("logit_scale")) return;
    const bool image = has("embeddings.patch_embedding.weight") && has("embeddings.class_embedding");
    const bool text = has("embeddings.token_embedding.weight");
    if (image == text) return;
    const bool classifies = image && has("classifier.weight");
    throw checkpoint_error(
        error_code::unsupported,
        {file.place(),
         classifies ? "it holds a CLIPForImageClassification, an image tower with classes of its own"
         : image    ? "it holds a CLIPVisionModel, an image tower without the projection into the shared space"
                    : "it holds a CLIPTextModel, a text tower without the projection into the shared space",
         image ? "a CLIPModel or CLIPVisionModelWithProjection" : "a CLIPModel or CLIPTextModelWithProjection",
         "get the whole CLIP that it was taken from"});
}

/// Rows of a matrix without strides.
inline stored_tensor rows_of(const stored_tensor& matrix, std::size_t first, std::size_t end) {
    stored_tensor rows = elements_of(matrix, first * matrix.shape[1], (end - first) * matrix.shape[1]);
    rows.shape = {end - first, matrix.shape[1]};
    return rows;
}

/// Long-CLIP's positions: those from the 21st on are in a tensor of their own. Mirrors encode_text in
/// beichenzbc/Long-CLIP model/model_longclip.py.
inline void join_long_positions(canonical_tensors& all) {
    constexpr std::size_t kept = 20;  // positions of the CLIP that it was trained from
    const auto first = all.tensors.find("positional_embedding"), second = all.tensors.find("positional_embedding_res");
    if (first == all.tensors.end() || second == all.tensors.end()) return;
    const tensor_part beginning = first->second.parts.front(), rest = second->second.parts.front();
    const std::vector<std::size_t>& shape = rest.stored.shape;
    const bool fits = shape.size() == 2 && shape[0] > kept && beginning.stored.shape == shape &&
                      beginning.stored.strides.empty() && rest.stored.strides.empty();
    if (!fits) return;  // its name stays among the unread ones
    first->second.parts = {{beginning.name, rows_of(beginning.stored, 0, kept)},
                           {rest.name, rows_of(rest.stored, kept, shape[0])}};
    all.tensors.erase(second);
}

}  // namespace detail

/// Recognises the layout by the names of the towers, below the prefix that training left before a CLIP: the one with
/// both towers below it, else the shortest with one. \return the layout and the prefix \throws checkpoint_error SHAPE
/// where none fits, with some of the names found; UNSUPPORTED for two models, towers of timm, and a tower without its
/// projection
inline std::pair<checkpoint_layout, std::string> layout_of(const checkpoint& file) {
    detail::refuse_foreign_tensors(file);
    detail::refuse_lone_tower(file);
    using model = std::pair<const std::string, detail::tower_evidence>;  // by prefix
    std::map<std::string, detail::tower_evidence> models = detail::evidence_in(file);
    std::erase_if(models, [](const model& each) { return !each.second.layout(); });
    const auto is_whole = [](const model& each) { return each.second.image && each.second.text; };
    const bool has_whole = std::ranges::any_of(models, is_whole);
    if (has_whole) std::erase_if(models, std::not_fn(is_whole));
    if (models.empty()) {
        const std::string names = detail::first_names(file);
        throw checkpoint_error(
            error_code::shape,
            {file.place(), names.empty() ? "the file holds no tensors" : "no CLIP among the tensors " + names,
             "the names of OpenAI, open_clip or Hugging Face"});
    }
    const model& best = *std::ranges::min_element(models, {}, [](const model& each) { return each.first.size(); });
    for (const model& other : models) {
        const bool is_same_tower = best.second.image == other.second.image && !other.first.starts_with(best.first);
        if (&other == &best || !(has_whole || is_same_tower)) continue;
        throw checkpoint_error(
            error_code::unsupported,
            {file.place(), "two models, below " + quoted(best.first) + " and " + quoted(other.first), "one",
             "save the state dict of the one you need, as torch.save(model." +
                 (best.first.empty() ? other.first : best.first) + "state_dict(), ...)"});
    }
    if (!best.second.timm.empty()) {
        throw checkpoint_error(error_code::unsupported,
                               {file.place(), "the image tower is one of timm's (" + quoted(best.second.timm) + ")",
                                "a VisionTransformer or ModifiedResNet"});
    }
    return {*best.second.layout(), best.first};
}

/// A checkpoint's tensors under OpenAI's names, without copying.
/// \throws checkpoint_error SHAPE where the layout is unknown, or parts of a tensor are missing or do not fit
inline canonical_tensors canonical(const checkpoint& file) {
    canonical_tensors result;
    std::tie(result.layout, result.prefix) = layout_of(file);
    const std::span<const detail::layout_rule> rules = detail::rules_of(result.layout);
    for (const named_tensor& each : file.tensors()) {
        if (detail::is_buffer_or_setting(each.name)) continue;
        const bool is_below = each.name.starts_with(result.prefix);
        const std::string below = each.name.substr(is_below ? result.prefix.size() : 0),
                          name = detail::unwrapped(below);
        const auto place = is_below ? detail::place_of(rules, name) : std::nullopt;
        if (!place) {
            result.unknown.push_back(each.name);
            continue;
        }
        if (result.wrapped.empty() && name != below) result.wrapped = each.name;
        canonical_tensor& tensor = result.tensors[place->name];
        tensor.parts.resize((std::max)(tensor.parts.size(), place->parts));
        tensor.transposed = place->transposed;
        tensor_part& part = tensor.parts[place->part];
        if (!part.name.empty()) {
            throw checkpoint_error(
                error_code::shape,
                {file.place(), quoted(part.name) + " and " + quoted(each.name) + " are the same tensor",
                 "one of them"});
        }
        part = {each.name, each.tensor};
    }
    detail::join_long_positions(result);
    std::size_t index = 0;
    for (auto& [name, tensor] : result.tensors) {
        detail::join_parts(file, name, tensor);
        tensor.index = index++;
    }
    return result;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
