#pragma once
/// \file stb_image, private to this library: within a memory budget, and with damage handled as in libjpeg.

#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
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

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/png.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// Memory of one call of stb_image, within a budget. Its allocator has no context argument, so the call in progress is
/// kept per thread.
class decoder_memory {
   public:
    explicit decoder_memory(std::size_t budget) noexcept : budget_(budget) { current_ = this; }
    decoder_memory(const decoder_memory&) = delete;
    decoder_memory& operator=(const decoder_memory&) = delete;
    ~decoder_memory() { current_ = nullptr; }

    /// \throws std::bad_alloc where the machine had no more memory, image_error LIMIT where the budget was too small
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
    std::size_t used_ = 0;
    bool exhausted_ = false;
    bool failed_ = false;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail

// A private copy of stb_image: static functions in our namespace, out of reach of the flags that a host sets in its
// own. The host's macros are saved and restored, so that it may include stb_image before or after.
// clang-format off
#define ZEROSHOT_STB_MACROS(X) \
    X(STB_IMAGE_IMPLEMENTATION) X(STB_IMAGE_STATIC) X(STBIDEF) X(STBI_INCLUDE_STB_IMAGE_H) X(STBI_ASSERT) \
    X(STBI_MALLOC) X(STBI_REALLOC) X(STBI_REALLOC_SIZED) X(STBI_FREE) X(STBI_MAX_DIMENSIONS) \
    X(STBI_NO_FAILURE_STRINGS) X(STBI_NO_JPEG) X(STBI_NO_PNG) X(STBI_NO_SIMD) X(STBI_NO_THREAD_LOCALS) \
    X(STBI_NO_ZLIB) X(stbi__err) X(STBI_NO_BMP) X(STBI_NO_GIF) X(STBI_NO_HDR) X(STBI_NO_LINEAR) X(STBI_NO_PIC) \
    X(STBI_NO_PNM) X(STBI_NO_PSD) X(STBI_NO_STDIO) X(STBI_NO_TGA) X(STBI_ONLY_JPEG) X(STBI_ONLY_PNG) X(FAST_BITS) \
    X(STBI_EXTERN) X(STBI_HAS_LROTL) X(STBI_MINGW_ENABLE_SSE2) X(STBI_NEON) X(STBI_NOTUSED) X(STBI_SIMD_ALIGN) \
    X(STBI_SSE2) X(STBI_SUPPORT_ZLIB) X(STBI_THREAD_LOCAL) X(STBI_VERSION) X(STBI__BYTECAST) X(STBI__HDR_BUFLEN) \
    X(STBI__IDCT_1D) X(STBI__MARKER_none) X(STBI__RESTART) X(STBI__X64_TARGET) X(STBI__X86_TARGET) \
    X(STBI__ZFAST_BITS) X(STBI__ZFAST_MASK) X(STBI__ZNSYMS) X(stbi__DNL) X(stbi__EOI) X(stbi__SOF) \
    X(stbi__SOF_progressive) X(stbi__SOI) X(stbi__SOS) X(stbi__de_iphone_flag) X(stbi__de_iphone_flag_global) \
    X(stbi__de_iphone_flag_set) X(stbi__div16) X(stbi__div4) X(stbi__errpf) X(stbi__errpuc) X(stbi__f2f) \
    X(stbi__float2fixed) X(stbi__float2int) X(stbi__fsh) X(stbi__unpremultiply_on_load) \
    X(stbi__unpremultiply_on_load_global) X(stbi__unpremultiply_on_load_set) X(stbi__vertically_flip_on_load) \
    X(stbi__vertically_flip_on_load_global) X(stbi__vertically_flip_on_load_set) X(stbi_inline) X(stbi_lrot)
#define ZEROSHOT_PRAGMA(text) _Pragma(#text)
#define ZEROSHOT_PUSH(name) ZEROSHOT_PRAGMA(push_macro(#name))
#define ZEROSHOT_POP(name) ZEROSHOT_PRAGMA(pop_macro(#name))
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
#undef STBI_NO_FAILURE_STRINGS
#undef STBI_NO_JPEG
#undef STBI_NO_PNG
#undef STBI_NO_SIMD
#undef STBI_NO_THREAD_LOCALS
#undef STBI_NO_ZLIB
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

/// \param reason of stb_image: a variable of this unit, so that whoever called stb_image reads it
[[noreturn]] inline void refuse(const decoder_memory& memory, std::size_t position, const std::string& format,
                                const char* reason) {
    memory.check();
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
        refuse(memory, file.data_begins, "PNG", stbi_failure_reason());
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

/// Reads a frame header, with all samples grey (128) until a scan sends others, as in libjpeg.
inline bool read_frame(jpeg_state& state, unsigned marker) {
    state.progressive = marker == 0xc2;
    if (stbi__process_frame_header(&state, STBI__SCAN_load) == 0) return false;
    for (int index = 0; index < state.context.img_n; ++index) {
        auto& component = state.img_comp[index];
        const auto size = static_cast<std::size_t>(component.w2) * static_cast<std::size_t>(component.h2);
        std::memset(component.data, 128, size);
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
        const bool sound = jpeg_marker::is_frame(segment.marker) ? read_frame(*state, segment.marker)
                           : segment.marker == jpeg_marker::sos
                               ? read_scan(*state)
                               : stbi__process_marker(state.get(), static_cast<int>(segment.marker)) != 0;
        if (!sound) refuse(memory, segment.position, "JPEG", stbi_failure_reason());
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
