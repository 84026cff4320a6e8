#pragma once
/// \file GIF by giflib: the first frame.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gif_lib.h>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Reads the first frame of a GIF as GifImagePlugin.py of Pillow: on the whole screen, in mode "P", or "L" where no
/// table of colours is there or it holds the greys in order.
class gif_reader {
   public:
    gif_reader(std::span<const std::byte> bytes, decoding& about) : rest_(bytes), about_(about) {}

    image operator()() {
        int error = 0;
        const auto read = [](GifFileType* file, GifByteType* target, int count) {
            auto& rest = static_cast<gif_reader*>(file->UserData)->rest_;
            const std::size_t size = (std::min)(static_cast<std::size_t>((std::max)(count, 0)), rest.size());
            std::memcpy(target, rest.data(), size);
            rest = rest.subspan(size);
            return static_cast<int>(size);
        };
        const auto close = [](GifFileType* file) { DGifCloseFile(file, nullptr); };
        const std::unique_ptr<GifFileType, decltype(close)> file(DGifOpen(this, read, &error), close);
        if (file == nullptr) refuse(error);
        const std::optional<std::uint8_t> transparent = find_frame(*file);
        return frame(*file, transparent);
    }

   private:
    [[noreturn]] static void refuse(int error) {
        const char* const reason = GifErrorString(error);
        throw_at_byte(error_code::format, 0,
                      std::string("the GIF is cut or damaged: ") + (reason == nullptr ? "it makes no sense" : reason),
                      "", "was the file cut off?");
    }

    /// Moves to the first frame; returns the index of its transparent colour.
    static std::optional<std::uint8_t> find_frame(GifFileType& file) {
        std::optional<std::uint8_t> transparent;
        for (GifRecordType record = UNDEFINED_RECORD_TYPE; record != IMAGE_DESC_RECORD_TYPE;) {
            if (DGifGetRecordType(&file, &record) == GIF_ERROR) refuse(file.Error);
            if (record == TERMINATE_RECORD_TYPE) throw_at_byte(error_code::format, 0, "the GIF has no image");
            if (record != EXTENSION_RECORD_TYPE) continue;
            int kind = 0;
            GifByteType* block = nullptr;
            if (DGifGetExtension(&file, &kind, &block) == GIF_ERROR) refuse(file.Error);
            const bool control = kind == GRAPHICS_EXT_FUNC_CODE && block != nullptr && block[0] >= 4;
            if (control && (block[1] & 1) != 0) transparent = block[4];
            while (block != nullptr)
                if (DGifGetExtensionNext(&file, &block) == GIF_ERROR) refuse(file.Error);
        }
        if (DGifGetImageDesc(&file) == GIF_ERROR) refuse(file.Error);
        return transparent;
    }

    /// Red, green and blue of each index; nothing for the greys in order.
    static std::optional<std::array<std::uint8_t, 768>> palette_of(const GifFileType& file) {
        const ColorMapObject* const map = file.Image.ColorMap != nullptr ? file.Image.ColorMap : file.SColorMap;
        if (map == nullptr) return std::nullopt;
        std::array<std::uint8_t, 768> palette{};
        bool greys = true;
        for (std::size_t i = 0; i < static_cast<std::size_t>(map->ColorCount); ++i) {
            const GifColorType& colour = map->Colors[i];
            const std::array<std::uint8_t, 3> rgb{colour.Red, colour.Green, colour.Blue};
            std::ranges::copy(rgb, palette.begin() + static_cast<std::ptrdiff_t>(3 * i));
            greys = greys && std::ranges::all_of(rgb, [i](std::uint8_t value) { return value == i; });
        }
        return greys ? std::nullopt : std::optional(palette);
    }

    image frame(GifFileType& file, std::optional<std::uint8_t> transparent) const {
        const auto size = [](int value) { return static_cast<std::size_t>(value); };
        const std::size_t left = size(file.Image.Left), top = size(file.Image.Top);
        const std::size_t columns = size(file.Image.Width), rows = size(file.Image.Height);
        const std::size_t width = (std::max)(size(file.SWidth), left + columns);
        const std::size_t height = (std::max)(size(file.SHeight), top + rows);
        if (columns == 0 || rows == 0) throw_at_byte(error_code::format, 0, "the GIF is empty");
        refuse_pixels(0, width, height, about_.options.max_pixels);
        refuse_memory(0, width * height * 5, about_.options.memory_budget);  // indices, colours and alpha
        std::vector<std::uint8_t> indices(width * height, transparent.value_or(0));
        constexpr std::array<std::array<std::size_t, 2>, 4> interlaced{{{0, 8}, {4, 8}, {2, 4}, {1, 2}}};
        constexpr std::array<std::array<std::size_t, 2>, 1> in_order{{{0, 1}}};
        const auto passes = file.Image.Interlace ? std::span<const std::array<std::size_t, 2>>(interlaced) : in_order;
        for (const auto& [first, step] : passes) {
            for (std::size_t y = first; y < rows; y += step) {
                GifPixelType* const row = indices.data() + (top + y) * width + left;
                if (DGifGetLine(&file, row, static_cast<int>(columns)) == GIF_ERROR) refuse(file.Error);
            }
        }
        return coloured(std::move(indices), width, height, palette_of(file), transparent);
    }

    static image coloured(std::vector<std::uint8_t> indices, std::size_t width, std::size_t height,
                          const std::optional<std::array<std::uint8_t, 768>>& palette,
                          std::optional<std::uint8_t> transparent) {
        const auto with_alpha = [&](const image& opaque) {
            if (!transparent) return opaque;
            for (std::uint8_t& each : indices) each = each == *transparent ? 0 : 255;
            return opaque.with_alpha_plane(image(std::move(indices), width, height, pixel_mode::grey));
        };
        if (!palette) return with_alpha(image(indices, width, height, pixel_mode::grey));
        std::vector<std::uint8_t> pixels(indices.size() * 3);
        for (std::size_t i = 0; i < indices.size(); ++i)
            std::memcpy(&pixels[3 * i], &(*palette)[std::size_t{3} * indices[i]], 3);
        return with_alpha(image(std::move(pixels), width, height, pixel_mode::palette));
    }

    std::span<const std::byte> rest_;
    decoding& about_;
};

inline image decode_gif(std::span<const std::byte> bytes, decoding& about) {
    return gif_reader(bytes, about)();
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
