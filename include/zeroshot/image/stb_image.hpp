#pragma once
/// \file stb_image, private to this library: within a memory budget, and with damage handled as in libjpeg.

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
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

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/png.hpp>
#include <zeroshot/support/checksum.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

// The Huffman tables of ITU T.81, annex K.
#include <zeroshot/image/tables/huffman.inc>

/// Memory of one call of stb_image, within a budget. Its allocator has no context argument, so the call in progress is
/// kept per thread.
class decoder_memory {
   public:
    /// \param budget of stb_image; \param whole budget of decoding, which an error names
    decoder_memory(std::size_t budget, std::size_t whole) noexcept : budget_(budget), whole_(whole) { current_ = this; }
    decoder_memory(const decoder_memory&) = delete;
    decoder_memory& operator=(const decoder_memory&) = delete;
    ~decoder_memory() { current_ = nullptr; }

    /// \throws std::bad_alloc where the machine had no more memory, image_error LIMIT where the budget was too small
    void check() const {
        if (failed_) throw std::bad_alloc();
        if (exhausted_) throw_out_of_budget(whole_);
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
    std::size_t whole_;
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

// Static, not only inline: the reason of a failure is a variable of this unit, which all of them must share.

inline constexpr std::size_t inflate_slack = 65536;  // the longest block that stb_image writes whole or not at all

enum class inflated { whole, damaged_behind_rows, too_few_rows, damaged };

/// Inflates a zlib stream; false where it is damaged or longer than the output.
static inline bool inflate(stbi__zbuf& stream, std::span<const std::byte> compressed, std::span<std::uint8_t> output) {
    stream.zbuffer = reinterpret_cast<stbi_uc*>(const_cast<std::byte*>(compressed.data()));
    stream.zbuffer_end = stream.zbuffer + compressed.size();
    const int most = static_cast<int>(output.size());
    return stbi__do_zlib(&stream, reinterpret_cast<char*>(output.data()), most, 0, 1) != 0;
}

/// Whether data has so many bytes before the damage in one of its blocks. stb_image does not say how far it came, so it
/// starts twice, with different bytes behind the data and in the output: what is the same was in the data.
static inline bool has_rows_before_damage(std::span<const std::byte> compressed, std::span<std::uint8_t> output,
                                          std::size_t wanted) {
    std::vector<std::byte> padded(compressed.begin(), compressed.end());
    std::array<std::uint32_t, 2> rows{};
    for (const std::size_t run : {0u, 1u}) {
        const auto filling = static_cast<std::uint8_t>(255 * run);
        padded.resize(compressed.size());
        padded.resize(compressed.size() + inflate_slack, std::byte{filling});
        std::ranges::fill(output, filling);
        stbi__zbuf stream{};
        inflate(stream, padded, output);
        rows[run] = crc32().add(std::as_bytes(output.first(wanted))).value();
    }
    return rows[0] == rows[1];
}

/// Inflates the rows of a PNG. As Pillow, it looks for no more than these, and accepts a sound stream of fewer.
/// \param output of the rows' size and inflate_slack, all 0
static inline inflated inflate(std::span<const std::byte> compressed, std::span<std::uint8_t> output,
                               const png_file& file) {
    stbi__zbuf stream{};
    const bool ended = inflate(stream, compressed, output);
    const auto size = static_cast<std::size_t>(stream.zout - stream.zout_start), wanted = file.stream_size();
    if (size > wanted || (!ended && size == wanted)) return inflated::whole;
    if (!ended)
        return has_rows_before_damage(compressed, output, wanted) ? inflated::damaged_behind_rows : inflated::damaged;
    const stbi_uc* const end = stream.zbuffer - stream.num_bits / 8;  // before what was read ahead
    const auto* const begin = reinterpret_cast<const stbi_uc*>(compressed.data());
    const stbi_uc *part_begins = begin, *part_ends = begin;
    for (const auto& part : file.compressed)
        if (part_ends < end) part_begins = std::exchange(part_ends, part_ends + part.size());
    const auto rest = part_ends - end;  // a checksum in another chunk than the last row is not looked at
    const bool sound = rest >= 4 && big_endian(std::as_bytes(std::span(end, 4))) == adler32(output.first(size));
    if (size == wanted && (sound || rest < 4)) return inflated::whole;
    if (size == wanted) {
        const auto chunks_before = compressed.first(static_cast<std::size_t>(part_begins - begin));
        return has_rows_before_damage(chunks_before, output, wanted) ? inflated::damaged_behind_rows
                                                                     : inflated::damaged;
    }
    return sound && file.is_whole_rows(size) ? inflated::too_few_rows : inflated::damaged;
}

/// \param reason of stb_image: a variable of this unit, so that whoever called stb_image reads it
[[noreturn]] static inline void refuse(const decoder_memory& memory, std::size_t position, const std::string& format,
                                       const char* reason) {
    memory.check();
    throw_at_byte(error_code::format, position,
                  format + " data is damaged: " + (reason == nullptr ? "it makes no sense" : reason));
}

/// The image from the decompressed stream of a PNG, which is given back before the pixels are made.
static inline image png_image(const png_file& file, std::vector<std::uint8_t> stream, std::size_t memory_budget,
                              const decoding& about) {
    struct png_state : stbi__png {
        ~png_state() { STBI_FREE(out); }
    };
    decoder_memory memory(memory_budget, about.options.memory_budget);
    stbi__context context{};
    context.img_x = static_cast<stbi__uint32>(file.width);
    context.img_y = static_cast<stbi__uint32>(file.height);
    context.img_n = static_cast<int>(file.samples());
    png_state state{};
    state.s = &context;
    state.depth = static_cast<int>(file.depth);
    if (stbi__create_png_image(&state, stream.data(), static_cast<stbi__uint32>(file.stream_size()), context.img_n,
                               state.depth, static_cast<int>(file.colour), file.interlaced) == 0)
        refuse(memory, file.data_begins, "PNG", stbi_failure_reason());
    std::vector<std::uint8_t>().swap(stream);
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

/// Lets stb_image read from these bytes.
static inline void feed(jpeg_state& state, std::span<const std::byte> bytes) {
    stbi__start_mem(&state.context, reinterpret_cast<const stbi_uc*>(bytes.data()), static_cast<int>(bytes.size()));
    state.marker = STBI__MARKER_none;
}

/// Reads a frame header, with all samples grey (128) until a scan sends others, as in libjpeg.
static inline bool read_frame(jpeg_state& state, unsigned marker) {
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

/// Reads a scan header without what means nothing to libjpeg: the parameters of progressive coding, the last three
/// bytes, in a baseline JPEG, and numbers of tables that the scan does not use.
static inline bool read_scan_header(jpeg_state& state, std::span<const std::byte> data) {
    std::vector<std::byte> header(data.begin(), data.end());
    if (header.size() < 6) return stbi__err("a short scan header", "") != 0;
    const auto parameters = header.end() - 3;
    if (state.progressive == 0) std::ranges::copy(std::array{std::byte{0}, std::byte{63}, std::byte{0}}, parameters);
    const std::byte used = *parameters == std::byte{0} ? std::byte{0xf0} : std::byte{0x0f};
    for (auto tables = header.begin() + 4; state.progressive != 0 && parameters - tables >= 1; tables += 2)
        *tables &= used;
    feed(state, header);
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
    return true;
}

/// Reads a block of 8 x 8 samples; false where its data is damaged.
static inline bool read_block(jpeg_state& state, int component, int x, int y) {
    auto& plane = state.img_comp[component];
    auto* const ac = &state.huff_ac[plane.ha];
    if (state.progressive != 0) {
        short* const block = plane.coeff + 64 * (static_cast<std::ptrdiff_t>(y) * plane.coeff_w + x);
        return state.spec_start == 0
                   ? stbi__jpeg_decode_block_prog_dc(&state, block, &state.huff_dc[plane.hd], component) != 0
                   : stbi__jpeg_decode_block_prog_ac(&state, block, ac, state.fast_ac[plane.ha]) != 0;
    }
    alignas(16) std::array<short, 64> block;
    if (stbi__jpeg_decode_block(&state, block.data(), &state.huff_dc[plane.hd], ac, state.fast_ac[plane.ha], component,
                                state.dequant[plane.tq]) == 0)
        return false;
    state.idct_block_kernel(plane.data + (static_cast<std::ptrdiff_t>(y) * plane.w2 + x) * 8, plane.w2, block.data());
    return true;
}

/// Blocks across and down one unit (MCU) of the scan; a scan of one component has units of one block.
struct scan_units {
    explicit scan_units(const jpeg_state& state) : interleaved(state.scan_n > 1) {
        const auto& only = state.img_comp[state.order[0]];
        across = interleaved ? state.img_mcu_x : (only.x + 7) / 8;
        down = interleaved ? state.img_mcu_y : (only.y + 7) / 8;
    }

    bool read(jpeg_state& state, int unit) const {
        for (int index = 0; index < state.scan_n; ++index) {
            const int component = state.order[index];
            const int width = interleaved ? state.img_comp[component].h : 1;
            const int height = interleaved ? state.img_comp[component].v : 1;
            for (int y = 0; y < height; ++y)
                for (int x = 0; x < width; ++x)
                    if (!read_block(state, component, unit % across * width + x, unit / across * height + y))
                        return false;
        }
        return true;
    }

    bool interleaved;
    int across, down;
};

/// Where the first restart marker stands; the size without one.
static inline std::size_t restart_marker(std::span<const std::byte> entropy) {
    for (std::size_t at = 0; at + 1 < entropy.size(); ++at)
        if (entropy[at] == std::byte{0xff} && (entropy[at + 1] & std::byte{0xf8}) == std::byte{jpeg_marker::rst0})
            return at;
    return entropy.size();
}

/// Moves behind the restart marker with this number. As in jpeg_resync_to_restart of libjpeg, the last two numbers are
/// passed over, the next two stand for themselves, others for the number itself.
/// \return how many intervals are missing before it; nothing without a marker
static inline std::optional<int> pass_restart_marker(std::span<const std::byte>& entropy, unsigned number) {
    for (std::size_t at; (at = restart_marker(entropy)) < entropy.size();) {
        const unsigned ahead = (std::to_integer<unsigned>(entropy[at + 1]) - number) & 7;
        entropy = entropy.subspan(at + 2);
        if (ahead < 6) return ahead < 3 ? static_cast<int>(ahead) : 0;
    }
    return std::nullopt;
}

/// Reads the coded data of a scan, from restart marker to restart marker. Where it is damaged, the rest of the interval
/// stays as it is.
/// \return whether all of it was sound
static inline bool read_scan_data(jpeg_state& state, const jpeg_file& file, const jpeg_segment& scan) {
    const scan_units units(state);
    const int count = units.across * units.down, interval = state.restart_interval > 0 ? state.restart_interval : count;
    auto rest = scan.entropy;
    bool sound = true;
    for (int unit = 0, number = 0; unit < count; ++number) {
        feed(state, rest.first(restart_marker(rest)));
        stbi__jpeg_reset(&state);
        const int end = (std::min)(count, unit + interval);
        while (unit < end && units.read(state, unit)) ++unit;
        sound = sound && unit == end;
        unit = end;
        if (unit == count) break;
        const std::optional<int> missing = pass_restart_marker(rest, static_cast<unsigned>(number));
        if (!missing) return false;
        sound = sound && *missing == 0;
        unit = (std::min)(count, unit + *missing * interval);
        number += *missing;
    }
    if (!scan.ends && stbi__at_eof(&state.context) != 0) throw_ends_early(file.size);
    return sound;
}

/// The image of a JPEG. Mirrors stbi__decode_jpeg_image, but for damaged scans; colours are those of libjpeg-turbo.
static inline image jpeg_image(const jpeg_file& file, std::size_t memory_budget, decoding& about) {
    decoder_memory memory(memory_budget, about.options.memory_budget);
    const auto state = std::make_unique<jpeg_state>();
    if (!file.progressive) {  // cameras leave them out
        feed(*state, std::as_bytes(std::span(standard_huffman_tables)));
        stbi__process_marker(state.get(), static_cast<int>(jpeg_marker::dht));
    }
    bool damaged = false;
    for (const jpeg_segment& segment : file.segments) {
        feed(*state, segment.data);
        if ((segment.marker & 0xf8) == 0xc8 && jpeg_marker::is_frame(segment.marker))
            throw_at_byte(error_code::unsupported, 0, "a JPEG with arithmetic coding", "Huffman coding",
                          "libjpeg-turbo decodes it: ZEROSHOT_DECODERS");
        const bool scan = segment.marker == jpeg_marker::sos;
        const bool sound = jpeg_marker::is_frame(segment.marker) ? read_frame(*state, segment.marker)
                           : scan                                ? read_scan_header(*state, segment.data)
                                  : stbi__process_marker(state.get(), static_cast<int>(segment.marker)) != 0;
        if (!sound) refuse(memory, segment.position, "JPEG", stbi_failure_reason());
        if (scan && !read_scan_data(*state, file, segment)) damaged = true;
    }
    if (damaged) about.warnings.emplace_back("the JPEG is damaged in its coded data");
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
