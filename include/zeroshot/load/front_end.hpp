#pragma once
/// \file What stands before the towers, as the sources describe it: the preparation of pictures, and the tokenizer.

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
    how.mean = first_said(sources, &settings::mean).value_or(how.mean);
    how.std = first_said(sources, &settings::std).value_or(how.std);
    how.order = first_said(sources, &settings::order).value_or(how.order);
    how.filter = first_said(sources, &settings::filter).value_or(how.filter);
    how.mode = first_said(sources, &settings::mode).value_or(how.mode);
    how.fill = first_said(sources, &settings::fill).value_or(how.fill);
    if (!first_said(sources, &settings::wanted_size)) how.resized = first_said(sources, &settings::resized);
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
    return rows < own.words().size() ? std::nullopt : std::optional(std::move(own));
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
