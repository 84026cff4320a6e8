#pragma once
/// \file What is said about a checkpoint outside its tensors: by the caller, by its metadata, by the files beside it.

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/model/config.hpp>
#include <zeroshot/support/json.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What one source says of a tower; empty where it is silent. Sizes that tensors show as well must agree with them.
struct tower_settings {
    std::optional<std::size_t> width{};
    std::optional<std::size_t> layers{};
    std::optional<std::size_t> heads{};
    std::optional<std::size_t> head_width{};  ///< instead of heads: open_clip's vision towers
    std::optional<std::size_t> mlp_width{};
    std::optional<activation> function{};
    std::optional<double> epsilon{};
    std::optional<bool> layer_scale{};

    bool operator==(const tower_settings&) const = default;
};

/// What one source says of a checkpoint; empty where it is silent.
struct settings {
    std::string source;  ///< "options", or the file and the place in it

    tower_settings vision{};
    tower_settings text{};
    std::optional<std::size_t> image_size{};
    std::optional<std::size_t> patch_size{};
    std::optional<std::size_t> embedding{};
    std::optional<std::size_t> context{};
    std::optional<std::size_t> vocabulary{};

    std::optional<bool> pre_norm{};
    std::optional<image_pool> vision_pooling{};
    std::optional<std::size_t> wanted_size{};  ///< of images, whatever image_size the tower was trained with
    std::optional<position_filter> positions{};
    std::optional<text_pool> text_pooling{};
    std::optional<std::size_t> end{};
    std::optional<std::size_t> padding{};
    std::optional<bool> causal{};

    std::optional<std::size_t> preprocess_size{};
    std::optional<std::size_t>
        resized{};  ///< what a side is resized to before the middle of preprocess_size is cut out
    std::optional<std::array<float, 3>> mean{};
    std::optional<std::array<float, 3>> std{};
    std::optional<crop_order> order{};
    std::optional<resize_mode> mode{};
    std::optional<interpolation> filter{};
    std::optional<std::uint8_t> fill{};

    std::optional<std::vector<std::string>> merges{};  ///< lines "i n" of the tokenizer's table
    std::optional<std::string> tokenizer{};  ///< the name of one that this library does not have: "google/mt5-base"

    bool operator==(const settings&) const = default;
};

namespace detail {

/// What the first source says that is not silent.
/// \param sources the first one counts most
template <class Value>
std::optional<Value> first_set(std::span<const settings> sources, std::optional<Value> settings::*member) {
    for (const settings& source : sources) {
        if (source.*member) return source.*member;
    }
    return std::nullopt;
}

/// The member's value by `read`, or nothing where the member is missing or null.
template <class Value, class Read>
std::optional<Value> optional_member(const json& object, std::string_view key, const Read& read) {
    const std::optional<json> member = object.find(key);
    if (!member || member->is_null()) return std::nullopt;
    return read(*member);
}

inline std::optional<std::size_t> optional_size(const json& object, std::string_view key) {
    return optional_member<std::size_t>(object, key, [](const json& value) { return value.as_size(); });
}

inline std::optional<double> optional_number(const json& object, std::string_view key) {
    return optional_member<double>(object, key, [](const json& value) { return value.as_number(); });
}

inline std::optional<bool> optional_bool(const json& object, std::string_view key) {
    return optional_member<bool>(object, key, [](const json& value) { return value.as_bool(); });
}

/// Refuses what this library does not do, naming the field.
[[noreturn]] inline void refuse_setting(const json& value, std::string what, std::string expected) {
    throw checkpoint_error(error_code::unsupported, {value.where(), std::move(what), std::move(expected), ""});
}

/// One of some choices by its name.
template <class Choice>
Choice choice_of(const json& value, const std::string& what, std::initializer_list<Choice> choices) {
    std::string known;
    for (const Choice choice : choices) {
        if (value.as_string() == name_of(choice)) return choice;
        known += (known.empty() ? "" : " or ") + std::string(name_of(choice));
    }
    refuse_setting(value, what + " " + quoted(value.as_string()), known);
}

template <class Choice>
std::optional<Choice> optional_choice(const json& object, std::string_view key, std::initializer_list<Choice> choices) {
    return optional_member<Choice>(
        object, key, [&](const json& value) { return choice_of<Choice>(value, std::string(key), choices); });
}

inline constexpr std::initializer_list<interpolation> all_interpolations{interpolation::bicubic,
                                                                         interpolation::bilinear};
inline constexpr std::initializer_list<resize_mode> all_resize_modes{resize_mode::shortest, resize_mode::longest,
                                                                     resize_mode::squash};

/// A grey level that images are padded with.
inline std::optional<std::uint8_t> optional_level(const json& object, std::string_view key) {
    return optional_member<std::uint8_t>(object, key, [](const json& value) {
        constexpr std::size_t brightest = 255;
        if (value.as_size() > brightest) refuse_setting(value, std::to_string(value.as_size()), "0 to 255");
        return static_cast<std::uint8_t>(value.as_size());
    });
}

/// Names as transformers and open_clip write them.
inline activation activation_of(const json& value) {
    const std::string& name = value.as_string();
    if (name == "quick_gelu") return activation::quick_gelu;
    if (name == "gelu") return activation::gelu;
    if (name == "gelu_tanh" || name == "gelu_new" || name == "gelu_pytorch_tanh") return activation::gelu_tanh;
    throw checkpoint_error(error_code::unsupported,
                           {value.where(), "activation " + quoted(name),
                            "quick_gelu, gelu or gelu_tanh (gelu_new, gelu_pytorch_tanh)", ""});
}

inline std::optional<activation> optional_activation(const json& object, std::string_view key) {
    return optional_member<activation>(object, key, activation_of);
}

/// A mean or standard deviation: three numbers, for red, green and blue.
inline std::optional<std::array<float, 3>> optional_colour(const json& object, std::string_view key) {
    return optional_member<std::array<float, 3>>(object, key, [](const json& value) {
        if (value.size() != 3) {
            throw checkpoint_error(error_code::argument,
                                   {value.where(), std::to_string(value.size()) + " numbers", "3", ""});
        }
        std::array<float, 3> colour{};
        constexpr double largest = 1e6;
        for (std::size_t i = 0; i < 3; ++i) {
            const double number = value.at(i).as_number();
            if (!(std::abs(number) <= largest)) {
                throw checkpoint_error(error_code::argument,
                                       {value.where(), std::to_string(number), "numbers of a few units", ""});
            }
            colour[i] = static_cast<float>(number);
        }
        return colour;
    });
}

}  // namespace detail

}}  // namespace zeroshot::ZEROSHOT_ABI
