#pragma once
/// \file Quantized products by AMX, whose registers are tiles of 16 rows of 16 words. Two tiles of rows and two panels
/// of columns make four tiles of sums.
///
/// A block of a packed row is a row of a tile; 16 rows of a panel are a tile of weights.

#include <zeroshot/kernels/vector.hpp>

#if ZEROSHOT_KERNELS_AMX
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <zeroshot/kernels/quantized_tiles.hpp>
#include <zeroshot/kernels/table.hpp>
#include <zeroshot/kernels/tiles.hpp>

#if defined(ZEROSHOT_EMULATED_INSTRUCTIONS)
#define ZEROSHOT_TARGET(features)
#else
#define ZEROSHOT_TARGET(features) __attribute__((target(features)))
#endif

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace kernels { namespace detail {

/// Whether the processor has AMX's tiles for bfloat16 and bytes (leaf 7, EDX bits 24, 22 and 25), and the system saves
/// their shapes and contents (XCR0 bits 17 and 18; leaf 1, ECX bit 27 tells whether it can be read).
inline bool processor_has_amx() noexcept {
    constexpr unsigned features = 1u << 24 | 1u << 22 | 1u << 25, readable = 1u << 27, tiles = 1u << 17 | 1u << 18;
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & features) != features) return false;
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & readable) == 0) return false;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & tiles) == tiles;
}

/// Requests the memory in which Linux saves the contents of tiles: granted to all threads, until the process ends.
/// Documentation/arch/x86/xstate.rst of Linux; before 5.16 the request is unknown.
inline bool system_permits_tiles() noexcept {
    constexpr long request = 0x1023, tile_contents = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return ::syscall(SYS_arch_prctl, request, tile_contents) == 0;
}

#if !defined(ZEROSHOT_EMULATED_INSTRUCTIONS)
/// In assembly: Clang's intrinsics want functions with AMX's target, into which AVX-512's are not inlined.
namespace instructions {

inline void ldtilecfg(const void* shapes) noexcept {
    __asm__ volatile("ldtilecfg (%0)" : : "r"(shapes) : "memory");
}
inline void tilerelease() noexcept {
    __asm__ volatile("tilerelease" : :);
}
template <int Tile>
[[gnu::always_inline]] inline void tilezero() noexcept {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(Tile));
}
template <int Tile>
[[gnu::always_inline]] inline void tileloadd(const void* from, std::size_t stride) noexcept {
    __asm__ volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(Tile), "r"(from), "r"(stride) : "memory");
}
template <int Tile>
[[gnu::always_inline]] inline void tilestored(void* to, std::size_t stride) noexcept {
    __asm__ volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(Tile), "r"(to), "r"(stride) : "memory");
}

/// sums += the products of two bfloat16 each, or of four unsigned bytes of the rows and four signed ones of the
/// weights.
template <int Sums, int Rows, int Weights>
[[gnu::always_inline]] inline void tdpbf16ps() noexcept {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Rows), "i"(Weights));
}
template <int Sums, int Rows, int Weights>
[[gnu::always_inline]] inline void tdpbusd() noexcept {
    __asm__ volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(Sums), "i"(Rows), "i"(Weights));
}

}  // namespace instructions
#else
namespace instructions = ZEROSHOT_EMULATED_INSTRUCTIONS;
#endif

inline constexpr std::size_t tile_rows = 16;
inline constexpr std::size_t tile_words = tile_rows * block_words;
inline constexpr std::size_t tile_row_bytes = block_words * sizeof(std::uint32_t);

/// The tiles of C += A B: sums of the upper (0) and lower (1) rows by the left (0) and right (1) panel; rows; panels.
enum amx_tile { c00, c01, c10, c11, a0, a1, b0, b1 };

/// The rows of a product in bands of equal height, two tiles each. The last band is shifted up to end at the last row;
/// rows in both bands are computed twice, with the same result, so that the tile configuration is set once. A band of
/// a single row is its upper and its lower tile.
struct amx_bands {
    std::size_t row_count, count, height, upper, lower;

    explicit constexpr amx_bands(std::size_t rows) noexcept
        : row_count(rows),
          count((rows + 2 * tile_rows - 1) / (2 * tile_rows)),
          height((rows + count - 1) / count),
          upper((height + 1) / 2),
          lower(height == 1 ? 1 : height / 2) {}

    /// The first row of a band.
    constexpr std::size_t row_of(std::size_t band) const noexcept {
        return band * height < row_count - height ? band * height : row_count - height;
    }
};

/// Operand of LDTILECFG: the shapes of eight tiles (palette 1). Intel's manual, volume 1, 18.1.
struct alignas(64) tile_shapes {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {};
    std::uint8_t rows[16] = {};

    explicit constexpr tile_shapes(const amx_bands& bands) noexcept {
        for (std::size_t tile = c00; tile <= b1; ++tile) {
            const bool is_upper = tile == c00 || tile == c01 || tile == a0;
            row_bytes[tile] = tile_row_bytes;
            rows[tile] = static_cast<std::uint8_t>(tile >= b0 ? tile_rows : is_upper ? bands.upper : bands.lower);
        }
    }
};
static_assert(sizeof(tile_shapes) == 64);

/// Two panels of columns. A single panel is both of them; the second result is discarded.
struct amx_panels {
    static constexpr std::size_t width = 2 * panel_width;

    const std::uint32_t *left, *right;
    std::size_t first, columns;  // of the columns that exist
    const float *bias, *gain;
};

/// Consecutive blocks of a band and of two panels.
struct amx_blocks {
    const std::uint32_t *upper, *lower;  // of the rows
    std::size_t row_stride;              // in bytes
    const std::uint32_t *left, *right;   // of the panels
    std::size_t count;
    const char* prefetched;
    std::size_t prefetch_stride;  // in bytes, per block
};

/// sums += the products of the blocks, or = where they are the first. sums: [upper + lower][32], floats or integers.
template <class Dot>
[[gnu::always_inline]] inline void add_blocks(amx_blocks blocks, bool first, std::uint32_t* sums,
                                              std::size_t upper) noexcept {
    constexpr std::size_t cache_line = 64, sums_stride = amx_panels::width * sizeof(std::uint32_t);
    std::uint32_t* const lower_sums = sums + upper * amx_panels::width;
    if (first) {
        instructions::tilezero<c00>();
        instructions::tilezero<c01>();
        instructions::tilezero<c10>();
        instructions::tilezero<c11>();
    } else {
        instructions::tileloadd<c00>(sums, sums_stride);
        instructions::tileloadd<c01>(sums + panel_width, sums_stride);
        instructions::tileloadd<c10>(lower_sums, sums_stride);
        instructions::tileloadd<c11>(lower_sums + panel_width, sums_stride);
    }
    for (std::size_t block = 0; block < blocks.count; ++block) {
        instructions::tileloadd<a0>(blocks.upper, blocks.row_stride);
        instructions::tileloadd<b0>(blocks.left, tile_row_bytes);
        instructions::tileloadd<b1>(blocks.right, tile_row_bytes);
        Dot::template add_tiles<c00, a0, b0>();
        instructions::tileloadd<a1>(blocks.lower, blocks.row_stride);
        Dot::template add_tiles<c01, a0, b1>();
        Dot::template add_tiles<c10, a1, b0>();
        Dot::template add_tiles<c11, a1, b1>();
        for (std::size_t byte = 0; byte < blocks.prefetch_stride; byte += cache_line)
            prefetch(blocks.prefetched + byte);
        blocks.prefetched += blocks.prefetch_stride;
        blocks.upper += block_words;
        blocks.lower += block_words;
        blocks.left += tile_words;
        blocks.right += tile_words;
    }
    instructions::tilestored<c00>(sums, sums_stride);
    instructions::tilestored<c01>(sums + panel_width, sums_stride);
    instructions::tilestored<c10>(lower_sums, sums_stride);
    instructions::tilestored<c11>(lower_sums + panel_width, sums_stride);
}

/// Stores a row's sums as results.
template <class Dot>
[[gnu::always_inline]] inline void store_amx_row(const product<float, std::uint32_t>& p, const amx_panels& panels,
                                                 const std::uint32_t* row, const std::uint32_t* bits,
                                                 float* result) noexcept {
    typename Dot::sum sums[1][2];
    std::memcpy(sums, bits, sizeof(sums));
    alignas(64) float numbers[amx_panels::width];
    const auto panel_stride = static_cast<std::size_t>(panels.right - panels.left);
    Dot::store(sums, tile_operands<float, std::uint32_t>{row, p.row_stride, panels.left, panel_stride, p.depth,
                                                         panels.bias, numbers, amx_panels::width});
    apply_epilogue<block_words, amx_panels::width>(numbers, panels.gain, p.epilogue, panels.columns, result);
}

/// Bands times two panels. The depth is cut into parts, whose weights stay in the first level of the caches while the
/// bands pass by; between parts the sums are kept in memory.
template <class Dot>
[[gnu::always_inline]] inline void multiply_bands(const product<float, std::uint32_t>& p, const amx_bands& bands,
                                                  std::size_t first, std::size_t end, const amx_panels& panels,
                                                  std::uint32_t* sums) noexcept {
    constexpr std::size_t part_blocks = 12;  // 24 KiB of weights
    constexpr std::size_t band_sums = 2 * tile_rows * amx_panels::width, header = Dot::header * panel_width;
    const std::size_t blocks = (p.depth - Dot::header) / block_words, parts = (blocks + part_blocks - 1) / part_blocks;
    const std::size_t prefetch_stride = 2 * tile_words * sizeof(std::uint32_t) / (end - first);
    const char* prefetched =
        reinterpret_cast<const char*>(panels.left + (panels.right == panels.left ? 1 : 2) * p.panel_size());
    for (std::size_t part = 0; part < parts; ++part) {
        const std::size_t begin = blocks * part / parts, count = blocks * (part + 1) / parts - begin;
        for (std::size_t band = first; band < end; ++band, prefetched += count * prefetch_stride) {
            const std::size_t top = bands.row_of(band);
            const std::uint32_t* const rows = p.rows + top * p.row_stride;
            const std::uint32_t* const words = rows + header_of_row<false> + begin * block_words;
            std::uint32_t* const band_start = sums + (band - first) * band_sums;
            add_blocks<Dot>({words, words + (bands.height - bands.lower) * p.row_stride,
                             p.row_stride * sizeof(std::uint32_t), panels.left + header + begin * tile_words,
                             panels.right + header + begin * tile_words, count, prefetched, prefetch_stride},
                            part == 0, band_start, bands.upper);
            if (part + 1 < parts) continue;
            for (std::size_t i = band * bands.height - top; i < bands.height; ++i) {  // rows before are stored already
                store_amx_row<Dot>(p, panels, rows + i * p.row_stride, band_start + i * amx_panels::width,
                                   p.result + (top + i) * p.result_stride + panels.first);
            }
        }
    }
}

/// \tparam Dot a class of word_sums for AVX-512 that also has add_tiles, the instruction on tiles
template <class Dot>
ZEROSHOT_TARGET("avx512f,fma")
void multiply_amx(const product<float, std::uint32_t>& p, std::size_t panel, std::size_t panel_end) noexcept {
    constexpr std::size_t max_bands = 8;  // 256 rows: their sums are 32 KiB, their words stay in the second level
    if (p.row_count == 0) return;
    const amx_bands bands(p.row_count);
    const tile_shapes shapes(bands);
    const std::size_t groups = (bands.count + max_bands - 1) / max_bands;
    alignas(64) std::uint32_t sums[max_bands * 2 * tile_rows * amx_panels::width];
    instructions::ldtilecfg(&shapes);
    for (std::size_t group = 0; group < groups; ++group) {
        const std::size_t first = bands.count * group / groups, end = bands.count * (group + 1) / groups;
        for (std::size_t at = panel; at < panel_end; at += 2) {
            const bool single = at + 1 == panel_end;
            const std::size_t column = at * panel_width, full_width = single ? panel_width : amx_panels::width;
            const std::size_t columns = p.columns - column < full_width ? p.columns - column : full_width;
            const std::uint32_t* const left = p.packed + at * p.panel_size();
            padded_columns<amx_panels::width, float> padded_bias, padded_gain;
            multiply_bands<Dot>(
                p, bands, first, end,
                {left, left + (single ? 0 : p.panel_size()), column, columns,
                 padded_bias(p.epilogue.bias, column, columns), padded_gain(p.epilogue.gain, column, columns)},
                sums);
        }
    }
    instructions::tilerelease();
}

}}}}  // namespace zeroshot::ZEROSHOT_ABI::kernels::detail

#undef ZEROSHOT_TARGET
#endif
