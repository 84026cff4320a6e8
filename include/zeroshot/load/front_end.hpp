#pragma once
/// \file What stands before the towers, as the sources describe it: the preparation of images, and the tokenizer.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/load/settings.hpp>
#include <zeroshot/text/tokenizer.hpp>
#include <zeroshot/text/vocabulary.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

inline preprocessing preprocessing_of(std::span<const settings> sources, std::size_t image_size) {
    preprocessing how;
    how.size = image_size;
    how.mean = first_set(sources, &settings::mean).value_or(how.mean);
    how.std = first_set(sources, &settings::std).value_or(how.std);
    how.order = first_set(sources, &settings::order).value_or(how.order);
    how.filter = first_set(sources, &settings::filter).value_or(how.filter);
    how.mode = first_set(sources, &settings::mode).value_or(how.mode);
    how.fill = first_set(sources, &settings::fill).value_or(how.fill);
    if (!first_set(sources, &settings::wanted_size)) how.resized = first_set(sources, &settings::resized);
    check(how);
    return how;
}

/// CLIP's own table, unless the checkpoint carries another; none where its texts are cut in another way.
/// \param rows of the token embedding: as many as the checkpoint's own table has ids
inline std::optional<tokenizer> tokenizer_of(std::span<const settings> sources, std::size_t rows, provenance& origin) {
    for (const settings& source : sources) {
        if (source.tokenizer) {
            origin.tokenizer = *source.tokenizer;
            return std::nullopt;
        }
        if (!source.merges) continue;
        vocabulary own = vocabulary::from_merges(*source.merges);
        if (own.size() != rows) {
            throw checkpoint_error(error_code::shape,
                                   {source.source, "the tokenizer has " + std::to_string(own.size()) + " ids",
                                    std::to_string(rows) + ", the rows of the token embedding", ""});
        }
        return tokenizer(std::move(own));
    }
    tokenizer own;
    return rows < own.vocabulary().size() ? std::nullopt : std::optional(std::move(own));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
