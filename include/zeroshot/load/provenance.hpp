#pragma once
/// \file Where a model came from, and what its user should know before believing its numbers.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <zeroshot/checkpoint/checkpoint.hpp>
#include <zeroshot/checkpoint/stored_tensor.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/load/architecture.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/known_models.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/nn/weights.hpp>
#include <zeroshot/text/tokenizer.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline provenance provenance_of(const weights& w, std::span<const settings> sources) {
    provenance origin;
    origin.place = w.place();
    origin.layout = name_of(w.layout());
    origin.container = name_of(w.file().kind());
    origin.skipped = w.file().skipped();
    origin.warnings = w.file().remarks();
    for (const named_tensor& each : w.file().tensors()) {
        const std::string_view type = name_of(each.tensor.type);
        if (std::ranges::find(origin.dtypes, type) == origin.dtypes.end()) origin.dtypes.emplace_back(type);
    }
    std::ranges::sort(origin.dtypes);
    for (const settings& source : sources) origin.sources.push_back(source.source);
    return origin;
}

inline std::string joined(std::span<const std::string> parts) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i)
        text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    return text;
}

/// CLIP clips its own factor at 100 while it trains; rounding to half precision may put a little on top.
inline bool is_odd_temperature(double factor) {
    return factor < 1 || factor > 101;
}

/// A vocabulary that no tokenizer here fits.
inline void warn_of_words(const text_config& text, const std::optional<tokenizer>& words, provenance& origin) {
    const std::size_t rows = text.vocabulary;
    const std::size_t ids = words ? words->vocabulary().size() : vocabulary::clip().size();
    if (!origin.tokenizer.empty()) {
        origin.warnings.push_back(origin.place + ": its texts are cut by " + missing_tokenizer(origin) +
                                  ", which is not here: embed ids, not texts");
    } else if (ids != rows) {
        origin.warnings.push_back(origin.place + ": its vocabulary has " + std::to_string(rows) +
                                  " rows, CLIP's own tokenizer " + std::to_string(ids) +
                                  " ids, and it carries no table of its own" + (words ? "" : ": embed ids, not texts"));
    }
}

/// A temperature that no published model has.
inline void warn_of_temperature(double factor, provenance& origin) {
    if (!is_odd_temperature(factor)) return;
    origin.warnings.push_back(origin.place + ": cosines are multiplied by " + std::to_string(factor) +
                              "; published models have 1 to 100: is it the temperature of another kind of model?");
}

/// Whether two names differ by a slip of the pen: in a letter or two, and not in numbers, which count blocks.
inline bool is_near(std::string_view a, std::string_view b) {
    constexpr std::size_t slip = 2, longest = 200;
    const auto digits = [](std::string_view name) {
        std::string found;
        for (const char each : name) {
            if (each >= '0' && each <= '9') found += each;
        }
        return found;
    };
    const std::size_t lengths = std::max(a.size(), b.size()) - std::min(a.size(), b.size());
    if (a == b || lengths > slip || a.size() > longest || digits(a) != digits(b)) return false;
    return edit_distance(a, b) <= slip;
}

/// Tensors that nobody needed and whose names are nearly those of others.
/// \param read the names that the model looked for and found
inline void warn_of_near_misses(std::vector<std::string> read, provenance& origin) {
    constexpr std::size_t most = 16;  // unread tensors: hostile files must not make it slow
    for (const char* spare : {"logit_bias", "text_projection.bias"}) read.push_back(spare);  // a model can do without
    for (const std::string& name : std::span(origin.unread).first(std::min(most, origin.unread.size()))) {
        const auto meant = std::ranges::find_if(read, [&](const std::string& each) { return is_near(each, name); });
        if (meant == read.end()) continue;
        origin.warnings.push_back(origin.place + ": tensor " + quoted(name) + " is not used; is " + quoted(*meant) +
                                  " meant?");
    }
}

/// What a user should know before believing the numbers.
inline void warn(const architecture& found, const std::optional<known_model>& guess,
                 const std::optional<tokenizer>& words, provenance& origin) {
    if (guess && !guess->has_weights() && found.assumed.empty()) {
        origin.warnings.push_back(origin.place + ": nothing beside it says what it is; by its sizes it is " +
                                  guess->name() + ", and taken for what all known weights of that are");
    }
    if (!found.assumed.empty()) {
        origin.warnings.push_back(origin.place +
                                  ": nothing beside it says what it is; taken for one of OpenAI's own, with " +
                                  joined(found.assumed) +
                                  " and OpenAI's mean and std; files of open_clip look the same and mostly want gelu");
    }
    if (found.config.has_text()) warn_of_words(found.config.text, words, origin);
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
