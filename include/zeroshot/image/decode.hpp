#pragma once
/// \file From the bytes of a JPEG or PNG file to an image, by stb_image. ZEROSHOT_LIBJPEG_TURBO lets libjpeg-turbo
/// decode JPEG, with the bytes of Pillow; ZEROSHOT_NO_DECODER leaves out decoding. CMake: ZEROSHOT_DECODERS,
/// ZEROSHOT_NO_DECODER.

#include <zeroshot/version.hpp>

#if !defined(ZEROSHOT_NO_DECODER)

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// stb_image is included in our namespace, so its own includes come first.
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#if defined(_MSC_VER)
#include <intrin.h>
#endif

#if defined(ZEROSHOT_LIBJPEG_TURBO)
#include <csetjmp>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/png.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Memory of one call of stb_image, within a budget. Its allocator has no context argument, so the call in progress is
/// kept per thread.
class decoder_memory {
   public:
    explicit decoder_memory(std::size_t budget) noexcept : budget_(budget), outer_(std::exchange(current_, this)) {}
    decoder_memory(const decoder_memory&) = delete;
    decoder_memory& operator=(const decoder_memory&) = delete;
    ~decoder_memory() { current_ = outer_; }

    /// Throws what a null pointer from the allocator meant: std::bad_alloc, or an image_error LIMIT; else returns.
    void check() const {
        if (failed_) throw std::bad_alloc();
        if (exhausted_) refuse_memory(0, budget_ + 1, budget_);
    }

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

// A private copy of stb_image: static functions in our namespace, out of reach of the flags that a host sets in its
// own. The host's macros are saved and restored, so that it may include stb_image before or after.
#define ZEROSHOT_STB_MACROS(X)                                                                                         \
    X(STB_IMAGE_IMPLEMENTATION)                                                                                        \
    X(STB_IMAGE_STATIC)                                                                                                \
    X(STBIDEF)                                                                                                         \
    X(STBI_INCLUDE_STB_IMAGE_H)                                                                                        \
    X(STBI_ASSERT) X(STBI_MALLOC) X(STBI_REALLOC) X(STBI_REALLOC_SIZED) X(STBI_FREE) X(STBI_MAX_DIMENSIONS)            \
        X(STBI_FAILURE_USERMSG) X(STBI_NO_FAILURE_STRINGS) X(STBI_NO_JPEG) X(STBI_NO_PNG) X(STBI_NO_SIMD) X(           \
            STBI_NO_THREAD_LOCALS) X(STBI_NO_ZLIB) X(STBI_WINDOWS_UTF8) X(FAST_BITS) X(STBI_EXTERN) X(STBI_HAS_LROTL)  \
            X(STBI_MINGW_ENABLE_SSE2) X(STBI_NEON) X(STBI_NOTUSED) X(STBI_NO_BMP) X(STBI_NO_GIF) X(STBI_NO_HDR) X(     \
                STBI_NO_LINEAR) X(STBI_NO_PIC) X(STBI_NO_PNM) X(STBI_NO_PSD) X(STBI_NO_STDIO) X(STBI_NO_TGA)           \
                X(STBI_ONLY_BMP) X(STBI_ONLY_GIF) X(STBI_ONLY_HDR) X(STBI_ONLY_JPEG) X(STBI_ONLY_PIC) X(STBI_ONLY_PNG) \
                    X(STBI_ONLY_PNM) X(STBI_ONLY_PSD) X(STBI_ONLY_TGA) X(STBI_ONLY_ZLIB) X(STBI_SIMD_ALIGN)            \
                        X(STBI_SSE2) X(STBI_SUPPORT_ZLIB) X(STBI_THREAD_LOCAL) X(STBI_VERSION) X(STBI__BYTECAST)       \
                            X(STBI__HDR_BUFLEN) X(STBI__IDCT_1D) X(STBI__MARKER_none) X(STBI__RESTART)                 \
                                X(STBI__X64_TARGET) X(STBI__X86_TARGET) X(STBI__ZFAST_BITS) X(STBI__ZFAST_MASK)        \
                                    X(STBI__ZNSYMS) X(stbi__DNL) X(stbi__EOI) X(stbi__SOF) X(stbi__SOF_progressive)    \
                                        X(stbi__SOI) X(stbi__SOS) X(stbi__de_iphone_flag)                              \
                                            X(stbi__de_iphone_flag_global) X(stbi__de_iphone_flag_set) X(stbi__div16)  \
                                                X(stbi__div4) X(stbi__err) X(stbi__errpf) X(stbi__errpuc) X(stbi__f2f) \
                                                    X(stbi__float2fixed) X(stbi__float2int) X(stbi__fsh)               \
                                                        X(stbi__unpremultiply_on_load)                                 \
                                                            X(stbi__unpremultiply_on_load_global)                      \
                                                                X(stbi__unpremultiply_on_load_set)                     \
                                                                    X(stbi__vertically_flip_on_load)                   \
                                                                        X(stbi__vertically_flip_on_load_global)        \
                                                                            X(stbi__vertically_flip_on_load_set)       \
                                                                                X(stbi_inline) X(stbi_lrot)
#define ZEROSHOT_PRAGMA(text) _Pragma(#text)
#define ZEROSHOT_PUSH(name) ZEROSHOT_PRAGMA(push_macro(#name))
#define ZEROSHOT_POP(name) ZEROSHOT_PRAGMA(pop_macro(#name))
// clang-format off
ZEROSHOT_STB_MACROS(ZEROSHOT_PUSH)
// clang-format on
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_STATIC
#undef STBIDEF
#undef STBI_INCLUDE_STB_IMAGE_H
#undef STBI_ASSERT
#undef STBI_MALLOC
#undef STBI_REALLOC
#undef STBI_REALLOC_SIZED
#undef STBI_FREE
#undef STBI_MAX_DIMENSIONS
#undef STBI_FAILURE_USERMSG
#undef STBI_NO_FAILURE_STRINGS
#undef STBI_NO_JPEG
#undef STBI_NO_PNG
#undef STBI_NO_SIMD
#undef STBI_NO_THREAD_LOCALS
#undef STBI_NO_ZLIB
#undef STBI_WINDOWS_UTF8
#undef stbi__err
#undef STBI_NO_BMP
#undef STBI_NO_GIF
#undef STBI_NO_HDR
#undef STBI_NO_LINEAR
#undef STBI_NO_PIC
#undef STBI_NO_PNM
#undef STBI_NO_PSD
#undef STBI_NO_STDIO
#undef STBI_NO_TGA
#undef STBI_ONLY_JPEG
#undef STBI_ONLY_PNG
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_HDR
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS INT_MAX
#define STBI_ASSERT(condition) static_cast<void>(0)
#define STBI_MALLOC(size) decoder_memory::allocate(size)
#define STBI_REALLOC(memory, size) decoder_memory::reallocate(memory, size)
#define STBI_FREE(memory) decoder_memory::release(memory)
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
namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail { namespace stb {
#if __has_include(<stb_image.h>)
#include <stb_image.h>
#else
#include <stb/stb_image.h>
#endif
}}}}  // namespace zeroshot::ZEROSHOT_ABI::detail::stb
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#elif defined(_MSC_VER)
#pragma warning(pop)
#endif
namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail { namespace stb {

/// Fills `output` from a zlib stream; false where the stream is damaged or has another size.
inline bool inflate(std::span<const std::byte> compressed, std::span<std::uint8_t> output) {
    const int size =
        stbi_zlib_decode_buffer(reinterpret_cast<char*>(output.data()), static_cast<int>(output.size()),
                                reinterpret_cast<const char*>(compressed.data()), static_cast<int>(compressed.size()));
    return size >= 0 && static_cast<std::size_t>(size) == output.size();
}

[[noreturn]] inline void refuse(const decoder_memory& memory, std::size_t position, const std::string& format) {
    memory.check();
    const char* const reason = stbi_failure_reason();
    throw_at_byte(error_code::format, position,
                  format + " data is damaged: " + (reason == nullptr ? "it makes no sense" : reason));
}

/// The image from the decompressed stream of a PNG.
inline image png_image(const png_file& file, std::span<std::uint8_t> stream, std::size_t memory_budget) {
    struct png_state : stbi__png {
        ~png_state() { STBI_FREE(out); }
    };
    decoder_memory memory(memory_budget);
    stbi__context context{};
    context.img_x = static_cast<stbi__uint32>(file.width);
    context.img_y = static_cast<stbi__uint32>(file.height);
    context.img_n = static_cast<int>(file.samples());
    png_state state{};
    state.s = &context;
    state.depth = static_cast<int>(file.depth);
    if (stbi__create_png_image(&state, stream.data(), static_cast<stbi__uint32>(stream.size()), context.img_n,
                               state.depth, static_cast<int>(file.colour), file.interlaced) == 0)
        refuse(memory, file.data_begins, "PNG");
    return png_pixels(file, state.out);
}

/// The state of a JPEG's decoding, with its component planes.
struct jpeg_state : stbi__jpeg {
    jpeg_state() : stbi__jpeg{} {
        s = &context;
        stbi__setup_jpeg(this);
    }
    jpeg_state(const jpeg_state&) = delete;
    jpeg_state& operator=(const jpeg_state&) = delete;
    ~jpeg_state() { stbi__cleanup_jpeg(this); }

    stbi__context context{};
};

inline bool begin_frame(jpeg_state& state, unsigned marker) {
    state.progressive = marker == 0xc2;
    if (stbi__process_frame_header(&state, STBI__SCAN_load) == 0) return false;
    for (int index = 0; index < state.context.img_n; ++index) {
        auto& component = state.img_comp[index];
        const auto size = static_cast<std::size_t>(component.w2) * static_cast<std::size_t>(component.h2);
        std::memset(component.data, 128, size);  // grey where the file sends nothing, as in libjpeg
        if (component.coeff != nullptr) std::memset(component.coeff, 0, size * sizeof *component.coeff);
        for (int other = 0; other < index; ++other)
            if (component.id == state.img_comp[other].id) return stbi__err("two components of one id", "") != 0;
    }
    return true;
}

/// Reads a scan. Where its data is damaged, it ends, and the rest of the image stays as it is.
inline bool read_scan(jpeg_state& state) {
    if (stbi__process_scan_header(&state) == 0) return false;
    int blocks = 0;
    for (int index = 0; index < state.scan_n; ++index) {
        const auto& component = state.img_comp[state.order[index]];
        blocks += component.h * component.v;
        constexpr int end = 17;  // behind the last code of a table that was defined
        const bool dc = state.progressive == 0 || (state.spec_start == 0 && state.succ_high == 0);
        const bool ac = state.progressive == 0 || state.spec_start > 0;
        if ((dc && state.huff_dc[component.hd].maxcode[end] == 0) ||
            (ac && state.huff_ac[component.ha].maxcode[end] == 0))
            return stbi__err("no Huffman table", "") != 0;
        if (state.dequant[component.tq][0] == 0) return stbi__err("no quantization table", "") != 0;
    }
    if (state.scan_n > 1 && blocks > 10) return stbi__err("more than 10 blocks in a unit", "") != 0;  // T.81, B.2.3
    stbi__parse_entropy_coded_data(&state);
    return true;
}

/// The image of a JPEG. Mirrors stbi__decode_jpeg_image, but for damaged scans; colours are those of libjpeg-turbo.
inline image jpeg_image(const jpeg_file& file, std::size_t memory_budget) {
    decoder_memory memory(memory_budget);
    const auto state = std::make_unique<jpeg_state>();
    for (const jpeg_segment& segment : file.segments) {
        stbi__start_mem(&state->context, reinterpret_cast<const stbi_uc*>(segment.data.data()),
                        static_cast<int>(segment.data.size()));
        state->marker = STBI__MARKER_none;
        if ((segment.marker & 0xf8) == 0xc8 && jpeg_marker::is_frame(segment.marker))
            throw_at_byte(error_code::unsupported, 0, "a JPEG with arithmetic coding", "Huffman coding",
                          "libjpeg-turbo decodes it: ZEROSHOT_DECODERS");
        const bool sound = jpeg_marker::is_frame(segment.marker) ? begin_frame(*state, segment.marker)
                           : segment.marker == jpeg_marker::sos
                               ? read_scan(*state)
                               : stbi__process_marker(state.get(), static_cast<int>(segment.marker)) != 0;
        if (!sound) refuse(memory, segment.position, "JPEG");
    }
    stbi__jpeg_finish(state.get());
    std::vector<jpeg_plane> planes;
    for (std::size_t index = 0; index < file.components; ++index) {
        const auto& component = state->img_comp[index];
        const auto size = [](int value) { return static_cast<std::size_t>(value); };
        planes.push_back({component.data, size(component.w2), size(component.x), size(component.y),
                          size(state->img_h_max / component.h), size(state->img_v_max / component.v)});
    }
    return jpeg_pixels(file, planes);
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::detail::stb
// clang-format off
ZEROSHOT_STB_MACROS(ZEROSHOT_POP)
// clang-format on
#undef ZEROSHOT_STB_MACROS
#undef ZEROSHOT_PRAGMA
#undef ZEROSHOT_PUSH
#undef ZEROSHOT_POP

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

inline image decode(std::span<const std::byte> bytes, const decode_options& options) {
    if (bytes.data() == nullptr || bytes.size() < 2 || bytes.size() > INT_MAX) {
        throw_at_byte(error_code::argument, 0, std::to_string(bytes.size()) + " bytes",
                      "a JPEG or PNG of 2 to 2147483647", bytes.empty() ? "is the file empty?" : "");
    }
    constexpr std::string_view jpeg_signature = "\xff\xd8\xff";
    unsigned orientation = 1;
    const auto is_beginning_of = [&](std::string_view whole) {
        return begins_with(bytes, whole.substr(0, (std::min)(bytes.size(), whole.size())));
    };
    const auto decoded = [&] {
        if (begins_with(bytes, jpeg_signature)) return decode_jpeg(bytes, options, orientation);
        if (begins_with(bytes, png_signature)) return decode_png(bytes, options, orientation);
        if (is_beginning_of(jpeg_signature) || is_beginning_of(png_signature)) throw_ends_early(bytes.size());
        if (begins_with(bytes, png_signature.substr(0, 4))) {
            throw_at_byte(error_code::format, 4, "the line ends in the PNG png_signature were changed", "",
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
