#pragma once
/// \file Settings of a checkpoint as one source states them: the caller, metadata, a configuration file, a known model.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/text/tokenizer.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace loading {

/// Settings of one tower; empty where the source states nothing. Sizes that the tensors show must agree with them.
struct tower_settings {
    std::optional<std::size_t> width{};
    std::optional<std::size_t> layers{};
    std::optional<std::size_t> heads{};
    std::optional<std::size_t> head_width{};  ///< instead of heads: open_clip's vision towers
    std::optional<std::size_t> mlp_width{};
    std::optional<zeroshot::activation> activation{};
    std::optional<double> epsilon{};
    std::optional<bool> layer_scale{};

    bool operator==(const tower_settings&) const = default;
};

/// Settings that one source states; empty where it states nothing.
struct settings {
    std::string source{};          ///< "options", or the file and the position in it
    std::filesystem::path file{};  ///< the file that states them; empty for none
    std::string architecture{};    ///< the model's class in transformers; empty for none

    tower_settings vision{};
    tower_settings text{};
    std::optional<std::size_t> image_size{};
    std::optional<std::size_t> patch_size{};
    std::optional<std::size_t> embedding{};
    std::optional<std::size_t> context{};
    std::optional<std::size_t> vocabulary{};

    std::optional<bool> pre_norm{};
    std::optional<bool> patch_bias{};
    std::optional<image_pool> vision_pooling{};
    std::optional<std::size_t> requested_image_size{};  ///< of the images, whatever the tower was trained with
    std::optional<position_filter> positions{};
    std::optional<text_pool> text_pooling{};
    std::optional<std::size_t> end{};
    std::optional<std::size_t> padding{};
    std::optional<bool> causal{};

    std::optional<std::size_t> preprocess_size{};
    std::optional<std::size_t> resized{};  ///< side after resizing, before the crop to preprocess_size
    std::optional<std::array<float, 3>> mean{};
    std::optional<std::array<float, 3>> standard_deviation{};
    std::optional<preprocessing_order> order{};
    std::optional<zeroshot::transparency> transparency{};
    std::optional<resize_mode> mode{};
    std::optional<interpolation> filter{};
    std::optional<std::uint8_t> fill{};

    std::shared_ptr<const zeroshot::tokenizer> tokenizer{};  ///< null: none stated
    std::optional<std::string> other_tokenizer{};            ///< name of one that is not implemented: "google/mt5-base"

    bool operator==(const settings&) const = default;
};

/// A setting after resolution.
template <class Value>
struct resolved {
    Value value{};
    std::string source{};  ///< who decided it: the source's name, or the rule that holds where no source states it
};

/// The first stated value in order of precedence; empty where no source states one.
/// \param get a member of settings, or a function from settings to an optional
template <class Get>
auto first_stated(std::span<const settings> sources, const Get& get) {
    using optional_value = std::remove_cvref_t<std::invoke_result_t<const Get&, const settings&>>;
    using value = typename optional_value::value_type;
    std::optional<resolved<value>> result;
    for (const settings& source : sources) {
        if (const optional_value stated = std::invoke(get, source)) {
            result = resolved<value>{*stated, source.source};
            break;
        }
    }
    return result;
}

/// The first stated value in order of precedence, or the fallback with its rule.
template <class Value, class Get>
resolved<Value> stated_or(std::span<const settings> sources, const Get& get, Value fallback,
                          std::string_view rule = {}) {
    if (auto stated = first_stated(sources, get)) return {std::move(stated->value), std::move(stated->source)};
    return {std::move(fallback), std::string(rule)};
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::loading
