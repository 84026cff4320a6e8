#pragma once
/// \file JPEG before it is decoded: which markers a file has, whether we can read its kind, and whether it is whole.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/jpeg_entropy.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace detail {

/// What the header of a JPEG says, and where the image ends.
struct jpeg_file {
    std::size_t width = 0;
    std::size_t height = 0;
    std::size_t components = 0;       ///< 1: grey, 3: colours
    std::span<const std::byte> exif;  ///< TIFF, as in segment APP1
    std::size_t end = 0;              ///< the byte after EOI; what follows is not looked at
};

struct jpeg_limits {
    std::size_t max_pixels;
    std::size_t max_scans;
    std::size_t memory_budget;
};

namespace jpeg_marker {
inline constexpr unsigned dht = 0xc4, rst0 = 0xd0, rst7 = 0xd7, soi = 0xd8, eoi = 0xd9, sos = 0xda, dqt = 0xdb,
                          dnl = 0xdc, dri = 0xdd, app0 = 0xe0, app1 = 0xe1, app15 = 0xef, com = 0xfe;
}

/// Reads markers and segments (ITU T.81, annex B).
class jpeg_segments {
   public:
    struct segment {
        unsigned marker = 0;
        std::size_t position = 0;         ///< of the marker
        std::span<const std::byte> data;  ///< without its length
        std::size_t end = 0;
    };

    explicit jpeg_segments(std::span<const std::byte> bytes) : bytes_(bytes) {}

    /// The segment that begins at `position`.
    segment at(std::size_t position) const {
        segment found;
        found.position = position;
        if (position >= bytes_.size()) throw_ends_early(bytes_.size());
        if (bytes_[position] != std::byte{0xff}) {
            throw_at_byte(error_code::format, position, "there is no marker where one belongs", "",
                          "was the file damaged?");
        }
        while (position < bytes_.size() && bytes_[position] == std::byte{0xff}) ++position;  // markers may be padded so
        if (position >= bytes_.size()) throw_ends_early(bytes_.size());
        found.marker = std::to_integer<unsigned>(bytes_[position++]);
        found.end = position;
        if (found.marker == jpeg_marker::eoi) return found;
        if (found.marker < 0xc0 || (found.marker >= jpeg_marker::rst0 && found.marker <= jpeg_marker::soi)) {
            throw_at_byte(error_code::format, found.position,
                          "marker " + std::to_string(found.marker) + " does not belong here");
        }
        if (bytes_.size() - position < 2) throw_ends_early(bytes_.size());
        const std::size_t length = big_endian(bytes_.subspan(position, 2));
        if (length < 2)
            throw_at_byte(error_code::format, position, "a segment claims " + std::to_string(length) + " bytes",
                          "at least 2");
        if (bytes_.size() - position < length) throw_ends_early(bytes_.size());
        found.data = bytes_.subspan(position + 2, length - 2);
        found.end = position + length;
        return found;
    }

    /// Where the marker after a scan's data begins, found without decoding it.
    std::size_t after_scan(std::size_t position) const {
        for (; position + 1 < bytes_.size(); ++position) {
            if (bytes_[position] != std::byte{0xff}) continue;
            const auto next = std::to_integer<unsigned>(bytes_[position + 1]);
            if (next != 0 && next != 0xff && (next < jpeg_marker::rst0 || next > jpeg_marker::rst7)) return position;
        }
        throw_ends_early(bytes_.size());
    }

    std::span<const std::byte> bytes() const noexcept { return bytes_; }

   private:
    std::span<const std::byte> bytes_;
};

/// Goes through a JPEG once, decoding every scan as far as its code words.
class jpeg_walk {
   public:
    jpeg_walk(std::span<const std::byte> bytes, const jpeg_limits& limits) : segments_(bytes), limits_(limits) {}

    jpeg_file operator()() {
        count_scans();
        std::size_t position = 2;
        for (;;) {
            const segment part = segments_.at(position);
            position = part.end;
            switch (part.marker) {
                case jpeg_marker::eoi:
                    check_complete(part.position);
                    file_.end = part.end;
                    return file_;
                case jpeg_marker::sos:
                    position = scan(part);
                    break;
                case jpeg_marker::dqt:
                    read_quantization(part);
                    break;
                case jpeg_marker::dht:
                    read_huffman(part);
                    break;
                case jpeg_marker::dri:
                    read_restart(part);
                    break;
                case jpeg_marker::dnl:
                    check_lines(part);
                    break;
                case jpeg_marker::app1:
                    read_exif(part);
                    break;
                default:
                    if (is_frame(part.marker)) read_frame(part);
                    break;  // APPn, COM and what is reserved
            }
        }
    }

   private:
    using segment = jpeg_segments::segment;
    static constexpr unsigned unsent = 255;

    struct component {
        unsigned id = 0;
        std::size_t across = 0;  // sampling factors
        std::size_t down = 0;
        std::size_t quantization = 0;
        bool sent = false;
        std::array<unsigned, 64> lowest_bit{};  // of each coefficient sent so far, in a progressive image
        std::vector<nonzero_mask> nonzero;      // [blocks down, blocks across], of a progressive image
    };

    [[noreturn]] static void bad(const segment& place, std::string what, std::string expected = "") {
        throw_at_byte(error_code::format, place.position, std::move(what), std::move(expected));
    }

    static bool is_frame(unsigned marker) {
        return marker >= 0xc0 && marker <= 0xcf && marker != jpeg_marker::dht && marker != 0xc8 && marker != 0xcc;
    }

    static unsigned byte(const segment& place, std::size_t index) {
        if (index >= place.data.size()) bad(place, "the segment is too short");
        return std::to_integer<unsigned>(place.data[index]);
    }

    static std::size_t divide_up(std::size_t count, std::size_t by) { return (count + by - 1) / by; }

    /// A cheap look ahead, so that a file of a thousand scans is refused before the first is decoded.
    void count_scans() const {
        std::size_t position = 2;
        std::size_t scans = 0;
        for (;;) {
            const auto found = segments_.at(position);
            position = found.end;
            if (found.marker == jpeg_marker::eoi) return;
            if (is_frame(found.marker)) refuse_size(found);
            if (found.marker != jpeg_marker::sos) continue;
            if (++scans > limits_.max_scans) {
                throw_at_byte(error_code::limit, found.position,
                              "the image has more than " + std::to_string(limits_.max_scans) + " scans", "",
                              "raise decode_options::max_scans if it is meant");
            }
            position = segments_.after_scan(position);
        }
    }

    void refuse_size(const segment& frame) const {
        const std::size_t height = byte(frame, 1) << 8 | byte(frame, 2);
        const std::size_t width = byte(frame, 3) << 8 | byte(frame, 4);
        if (height != 0) refuse_pixels(frame.position, width, height, limits_.max_pixels);
    }

    void read_frame(const segment& frame) {
        const auto unsupported = [&](std::string what) {
            throw_at_byte(error_code::unsupported, frame.position, "this is " + std::move(what),
                          "a baseline or progressive JPEG of 8 bits", "save it again as such");
        };
        if (frame_seen_) bad(frame, "there is a second frame header");
        switch (frame.marker) {
            case 0xc0:
            case 0xc1:
            case 0xc2:
                break;
            case 0xc3:
                unsupported("a lossless JPEG");
                break;
            case 0xc5:
            case 0xc6:
            case 0xc7:
                unsupported("a hierarchical JPEG");
                break;
            default:
                unsupported("a JPEG with arithmetic coding");
                break;
        }
        if (byte(frame, 0) != 8) unsupported("a JPEG of " + std::to_string(byte(frame, 0)) + " bits a sample");
        file_.height = byte(frame, 1) << 8 | byte(frame, 2);
        file_.width = byte(frame, 3) << 8 | byte(frame, 4);
        file_.components = byte(frame, 5);
        if (file_.height == 0) unsupported("a JPEG that gives its height at the end (DNL)");
        if (file_.width == 0) bad(frame, "the image is 0 pixels wide");
        if (file_.components == 4) unsupported("a JPEG in CMYK");
        if (file_.components != 1 && file_.components != 3)
            bad(frame, std::to_string(file_.components) + " components", "1 or 3");
        if (frame.data.size() != 6 + 3 * file_.components) bad(frame, "the frame header has a wrong length");
        progressive_ = frame.marker == 0xc2;
        frame_seen_ = true;
        for (std::size_t index = 0; index < file_.components; ++index) read_component(frame, 6 + 3 * index);
        for (const component& part : components_) {
            if (most_across_ % part.across != 0 || most_down_ % part.down != 0) {
                unsupported("a JPEG whose sampling factors do not divide each other");
            }
        }
        if (progressive_) remember_coefficients(frame);
    }

    void read_component(const segment& frame, std::size_t at) {
        component part;
        part.id = byte(frame, at);
        part.across = byte(frame, at + 1) >> 4;
        part.down = byte(frame, at + 1) & 15;
        part.quantization = byte(frame, at + 2);
        part.lowest_bit.fill(unsent);
        if (part.across < 1 || part.across > 4 || part.down < 1 || part.down > 4)
            bad(frame, "a sampling factor is not 1 to 4");
        if (part.quantization > 3) bad(frame, "there is no quantization table " + std::to_string(part.quantization));
        for (const component& other : components_) {
            if (other.id == part.id) bad(frame, "two components share the id " + std::to_string(part.id));
        }
        most_across_ = std::max(most_across_, part.across);
        most_down_ = std::max(most_down_, part.down);
        components_.push_back(std::move(part));
    }

    std::size_t mcus_across() const { return divide_up(file_.width, 8 * most_across_); }
    std::size_t mcus_down() const { return divide_up(file_.height, 8 * most_down_); }

    void remember_coefficients(const segment& frame) {
        std::size_t blocks = 0;
        for (const component& part : components_) blocks += mcus_across() * part.across * mcus_down() * part.down;
        constexpr std::size_t decoder_block = 64 * (2 + 1);  // coefficients and samples that the decoder keeps
        refuse_memory(frame.position, blocks * (sizeof(nonzero_mask) + decoder_block), limits_.memory_budget);
        for (component& part : components_) {
            part.nonzero.resize(mcus_across() * part.across * mcus_down() * part.down);
        }
    }

    void read_quantization(const segment& place) {
        for (std::size_t at = 0; at < place.data.size();) {
            const unsigned head = byte(place, at);
            const std::size_t size = (head >> 4) == 0 ? 64 : 128;
            if ((head >> 4) > 1 || (head & 15) > 3) bad(place, "a quantization table has a wrong number");
            if (place.data.size() - at < 1 + size) bad(place, "a quantization table is too short");
            quantization_defined_[head & 15] = true;
            at += 1 + size;
        }
    }

    void read_huffman(const segment& place) {
        for (std::size_t at = 0; at < place.data.size();) {
            const unsigned head = byte(place, at);
            if ((head >> 4) > 1 || (head & 15) > 3) bad(place, "a Huffman table has a wrong number");
            if (place.data.size() - at < 17) bad(place, "a Huffman table is too short");
            const auto counts = place.data.subspan(at + 1).first<16>();
            std::size_t total = 0;
            for (const std::byte count : counts) total += std::to_integer<std::size_t>(count);
            if (total > 256) bad(place, "a Huffman table has " + std::to_string(total) + " codes", "at most 256");
            if (place.data.size() - at < 17 + total) bad(place, "a Huffman table is too short");
            auto& tables = (head >> 4) == 0 ? dc_tables_ : ac_tables_;
            tables[head & 15] = huffman_table(counts, place.data.subspan(at + 17, total), place.position);
            at += 17 + total;
        }
    }

    void read_restart(const segment& place) {
        if (place.data.size() != 2) bad(place, "the restart interval has a wrong length");
        restart_interval_ = big_endian(place.data);
    }

    void check_lines(const segment& place) const {
        if (place.data.size() != 2 || big_endian(place.data) != file_.height) {
            bad(place, "the height at the end (DNL) differs from the one in the header");
        }
    }

    void read_exif(const segment& place) {
        constexpr std::string_view name{"Exif\0", 6};  // with its two zeros
        const auto head = place.data.first(std::min(place.data.size(), name.size()));
        const std::string_view found(reinterpret_cast<const char*>(head.data()), head.size());
        if (found == name && file_.exif.empty()) file_.exif = place.data.subspan(name.size());
    }

    /// One scan: its header, then every block of it. Returns where the next marker begins.
    std::size_t scan(const segment& place) {
        if (!frame_seen_) bad(place, "there is a scan before the frame header");
        const std::size_t count = byte(place, 0);
        if (count < 1 || count > file_.components) bad(place, "the scan has " + std::to_string(count) + " components");
        if (place.data.size() != 4 + 2 * count) bad(place, "the scan header has a wrong length");
        const unsigned bits = byte(place, 3 + 2 * count);
        const spectral_band band{byte(place, 1 + 2 * count), byte(place, 2 + 2 * count), bits >> 4, bits & 15};
        check_band(place, band, count);
        std::vector<component*> parts;
        std::vector<scan_tables> tables;
        for (std::size_t index = 0; index < count; ++index) {
            parts.push_back(&find_component(place, byte(place, 1 + 2 * index)));
            if (std::count(parts.begin(), parts.end(), parts.back()) > 1)
                bad(place, "a component stands twice in a scan");
            tables.push_back(find_tables(place, byte(place, 2 + 2 * index), band));
            note_sent(place, *parts.back(), band);
        }
        entropy_bits data(segments_.bytes(), place.end);
        if (count == 1)
            walk_one(data, band, *parts[0], tables[0]);
        else
            walk_interleaved(place, data, band, parts, tables);
        return data.next_marker();
    }

    void check_band(const segment& place, const spectral_band& band, std::size_t count) const {
        const bool legal = progressive_ ? band.last <= 63 && band.first <= band.last && band.low <= 13 &&
                                              (band.first == 0 ? band.last == 0 : count == 1) &&
                                              (band.high == 0 || band.high == band.low + 1)
                                        : band.first == 0 && band.high == 0 && band.low == 0;
        if (!legal) bad(place, "the scan header asks for coefficients that this kind of JPEG does not allow");
    }

    component& find_component(const segment& place, unsigned id) {
        for (component& part : components_) {
            if (part.id == id) return part;
        }
        bad(place, "the scan names component " + std::to_string(id) + ", which the frame header does not have");
    }

    scan_tables find_tables(const segment& place, unsigned numbers, const spectral_band& band) const {
        scan_tables tables;
        if ((numbers >> 4) > 3 || (numbers & 15) > 3) bad(place, "the scan names a Huffman table that cannot be");
        const bool needs_dc = !progressive_ || (band.first == 0 && band.high == 0);
        const bool needs_ac = !progressive_ || band.first > 0;
        tables.dc = &dc_tables_[numbers >> 4];
        tables.ac = &ac_tables_[numbers & 15];
        if ((needs_dc && !tables.dc->defined()) || (needs_ac && !tables.ac->defined())) {
            bad(place, "the scan names a Huffman table that was not defined");
        }
        return tables;
    }

    void note_sent(const segment& place, component& part, const spectral_band& band) {
        if (!quantization_defined_[part.quantization]) bad(place, "a quantization table is missing");
        if (!progressive_) {
            if (part.sent) bad(place, "a component is sent twice");
        } else {
            for (unsigned k = band.first; k <= band.last; ++k) {
                const unsigned before = band.high == 0 ? unsent : band.high;
                if (part.lowest_bit[k] != before) bad(place, "the scan does not continue those before it");
                part.lowest_bit[k] = band.low;
            }
        }
        part.sent = true;
    }

    /// Calls `block` for every unit of the scan, and steps over the restart markers between them.
    template <class Unit>
    void walk_units(entropy_bits& data, block_walker& walker, std::span<scan_tables> tables, std::size_t units,
                    Unit unit) {
        std::size_t until_restart = restart_interval_;
        unsigned restarts = 0;
        for (std::size_t index = 0; index < units; ++index) {
            if (restart_interval_ != 0 && until_restart-- == 0) {
                data.restart(restarts++ % 8);
                walker.forget_the_run();
                for (scan_tables& table : tables) table.last_dc = 0;
                until_restart = restart_interval_ - 1;
            }
            unit(index);
        }
    }

    void walk_one(entropy_bits& data, const spectral_band& band, component& part, scan_tables& tables) {
        const std::size_t across = divide_up(divide_up(file_.width * part.across, most_across_), 8);
        const std::size_t down = divide_up(divide_up(file_.height * part.down, most_down_), 8);
        const std::size_t stride = mcus_across() * part.across;
        block_walker walker(data, band, progressive_);
        nonzero_mask forgotten = 0;
        walk_units(data, walker, {&tables, 1}, across * down, [&](std::size_t index) {
            walker(tables, progressive_ ? part.nonzero[index / across * stride + index % across] : forgotten);
        });
    }

    void walk_interleaved(const segment& place, entropy_bits& data, const spectral_band& band,
                          std::span<component* const> parts, std::span<scan_tables> tables) {
        std::size_t blocks = 0;
        for (const component* part : parts) blocks += part->across * part->down;
        if (blocks > 10)
            bad(place, "the sampling factors make " + std::to_string(blocks) + " blocks a unit", "at most 10");
        block_walker walker(data, band, progressive_);
        nonzero_mask forgotten = 0;  // interleaved scans send no coefficients that are asked for later
        walk_units(data, walker, tables, mcus_across() * mcus_down(), [&](std::size_t) {
            for (std::size_t index = 0; index < parts.size(); ++index) {
                for (std::size_t block = parts[index]->across * parts[index]->down; block > 0; --block) {
                    walker(tables[index], forgotten);
                }
            }
        });
    }

    void check_complete(std::size_t position) const {
        const auto incomplete = [&](const component& part) {
            if (!part.sent || (progressive_ && part.lowest_bit[0] != 0)) return true;
            return std::ranges::any_of(part.lowest_bit, [](unsigned bit) { return bit != unsent && bit != 0; });
        };
        if (!frame_seen_ || std::ranges::any_of(components_, incomplete)) {
            throw_at_byte(error_code::format, position, "image data ends early at byte " + std::to_string(position), "",
                          "parts of the image are missing");
        }
    }

    jpeg_segments segments_;
    jpeg_limits limits_;
    jpeg_file file_;
    bool frame_seen_ = false;
    bool progressive_ = false;
    std::size_t most_across_ = 1;
    std::size_t most_down_ = 1;
    std::size_t restart_interval_ = 0;
    std::vector<component> components_;
    std::array<bool, 4> quantization_defined_{};
    std::array<huffman_table, 4> dc_tables_;
    std::array<huffman_table, 4> ac_tables_;
};

/// The header of a JPEG that is whole and of a kind that the decoder reads rightly: baseline, extended or progressive,
/// 8 bits, grey or three colours.
/// \throws image_error FORMAT where it is cut or damaged, UNSUPPORTED for another kind, LIMIT beyond the limits
inline jpeg_file scan_jpeg(std::span<const std::byte> bytes, const jpeg_limits& limits) {
    return jpeg_walk(bytes, limits)();
}

}}}  // namespace zeroshot::ZEROSHOT_ABI::detail
