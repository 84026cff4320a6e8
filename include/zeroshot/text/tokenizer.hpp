#pragma once
/// \file CLIP's tokenizer: splitting of cleaned text, byte pair encoding to token ids, and their text for display.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>
#include <zeroshot/text/clean.hpp>
#include <zeroshot/text/tokenizer_rules.hpp>
#include <zeroshot/text/unicode.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace text {

inline constexpr std::u32string_view start_of_text = U"<|startoftext|>", end_of_text = U"<|endoftext|>";

/// A pattern's treatment of capital letters.
enum class letter_case { ignored, exact };

/// Whether a text begins with a lower-case word; IGNORECASE compares the long s (U+017F) as s.
inline bool begins_with(std::u32string_view text, std::u32string_view word, letter_case rule) {
    constexpr char32_t long_s = 0x017F;
    const auto folded = [&](char32_t character) -> char32_t {
        if (rule == letter_case::exact) return character;
        return character == long_s ? U's' : character >= U'A' && character <= U'Z' ? character + 0x20 : character;
    };
    return text.size() >= word.size() &&
           std::equal(word.begin(), word.end(), text.begin(), [&](char32_t a, char32_t b) { return a == folded(b); });
}

/// White space; with IGNORECASE also U+0345, a mark whose capital (U+0399) is a letter: no class of the pattern matches
/// it.
inline bool is_skipped(char32_t character, letter_case rule) {
    return is_space(character) || (character == 0x0345 && rule == letter_case::ignored);
}

/// Length of the word at the beginning of a text, in the order of the pattern's alternatives; 0 for a skipped
/// character.
inline std::size_t word_length(std::u32string_view text, letter_case rule) {
    for (const std::u32string_view ending : {U"'s", U"'t", U"'re", U"'ve", U"'m", U"'ll", U"'d"}) {
        if (text[0] == U'\'' && begins_with(text, ending, rule)) return ending.size();
    }
    if (is_letter(text[0])) return prefix_length(text, is_letter);
    if (is_number(text[0])) return 1;
    return prefix_length(text, [&](char32_t c) { return !is_letter(c) && !is_number(c) && !is_skipped(c, rule); });
}

/// Length of the name of the start or end token at the beginning of a text, or 0.
inline std::size_t name_length(std::u32string_view text, letter_case rule) {
    for (const std::u32string_view name : {start_of_text, end_of_text})
        if (text[0] == U'<' && begins_with(text, name, rule)) return name.size();
    return 0;
}

/// Calls visit(word) for each word of a text, in order. Mirrors Split and ByteLevel in the tokenizer.json of CLIP;
/// ByteLevel splits again what Split kept whole: `<|endoftext|>` becomes `<|`, `endoftext`, `|>`.
///
///     's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
///
/// \param finds_names whether the pattern begins with `<\|startoftext\|>|<\|endoftext\|>|`
template <class Visit>
void for_each_word(std::u32string_view text, bool finds_names, const Visit& visit) {
    while (!text.empty()) {
        const std::size_t name = finds_names ? name_length(text, letter_case::exact) : 0;
        const std::size_t length = name > 0 ? name : word_length(text, letter_case::exact);
        if (name > 0)
            for_each_word(text.substr(0, name), false, visit);
        else if (length > 0)
            visit(text.substr(0, length));
        text.remove_prefix((std::max<std::size_t>)(length, 1));
    }
}

/// Calls visit(pretoken) for each pre-token of cleaned text, in order: words, and the names of the start and end token.
/// Mirrors SimpleTokenizer.pat and findall in openai/CLIP clip/simple_tokenizer.py (module regex, IGNORECASE), which
/// has `<\|startoftext\|>|<\|endoftext\|>|` before the alternatives of for_each_word().
template <class Visit>
void for_each_pretoken(std::u32string_view text, const Visit& visit) {
    while (!text.empty()) {
        std::size_t length = name_length(text, letter_case::ignored);
        if (length == 0) length = word_length(text, letter_case::ignored);
        if (length > 0) visit(text.substr(0, length));
        text.remove_prefix((std::max<std::size_t>)(length, 1));
    }
}

/// Merges the symbols of words. Holds working memory: one for each thread.
class pair_merger {
   public:
    explicit pair_merger(const vocabulary& vocabulary) : vocabulary_(vocabulary) {}

    /// Merges in place until no two neighbours merge: the pair of the lowest rank first, from left to right.
    /// Mirrors SimpleTokenizer.bpe in openai/CLIP clip/simple_tokenizer.py, which searches the whole word after each
    /// merge. A priority queue of the pairs makes the same merges in O(n log n). The longest match in the vocabulary
    /// would give other symbols, since merges have an order.
    void operator()(std::vector<token_id>& symbols) {
        constexpr token_id merged = -1;
        link(symbols);
        while (!queue_.empty()) {
            const std::uint64_t first = queue_.top();
            queue_.pop();
            const auto whole = static_cast<token_id>(first >> 32);
            const auto left = static_cast<std::uint32_t>(first);
            const std::uint32_t right = next_[left];
            const bool current = right != none && vocabulary_.parts(whole) == std::pair(symbols[left], symbols[right]);
            if (!current) continue;  // one of them has merged with its other neighbour
            symbols[left] = whole;
            symbols[right] = merged;
            next_[left] = next_[right];
            if (next_[left] != none) previous_[next_[left]] = left;
            if (previous_[left] != none) queue_pair(symbols, previous_[left], left);
            if (next_[left] != none) queue_pair(symbols, left, next_[left]);
        }
        std::erase(symbols, merged);
    }

   private:
    static constexpr std::uint32_t none = UINT32_MAX;

    /// Links each symbol with its neighbours, and queues the pairs that merge.
    void link(const std::vector<token_id>& symbols) {
        const auto count = static_cast<std::uint32_t>(symbols.size());
        next_.resize(count);
        previous_.resize(count);
        for (std::uint32_t i = 0; i < count; ++i) {
            previous_[i] = i == 0 ? none : i - 1;
            next_[i] = i + 1 == count ? none : i + 1;
            if (i > 0) queue_pair(symbols, i - 1, i);
        }
    }

    void queue_pair(const std::vector<token_id>& symbols, std::uint32_t left, std::uint32_t right) {
        const token_id whole = vocabulary_.merged(symbols[left], symbols[right]);
        if (whole >= 0) queue_.push(static_cast<std::uint64_t>(whole) << 32 | left);
    }

    const vocabulary& vocabulary_;
    std::vector<std::uint32_t> next_, previous_;  // [symbol's index]
    /// Pairs, the earliest merge first: merged symbol << 32 | index of its left part.
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> queue_;
};

}  // namespace text

/// Whether a text of more token ids than the context holds is truncated.
enum class truncation {
    refuse,  ///< throw
    allow,   ///< keep the first ids and the end token, as OpenAI's tokenize(truncate=True)
};

/// CLIP's tokenizer: normalises, splits, merges byte pairs. Const after construction, safe to call from many threads;
/// copies share the tables.
class tokenizer {
   public:
    /// A tokenizer with CLIP's own vocabulary.
    tokenizer() : tokenizer(zeroshot::vocabulary::clip()) {}

    /// \param vocabulary bytes and merges
    /// \param rules OpenAI's, or those of a tokenizer.json
    explicit tokenizer(zeroshot::vocabulary vocabulary, tokenizer_rules rules = {})
        : vocabulary_(std::move(vocabulary)),
          shared_(std::make_shared<const contents>(vocabulary_, std::move(rules))) {}

    /// Encodes a text of any length: start token, ids, end token, without padding.
    /// A special token's name in the text gives that token, as in the reference; see has_special().
    /// \throws text_error (ARG, LIMIT) as clean()
    std::vector<token_id> encode(std::string_view text, invalid_utf8 policy = invalid_utf8::refuse) const {
        std::vector<token_id> ids{start()};
        text::pair_merger merge(vocabulary_);
        std::vector<token_id> symbols;
        const auto append_word = [&](std::u32string_view word) {
            spell(symbols, word);
            merge(symbols);
            append(ids, symbols);
        };
        if (rules().normalizer == text_normalizer::openai) {
            text::for_each_pretoken(text::cleaned(text, policy), [&](std::u32string_view pretoken) {
                if (pretoken == text::start_of_text || pretoken == text::end_of_text)
                    ids.push_back(pretoken == text::start_of_text ? start() : end());
                else
                    append_word(pretoken);
            });
        } else {
            const auto append_token = [&](token_id id) { ids.push_back(id); };
            const auto append_normalised = [&](std::u32string_view normalised) {
                text::for_each_word(normalised, rules().finds_names, append_word);
            };
            shared_->verbatim.cut(
                text::limited_code_points(text, policy),
                [&](std::u32string_view part) {
                    shared_->normalised.cut(text::hugging_face_normalised(part, rules()), append_normalised,
                                            append_token);
                },
                append_token);
        }
        ids.push_back(end());
        return ids;
    }

    /// Encodes a text to at most `context` ids (77 in OpenAI's models).
    /// Mirrors tokenize in openai/CLIP clip/clip.py, but without padding.
    /// \throws text_error (LIMIT) for more ids, unless `rule` truncates them; (ARG) for a context below 2
    std::vector<token_id> tokenize(std::string_view text, std::size_t context, truncation rule = truncation::refuse,
                                   invalid_utf8 policy = invalid_utf8::refuse) const {
        if (context < 2) {
            throw text_error(error_code::argument, {"context", "it is " + std::to_string(context), "at least 2",
                                                    "for the start and end tokens"});
        }
        std::vector<token_id> ids = encode(text, policy);
        if (ids.size() <= context) return ids;
        if (rule == truncation::refuse) {
            throw text_error(error_code::limit,
                             {"text " + quoted(text),
                              "it is " + std::to_string(ids.size()) + " tokens long, " +
                                  std::to_string(ids.size() - context) + " too many",
                              "at most " + std::to_string(context), "shorten it, or ask for truncation"});
        }
        ids.resize(context);
        ids.back() = end();
        return ids;
    }

    /// Whether a text contains the start or end token: `&lt;|endoftext|&gt;` counts in OpenAI's cleaning. The text
    /// encoder pools at the first end token, so that the rest of such a text would be ignored.
    bool has_special(std::string_view text, invalid_utf8 policy = invalid_utf8::refuse) const {
        return has_special(encode(text, policy));
    }

    /// Whether encoded ids hold the start or end token between their first and last.
    bool has_special(std::span<const token_id> ids) const {
        return std::any_of(ids.begin() + 1, ids.end() - 1, [&](token_id id) { return is_special(id); });
    }

    /// The text of token ids for display: a space after each word, U+FFFD for bytes that are not UTF-8.
    /// \throws text_error (ARG) for an unknown id
    std::string decode(std::span<const token_id> ids) const {
        std::string bytes;
        for (const token_id id : ids) {
            const text::symbol spelt = spelling(id);
            bytes += spelt.bytes;
            if (spelt.ends_word) bytes += ' ';
        }
        return to_utf8(code_points(bytes, invalid_utf8::replace));
    }

    /// The text of each token id for display: "diagram</w>", U+FFFD for part of a character.
    /// \throws text_error (ARG) for an unknown id
    std::vector<std::string> pieces(std::span<const token_id> ids) const {
        std::vector<std::string> texts;
        for (const token_id id : ids) {
            const text::symbol spelt = spelling(id);
            texts.push_back(to_utf8(code_points(spelt.bytes, invalid_utf8::replace)));
            if (spelt.ends_word && !shared_->added.contains(id) && !is_special(id)) texts.back() += text::word_end;
        }
        return texts;
    }

    token_id start() const noexcept { return shared_->start; }
    token_id end() const noexcept { return shared_->end; }

    /// The largest id and one: rows of the token embedding.
    std::size_t size() const noexcept { return shared_->size; }

    const zeroshot::vocabulary& vocabulary() const noexcept { return vocabulary_; }

    const tokenizer_rules& rules() const noexcept { return shared_->rules; }

   private:
    /// Rules, and what follows from them.
    struct contents {
        contents(const zeroshot::vocabulary& vocabulary, tokenizer_rules stated)
            : rules(std::move(stated)), verbatim(rules, false), normalised(rules, true) {
            for (const added_token& each : rules.added) added.try_emplace(each.id, each.text);
            for (std::size_t symbol = 0; symbol < rules.ids.size(); ++symbol)
                if (rules.ids[symbol] >= 0) symbols_of.try_emplace(rules.ids[symbol], static_cast<token_id>(symbol));
            const bool fits = rules.ids.empty() || (rules.ids.size() == vocabulary.size() &&
                                                    (std::min)(rules.ids.end()[-1], rules.ids.end()[-2]) >= 0);
            if (!fits)
                throw argument_error(error_code::argument, {"tokenizer", std::to_string(rules.ids.size()) + " ids",
                                                            "one for each of " + std::to_string(vocabulary.size()) +
                                                                " symbols, the start and end token among them"});
            start = id_of(vocabulary.start());
            end = id_of(vocabulary.end());
            size = rules.ids.empty() ? vocabulary.size() : 1 + static_cast<std::size_t>(std::ranges::max(rules.ids));
            if (!added.empty()) size = (std::max)(size, 1 + static_cast<std::size_t>(added.rbegin()->first));
        }

        token_id id_of(token_id symbol) const {
            return rules.ids.empty() ? symbol : rules.ids[static_cast<std::size_t>(symbol)];
        }

        tokenizer_rules rules;
        text::token_finder verbatim, normalised;
        std::map<token_id, std::string> added{};    // by id
        std::map<token_id, token_id> symbols_of{};  // by id, where ids are not the symbols' own numbers
        token_id start = 0, end = 0;
        std::size_t size = 0;
    };

    bool is_special(token_id id) const noexcept { return id == start() || id == end(); }

    /// The symbols of a word before merging: its bytes, the last as the end of a word.
    void spell(std::vector<token_id>& symbols, std::u32string_view word) const {
        symbols.clear();
        const std::string bytes = to_utf8(word);
        for (const char byte : bytes) symbols.push_back(vocabulary_.of_byte(static_cast<unsigned char>(byte), false));
        symbols.back() = vocabulary_.of_byte(static_cast<unsigned char>(bytes.back()), true);
    }

    void append(std::vector<token_id>& ids, const std::vector<token_id>& symbols) const {
        for (const token_id symbol : symbols)
            if (const token_id id = shared_->id_of(symbol); id >= 0) ids.push_back(id);
    }

    text::symbol spelling(token_id id) const {
        if (const auto own = shared_->added.find(id); own != shared_->added.end()) return {own->second, true};
        if (is_special(id)) return vocabulary_.spelling(id == start() ? vocabulary_.start() : vocabulary_.end());
        if (rules().ids.empty()) return vocabulary_.spelling(id);
        const auto symbol = shared_->symbols_of.find(id);
        if (symbol != shared_->symbols_of.end()) return vocabulary_.spelling(symbol->second);
        throw text_error(error_code::argument, {"token " + std::to_string(id), "there is no such token",
                                                "an id of the tokenizer, below " + std::to_string(size())});
    }

    zeroshot::vocabulary vocabulary_;
    std::shared_ptr<const contents> shared_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
