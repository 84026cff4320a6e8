#pragma once
/// \file Readers of tokenizers beside a checkpoint of transformers: tokenizer.json, or vocab.json and merges.txt.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/load/model_hub.hpp>
#include <zeroshot/load/readers.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/support/file.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

/// Ids by the spelling of symbols, as in vocab.json.
using symbol_ids = std::map<std::string, token_id, std::less<>>;

inline symbol_ids read_symbol_ids(const json& vocabulary) {
    symbol_ids ids;
    for (const auto& [symbol, id] : vocabulary.members()) ids.emplace(symbol, as_token_id(id));
    return ids;
}

/// The type of a component of tokenizer.json, "none" where it is null.
inline std::string component_type(const std::optional<json>& component) {
    return component ? component->at("type").as_string() : "none";
}

/// The parts of a component of type Sequence, or the component alone.
inline std::vector<json> component_parts(const json& component, std::string_view key) {
    return component_type(component) == "Sequence" ? component.at(key).items() : std::vector<json>{component};
}

/// Reads "normalizer": NFC, a space for white space, Lowercase, in this order.
inline void read_normalizer(const json& component, tokenizer_rules& rules) {
    for (const json& part : component_parts(component, "normalizers")) {
        const std::string type = component_type(part);
        const bool is_first = !rules.single_spaces && !rules.lowercase;
        const bool replaces_spaces = type == "Replace" && part.at("pattern").find("Regex") &&
                                     part.at("pattern").at("Regex").as_string() == "\\s+" &&
                                     part.at("content").as_string() == " ";
        if (type == "NFC" && is_first)
            rules.nfc = true;
        else if (replaces_spaces && !rules.lowercase)
            rules.single_spaces = true;
        else if (type == "Lowercase")
            rules.lowercase = true;
        else
            refuse_setting(part, "a normalizer " + quoted(type), "NFC, a space for white space, Lowercase");
    }
}

/// Reads "pre_tokenizer": CLIP's pattern, then bytes.
inline void read_pre_tokenizer(const json& component, tokenizer_rules& rules) {
    constexpr std::string_view words = R"('s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+)";
    constexpr std::string_view names = R"(<\|startoftext\|>|<\|endoftext\|>|)";
    const std::vector<json> parts = component_parts(component, "pretokenizers");
    const auto is_split = [&](const json& part) {
        if (component_type(part) != "Split" || !part.at("pattern").find("Regex")) return false;
        std::string_view pattern = part.at("pattern").at("Regex").as_string();
        rules.finds_names = pattern.starts_with(names);
        if (rules.finds_names) pattern.remove_prefix(names.size());
        return pattern == words && part.at("behavior").as_string() == "Removed" && part.at("invert").as_bool();
    };
    const auto is_bytes = [](const json& part) {
        return component_type(part) == "ByteLevel" && !optional_bool(part, "add_prefix_space").value_or(true) &&
               optional_bool(part, "use_regex").value_or(true);
    };
    if (parts.size() == 2 && is_split(parts[0]) && is_bytes(parts[1])) return;
    refuse_setting(component, "a pre_tokenizer other than CLIP's", "Split by CLIP's pattern, then ByteLevel");
}

/// Reads "added_tokens".
inline std::vector<added_token> read_added_tokens(const json& list) {
    constexpr std::size_t longest = 1000;  // bytes
    std::vector<added_token> all;
    for (const json& each : list.items()) {
        for (const char* flag : {"single_word", "lstrip", "rstrip"}) {
            if (optional_bool(each, flag).value_or(false)) refuse_setting(each.at(flag), "is set", "false");
        }
        if (each.at("content").as_string().size() > longest)
            refuse_setting(each.at("content"), "more than 1000 bytes", "a shorter token");
        all.push_back({each.at("content").as_string(), as_token_id(each.at("id")),
                       optional_bool(each, "normalized").value_or(false)});
    }
    return all;
}

/// Reads "post_processor": the start and end token around a text.
/// \return ids of start and end
inline std::pair<token_id, token_id> read_ends(const json& component) {
    const std::string type = component_type(component);
    if (type == "RobertaProcessing" || type == "BertProcessing")
        return {as_token_id(component.at("cls").at(1)), as_token_id(component.at("sep").at(1))};
    const auto special = [&](const json& part) -> std::optional<token_id> {
        const std::optional<json> name = part.find("SpecialToken");
        if (!name) return std::nullopt;
        const json ids = component.at("special_tokens").at(name->at("id").as_string()).at("ids");
        return ids.size() == 1 ? std::optional(as_token_id(ids.at(0))) : std::nullopt;
    };
    if (type == "TemplateProcessing" && component.at("single").size() == 3) {
        const json single = component.at("single");
        const auto start = special(single.at(0)), end = special(single.at(2));
        if (start && single.at(1).find("Sequence") && end) return {*start, *end};
    }
    refuse_setting(component, "a post_processor " + quoted(type), "a start token, the text, and an end token");
}

/// A tokenizer of symbols with ids of their own. A byte that has no symbol is the unknown token, or left out.
/// \param ends ids of the start and end token
inline tokenizer tokenizer_of_symbols(const symbol_ids& ids, const std::vector<std::string>& merges,
                                      std::optional<token_id> unknown, std::pair<token_id, token_id> ends,
                                      tokenizer_rules rules, const std::string& place) {
    vocabulary symbols = vocabulary::from_merges(merges);
    std::vector<token_id> by_symbol;
    bool is_usual = true;
    for (const std::string& spelling : symbols.spellings()) {
        const auto known = ids.find(spelling);
        const bool is_merged = by_symbol.size() >= static_cast<std::size_t>(text::byte_symbol_count);
        if (known == ids.end() && is_merged) {
            throw checkpoint_error(error_code::format,
                                   {place, "the merged symbol " + quoted(spelling) + " is not in the vocabulary"});
        }
        by_symbol.push_back(known == ids.end() ? unknown.value_or(-1) : known->second);
    }
    by_symbol.push_back(ends.first);
    by_symbol.push_back(ends.second);
    for (std::size_t symbol = 0; symbol < by_symbol.size(); ++symbol)
        is_usual = is_usual && by_symbol[symbol] == static_cast<token_id>(symbol);
    if (!is_usual) rules.ids = std::move(by_symbol);
    return tokenizer(std::move(symbols), std::move(rules));
}

/// Reads tokenizer.json of a CLIP: byte pairs with merges, ids and added tokens of its own.
/// \throws checkpoint_error (UNSUPPORTED) for a component that CLIP does not have; FORMAT for damaged files
inline tokenizer read_tokenizer_json(const json& file) {
    tokenizer_rules rules{
        .normalizer = text_normalizer::hugging_face, .nfc = false, .single_spaces = false, .lowercase = false};
    if (const auto component = member(file, "normalizer")) read_normalizer(*component, rules);
    read_pre_tokenizer(file.at("pre_tokenizer"), rules);
    if (const auto added = member(file, "added_tokens")) rules.added = read_added_tokens(*added);
    const std::pair<token_id, token_id> ends = read_ends(file.at("post_processor"));
    const json model = file.at("model");
    const auto expect = [&](std::string_view key, std::string_view usual) {
        const std::optional<json> value = member(model, key);
        if (value && value->as_string() != usual) refuse_setting(*value, quoted(value->as_string()), quoted(usual));
    };
    expect("type", "BPE");
    expect("continuing_subword_prefix", "");
    if (model.at("end_of_word_suffix").is_null() || model.at("end_of_word_suffix").as_string() != text::word_end)
        refuse_setting(model.at("end_of_word_suffix"), "another end of words", quoted(text::word_end));
    for (const char* flag : {"fuse_unk", "byte_fallback", "ignore_merges"})
        if (optional_bool(model, flag).value_or(false)) refuse_setting(model.at(flag), "is set", "false");
    if (optional_number(model, "dropout").value_or(0) != 0)
        refuse_setting(model.at("dropout"), "merges are dropped at random", "null");
    const symbol_ids ids = read_symbol_ids(model.at("vocab"));
    std::optional<token_id> unknown;
    if (const auto name = member(model, "unk_token")) {
        const auto known = ids.find(name->as_string());
        if (known == ids.end())
            refuse_setting(*name, quoted(name->as_string()) + " is not in the vocabulary", "one that is");
        unknown = known->second;
    }
    std::vector<std::string> merges;
    for (const json& pair : model.at("merges").items())
        merges.push_back(pair.is_string() ? pair.as_string() : pair.at(0).as_string() + " " + pair.at(1).as_string());
    return tokenizer_of_symbols(ids, merges, unknown, ends, std::move(rules), file.where());
}

/// Lines of a text file, without the ends of lines.
inline std::vector<std::string> read_lines(const std::filesystem::path& path) {
    constexpr std::size_t most_bytes = std::size_t{64} << 20;
    const std::vector<std::byte> bytes = read_file(path, most_bytes);
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = (std::min)(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix((std::min)(end + 1, text.size()));
    }
    return lines;
}

/// Reads vocab.json, merges.txt and added_tokens.json, the files of older releases, with the rules of CLIPTokenizer in
/// transformers.
inline tokenizer read_vocabulary_and_merges(const json& vocabulary, const std::filesystem::path& folder) {
    const symbol_ids ids = read_symbol_ids(vocabulary);
    const auto ends_word = [](const auto& each) { return each.first.ends_with(text::word_end); };
    if (std::ranges::none_of(ids, ends_word))
        refuse_setting(vocabulary, "no symbol ends a word, as in the byte pairs of GPT-2", quoted(text::word_end));
    const auto special = [&](const char* name) { return as_token_id(vocabulary.at(name)); };
    const token_id start = special("<|startoftext|>"), end = special("<|endoftext|>");
    tokenizer_rules rules{.normalizer = text_normalizer::hugging_face};
    rules.added = {{"<|startoftext|>", start}, {"<|endoftext|>", end}};
    if (path_exists(folder / "added_tokens.json")) {
        for (const auto& [text, id] : read_json(folder / "added_tokens.json").members())
            if (text != "<|startoftext|>" && text != "<|endoftext|>")
                rules.added.push_back({text, as_token_id(id), true});
    }
    return tokenizer_of_symbols(ids, read_lines(folder / "merges.txt"), end, {start, end}, std::move(rules),
                                vocabulary.where());
}

/// States the id of the padding: that of pad_token of tokenizer_config.json, among the added tokens of the same file or
/// of tokenizer.json; empty where none of them names it. SigLIP pads with it, never with pad_token_id of config.json.
/// \throws file_error; checkpoint_error where a file is damaged
inline std::optional<settings> padding_beside(const std::filesystem::path& folder) {
    settings result;
    result.file = folder / "tokenizer_config.json";
    if (!path_exists(result.file)) return std::nullopt;
    const json config = read_json(result.file);
    result.source = config.where();
    const std::optional<json> pad = member(config, "pad_token");
    if (!pad) return std::nullopt;
    const std::string name = pad->is_object() ? pad->at("content").as_string() : pad->as_string();
    const auto consider = [&](const json& token, const json& id) {
        if (token.at("content").as_string() == name) result.padding = id.as_size();
    };
    if (const auto decoder = member(config, "added_tokens_decoder")) {
        for (const auto& [id, token] : decoder->members()) consider(token, json::parse(id, config.where()));
    } else if (path_exists(folder / "tokenizer.json")) {
        if (const auto added = member(read_json(folder / "tokenizer.json"), "added_tokens"))
            for (const json& token : added->items()) consider(token, token.at("id"));
    }
    return result.padding ? std::optional(std::move(result)) : std::nullopt;
}

/// States the tokenizer in a model's folder, as transformers finds it; empty where there is none. One that is not of
/// CLIP's form is stated by name: the model then takes token ids.
/// \throws file_error; checkpoint_error (FORMAT) where tokenizer.json or vocab.json is not JSON
inline std::optional<settings> tokenizer_beside(const std::filesystem::path& folder) {
    settings result;
    result.file = folder / "tokenizer.json";
    const bool is_whole = path_exists(result.file);
    if (!is_whole) result.file = folder / "vocab.json";
    if (!is_whole && !(path_exists(result.file) && path_exists(folder / "merges.txt"))) return std::nullopt;
    result.source = path_text(result.file);
    const json contents = read_json(result.file);
    try {
        result.tokenizer = std::make_shared<const tokenizer>(is_whole ? read_tokenizer_json(contents)
                                                                      : read_vocabulary_and_merges(contents, folder));
    } catch (const error& fault) {
        const diagnostic& found = fault.diagnostic();
        result.other_tokenizer = path_text(result.file.filename()) + " (" + found.what +
                                 (found.expected.empty() ? "" : ", expected " + found.expected) + ")";
    }
    return result;
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
