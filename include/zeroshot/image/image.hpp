#pragma once
/// \file Image of 8-bit pixels, owned or viewed; no decoder is needed to make one.

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The kinds of pixels that Pillow treats differently; each channel is one byte.
enum class pixel_mode {
    bilevel,     ///< Pillow's "1": 0 or 255, never interpolated
    grey,        ///< "L"
    grey_alpha,  ///< "LA"
    rgb,         ///< "RGB"
    rgba,        ///< "RGBA"
    palette,     ///< "P" with its colours looked up: red, green, blue; OpenAI's order never interpolates it
    bgr,         ///< blue, green, red: cv::Mat of OpenCV
    bgra,        ///< blue, green, red, alpha
    cmyk,        ///< "CMYK": cyan, magenta, yellow, black
};

/// Bytes per pixel.
/// \throws argument_error (ARG) where the value is none of the modes
inline std::size_t channels_of(pixel_mode mode) {
    constexpr std::array<std::size_t, 9> channels{1, 1, 2, 3, 4, 3, 3, 4, 4};  // in the order of the modes
    const auto index = static_cast<std::size_t>(mode);
    if (index < channels.size()) return channels[index];
    throw argument_error(error_code::argument,
                         {"pixel mode", "there is no mode " + std::to_string(static_cast<int>(mode))});
}

/// The usual mode of 1 (grey), 2 (grey and alpha), 3 (RGB) or 4 (RGBA) channels.
/// \throws argument_error (ARG) for any other number
inline pixel_mode mode_of_channels(std::size_t channels) {
    constexpr std::array modes{pixel_mode::grey, pixel_mode::grey_alpha, pixel_mode::rgb, pixel_mode::rgba};
    if (channels >= 1 && channels <= modes.size()) return modes[channels - 1];
    throw argument_error(error_code::argument, {"pixels", std::to_string(channels) + " channels", "1, 2, 3 or 4"});
}

/// Whether the last channel is alpha.
inline bool has_alpha(pixel_mode mode) {
    return mode == pixel_mode::grey_alpha || mode == pixel_mode::rgba || mode == pixel_mode::bgra;
}

/// An image [height, width, channels] of bytes, top row first. The pixels never change, so copies share them and a
/// moved-from image is still the image.
class image {
   public:
    image(const image&) = default;  // and therefore no move: moving copies
    image& operator=(const image&) = default;
    ~image() = default;

    /// An image that owns its pixels; rows follow each other without gaps.
    /// \throws argument_error (ARG) unless there are width * height * channels bytes, and at least one
    image(std::vector<std::uint8_t> pixels, std::size_t width, std::size_t height, pixel_mode mode)
        : image(std::make_shared<const std::vector<std::uint8_t>>(std::move(pixels)), nullptr, 0, width, height, mode,
                0) {
        if (owner_->size() != height_ * stride_) {
            throw argument_error(error_code::argument, {"pixels", std::to_string(owner_->size()) + " bytes",
                                                        std::to_string(height_ * stride_)});
        }
    }

    /// The caller's own pixels, not copied: they must outlive the image and its copies.
    /// \param pixels [height, width, channels], the top row first
    /// \param stride bytes from one row to the next; 0 means that rows follow each other without gaps
    /// \throws argument_error (ARG) where the span is too short for the sizes given
    static image view(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height, pixel_mode mode,
                      std::size_t stride = 0) {
        return image(nullptr, pixels.data(), pixels.size(), width, height, mode, stride);
    }

    /// The same from a pointer, whose size is not checked. A cv::Mat of OpenCV:
    ///
    ///     image::view(mat.data, mat.cols, mat.rows, pixel_mode::bgr, mat.step)
    ///
    /// \throws argument_error (ARG) for a null pointer, an empty image, and a stride shorter than a row
    static image view(const std::uint8_t* pixels, std::size_t width, std::size_t height, pixel_mode mode,
                      std::size_t stride = 0) {
        return image(nullptr, pixels, static_cast<std::size_t>(-1), width, height, mode, stride);
    }

    /// Refuses pixels of any other type when it is compiled.
    template <class Pixels>
    requires(!std::convertible_to<const Pixels&, std::span<const std::uint8_t>> &&
             !std::convertible_to<const Pixels&, const std::uint8_t*>) static image
        view(const Pixels&, std::size_t, std::size_t, pixel_mode, std::size_t = 0) {
        static_assert(sizeof(Pixels) == 0, "pixels are std::uint8_t from 0 to 255: scale and round an image of floats");
        return image({}, 0, 0, pixel_mode::grey);
    }

    /// The caller's own pixels, copied.
    /// \throws argument_error (ARG) as view()
    static image copy(std::span<const std::uint8_t> pixels, std::size_t width, std::size_t height, pixel_mode mode,
                      std::size_t stride = 0) {
        const image source = view(pixels, width, height, mode, stride);
        std::vector<std::uint8_t> packed;
        packed.reserve(height * source.row(0).size());
        for (std::size_t y = 0; y < height; ++y)
            packed.insert(packed.end(), source.row(y).begin(), source.row(y).end());
        return image(std::move(packed), width, height, mode);
    }

    /// The same image with transparency that its mode has no channel for, as that of a palette or of one colour in a
    /// PNG (tRNS). Only what asks for alpha_plane() sees it.
    /// \param alpha a grey image of the same size: 0 is transparent, 255 opaque
    /// \throws argument_error (ARG) for another size or mode
    image with_alpha_plane(const image& alpha) const {
        if (alpha.mode() != pixel_mode::grey || alpha.width() != width_ || alpha.height() != height_)
            throw argument_error(error_code::argument,
                                 {"alpha plane", "another size or mode", "a grey image as large"});
        image result = *this;
        result.alpha_plane_ = std::make_shared<const image>(alpha);
        return result;
    }

    /// The transparency that the mode has no channel for; null without any.
    const image* alpha_plane() const noexcept { return alpha_plane_.get(); }

    std::size_t width() const noexcept { return width_; }
    std::size_t height() const noexcept { return height_; }
    pixel_mode mode() const noexcept { return mode_; }
    std::size_t channels() const noexcept { return channels_; }

    /// The bytes of one row: [width, channels]. `y` must be below height().
    std::span<const std::uint8_t> row(std::size_t y) const noexcept {
        return {first_ + y * stride_, width_ * channels_};
    }

    /// The same bytes under another mode with as many channels: a palette's colours as RGB, black and white as grey.
    /// \throws argument_error (ARG) where the modes differ in channels
    image reinterpreted(pixel_mode mode) const {
        if (channels_of(mode) != channels_) {
            throw argument_error(error_code::argument, {"pixels", std::to_string(channels_) + " channels",
                                                        std::to_string(channels_of(mode)) + " for that mode"});
        }
        image same = *this;
        same.mode_ = mode;
        return same;
    }

   private:
    using shared_pixels = std::shared_ptr<const std::vector<std::uint8_t>>;

    /// \param available bytes at `pixels`; the owner's pixels where there is one
    image(shared_pixels owner, const std::uint8_t* pixels, std::size_t available, std::size_t width, std::size_t height,
          pixel_mode mode, std::size_t stride)
        : owner_(std::move(owner)), width_(width), height_(height), mode_(mode), channels_(channels_of(mode)) {
        first_ = owner_ == nullptr ? pixels : owner_->data();
        if (owner_ != nullptr) available = owner_->size();
        constexpr std::size_t largest = (std::numeric_limits<std::size_t>::max)();
        const auto refuse = [](std::string what, std::string expected = "", std::string hint = "") {
            throw argument_error(error_code::argument,
                                 {"pixels", std::move(what), std::move(expected), std::move(hint)});
        };
        const std::string size = std::to_string(width) + " x " + std::to_string(height);
        if (width == 0 || height == 0) refuse("the image is " + size, "at least 1 x 1");
        if (width > largest / channels_) refuse("an image of " + size + " does not fit the memory");
        const std::size_t row_size = width * channels_;
        stride_ = stride == 0 ? row_size : stride;
        if (stride_ < row_size)
            refuse("the stride is " + std::to_string(stride), "at least " + std::to_string(row_size) + " bytes");
        if (stride_ > largest / height) {
            refuse(size + " with a stride of " + std::to_string(stride_) + " does not fit the memory", "",
                   "is the stride negative? give the rows from the top");
        }
        const std::size_t needed = (height - 1) * stride_ + row_size;
        if (first_ == nullptr) refuse("a null pointer", size + " pixels");
        if (available < needed)
            refuse(std::to_string(available) + " bytes", "at least " + std::to_string(needed) + " for " + size);
    }

    shared_pixels owner_;
    const std::uint8_t* first_ = nullptr;
    std::size_t width_;
    std::size_t height_;
    pixel_mode mode_;
    std::size_t channels_;
    std::size_t stride_ = 0;
    std::shared_ptr<const image> alpha_plane_{};
};

namespace detail {

/// a * b / 255, rounded: MULDIV255 of Pillow's ImagingUtils.h.
constexpr unsigned multiply_bytes(unsigned a, unsigned b) {
    const unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

}  // namespace detail

/// The image turned upright by an EXIF orientation. Mirrors ImageOps.exif_transpose of Pillow.
/// \throws argument_error (ARG) unless the orientation is 1 to 8
inline image upright(const image& input, unsigned orientation) {
    if (orientation < 1 || orientation > 8) {
        throw argument_error(error_code::argument, {"orientation", std::to_string(orientation), "1 to 8"});
    }
    if (orientation == 1) return input;
    const bool mirrored_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const bool mirrored_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool transposed = orientation >= 5;
    std::size_t width = input.width(), height = input.height();
    if (transposed) std::swap(width, height);
    std::vector<std::uint8_t> pixels;
    pixels.reserve(width * height * input.channels());
    for (std::size_t y = 0; y < height; ++y) {
        for (std::size_t x = 0; x < width; ++x) {
            const std::size_t column = transposed ? y : x;
            const std::size_t line = transposed ? x : y;
            const std::size_t source_x = mirrored_x ? input.width() - 1 - column : column;
            const std::size_t source_y = mirrored_y ? input.height() - 1 - line : line;
            const auto pixel = input.row(source_y).subspan(source_x * input.channels(), input.channels());
            pixels.insert(pixels.end(), pixel.begin(), pixel.end());
        }
    }
    const image turned(std::move(pixels), width, height, input.mode());
    return input.alpha_plane() == nullptr ? turned
                                          : turned.with_alpha_plane(upright(*input.alpha_plane(), orientation));
}

}}  // namespace zeroshot::ZEROSHOT_ABI
