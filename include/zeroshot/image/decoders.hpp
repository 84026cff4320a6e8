#pragma once
/// \file Decoders of JPEG and PNG, and the choice among them by a file's first bytes: the definitions of decode.hpp.
/// Only decode.hpp includes it, or src/decode.cpp of zeroshot::compiled.

#include <zeroshot/version.hpp>

#if !defined(ZEROSHOT_NO_DECODER)

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if defined(ZEROSHOT_LIBJPEG_TURBO)
#include <csetjmp>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/png.hpp>
#include <zeroshot/image/stb_image.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

#if defined(ZEROSHOT_LIBJPEG_TURBO)
/// Decodes a JPEG with libjpeg-turbo. Its warnings are not errors, as in Pillow.
class turbo_decoder {
   public:
    turbo_decoder(std::span<const std::byte> bytes, std::size_t memory_budget)
        : memory_budget_((std::min)(memory_budget, static_cast<std::size_t>(LONG_MAX))) {
        state_.err = jpeg_std_error(&errors_);
        errors_.error_exit = [](j_common_ptr state) { std::longjmp(of(state).failure_, 1); };
        errors_.emit_message = [](j_common_ptr, int) {};
        errors_.output_message = [](j_common_ptr) {};
        state_.client_data = this;
        source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
        source_.bytes_in_buffer = bytes.size();
        source_.init_source = source_.term_source = [](j_decompress_ptr) {};
        source_.resync_to_restart = jpeg_resync_to_restart;
        source_.fill_input_buffer = [](j_decompress_ptr state) -> boolean { end_early(state); };
        source_.skip_input_data = [](j_decompress_ptr state, long count) {
            if (count <= 0) return;
            const auto size = static_cast<std::size_t>(count);
            if (size > state->src->bytes_in_buffer) end_early(state);
            state->src->next_input_byte += size;
            state->src->bytes_in_buffer -= size;
        };
    }
    turbo_decoder(const turbo_decoder&) = delete;
    turbo_decoder& operator=(const turbo_decoder&) = delete;
    ~turbo_decoder() { jpeg_destroy_decompress(&state_); }

    image operator()(const jpeg_file& file) {
        const std::size_t channels = file.components == 1 ? 1 : 3;
        std::vector<std::uint8_t> pixels(file.width * file.height * channels);
        cmyk_.resize(file.components == 4 ? file.width * 4 : 0);
        if (decode(pixels.data(), file.width * channels)) {
            return image(std::move(pixels), file.width, file.height, mode_of_channels(channels));
        }
        if (ends_early_) throw_ends_early(file.end);
        if (errors_.msg_code == JERR_OUT_OF_MEMORY) throw std::bad_alloc();
        if (errors_.msg_code == JERR_NO_BACKING_STORE) refuse_memory(0, memory_budget_ + 1, memory_budget_);
        std::array<char, JMSG_LENGTH_MAX> reason{};
        errors_.format_message(reinterpret_cast<j_common_ptr>(&state_), reason.data());
        throw_at_byte(error_code::format, 0, std::string("JPEG data is damaged: ") + reason.data());
    }

   private:
    static turbo_decoder& of(j_common_ptr state) { return *static_cast<turbo_decoder*>(state->client_data); }

    [[noreturn]] static void end_early(j_decompress_ptr state) {
        turbo_decoder& self = of(reinterpret_cast<j_common_ptr>(state));
        self.ends_early_ = true;
        std::longjmp(self.failure_, 1);
    }

    /// False after an error, which leaves by longjmp: nothing in here may have a destructor.
    bool decode(std::uint8_t* pixels, std::size_t row_size) {
        if (setjmp(failure_) != 0) return false;
        jpeg_create_decompress(&state_);
        state_.mem->max_memory_to_use = static_cast<long>(memory_budget_);
        state_.src = &source_;
        jpeg_read_header(&state_, TRUE);
        jpeg_start_decompress(&state_);
        while (state_.output_scanline < state_.output_height) {
            std::uint8_t* const output = pixels + state_.output_scanline * row_size;
            JSAMPROW row = cmyk_.empty() ? output : cmyk_.data();
            jpeg_read_scanlines(&state_, &row, 1);
            for (std::size_t i = 0; i < cmyk_.size() / 4; ++i) write_rgb_of_cmyk(cmyk_.data() + 4 * i, output + 3 * i);
        }
        jpeg_finish_decompress(&state_);
        return true;
    }

    std::size_t memory_budget_;
    jpeg_decompress_struct state_{};
    jpeg_error_mgr errors_{};
    jpeg_source_mgr source_{};
    std::jmp_buf failure_{};
    bool ends_early_ = false;
    std::vector<std::uint8_t> cmyk_;  // a row of it
};
#endif

inline image decode_jpeg(std::span<const std::byte> bytes, const decode_options& options, unsigned& orientation) {
    const jpeg_file file = scan_jpeg(bytes, options);
    orientation = exif_orientation(file.exif);
    const std::size_t pixels = file.width * file.height * file.components;
    refuse_memory(0, 2 * pixels, options.memory_budget);  // the image and its planes
#if defined(ZEROSHOT_LIBJPEG_TURBO)
    return turbo_decoder(bytes.first(file.end), options.memory_budget - pixels)(file);
#else
    return stb::jpeg_image(file, options.memory_budget - pixels);
#endif
}

inline image decode_png(std::span<const std::byte> bytes, const decode_options& options, unsigned& orientation) {
    const png_file file = scan_png(bytes, options.max_pixels);
    orientation = exif_orientation(file.exif);
    const std::size_t samples = file.width * file.height * file.samples();
    const std::size_t size = file.stream_size(), decoded = file.depth == 16 ? 2 * samples : samples;
    const std::size_t joined_size = file.compressed.size() == 1 ? 0 : bytes.size();
    refuse_memory(file.data_begins, size + decoded + joined_size, options.memory_budget);
    refuse_memory(file.data_begins, (std::max)(size, decoded), INT_MAX);  // stb_image counts in int
    std::vector<std::byte> joined;
    joined.reserve(joined_size);
    if (joined_size > 0)
        for (const auto& part : file.compressed) joined.insert(joined.end(), part.begin(), part.end());
    std::vector<std::uint8_t> stream(size);
    if (!stb::inflate(joined_size > 0 ? joined : file.compressed.front(), stream)) {
        throw_at_byte(error_code::format, file.data_begins, "the compressed image data is damaged or of a wrong size");
    }
    return stb::png_image(file, stream, options.memory_budget - size - joined_size);
}

inline bool begins_with(std::span<const std::byte> bytes, std::string_view head, std::size_t at = 0) {
    return bytes.size() >= at + head.size() && std::memcmp(bytes.data() + at, head.data(), head.size()) == 0;
}

/// Refuses a file that is neither JPEG nor PNG, by the name of its format.
[[noreturn]] inline void refuse_format(std::span<const std::byte> bytes) {
    const auto refuse = [](const std::string& what) {
        throw_at_byte(error_code::unsupported, 0, what, "", "supported: JPEG, PNG");
    };
    struct format {
        std::size_t offset;
        std::string_view magic;
        const char* name;
    };
    static constexpr std::array<format, 18> formats{{{8, "WEBP", "WebP"},
                                                     {4, "ftypavif", "AVIF"},
                                                     {4, "ftypavis", "AVIF"},
                                                     {4, "ftyp", "HEIC or video"},
                                                     {0, "GIF8", "GIF"},
                                                     {0, {"II*\0", 4}, "TIFF"},
                                                     {0, {"MM\0*", 4}, "TIFF"},
                                                     {0, "BM", "BMP"},
                                                     {0, "8BPS", "PSD"},
                                                     {0, "#?RADIANCE", "HDR"},
                                                     {0, "#?RGBE", "HDR"},
                                                     {0, "\x53\x80\xf6\x34", "PIC"},
                                                     {0, "%PDF", "PDF"},
                                                     {0, "<svg", "SVG"},
                                                     {0, "<?xml", "SVG"},
                                                     {0, {"\0\0\1\0", 4}, "ICO"},
                                                     {0, {"\0\0\0\x0cJXL ", 8}, "JPEG XL"},
                                                     {0, "\xff\x0a", "JPEG XL"}}};
    for (const format& each : formats) {
        if (begins_with(bytes, each.magic, each.offset)) refuse(std::string(each.name) + " is not built in");
    }
    const bool netpbm = begins_with(bytes, "P") && bytes[1] >= std::byte{'1'} && bytes[1] <= std::byte{'6'};
    if (netpbm) refuse("PNM is not built in");
    throw_at_byte(error_code::unsupported, 0, "the format is unknown", "", "supported: JPEG, PNG");
}

/// The image from a file's bytes. An error's place begins with `name`.
inline image decode(std::span<const std::byte> bytes, const decode_options& options, const std::string& name) try {
    if (bytes.data() == nullptr || bytes.size() < 2 || bytes.size() > INT_MAX) {
        throw_at_byte(error_code::argument, 0, std::to_string(bytes.size()) + " bytes",
                      "a JPEG or PNG of 2 to 2147483647", bytes.empty() ? "is the file empty?" : "");
    }
    constexpr std::string_view jpeg_signature = "\xff\xd8\xff";
    const auto is_cut = [&](std::string_view signature) {
        return bytes.size() < signature.size() && begins_with(bytes, signature.substr(0, bytes.size()));
    };
    unsigned orientation = 1;
    const auto upright_if_asked = [&](const image& decoded) {
        return options.apply_exif_orientation ? upright(decoded, orientation) : decoded;
    };
    if (begins_with(bytes, jpeg_signature)) return upright_if_asked(decode_jpeg(bytes, options, orientation));
    if (begins_with(bytes, png_signature)) return upright_if_asked(decode_png(bytes, options, orientation));
    if (is_cut(jpeg_signature) || is_cut(png_signature)) throw_ends_early(bytes.size());
    if (begins_with(bytes, png_signature.substr(0, 4))) {
        throw_at_byte(error_code::format, 4, "the line ends in the signature of a PNG were changed", "",
                      "was it transferred as text?");
    }
    refuse_format(bytes);
} catch (const image_error& fault) {
    diagnostic at_file = fault.diagnostic();
    at_file.where = name + ", " + at_file.where;
    throw image_error(fault.code(), std::move(at_file));
}

}  // namespace detail

ZEROSHOT_INLINE image decode(std::span<const std::byte> bytes, const decode_options& options) {
    return detail::decode(bytes, options, "image");
}

ZEROSHOT_INLINE image read_image(const std::filesystem::path& path, const decode_options& options) {
    return detail::decode(read_file(path, INT_MAX), options, path_text(path));
}

}}  // namespace zeroshot::ZEROSHOT_ABI

#endif
