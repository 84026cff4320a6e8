#pragma once
/// \file Pillow's antialiased resizing (as of Pillow 13), bicubic or bilinear, to the byte, of a part of the result.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/support/interpolation.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Longest side of a resized image, before it is cropped: enough for 1 : 100,000 at 1024 pixels.
inline constexpr std::size_t longest_resized_side = std::size_t{1} << 27;

/// Interpolation of pixels.
enum class interpolation { bicubic, bilinear };

/// The filter's name in configuration files.
constexpr std::string_view name_of(interpolation filter) noexcept {
    return filter == interpolation::bicubic ? "bicubic" : "bilinear";
}

/// A rectangle of pixels.
struct window {
    std::size_t left = 0;
    std::size_t top = 0;
    std::size_t width = 0;
    std::size_t height = 0;
};

/// The part of an image inside the window.
/// \throws argument_error (ARG) where the window is empty or reaches outside
inline image crop(const image& input, const window& part) {
    const bool inside = part.width <= input.width() && part.left <= input.width() - part.width &&
                        part.height <= input.height() && part.top <= input.height() - part.height;
    if (part.width == 0 || part.height == 0 || !inside) {
        throw argument_error(error_code::argument, {"window", "it is empty or reaches outside the image"});
    }
    std::vector<std::uint8_t> pixels;
    pixels.reserve(part.width * part.height * input.channels());
    for (std::size_t y = part.top; y < part.top + part.height; ++y) {
        const auto row = input.row(y).subspan(part.left * input.channels(), part.width * input.channels());
        pixels.insert(pixels.end(), row.begin(), row.end());
    }
    return image(std::move(pixels), part.width, part.height, input.mode());
}

namespace detail {

/// One axis of a resize: `from` pixels become `to`, of which `count` from `first` on are computed.
struct axis {
    std::size_t from;
    std::size_t to;
    std::size_t first;
    std::size_t count;
};

/// Input pixels of each output pixel, and their weights.
struct pixel_weights {
    std::vector<kernels::pixel_range> sources;  // [count]
    std::vector<std::int32_t> weights;          // [count, taps], fixed point
    std::size_t taps;

    const std::int32_t* weights_of(std::size_t output) const { return weights.data() + output * taps; }

    /// The input pixels of all output pixels.
    kernels::pixel_range range() const {
        return {sources.front().first, sources.back().first + sources.back().count - sources.front().first};
    }
};

/// Mirrors precompute_coeffs and normalize_coeffs_8bpc of Pillow's Resample.c.
inline pixel_weights filter_weights(const axis& line, interpolation filter) {
    const bool bicubic = filter == interpolation::bicubic;
    const auto from = static_cast<double>(static_cast<float>(line.from));  // Pillow's box is of floats
    const double scale = from / static_cast<double>(line.to), filter_scale = (std::max)(scale, 1.0);
    const double support = (bicubic ? 2.0 : 1.0) * filter_scale;
    pixel_weights result{{}, {}, static_cast<std::size_t>(std::ceil(support)) * 2 + 1};
    result.sources.reserve(line.count);
    result.weights.resize(line.count * result.taps);
    std::vector<double> exact(result.taps);
    for (std::size_t output = 0; output < line.count; ++output) {
        const double center = (static_cast<double>(line.first + output) + 0.5) * scale;
        const std::size_t end = (std::min)(line.from, static_cast<std::size_t>(center + support + 0.5));
        const std::size_t begin = (std::min)(end, static_cast<std::size_t>((std::max)(0.0, center - support + 0.5)));
        double total = 0;
        for (std::size_t tap = 0; tap < end - begin; ++tap) {
            const double distance = (static_cast<double>(tap + begin) - center + 0.5) * (1.0 / filter_scale);
            exact[tap] = bicubic ? cubic_filter(distance, -0.5) : linear_filter(distance);
            total += exact[tap];
        }
        for (std::size_t tap = 0; tap < end - begin; ++tap) {
            const double weight = total == 0 ? exact[tap] : exact[tap] / total;
            result.weights[output * result.taps + tap] =
                static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kernels::resample_bits));
        }
        result.sources.push_back({begin, end - begin});
    }
    return result;
}

/// Groups of an image's rows, readable kernels::read_beyond bytes behind their last needed byte: at the end of the
/// image's memory by a copy.
class padded_rows {
   public:
    /// \param needed bytes of each row
    padded_rows(const image& input, std::size_t needed)
        : image_(input), needed_(needed), end_(input.row(input.height() - 1).data() + input.row(0).size()) {}

    /// A group for the kernel, from `first` on; the last row is repeated.
    const std::uint8_t* const* operator()(std::size_t first, std::size_t end) {
        for (std::size_t i = 0; i < kernels::rows_at_once; ++i) {
            const auto row = image_.row((std::min)(first + i, end - 1));
            const bool reaches_outside = static_cast<std::size_t>(end_ - row.data()) < needed_ + kernels::read_beyond;
            if (reaches_outside) {
                copies_[i].assign(row.begin(), row.end());
                copies_[i].resize(row.size() + kernels::read_beyond);
            }
            rows_[i] = reaches_outside ? copies_[i].data() : row.data();
        }
        return rows_.data();
    }

   private:
    const image& image_;
    std::size_t needed_;
    const std::uint8_t* end_;
    std::array<const std::uint8_t*, kernels::rows_at_once> rows_{};
    std::array<std::vector<std::uint8_t>, kernels::rows_at_once> copies_{};
};

/// The pass along x, then the one along y a few rows behind, while the rows between them are in the cache.
template <std::size_t Channels>
image resize_x_then_y(const image& input, const pixel_weights& across, const pixel_weights& down) {
    const kernels::table& set = kernels::active();
    const kernels::pixel_sums<Channels> sum_pixels(across.sources.data(), across.weights.data(), across.taps,
                                                   across.sources.size(), set);
    const std::size_t row_size = across.sources.size() * Channels;
    std::vector<std::uint8_t> output(down.sources.size() * row_size);
    const std::size_t ring_size = down.taps + kernels::rows_at_once;  // rows between the passes, reused in turn
    std::vector<std::uint8_t> ring(ring_size * row_size);
    const auto ring_row = [&](std::size_t row) { return ring.data() + row % ring_size * row_size; };
    padded_rows input_rows(input, (across.range().first + across.range().count) * Channels);
    std::array<std::uint8_t*, kernels::rows_at_once> targets{};
    std::vector<const std::uint8_t*> summands(down.taps);
    const std::size_t end = down.range().first + down.range().count;
    std::size_t next = down.range().first;
    for (std::size_t y = 0; y < down.sources.size(); ++y) {
        const kernels::pixel_range& source = down.sources[y];
        for (; next < source.first + source.count; next += kernels::rows_at_once) {
            for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = ring_row((std::min)(next + i, end - 1));
            sum_pixels(input_rows(next, end), targets.data());
        }
        for (std::size_t i = 0; i < source.count; ++i) summands[i] = ring_row(source.first + i);
        kernels::sum_rows(summands.data(), down.weights_of(y), source.count, row_size, output.data() + y * row_size,
                          set);
    }
    return image(std::move(output), across.sources.size(), down.sources.size(), input.mode());
}

/// The pass along y, then the one along x, over the columns that it needs.
template <std::size_t Channels>
image resize_y_then_x(const image& input, pixel_weights across, const pixel_weights& down) {
    const kernels::table& set = kernels::active();
    const kernels::pixel_range columns = across.range();
    for (kernels::pixel_range& source : across.sources) source.first -= columns.first;
    const kernels::pixel_sums<Channels> sum_pixels(across.sources.data(), across.weights.data(), across.taps,
                                                   across.sources.size(), set);
    const std::size_t row_size = across.sources.size() * Channels, summed_size = columns.count * Channels;
    std::vector<std::uint8_t> output(down.sources.size() * row_size);
    std::array<std::vector<std::uint8_t>, kernels::rows_at_once> summed;
    for (auto& row : summed) row.resize(summed_size + kernels::read_beyond);
    std::array<const std::uint8_t*, kernels::rows_at_once> sources{};
    std::array<std::uint8_t*, kernels::rows_at_once> targets{};
    std::vector<const std::uint8_t*> summands(down.taps);
    for (std::size_t y = 0; y < down.sources.size(); y += kernels::rows_at_once) {
        for (std::size_t i = 0; i < kernels::rows_at_once; ++i) {
            const std::size_t row = (std::min)(y + i, down.sources.size() - 1);
            const kernels::pixel_range& source = down.sources[row];
            for (std::size_t k = 0; k < source.count; ++k)
                summands[k] = input.row(source.first + k).data() + columns.first * Channels;
            kernels::sum_rows(summands.data(), down.weights_of(row), source.count, summed_size, summed[i].data(), set);
            sources[i] = summed[i].data();
            targets[i] = output.data() + row * row_size;
        }
        sum_pixels(sources.data(), targets.data());
    }
    return image(std::move(output), across.sources.size(), down.sources.size(), input.mode());
}

/// The image with change(colour, alpha) for every colour; alpha, the last channel, stays.
template <std::size_t Channels, class Change>
image with_colours(const image& input, const Change& change) {
    std::vector<std::uint8_t> output(input.width() * input.height() * Channels);
    std::uint8_t* next = output.data();
    for (std::size_t y = 0; y < input.height(); ++y) {
        const std::uint8_t* pixel = input.row(y).data();
        for (std::size_t x = 0; x < input.width(); ++x, pixel += Channels, next += Channels) {
            const unsigned alpha = pixel[Channels - 1];
            for (std::size_t channel = 0; channel + 1 < Channels; ++channel)
                next[channel] = static_cast<std::uint8_t>(change(unsigned{pixel[channel]}, alpha));
            next[Channels - 1] = pixel[Channels - 1];
        }
    }
    return image(std::move(output), input.width(), input.height(), input.mode());
}

template <class Change>
image with_colours(const image& input, const Change& change) {
    return input.channels() == 2 ? with_colours<2>(input, change) : with_colours<4>(input, change);
}

/// Colours times alpha, rounded as by MULDIV255 of Pillow (Convert.c, RGBA to RGBa).
inline image premultiplied(const image& input) {
    return with_colours(input, [](unsigned colour, unsigned alpha) { return multiply_bytes(colour, alpha); });
}

/// Colours divided by alpha, rounded as by Pillow (Convert.c, RGBa to RGBA); where alpha is 0, the colour stays.
inline image unpremultiplied(const image& input) {
    return with_colours(input, [](unsigned colour, unsigned alpha) {
        return (std::min)(255u, 255u * colour / (alpha == 0 ? 255 : alpha));
    });
}

/// Whether the pass along y comes first. The order shows in the bytes, which are rounded between the passes. Mirrors
/// ImagingResampleInner of Pillow 13; before, x was first but for images more than 100 times as high as wide.
inline bool y_is_first(const axis& columns, const axis& rows) {
    const auto shrinks_by = [](const axis& line) {
        return static_cast<std::int64_t>(line.from) - static_cast<std::int64_t>(line.to);
    };
    return shrinks_by(rows) > 0 && shrinks_by(rows) > 2 * shrinks_by(columns);
}

template <std::size_t Channels>
image resize_filtered(const image& input, const axis& columns, const axis& rows, interpolation filter) {
    pixel_weights across = filter_weights(columns, filter);
    const pixel_weights down = filter_weights(rows, filter);
    return y_is_first(columns, rows) ? resize_y_then_x<Channels>(input, std::move(across), down)
                                     : resize_x_then_y<Channels>(input, across, down);
}

inline image resize_filtered(const image& input, const axis& columns, const axis& rows, interpolation filter) {
    constexpr std::array resize_channels{resize_filtered<1>, resize_filtered<2>, resize_filtered<3>,
                                         resize_filtered<4>};
    return resize_channels[input.channels() - 1](input, columns, rows, filter);
}

/// The nearest input pixel of each output pixel. Mirrors ImagingScaleAffine of Pillow's Geometry.c, which adds steps
/// up from the first pixel; a multiplication would round otherwise.
inline std::vector<std::size_t> nearest_sources(const axis& line) {
    const double step = static_cast<double>(static_cast<float>(line.from)) / static_cast<double>(line.to);
    double position = 0.5 * step;
    for (std::size_t skipped = 0; skipped < line.first; ++skipped) position += step;
    std::vector<std::size_t> sources(line.count);
    for (std::size_t& source : sources) {
        source = (std::min)(static_cast<std::size_t>(position), line.from - 1);
        position += step;
    }
    return sources;
}

inline image resize_nearest(const image& input, const axis& columns, const axis& rows) {
    const std::size_t channels = input.channels();
    const std::vector<std::size_t> from_columns = nearest_sources(columns);
    std::vector<std::uint8_t> output;
    output.reserve(rows.count * columns.count * channels);
    for (const std::size_t y : nearest_sources(rows)) {
        for (const std::size_t x : from_columns) {
            const auto pixel = input.row(y).subspan(x * channels, channels);
            output.insert(output.end(), pixel.begin(), pixel.end());
        }
    }
    return image(std::move(output), columns.count, rows.count, input.mode());
}

}  // namespace detail

/// A window of the image resized to width x height: the bytes of `Image.resize((width, height), filter).crop(...)` of
/// Pillow, without computing the rest. As in Pillow, black-and-white and palette images take the nearest pixel, and
/// colours are weighted by their alpha.
/// \throws argument_error ARG where a side is 0 or the window reaches outside, LIMIT where a side exceeds
/// longest_resized_side
inline image resize_and_crop(const image& input, std::size_t width, std::size_t height, const window& part,
                             interpolation filter = interpolation::bicubic) {
    if (width == 0 || height == 0) {
        throw argument_error(error_code::argument, {"resize", "the new size has a side of 0 pixels", "at least 1"});
    }
    if ((std::max)(width, height) > longest_resized_side) {
        throw argument_error(
            error_code::limit,
            {"resize", "the longer side would become " + std::to_string((std::max)(width, height)) + " pixels",
             "at most " + std::to_string(longest_resized_side), "is the image a thin line?"});
    }
    if (width == input.width() && height == input.height()) return crop(input, part);
    if (part.width == 0 || part.height == 0 || part.width > width || part.left > width - part.width ||
        part.height > height || part.top > height - part.height) {
        throw argument_error(error_code::argument, {"window", "it is empty or reaches outside the resized image"});
    }
    const detail::axis columns{input.width(), width, part.left, part.width};
    const detail::axis rows{input.height(), height, part.top, part.height};
    const bool nearest = input.mode() == pixel_mode::bilevel || input.mode() == pixel_mode::palette;
    if (nearest) return detail::resize_nearest(input, columns, rows);
    if (!has_alpha(input.mode())) return detail::resize_filtered(input, columns, rows, filter);
    return detail::unpremultiplied(detail::resize_filtered(detail::premultiplied(input), columns, rows, filter));
}

/// The image resized to width x height: the bytes of Pillow's `Image.resize((width, height), filter)`.
/// \throws argument_error as resize_and_crop
inline image resize(const image& input, std::size_t width, std::size_t height,
                    interpolation filter = interpolation::bicubic) {
    return resize_and_crop(input, width, height, {0, 0, width, height}, filter);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
