#pragma once
/// \file Text into the ids that the text encoder reads, as OpenAI's CLIP does it, and back for a person to look at.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/text/bpe.hpp>
#include <zeroshot/text/clean.hpp>
#include <zeroshot/text/split.hpp>
#include <zeroshot/text/utf8.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What to do with more ids than the context holds.
enum class overflow {
    refuse,    ///< throw, saying by how many
    truncate,  ///< keep the first, and the end token: OpenAI's tokenize(truncate=True)
};

/// CLIP's tokenizer: cleans, splits, merges byte pairs. Const after construction, safe to call from many threads;
/// copies share the tables.
class tokenizer {
   public:
    /// With CLIP's own vocabulary.
    tokenizer() : tokenizer(zeroshot::vocabulary::clip()) {}
    explicit tokenizer(zeroshot::vocabulary symbols) : vocabulary_(std::move(symbols)) {}

    /// Start, the ids of the text, end; of any length, without padding.
    /// A special token's text gives that token, as in the reference: see has_special().
    /// \throws text_error (ARG, LIMIT) as clean() does
    std::vector<token> encode(std::string_view text, invalid_utf8 policy = invalid_utf8::refuse) const {
        std::vector<token> ids{vocabulary_.start()};
        pair_merger merge(vocabulary_);
        std::vector<token> symbols;
        for_each_piece(detail::cleaned(text, policy), [&](std::u32string_view piece) {
            spell(symbols, piece);
            merge(symbols);
            ids.insert(ids.end(), symbols.begin(), symbols.end());
        });
        ids.push_back(vocabulary_.end());
        return ids;
    }

    /// As encode(), and no more ids than the context holds (77 in OpenAI's models). Mirrors tokenize in openai/CLIP
    /// clip/clip.py but for the padding, which nothing ever sees.
    /// \throws text_error (LIMIT) where there are more and truncation is not asked for; (ARG) on a context below 2
    std::vector<token> tokenize(std::string_view text, std::size_t context, overflow rule = overflow::refuse,
                                invalid_utf8 policy = invalid_utf8::refuse) const {
        if (context < 2) {
            throw text_error(error_code::argument, {"context", "it is " + std::to_string(context), "at least 2",
                                                    "start and end of the text need a place"});
        }
        std::vector<token> ids = encode(text, policy);
        if (ids.size() <= context) return ids;
        if (rule == overflow::refuse) {
            throw text_error(error_code::limit,
                             {"text " + quoted(text),
                              "it is " + std::to_string(ids.size()) + " tokens long, " +
                                  std::to_string(ids.size() - context) + " too many",
                              "at most " + std::to_string(context), "shorten it, or ask for truncation"});
        }
        ids.resize(context);
        ids.back() = vocabulary_.end();
        return ids;
    }

    /// Whether a special token's text stands in the text, after cleaning: `&lt;|endoftext|&gt;` counts. The text
    /// encoder looks for the first end token, so whatever follows such a label's own would be ignored.
    bool has_special(std::string_view text, invalid_utf8 policy = invalid_utf8::refuse) const {
        bool found = false;
        for_each_piece(detail::cleaned(text, policy),
                       [&](std::u32string_view piece) { found = found || is_special(piece); });
        return found;
    }

    /// The text of some ids for a person to look at: words with a space after each, U+FFFD for what is not UTF-8.
    /// \throws text_error (ARG) on an id that is not in the vocabulary
    std::string decode(std::span<const token> ids) const {
        std::string bytes;
        for (const token id : ids) {
            const symbol spelt = vocabulary_.spelling(id);
            bytes += spelt.bytes;
            if (spelt.ends_word) bytes += ' ';
        }
        return to_utf8(code_points(bytes, invalid_utf8::replace));
    }

    /// Each id on its own for a person to look at: "diagram</w>", U+FFFD for bytes of a character in parts.
    /// \throws text_error (ARG) on an id that is not in the vocabulary
    std::vector<std::string> pieces(std::span<const token> ids) const {
        std::vector<std::string> texts;
        for (const token id : ids) {
            const symbol spelt = vocabulary_.spelling(id);
            const bool special = id == vocabulary_.start() || id == vocabulary_.end();
            texts.push_back(to_utf8(code_points(spelt.bytes, invalid_utf8::replace)));
            if (spelt.ends_word && !special) texts.back() += detail::word_end;
        }
        return texts;
    }

    const zeroshot::vocabulary& vocabulary() const noexcept { return vocabulary_; }

   private:
    static bool is_special(std::u32string_view piece) { return piece == start_of_text || piece == end_of_text; }

    /// The symbols that a piece begins with, before anything merges: its bytes, the last as the end of a word.
    void spell(std::vector<token>& symbols, std::u32string_view piece) const {
        symbols.clear();
        if (is_special(piece)) {
            symbols.push_back(piece == start_of_text ? vocabulary_.start() : vocabulary_.end());
            return;
        }
        const std::string bytes = to_utf8(piece);
        for (const char byte : bytes) symbols.push_back(vocabulary_.of_byte(static_cast<unsigned char>(byte), false));
        symbols.back() = vocabulary_.of_byte(static_cast<unsigned char>(bytes.back()), true);
    }

    zeroshot::vocabulary vocabulary_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
