#pragma once
/// \file Vocabulary of the tokenizer: bytes, merged byte pairs, and the start and end tokens; CLIP's own has 49,408.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/utf8.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Id of a symbol: a row of the token embedding.
using token_id = std::int32_t;

namespace text {

#include <zeroshot/text/tables/merges.inc>

inline constexpr token_id byte_count = 256;                    // each byte, within a word
inline constexpr token_id byte_symbol_count = 2 * byte_count;  // and again as the end of a word
inline constexpr std::string_view word_end = "</w>";

inline constexpr std::size_t letters_of_a_merge = 6;  // in the table, three for each symbol
inline constexpr std::size_t merges_in_a_row = (sizeof(clip_merges[0]) - 1) / letters_of_a_merge;
inline constexpr std::size_t clip_merge_count =
    (std::size(clip_merges) - 1) * merges_in_a_row +
    std::string_view(clip_merges[std::size(clip_merges) - 1]).size() / letters_of_a_merge;

/// The two symbols of CLIP's merge of that rank.
inline std::pair<token_id, token_id> clip_merge(std::size_t rank) {
    const char* letters = clip_merges[rank / merges_in_a_row] + rank % merges_in_a_row * letters_of_a_merge;
    const auto id = [&letters] {
        token_id number = 0;
        for (int digit = 0; digit < 3; ++digit, ++letters)
            number = number * 52 + (*letters <= 'Z' ? *letters - 'A' : *letters - 'a' + 26);
        return number;
    };
    const token_id left = id();
    return {left, id()};
}

/// Whether the table of merges writes a byte as the character of the same number.
/// Mirrors bytes_to_unicode in openai/CLIP clip/simple_tokenizer.py.
inline bool is_written_as_itself(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/// Bytes in the order of their ids, and ids of bytes.
struct byte_alphabet {
    std::array<unsigned char, 256> bytes{};  // [id]
    std::array<unsigned char, 256> ids{};    // [byte]
    std::array<char32_t, 256> characters{};  // [id]: the byte in the table of merges

    byte_alphabet() {
        std::size_t id = 0;
        char32_t beyond = 256;
        for (const bool itself : {true, false}) {
            for (unsigned byte = 0; byte < 256; ++byte) {
                if (is_written_as_itself(byte) != itself) continue;
                bytes[id] = static_cast<unsigned char>(byte);
                ids[byte] = static_cast<unsigned char>(id);
                characters[id++] = itself ? char32_t{byte} : beyond++;
            }
        }
    }
};

/// Spelling of a symbol.
struct symbol {
    std::string bytes;       ///< of UTF-8 text, possibly part of a character; the name of a special symbol
    bool ends_word = false;  ///< whether the symbol is the end of a word
};

}  // namespace text

/// Byte alphabet, merges by rank, and special symbols. Immutable; copies share the tables.
/// Ids: 0 to 255 bytes, 256 to 511 bytes at the end of a word, then one for each merge, then start and end.
class vocabulary {
   public:
    // Copies share, and moving copies: no handle is ever empty.
    vocabulary(const vocabulary&) = default;
    vocabulary& operator=(const vocabulary&) = default;

    /// CLIP's vocabulary: the first 48,894 merges of OpenAI's bpe_simple_vocab_16e6.txt.
    static vocabulary clip() { return clip(text::clip_merge_count); }

    /// The size of CLIP's vocabulary, without making it.
    static constexpr std::size_t clip_size = text::byte_symbol_count + text::clip_merge_count + 2;

    /// Whether the merges are CLIP's, all of them.
    bool has_clip_merges() const {
        if (size() != clip_size) return false;
        for (std::size_t rank = 0; rank < text::clip_merge_count; ++rank)
            if (tables_->pairs[rank] != text::clip_merge(rank)) return false;
        return true;
    }

    /// A vocabulary from merges by rank, as lines "i n", "t h", "th e</w>". A first line "#version...", an empty last
    /// line and carriage returns are ignored. \throws checkpoint_error (FORMAT) with the line's number; (LIMIT) for
    /// more than a million lines
    static vocabulary from_merges(std::span<const std::string> lines) {
        std::size_t first_number = 1;
        if (!lines.empty() && lines.front().starts_with("#version")) {
            lines = lines.subspan(1);
            ++first_number;
        }
        if (!lines.empty() && (lines.back().empty() || lines.back() == "\r")) lines = lines.first(lines.size() - 1);
        detail::expect_at_most<checkpoint_error>(1'000'000, lines.size(), "lines", "merges");
        if (are_clip_merges(lines)) return clip(lines.size());
        spelt_symbols ids = spelt_byte_symbols();
        std::vector<std::pair<token_id, token_id>> pairs;
        pairs.reserve(lines.size());
        for (const std::string& line : lines) pairs.push_back(read_line(ids, line, first_number + pairs.size()));
        return vocabulary(std::move(pairs));
    }

    /// Number of symbols with the special ones: rows of the token embedding.
    std::size_t size() const noexcept { return static_cast<std::size_t>(end()) + 1; }
    token_id start() const noexcept { return text::byte_symbol_count + static_cast<token_id>(tables_->pairs.size()); }
    token_id end() const noexcept { return start() + 1; }

    /// The symbol of one byte.
    token_id of_byte(unsigned char byte, bool ends_word) const noexcept {
        return tables_->alphabet.ids[byte] + (ends_word ? text::byte_count : 0);
    }

    /// The merge of two symbols, or -1. Lower ids merge earlier.
    token_id merged(token_id left, token_id right) const noexcept { return tables_->find(left, right); }

    /// The two symbols of a merged one, which is neither a byte nor special.
    std::pair<token_id, token_id> parts(token_id whole) const noexcept {
        return tables_->pairs[static_cast<std::size_t>(whole - text::byte_symbol_count)];
    }

    /// Spelling of a symbol.
    /// \throws text_error (ARG) for an unknown id
    text::symbol spelling(token_id id) const {
        if (id == start()) return {"<|startoftext|>", true};
        if (id == end()) return {"<|endoftext|>", true};
        if (id < 0 || id > end()) {
            throw text_error(error_code::argument, {"token " + std::to_string(id), "there is no such symbol",
                                                    "0 to " + std::to_string(end())});
        }
        text::symbol spelt;
        for (const token_id byte : bytes_of(id)) {
            spelt.bytes +=
                static_cast<char>(tables_->alphabet.bytes[static_cast<std::size_t>(byte % text::byte_count)]);
            spelt.ends_word = byte >= text::byte_count;
        }
        return spelt;
    }

    /// The symbols but for start and end, as tables of merges spell them: bytes as characters, "</w>" at the end of a
    /// word.
    std::vector<std::string> spellings() const {
        std::vector<std::string> spelt;  // [id]
        spelt.reserve(size());
        for (token_id id = 0; id < text::byte_symbol_count; ++id)
            spelt.push_back(spelling_of_byte_symbol(tables_->alphabet, id));
        for (const auto& [left, right] : tables_->pairs)
            spelt.push_back(spelt[static_cast<std::size_t>(left)] + spelt[static_cast<std::size_t>(right)]);
        return spelt;
    }

    /// The merges as from_merges() reads them, and as checkpoints carry them.
    std::vector<std::string> merge_lines() const {
        const std::vector<std::string> spelt = spellings();
        std::vector<std::string> lines;
        lines.reserve(tables_->pairs.size());
        for (const auto& [left, right] : tables_->pairs)
            lines.push_back(spelt[static_cast<std::size_t>(left)] + ' ' + spelt[static_cast<std::size_t>(right)]);
        return lines;
    }

   private:
    /// A right neighbour that a symbol merges with, and the merged symbol.
    struct continuation {
        token_id right, whole;
    };

    /// Pairs by rank, and by their left part. A hash table would take quadratic time for a checkpoint's table that was
    /// made to collide.
    struct tables {
        text::byte_alphabet alphabet;
        std::vector<std::pair<token_id, token_id>> pairs;  // [rank]
        std::vector<std::uint32_t> begins;                 // [left part, and one more]: first of its continuations
        std::vector<continuation> continuations;           // in order of left part, then of right part

        /// Sorts the pairs by their left part; each part is a byte or an earlier pair.
        void index() {
            begins.assign(text::byte_symbol_count + pairs.size() + 1, 0);
            for (const auto& [left, right] : pairs) ++begins[static_cast<std::size_t>(left) + 1];
            std::partial_sum(begins.begin(), begins.end(), begins.begin());
            continuations.resize(pairs.size());
            std::vector<std::uint32_t> free(begins.begin(), begins.end() - 1);
            token_id whole = text::byte_symbol_count;
            for (const auto& [left, right] : pairs) {
                continuations[free[static_cast<std::size_t>(left)]++] = {right, whole++};
            }
            for (std::size_t left = 0; left + 1 < begins.size(); ++left) {
                std::ranges::sort(std::span(continuations).subspan(begins[left], begins[left + 1] - begins[left]),
                                  [](const continuation& a, const continuation& b) { return a.right < b.right; });
            }
        }

        token_id find(token_id left, token_id right) const noexcept {
            const auto index = static_cast<std::size_t>(left);
            if (index + 1 >= begins.size()) return -1;  // a special symbol
            const auto begin = continuations.begin() + static_cast<std::ptrdiff_t>(begins[index]);
            const auto end = continuations.begin() + static_cast<std::ptrdiff_t>(begins[index + 1]);
            const auto at = std::lower_bound(begin, end, right,
                                             [](const continuation& a, token_id sought) { return a.right < sought; });
            return at == end || at->right != right ? -1 : at->whole;
        }
    };

    /// The first `count` of CLIP's merges.
    static vocabulary clip(std::size_t count) {
        std::vector<std::pair<token_id, token_id>> pairs;
        pairs.reserve(count);
        for (std::size_t rank = 0; rank < count; ++rank) pairs.push_back(text::clip_merge(rank));
        return vocabulary(std::move(pairs));
    }

    /// Whether these are the first of CLIP's merges, as in most checkpoints: then no symbol need be looked up.
    static bool are_clip_merges(std::span<const std::string> lines) {
        if (lines.size() > text::clip_merge_count) return false;
        const text::byte_alphabet alphabet;
        std::vector<std::string> byte_symbols;
        for (token_id id = 0; id < text::byte_symbol_count; ++id)
            byte_symbols.push_back(spelling_of_byte_symbol(alphabet, id));
        std::vector<std::pair<std::string_view, std::string_view>> spellings;  // [id]: in two parts
        spellings.reserve(byte_symbols.size() + lines.size());
        for (const std::string& symbol : byte_symbols) spellings.emplace_back(symbol, "");
        for (std::size_t rank = 0; rank < lines.size(); ++rank) {
            const std::string_view line = lines[rank];
            std::string_view rest = line;
            const auto skip = [&rest](std::string_view part) {
                const bool fits = rest.starts_with(part);
                if (fits) rest.remove_prefix(part.size());
                return fits;
            };
            const auto skip_symbol = [&](token_id id) {
                const auto& [first, second] = spellings[static_cast<std::size_t>(id)];
                return skip(first) && skip(second);
            };
            const std::pair<token_id, token_id> pair = text::clip_merge(rank);
            const bool left_fits = skip_symbol(pair.first);
            const std::size_t space = line.size() - rest.size();
            if (!left_fits || !skip(" ") || !skip_symbol(pair.second) || !rest.empty()) return false;
            spellings.emplace_back(line.substr(0, space), line.substr(space + 1));
        }
        return true;
    }

    explicit vocabulary(std::vector<std::pair<token_id, token_id>> pairs) {
        auto merges = std::make_shared<tables>();
        merges->pairs = std::move(pairs);
        merges->index();
        tables_ = std::move(merges);
    }

    static std::string spelling_of_byte_symbol(const text::byte_alphabet& alphabet, token_id id) {
        std::string text;
        append_utf8(text, alphabet.characters[static_cast<std::size_t>(id % text::byte_count)]);
        return id < text::byte_count ? text : text.append(text::word_end);
    }

    using spelt_symbols = std::map<std::string, std::size_t, std::less<>>;  // ids by spelling in the table of merges

    static spelt_symbols spelt_byte_symbols() {
        const text::byte_alphabet alphabet;
        spelt_symbols ids;
        for (token_id id = 0; id < text::byte_symbol_count; ++id)
            ids.try_emplace(spelling_of_byte_symbol(alphabet, id), static_cast<std::size_t>(id));
        return ids;
    }

    /// Reads the pair of one line, and adds its merged symbol to the known ones.
    /// \param number of the line, from 1, for messages
    static std::pair<token_id, token_id> read_line(spelt_symbols& ids, std::string_view line, std::size_t number) {
        const auto refuse = [&](const std::string& what, const std::string& expected) {
            throw checkpoint_error(error_code::format, {"merges, line " + std::to_string(number), what, expected});
        };
        if (line.ends_with('\r')) line.remove_suffix(1);
        const std::size_t space = line.find(' ');
        if (space == line.npos || space == 0 || space + 1 == line.size() || line.find(' ', space + 1) != line.npos) {
            refuse(quoted(line), "two symbols with a space between them");
        }
        const auto id_of = [&](std::string_view part) {
            const auto known = ids.find(part);
            if (known == ids.end()) {
                refuse("symbol " + quoted(part) + " is neither a byte nor merged on an earlier line", "");
            }
            return static_cast<token_id>(known->second);
        };
        const std::pair pair(id_of(line.substr(0, space)), id_of(line.substr(space + 1)));
        const std::string whole = std::string(line.substr(0, space)).append(line.substr(space + 1));
        if (const std::size_t id = ids.size(); !ids.try_emplace(whole, id).second) {
            refuse(quoted(whole) + " is a duplicate", "each symbol once");
        }
        return pair;
    }

    /// The bytes of a symbol in order, as ids below byte_symbol_count.
    std::vector<token_id> bytes_of(token_id id) const {
        std::vector<token_id> bytes, pending{id};
        while (!pending.empty()) {
            const token_id next = pending.back();
            pending.pop_back();
            if (next < text::byte_symbol_count) {
                bytes.push_back(next);
            } else {
                pending.push_back(parts(next).second);
                pending.push_back(parts(next).first);
            }
        }
        return bytes;
    }

    std::shared_ptr<const tables> tables_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
