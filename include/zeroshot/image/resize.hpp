#pragma once
/// \file Pillow's antialiased resizing (as of Pillow 13), bicubic or bilinear, to the byte, and only for the part of
/// the result that is wanted.

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
#include <zeroshot/kernels/instruction_set.hpp>
#include <zeroshot/kernels/resample.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// The longest side a resized image may have, cropped away or not: 1 : 100,000 still works at 224 and at 1024 pixels.
inline constexpr std::size_t longest_resized_side = std::size_t{1} << 27;

/// How pixels are interpolated.
enum class interpolation { bicubic, bilinear };

/// The filter as files name it.
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
        throw argument_error(error_code::argument, {"window", "it is empty or reaches outside the image", "", ""});
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

/// Keys' cubic with a = -0.5, as bicubic_filter of Resample.c.
inline double bicubic(double x) {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

/// A triangle, as bilinear_filter of Resample.c.
inline double bilinear(double x) {
    return std::max(0.0, 1.0 - std::fabs(x));
}

inline double filtered(interpolation filter, double x) {
    return filter == interpolation::bicubic ? bicubic(x) : bilinear(x);
}

/// How far the filter reaches, in pixels of the wider grid.
inline double reach(interpolation filter) {
    return filter == interpolation::bicubic ? 2.0 : 1.0;
}

/// One axis of a resize: `from` pixels become `to`, of which `count` beginning at `first` are wanted.
struct axis {
    std::size_t from;
    std::size_t to;
    std::size_t first;
    std::size_t count;
};

/// Which input pixels each wanted output pixel is made of, and their weights.
struct weighted_sums {
    std::vector<kernels::pixel_range> sources;  // [count]
    std::vector<std::int32_t> weights;          // [count, taps], fixed point
    std::size_t taps;

    std::span<const std::int32_t> weights_of(std::size_t output) const {
        return std::span(weights).subspan(output * taps, sources[output].count);
    }

    /// All input pixels that some output pixel is made of.
    kernels::pixel_range needed() const {
        return {sources.front().first, sources.back().first + sources.back().count - sources.front().first};
    }

    /// The same sums over an input that holds only the needed pixels.
    weighted_sums over_needed() && {
        const std::size_t start = needed().first;
        for (kernels::pixel_range& source : sources) source.first -= start;
        return std::move(*this);
    }
};

/// Mirrors precompute_coeffs and normalize_coeffs_8bpc of Resample.c.
inline weighted_sums filtered_sums(const axis& line, interpolation filter) {
    const auto from = static_cast<double>(static_cast<float>(line.from));  // Pillow hands the box over as floats
    const double scale = from / static_cast<double>(line.to);
    const double filter_scale = std::max(scale, 1.0);
    const double support = reach(filter) * filter_scale;
    weighted_sums sums;
    sums.taps = static_cast<std::size_t>(std::ceil(support)) * 2 + 1;
    sums.sources.reserve(line.count);
    sums.weights.resize(line.count * sums.taps);
    std::vector<double> exact(sums.taps);
    for (std::size_t output = 0; output < line.count; ++output) {
        const double center = (static_cast<double>(line.first + output) + 0.5) * scale;
        const std::size_t end = std::min(line.from, static_cast<std::size_t>(center + support + 0.5));
        const std::size_t begin = std::min(end, static_cast<std::size_t>(std::max(0.0, center - support + 0.5)));
        const std::size_t count = end - begin;
        double total = 0;
        for (std::size_t tap = 0; tap < count; ++tap) {
            exact[tap] = filtered(filter, (static_cast<double>(tap + begin) - center + 0.5) * (1.0 / filter_scale));
            total += exact[tap];
        }
        for (std::size_t tap = 0; tap < count; ++tap) {
            const double weight = total == 0 ? exact[tap] : exact[tap] / total;
            sums.weights[output * sums.taps + tap] =
                static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kernels::resample_bits));
        }
        sums.sources.push_back({begin, count});
    }
    return sums;
}

/// Rows of an image, readable a little beyond the pixels they are needed up to: where that would be outside of the
/// image, they are copied.
class readable_rows {
   public:
    /// \param needed bytes of each row
    readable_rows(const image& input, std::size_t needed)
        : image_(input), needed_(needed), end_(input.row(input.height() - 1).data() + input.row(0).size()) {}

    /// As many as pass through the kernel together, beginning at `first`; the last again where there are no more.
    const std::uint8_t* const* operator()(std::size_t first, std::size_t end) {
        for (std::size_t i = 0; i < kernels::rows_at_once; ++i) {
            const auto row = image_.row(std::min(first + i, end - 1));
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

/// The pass along x, then the one along y, which follows a few rows behind: what lies between them stays in the cache.
template <std::size_t Channels>
image across_then_down(const image& input, const weighted_sums& across, const weighted_sums& down) {
    const kernels::instruction_set set = kernels::active();
    const kernels::pixel_sums<Channels> narrow(across.sources.data(), across.weights.data(), across.taps,
                                               across.sources.size(), set);
    const std::size_t row_size = across.sources.size() * Channels;
    std::vector<std::uint8_t> output(down.sources.size() * row_size);
    const std::size_t kept =
        down.taps + kernels::rows_at_once;  // rows between the passes, each in the place of an old one
    std::vector<std::uint8_t> between(kept * row_size);
    const auto place = [&](std::size_t row) { return between.data() + row % kept * row_size; };
    readable_rows source_rows(input, (across.needed().first + across.needed().count) * Channels);
    std::array<std::uint8_t*, kernels::rows_at_once> made{};
    std::vector<const std::uint8_t*> summed(down.taps);
    const std::size_t end = down.needed().first + down.needed().count;
    std::size_t next = down.needed().first;
    for (std::size_t y = 0; y < down.sources.size(); ++y) {
        const kernels::pixel_range& source = down.sources[y];
        for (; next < source.first + source.count; next += kernels::rows_at_once) {
            for (std::size_t i = 0; i < made.size(); ++i) made[i] = place(std::min(next + i, end - 1));
            narrow(source_rows(next, end), made.data());
        }
        for (std::size_t i = 0; i < source.count; ++i) summed[i] = place(source.first + i);
        kernels::sum_rows(summed.data(), down.weights_of(y).data(), source.count, row_size,
                          output.data() + y * row_size, set);
    }
    return image(std::move(output), across.sources.size(), down.sources.size(), input.mode());
}

/// The pass along y, then the one along x.
template <std::size_t Channels>
image down_then_across(const image& input, const weighted_sums& across, const weighted_sums& down) {
    const kernels::instruction_set set = kernels::active();
    const kernels::pixel_range needed = across.needed();
    const weighted_sums across_needed = weighted_sums(across).over_needed();
    const kernels::pixel_sums<Channels> narrow(across_needed.sources.data(), across_needed.weights.data(), across.taps,
                                               across.sources.size(), set);
    const std::size_t row_size = across.sources.size() * Channels, flat_size = needed.count * Channels;
    std::vector<std::uint8_t> output(down.sources.size() * row_size);
    std::array<std::vector<std::uint8_t>, kernels::rows_at_once> flat;
    for (auto& row : flat) row.resize(flat_size + kernels::read_beyond);
    std::array<const std::uint8_t*, kernels::rows_at_once> summed_rows{};
    std::array<std::uint8_t*, kernels::rows_at_once> made{};
    std::vector<const std::uint8_t*> summed(down.taps);
    for (std::size_t y = 0; y < down.sources.size(); y += kernels::rows_at_once) {
        for (std::size_t i = 0; i < kernels::rows_at_once; ++i) {
            const std::size_t row = std::min(y + i, down.sources.size() - 1);
            const kernels::pixel_range& source = down.sources[row];
            for (std::size_t k = 0; k < source.count; ++k)
                summed[k] = input.row(source.first + k).data() + needed.first * Channels;
            kernels::sum_rows(summed.data(), down.weights_of(row).data(), source.count, flat_size, flat[i].data(), set);
            summed_rows[i] = flat[i].data();
            made[i] = output.data() + row * row_size;
        }
        narrow(summed_rows.data(), made.data());
    }
    return image(std::move(output), across.sources.size(), down.sources.size(), input.mode());
}

inline bool has_alpha(pixel_mode mode) {
    return mode == pixel_mode::grey_alpha || mode == pixel_mode::rgba || mode == pixel_mode::bgra;
}

/// Every colour replaced by change(colour, alpha); alpha, the last channel, stays.
template <std::size_t Channels, class Change>
image with_colours(const image& input, const Change& change) {
    std::vector<std::uint8_t> output(input.width() * input.height() * Channels);
    std::uint8_t* there = output.data();
    for (std::size_t y = 0; y < input.height(); ++y) {
        const std::uint8_t* pixel = input.row(y).data();
        for (std::size_t x = 0; x < input.width(); ++x, pixel += Channels, there += Channels) {
            const unsigned alpha = pixel[Channels - 1];
            for (std::size_t channel = 0; channel + 1 < Channels; ++channel)
                there[channel] = static_cast<std::uint8_t>(change(unsigned{pixel[channel]}, alpha));
            there[Channels - 1] = pixel[Channels - 1];
        }
    }
    return image(std::move(output), input.width(), input.height(), input.mode());
}

template <class Change>
image with_colours(const image& input, const Change& change) {
    return input.channels() == 2 ? with_colours<2>(input, change) : with_colours<4>(input, change);
}

/// Colours times alpha, as Pillow's MULDIV255 rounds it (Convert.c, RGBA to RGBa).
inline image premultiplied(const image& input) {
    return with_colours(input, [](unsigned colour, unsigned alpha) {
        const unsigned product = colour * alpha + 128;
        return ((product >> 8) + product) >> 8;
    });
}

/// Colours divided by alpha, as Pillow rounds it (Convert.c, RGBa to RGBA).
inline image unpremultiplied(const image& input) {
    return with_colours(input, [](unsigned colour, unsigned alpha) {
        const unsigned divisor = alpha == 0 ? 255 : alpha;  // nothing to divide by: the colour stays
        return std::min(255u, 255u * colour / divisor);
    });
}

/// Which pass comes first shows in the bytes, since they are rounded between the passes. Pillow 13 begins with the
/// pass along y where the height shrinks by more than twice what the width shrinks by (ImagingResampleInner); Pillow
/// before 13 begins with the pass along x, but for images more than 100 times as high as wide.
inline bool begins_downwards(const axis& columns, const axis& rows) {
    const auto shrinks_by = [](const axis& line) {
        return static_cast<std::int64_t>(line.from) - static_cast<std::int64_t>(line.to);
    };
    return shrinks_by(rows) > 0 && shrinks_by(rows) > 2 * shrinks_by(columns);
}

template <std::size_t Channels>
image resize_filtered(const image& input, const axis& columns, const axis& rows, interpolation filter) {
    const weighted_sums across = filtered_sums(columns, filter), down = filtered_sums(rows, filter);
    return begins_downwards(columns, rows) ? down_then_across<Channels>(input, across, down)
                                           : across_then_down<Channels>(input, across, down);
}

/// Both passes, each over no more than the wanted pixels need.
inline image resize_filtered(const image& input, const axis& columns, const axis& rows, interpolation filter) {
    switch (input.channels()) {
        case 1:
            return resize_filtered<1>(input, columns, rows, filter);
        case 2:
            return resize_filtered<2>(input, columns, rows, filter);
        case 3:
            return resize_filtered<3>(input, columns, rows, filter);
        default:
            return resize_filtered<4>(input, columns, rows, filter);
    }
}

/// The nearest input pixel of each wanted output pixel. Mirrors ImagingScaleAffine of Pillow's Geometry.c, which adds
/// the step up from the first pixel: so the same roundings, and no multiplication.
inline std::vector<std::size_t> nearest_sources(const axis& line) {
    const double step = static_cast<double>(static_cast<float>(line.from)) / static_cast<double>(line.to);
    double position = 0.5 * step;
    for (std::size_t skipped = 0; skipped < line.first; ++skipped) position += step;
    std::vector<std::size_t> sources(line.count);
    for (std::size_t& source : sources) {
        source = std::min(static_cast<std::size_t>(position), line.from - 1);
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

/// The part inside the window of the image resized to width x height: the bytes of
/// `Image.resize((width, height), filter).crop(...)` of Pillow, without computing what is cropped away.
/// As in Pillow, black-and-white and palette images take the nearest pixel, and colours are weighted by their alpha.
/// \throws argument_error ARG where a side is 0 or the window reaches outside, LIMIT where a side exceeds
/// longest_resized_side
inline image resize_and_crop(const image& input, std::size_t width, std::size_t height, const window& part,
                             interpolation filter = interpolation::bicubic) {
    if (width == 0 || height == 0) {
        throw argument_error(error_code::argument, {"resize", "the new size has a side of 0 pixels", "at least 1", ""});
    }
    if (std::max(width, height) > longest_resized_side) {
        throw argument_error(
            error_code::limit,
            {"resize", "the longer side would become " + std::to_string(std::max(width, height)) + " pixels",
             "at most " + std::to_string(longest_resized_side), "is the image a thin line?"});
    }
    if (width == input.width() && height == input.height()) return crop(input, part);
    if (part.width == 0 || part.height == 0 || part.width > width || part.left > width - part.width ||
        part.height > height || part.top > height - part.height) {
        throw argument_error(error_code::argument,
                             {"window", "it is empty or reaches outside the resized image", "", ""});
    }
    const detail::axis columns{input.width(), width, part.left, part.width};
    const detail::axis rows{input.height(), height, part.top, part.height};
    const bool nearest = input.mode() == pixel_mode::bilevel || input.mode() == pixel_mode::palette;
    if (nearest) return detail::resize_nearest(input, columns, rows);
    if (!detail::has_alpha(input.mode())) return detail::resize_filtered(input, columns, rows, filter);
    return detail::unpremultiplied(detail::resize_filtered(detail::premultiplied(input), columns, rows, filter));
}

/// The image resized to width x height: the bytes of Pillow's `Image.resize((width, height), filter)`.
/// \throws argument_error as resize_and_crop
inline image resize(const image& input, std::size_t width, std::size_t height,
                    interpolation filter = interpolation::bicubic) {
    return resize_and_crop(input, width, height, {0, 0, width, height}, filter);
}

}}  // namespace zeroshot::ZEROSHOT_ABI
