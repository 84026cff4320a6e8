#pragma once
/// \file Preprocessing of an image for the image encoder: resize, crop, RGB, scale, normalise.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/resize.hpp>
#include <zeroshot/image/rgb.hpp>
#include <zeroshot/tensor.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

// Means and standard deviations of red, green and blue: _transform in openai/CLIP clip.py.
inline constexpr std::array<float, 3> clip_mean{0.48145466f, 0.4578275f, 0.40821073f};
inline constexpr std::array<float, 3> clip_std{0.26862954f, 0.26130258f, 0.27577711f};

/// Order of operations.
enum class preprocessing_order {
    openai,        ///< resize, crop, then RGB: a transparent background becomes what the file hides under it
    hugging_face,  ///< RGB first, and the crop's corner is rounded down: CLIPImageProcessor of transformers
};

/// The order's name in scripts and files.
constexpr std::string_view name_of(preprocessing_order order) {
    return order == preprocessing_order::openai ? "openai" : "hf";
}

/// From an image of any shape to a square: resize_mode of open_clip transform.py.
enum class resize_mode {
    shortest,  ///< the shorter side is resized to the square's, and the middle is cut out: OpenAI's
    longest,   ///< the longer side is resized to the square's, and the rest is filled
    squash     ///< both sides are resized to the square's
};

/// The mode's name in files.
constexpr std::string_view name_of(resize_mode mode) noexcept {
    constexpr std::array<std::string_view, 3> names{"shortest", "longest", "squash"};
    return names[static_cast<std::size_t>(mode)];
}

/// Settings of preprocessing, as checkpoints come with them.
struct preprocessing {
    std::size_t size = 224;  ///< pixels: the side of the square
    std::array<float, 3> mean = clip_mean;
    std::array<float, 3> standard_deviation = clip_std;
    preprocessing_order order = preprocessing_order::openai;
    interpolation filter = interpolation::bicubic;
    resize_mode mode = resize_mode::shortest;
    std::uint8_t fill = 0;  ///< the grey level beside the image, for resize_mode::longest
    zeroshot::transparency transparency{};
    /// Side before the crop, where it is not the square's: size and crop_size of transformers. The middle of a larger
    /// image is cut out, a smaller one is padded with zeros. Not for resize_mode::longest.
    std::optional<std::size_t> resized{};

    bool operator==(const preprocessing&) const = default;
};

/// The largest preprocessing::size.
inline constexpr std::size_t largest_crop = 16384;

/// Checks settings that came from a file or a caller.
/// \throws argument_error ARG where the size is 0, a mean is not finite, or a deviation is not finite or 0; LIMIT
/// beyond largest_crop
inline void check(const preprocessing& settings) {
    for (const std::size_t size : {settings.size, settings.resized.value_or(settings.size)}) {
        if (size == 0)
            throw argument_error(error_code::argument, {"preprocessing", "the size is 0 pixels", "at least 1"});
        detail::expect_at_most<argument_error>(largest_crop, size, "pixels", "preprocessing: size");
    }
    if (settings.resized && settings.mode == resize_mode::longest) {
        throw argument_error(error_code::unsupported,
                             {"preprocessing", "a side before the crop with resize_mode::longest", "one size"});
    }
    for (std::size_t channel = 0; channel < 3; ++channel) {
        const std::array numbers{settings.mean[channel], settings.standard_deviation[channel]};
        if (!all_finite(std::span<const float>(numbers)) || numbers[1] == 0) {
            throw argument_error(error_code::argument, {"preprocessing",
                                                        "mean or standard deviation of channel " +
                                                            std::to_string(channel) + " cannot be used",
                                                        "finite numbers, the second not 0"});
        }
    }
}

namespace detail {

/// Half of a number as Python's round() gives it: a half goes to the even neighbour.
inline std::size_t half_to_even(std::size_t number) {
    return number / 2 + (number % 4 == 3 ? 1 : 0);
}

/// Python's round() of a positive number.
inline std::size_t round_half_to_even(double number) {
    const double whole = std::floor(number), rest = number - whole;
    const auto below = static_cast<std::size_t>(whole);
    return rest > 0.5 || (rest == 0.5 && below % 2 == 1) ? below + 1 : below;
}

/// The longer side after resizing: int(size * long / short) of torchvision and transformers, a division in double.
inline std::size_t longer_side(std::size_t size, std::size_t longer, std::size_t shorter) {
    const double exact = static_cast<double>(size) * static_cast<double>(longer) / static_cast<double>(shorter);
    // Beyond the limit any number will do: resize_and_crop refuses it.
    return exact > static_cast<double>(longest_resized_side) ? longest_resized_side + 1
                                                             : static_cast<std::size_t>(exact);
}

/// The image in a filled square, its corner at these pixels.
inline image padded(const image& input, std::size_t size, std::size_t left, std::size_t top, std::uint8_t fill) {
    std::vector<std::uint8_t> pixels(size * size * 3, fill);
    for (std::size_t y = 0; y < input.height(); ++y) {
        const std::size_t begin = ((top + y) * size + left) * 3;
        std::ranges::copy(input.row(y), pixels.begin() + static_cast<std::ptrdiff_t>(begin));
    }
    return image(std::move(pixels), size, size, pixel_mode::rgb);
}

/// The centre of the image resized to these sides. Mirrors CenterCrop of torchvision; a side shorter than the square's
/// is padded as by center_crop in transformers image_transforms.py.
inline image resize_and_crop_centre(const image& source, std::size_t width, std::size_t height,
                                    const preprocessing& settings) {
    const auto offset = [&](std::size_t side) {
        const std::size_t spare = side - (std::min)(side, settings.size);
        return settings.order == preprocessing_order::openai ? half_to_even(spare) : spare / 2;
    };
    const window centre{offset(width), offset(height), (std::min)(width, settings.size),
                        (std::min)(height, settings.size)};
    const image crop = to_rgb(resize_and_crop(source, width, height, centre, settings.filter));
    const std::size_t beside = settings.size - centre.width, above = settings.size - centre.height;
    if (beside == 0 && above == 0) return crop;
    return padded(crop, settings.size, (beside + 1) / 2, (above + 1) / 2, 0);
}

/// The whole image in the square, the rest filled. Mirrors ResizeKeepRatio and CenterCropOrPad of open_clip
/// transform.py, but that images of two colours or a palette are filled with the grey level, too.
inline image resize_and_pad(const image& source, const preprocessing& settings) {
    const double longer = static_cast<double>((std::max)(source.width(), source.height()));
    const double ratio = longer / static_cast<double>(settings.size);
    const auto side = [&](std::size_t pixels) { return round_half_to_even(static_cast<double>(pixels) / ratio); };
    const image resized = to_rgb(resize(source, side(source.width()), side(source.height()), settings.filter));
    return padded(resized, settings.size, (settings.size - resized.width()) / 2, (settings.size - resized.height()) / 2,
                  settings.fill);
}

}  // namespace detail

/// The square for the encoder in bytes: RGB, [size, size, 3]. Mirrors _transform in openai/CLIP clip/clip.py and
/// image_transform in open_clip transform.py up to ToTensor, or CLIPImageProcessor of transformers.
/// \throws argument_error as check(), and LIMIT for an image too thin to be resized
inline image encoder_square(const image& input, const preprocessing& settings = {}) {
    check(settings);
    const image opaque =
        settings.transparency.background ? composited_on(input, *settings.transparency.background) : input;
    const image source = settings.order == preprocessing_order::openai ? opaque : to_rgb(opaque);
    const std::size_t width = source.width(), height = source.height(), size = settings.resized.value_or(settings.size);
    switch (settings.mode) {
        case resize_mode::longest:
            return detail::resize_and_pad(source, settings);
        case resize_mode::squash:
            return detail::resize_and_crop_centre(source, size, size, settings);
        default:  // Resize and CenterCrop of torchvision
            const std::size_t longer = detail::longer_side(size, (std::max)(width, height), (std::min)(width, height));
            return detail::resize_and_crop_centre(source, width > height ? longer : size,
                                                  width > height ? size : longer, settings);
    }
}

/// Writes the image encoder's input: planes of red, green and blue, size * size values each,
/// (byte / 255 - mean) / standard deviation.
/// \param pixels [3, size, size]
/// \throws argument_error as encoder_square(), and SHAPE where `pixels` has not 3 * size * size elements
template <class Scalar>
void preprocess_into(const image& input, const preprocessing& settings, std::span<Scalar> pixels) {
    check(settings);
    const std::size_t plane = settings.size * settings.size;
    if (pixels.size() != 3 * plane) {
        throw argument_error(error_code::shape, {"preprocess", std::to_string(pixels.size()) + " elements to write to",
                                                 std::to_string(3 * plane)});
    }
    const image square = encoder_square(input, settings);
    for (std::size_t channel = 0; channel < 3; ++channel) {
        std::array<Scalar, 256> value_of;
        for (std::size_t byte = 0; byte < 256; ++byte) {
            const float scaled = static_cast<float>(byte) / 255.0f;  // in float, as ToTensor and Normalize do
            value_of[byte] =
                static_cast<Scalar>((scaled - settings.mean[channel]) / settings.standard_deviation[channel]);
        }
        Scalar* output = pixels.data() + channel * plane;
        for (std::size_t y = 0; y < settings.size; ++y) {
            const auto row = square.row(y);
            for (std::size_t x = 0; x < settings.size; ++x) *output++ = value_of[row[3 * x + channel]];
        }
    }
}

/// The image encoder's input: [3, size, size].
///
///     const tensor<float, 3> pixels = preprocess(read_image("cat.png"));
///
/// \throws argument_error as encoder_square()
template <class Scalar = float>
tensor<Scalar, 3> preprocess(const image& input, const preprocessing& settings = {}) {
    check(settings);
    tensor<Scalar, 3> pixels(std::size_t{3}, settings.size, settings.size);
    preprocess_into(input, settings, pixels.values());
    return pixels;
}

}}  // namespace zeroshot::ZEROSHOT_ABI
