#pragma once
/// \file From the bytes of a JPEG or PNG file to pixels: the only header that knows stb_image. Define
/// ZEROSHOT_NO_DECODER to do without it and bring your own pixels.

#include <zeroshot/version.hpp>

#if !defined(ZEROSHOT_NO_DECODER)

// All that stb_image includes comes first, so that nothing of it lands in our namespace.
#include <algorithm>
#include <array>
#include <cassert>
#include <climits>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#if defined(_MSC_VER)
#include <intrin.h>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/exif.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/png.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// The memory one call of the decoder may take. stb_image asks for memory without saying on whose behalf, so the call
/// in progress is noted per thread.
class decoder_memory {
   public:
    explicit decoder_memory(std::size_t budget) noexcept : budget_(budget), outer_(std::exchange(current_, this)) {}
    decoder_memory(const decoder_memory&) = delete;
    decoder_memory& operator=(const decoder_memory&) = delete;
    ~decoder_memory() { current_ = outer_; }

    bool exhausted() const noexcept { return exhausted_; }  ///< the budget was not enough
    bool failed() const noexcept { return failed_; }        ///< the machine had no more

    static void* allocate(std::size_t size) noexcept { return reallocate(nullptr, size); }

    static void* reallocate(void* memory, std::size_t size) noexcept {
        if (current_ == nullptr) return nullptr;
        auto* const old = header_of(memory);
        const std::size_t before = old == nullptr ? 0 : old->size;
        if (size > current_->budget_ || current_->used_ - before > current_->budget_ - size) {
            current_->exhausted_ = true;
            return nullptr;
        }
        auto* const block = static_cast<header*>(std::realloc(old, sizeof(header) + size));
        if (block == nullptr) {
            current_->failed_ = true;
            return nullptr;
        }
        current_->used_ += size - before;
        block->size = size;
        return block + 1;
    }

    static void release(void* memory) noexcept {
        auto* const block = header_of(memory);
        if (block == nullptr) return;
        if (current_ != nullptr) current_->used_ -= block->size;
        std::free(block);
    }

   private:
    struct alignas(std::max_align_t) header {
        std::size_t size;
    };
    static header* header_of(void* memory) noexcept {
        return memory == nullptr ? nullptr : static_cast<header*>(memory) - 1;
    }

    static inline constinit thread_local decoder_memory* current_ = nullptr;

    std::size_t budget_;
    decoder_memory* outer_;
    std::size_t used_ = 0;
    bool exhausted_ = false;
    bool failed_ = false;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail

// A copy of stb_image of our own: static functions in our namespace, so that the flags a host sets in its copy do not
// reach ours; the host's macros are put aside and given back, so that it may include stb_image before or after.
// Why not its PNG reader? It tells neither palettes nor 1-bit images apart, checks no CRC, and keeps three copies.
#include <zeroshot/image/stb/macros_save.inc>
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wdouble-promotion"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#elif defined(_MSC_VER)
#pragma warning(push, 0)
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_SUPPORT_ZLIB
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS 65535
#define STBI_ASSERT(condition) static_cast<void>(0)
#define STBI_MALLOC(size) decoder_memory::allocate(size)
#define STBI_REALLOC(memory, size) decoder_memory::reallocate(memory, size)
#define STBI_FREE(memory) decoder_memory::release(memory)
namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail { namespace stb {

/// Doubles a row of colour samples: h2v1_fancy_upsample of libjpeg's jdsample.c. It takes the place of stb_image's own
/// (to 2.30), which mixes up the last two samples; where stb_image defines its own, the macro gives that another name.
inline unsigned char* stbi__resample_row_h_2(unsigned char* output, unsigned char* row, unsigned char*, int count,
                                             int) {
    for (int i = 0; i < count; ++i) {
        const int left = row[i == 0 ? 0 : i - 1];
        const int right = row[i + 1 == count ? i : i + 1];
        output[2 * i] = static_cast<unsigned char>((3 * row[i] + left + 1) / 4);
        output[2 * i + 1] = static_cast<unsigned char>((3 * row[i] + right + 2) / 4);
    }
    return output;
}
#define stbi__resample_row_h_2(...) stbi__resample_row_h_2_of_stb(__VA_ARGS__)

#if __has_include(<stb_image.h>)
#include <stb_image.h>
#else
#include <stb/stb_image.h>
#endif

#undef stbi__resample_row_h_2

/// Grey or RGBA pixels in memory of decoder_memory, or null.
inline std::uint8_t* load(std::span<const std::byte> bytes, int& width, int& height, std::size_t channels) {
    int found = 0;
    return stbi_load_from_memory(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()),
                                 &width, &height, &found, static_cast<int>(channels));
}

/// What load() did not like.
inline std::string reason() {
    return stbi_failure_reason() == nullptr ? "" : stbi_failure_reason();
}

/// Fills `output` from a zlib stream; false where the stream is damaged or has another size.
inline bool inflate(std::span<const std::byte> compressed, std::span<std::uint8_t> output) {
    const int size =
        stbi_zlib_decode_buffer(reinterpret_cast<char*>(output.data()), static_cast<int>(output.size()),
                                reinterpret_cast<const char*>(compressed.data()), static_cast<int>(compressed.size()));
    return size >= 0 && static_cast<std::size_t>(size) == output.size();
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::detail::stb
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#elif defined(_MSC_VER)
#pragma warning(pop)
#endif
#include <zeroshot/image/stb/macros_restore.inc>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// What an image from a stranger may cost, and how it is read.
struct decode_options {
    std::size_t max_pixels = 64'000'000;               ///< refused by the header, before anything is allocated
    std::size_t memory_budget = std::size_t{1} << 30;  ///< bytes that decoding may take at once
    std::size_t max_scans = 100;                       ///< of a progressive JPEG; encoders make about ten
    bool apply_exif_orientation = false;               ///< the reference does not; phones' images may lie on their side
};

namespace detail {

inline bool begins_with(std::span<const std::byte> bytes, std::string_view head, std::size_t at = 0) {
    return bytes.size() >= at + head.size() && std::memcmp(bytes.data() + at, head.data(), head.size()) == 0;
}

/// Refuses what is neither JPEG nor PNG by the name of what it is.
[[noreturn]] inline void refuse_format(std::span<const std::byte> bytes) {
    struct magic {
        std::size_t at;
        std::string_view head;
        std::string_view name;
    };
    static constexpr std::array<magic, 24> known{{{8, "WEBP", "WebP"},
                                                  {4, "ftypavif", "AVIF"},
                                                  {4, "ftypavis", "AVIF"},
                                                  {4, "ftyp", "HEIC or a film"},
                                                  {0, "GIF8", "GIF"},
                                                  {0, {"II*\0", 4}, "TIFF"},
                                                  {0, {"MM\0*", 4}, "TIFF"},
                                                  {0, "BM", "BMP"},
                                                  {0, "8BPS", "PSD"},
                                                  {0, "#?RADIANCE", "HDR"},
                                                  {0, "#?RGBE", "HDR"},
                                                  {0, "\x53\x80\xf6\x34", "PIC"},
                                                  {0, "P1", "PNM"},
                                                  {0, "P2", "PNM"},
                                                  {0, "P3", "PNM"},
                                                  {0, "P4", "PNM"},
                                                  {0, "P5", "PNM"},
                                                  {0, "P6", "PNM"},
                                                  {0, "%PDF", "PDF"},
                                                  {0, "<svg", "SVG"},
                                                  {0, "<?xml", "SVG"},
                                                  {0, {"\0\0\1\0", 4}, "ICO"},
                                                  {0, {"\0\0\0\x0cJXL ", 8}, "JPEG XL"},
                                                  {0, "\xff\x0a", "JPEG XL"}}};
    for (const magic& kind : known) {
        if (!begins_with(bytes, kind.head, kind.at)) continue;
        throw_at_byte(error_code::unsupported, 0, std::string(kind.name) + " is not built in", "",
                      "supported: JPEG, PNG");
    }
    throw_at_byte(error_code::unsupported, 0, "this is not an image we know", "", "supported: JPEG, PNG");
}

/// The first three of every four bytes.
inline std::vector<std::uint8_t> three_of_four(const std::uint8_t* pixels, std::size_t count) {
    std::vector<std::uint8_t> packed(3 * count);
    for (std::size_t i = 0; i + 1 < count; ++i)
        std::memcpy(packed.data() + 3 * i, pixels + 4 * i, 4);  // quicker than 3
    std::memcpy(packed.data() + 3 * (count - 1), pixels + 4 * (count - 1), 3);
    return packed;
}

inline image decode_jpeg(std::span<const std::byte> bytes, const decode_options& options, unsigned& orientation) {
    const jpeg_file file = scan_jpeg(bytes, {options.max_pixels, options.max_scans, options.memory_budget});
    orientation = exif_orientation(file.exif);
    decoder_memory memory(options.memory_budget);
    int width = 0;
    int height = 0;
    const std::size_t channels = file.components == 3 ? 4 : 1;  // stb_image is twice as quick with a fourth
    std::uint8_t* const pixels = stb::load(bytes.first(file.end), width, height, channels);
    if (pixels == nullptr) {
        if (memory.failed()) throw std::bad_alloc();
        if (memory.exhausted()) {
            throw_at_byte(error_code::limit, 0,
                          "decoding takes more memory than " + std::to_string(options.memory_budget) + " bytes", "",
                          "raise decode_options::memory_budget if it is meant");
        }
        throw_at_byte(error_code::format, 0, "the JPEG decoder refuses it: " + stb::reason());
    }
    struct released {
        void* memory;
        ~released() { decoder_memory::release(memory); }
    } const guard{pixels};
    if (static_cast<std::size_t>(width) != file.width || static_cast<std::size_t>(height) != file.height) {
        throw_at_byte(error_code::format, 0, "the JPEG decoder finds another size than the header has");
    }
    const std::size_t count = file.width * file.height;
    std::vector<std::uint8_t> kept =
        channels == 4 ? three_of_four(pixels, count) : std::vector<std::uint8_t>(pixels, pixels + count);
    return image(std::move(kept), file.width, file.height, mode_of_channels(file.components));
}

/// The compressed data in one piece; `joined` keeps it where the file has it in several.
inline std::span<const std::byte> compressed_data(const png_file& file, std::vector<std::byte>& joined) {
    if (file.compressed.size() == 1) return file.compressed.front();
    for (const auto& part : file.compressed) joined.insert(joined.end(), part.begin(), part.end());
    return joined;
}

inline image decode_png(std::span<const std::byte> bytes, const decode_options& options, unsigned& orientation) {
    const png_file file = scan_png(bytes, options.max_pixels);
    orientation = exif_orientation(file.exif);
    const std::size_t size = png_stream_size(file);
    const std::size_t pixels = file.width * file.height * channels_of(png_mode(file));
    const std::size_t copied = file.compressed.size() == 1 ? 0 : bytes.size();
    refuse_memory(file.data_begins, size + pixels + copied, options.memory_budget);
    if (size > INT_MAX) refuse_memory(file.data_begins, size, INT_MAX);

    std::vector<std::uint8_t> stream(size);
    std::vector<std::byte> joined;
    const auto compressed = compressed_data(file, joined);
    decoder_memory memory(0);  // inflating into a buffer of known size takes none
    if (!stb::inflate(compressed, stream)) {
        throw_at_byte(error_code::format, file.data_begins, "the compressed image data is damaged or of a wrong size");
    }
    return png_pixels(file, std::move(stream));
}

inline image decode(std::span<const std::byte> bytes, const decode_options& options) {
    if (bytes.data() == nullptr || bytes.size() < 2 || bytes.size() > INT_MAX) {
        throw_at_byte(error_code::argument, 0, std::to_string(bytes.size()) + " bytes",
                      "a JPEG or PNG of 2 to 2147483647", bytes.empty() ? "is the file empty?" : "");
    }
    unsigned orientation = 1;
    const std::string_view signature(reinterpret_cast<const char*>(png_signature.data()), png_signature.size());
    const auto decoded = [&] {
        if (begins_with(bytes, "\xff\xd8")) return decode_jpeg(bytes, options, orientation);
        if (begins_with(bytes, signature)) return decode_png(bytes, options, orientation);
        if (begins_with(bytes, signature.substr(0, std::min(bytes.size(), signature.size()))))
            throw_ends_early(bytes.size());
        if (begins_with(bytes, signature.substr(0, 4))) {
            throw_at_byte(error_code::format, 4, "the line ends in the PNG signature were changed", "",
                          "was it transferred as text?");
        }
        refuse_format(bytes);
    };
    const image input = decoded();
    return options.apply_exif_orientation ? upright(input, orientation) : input;
}

/// The same with the image's name in front of the place.
inline image decode(std::span<const std::byte> bytes, const decode_options& options, const std::string& name) {
    try {
        return decode(bytes, options);
    } catch (const image_error& fault) {
        diagnostic found = fault.diagnostic();
        found.where = name + ", " + found.where;
        throw image_error(fault.code(), std::move(found));
    }
}

}  // namespace detail

/// An image from the bytes of a JPEG or PNG file, in the mode in which Pillow opens it. EXIF orientation is ignored
/// unless asked for, ICC profiles always, as in the reference transform. What follows the end of the image is not
/// looked at. A PNG of 16 bits a sample keeps the upper 8.
/// \throws image_error ARG for no bytes, UNSUPPORTED for other formats and kinds, FORMAT where the data is cut or
/// damaged, LIMIT beyond the options; where a byte is to blame, the error names it
inline image decode(std::span<const std::byte> bytes, const decode_options& options = {}) {
    return detail::decode(bytes, options, "picture");
}

/// An image from a JPEG or PNG file.
///
///     const image cat = read_image("cat.jpg");
///
/// \throws file_error where it cannot be read; image_error as decode()
inline image read_image(const std::filesystem::path& path, const decode_options& options = {}) {
    const std::vector<std::byte> bytes = read_file(path, INT_MAX);
    return detail::decode(bytes, options, path_text(path));
}

}}  // namespace zeroshot::ZEROSHOT_ABI

#endif
