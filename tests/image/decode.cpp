#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/jpeg.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/image/stb_image.hpp>
#include <zeroshot/support/checksum.hpp>

#include "tests/image/jpeg_parts.hpp"
#include "tests/image/png_writer.hpp"
#include "tests/image/support.hpp"

using namespace zeroshot;
using namespace png_writer;
using jpeg_parts::sample;
using jpeg_parts::text;

namespace {

/// The hash of all rows of an image.
std::string digest_of(const image& decoded_image) {
    std::string bytes;
    for (std::size_t y = 0; y < decoded_image.height(); ++y) {
        bytes.append(decoded_image.row(y).begin(), decoded_image.row(y).end());
    }
    return sha256().add(bytes).digits();
}

std::string refusal(const bytes& file, const decode_options& options = {}) {
    return refusal_of([&] { decode(file, options); });
}

image crop_as(const image& decoded_image, std::size_t size, preprocessing_order order) {
    preprocessing how;
    how.size = size;
    how.order = order;
    if (order == preprocessing_order::hugging_face) how.transparency = transparency::on_white();
    return encoder_square(decoded_image, how);
}

/// An image as netpbm writes it, with one byte a sample.
image netpbm(const std::filesystem::path& path) {
    const bytes file = file_bytes(path);
    std::istringstream head(std::string(reinterpret_cast<const char*>(file.data()), 20));
    std::string kind;
    std::size_t width = 0, height = 0, largest = 0;
    head >> kind >> width >> height >> largest;
    const std::size_t channels = kind == "P6" ? 3 : 1;
    std::vector<std::uint8_t> pixels;
    for (const std::byte byte : std::span(file).last(width * height * channels))
        pixels.push_back(std::to_integer<std::uint8_t>(byte));
    return image(std::move(pixels), width, height, mode_of_channels(channels));
}

int largest_difference(const image& left, const image& right) {
    REQUIRE(left.width() == right.width());
    REQUIRE(left.height() == right.height());
    REQUIRE(left.mode() == right.mode());
    int largest = 0;
    for (std::size_t y = 0; y < left.height(); ++y) {
        for (std::size_t i = 0; i < left.row(y).size(); ++i)
            largest = std::max(largest, std::abs(left.row(y)[i] - right.row(y)[i]));
    }
    return largest;
}

/// A decoder of JPEG, and how far its pixels may be from Pillow's.
struct jpeg_decoder {
    const char* name;
    int bound;
    image (*decode)(const bytes& file);
};

/// The usual one first, stb_image last.
std::vector<jpeg_decoder> jpeg_decoders() {
    std::vector<jpeg_decoder> all;
#if defined(ZEROSHOT_LIBJPEG_TURBO)
    all.push_back({"libjpeg-turbo", 0, [](const bytes& file) { return decode(file); }});
#endif
    all.push_back({"stb_image", 3, [](const bytes& file) {
                       const decode_options options;
                       detail::decoding about{options};
                       return detail::stb::jpeg_image(detail::scan_jpeg(file, options), options.memory_budget, about);
                   }});
    return all;
}

/// The folder of recorded reference data, or null with a line that names the test.
const char* reference_data(const char* test) {
    const char* folder = std::getenv("ZEROSHOT_REFERENCE_DATA");
    if (folder == nullptr) ZEROSHOT_SKIP_TEST(test << " (ZEROSHOT_REFERENCE_DATA is not set)");
    return folder;
}

}  // namespace

TEST_CASE("the crops of 360 generated PNGs equal Pillow's to the byte, in both orders") {
    std::ifstream lines(golden("pixels.txt"));
    REQUIRE(lines.good());
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) continue;
        generated_image source;
        std::size_t size = 0;
        std::string openai, hugging_face;
        std::istringstream(line) >> source.colour >> source.depth >> source.width >> source.height >>
            source.interlaced >> source.transparency >> source.entries >> source.style >> source.seed >> size >>
            openai >> hugging_face;
        INFO(line);
        const image decoded = decode(source.encoded());
        CHECK(digest_of(crop_as(decoded, size, preprocessing_order::openai)).substr(0, 16) == openai);
        CHECK(digest_of(crop_as(decoded, size, preprocessing_order::hugging_face)).substr(0, 16) == hugging_face);
        ++count;
    }
    CHECK(count == 360);
}

TEST_CASE("every mode and filter of open_clip's makes the same square as open_clip with Pillow") {
    std::ifstream lines(golden("squares.txt"));
    REQUIRE(lines.good());
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('#')) continue;
        generated_image source;
        preprocessing how;
        how.fill = 90;
        std::istringstream fields(line);
        fields >> source.colour >> source.depth >> source.width >> source.height >> source.interlaced >>
            source.transparency >> source.entries >> source.style >> source.seed >> how.size;
        INFO(line);
        const image decoded = decode(source.encoded());
        for (const resize_mode mode : {resize_mode::shortest, resize_mode::longest, resize_mode::squash}) {
            for (const interpolation filter : {interpolation::bicubic, interpolation::bilinear}) {
                how.mode = mode;
                how.filter = filter;
                std::string expected;
                fields >> expected;
                INFO(name_of(mode) << ' ' << name_of(filter));
                if (expected == "refused") {
                    CHECK_THROWS_WITH(encoder_square(decoded, how), contains("a side of 0 pixels"));
                } else {
                    CHECK(digest_of(encoder_square(decoded, how)).substr(0, 16) == expected);
                }
            }
        }
        ++count;
    }
    CHECK(count == 72);
}

TEST_CASE("the pixels of every depth and colour type come out as they went in, filters and interlacing included") {
    for (const auto& [colour, depth] : {std::pair{0u, 1u},
                                        {0u, 2u},
                                        {0u, 4u},
                                        {0u, 8u},
                                        {0u, 16u},
                                        {2u, 8u},
                                        {2u, 16u},
                                        {3u, 1u},
                                        {3u, 2u},
                                        {3u, 4u},
                                        {3u, 8u},
                                        {4u, 8u},
                                        {4u, 16u},
                                        {6u, 8u},
                                        {6u, 16u}}) {
        for (const bool interlaced : {false, true}) {
            generated_image wanted;
            wanted.colour = colour;
            wanted.depth = depth;
            wanted.width = 13;
            wanted.height = 11;
            wanted.interlaced = interlaced;
            wanted.entries = colour == 3 ? 1u << depth : 0;
            const image source = decode(wanted.encoded());
            for (std::size_t y = 0; y < wanted.height; ++y) {
                for (std::size_t x = 0; x < wanted.width; ++x) {
                    const auto pixel = source.row(y).subspan(x * source.channels(), source.channels());
                    const unsigned first = wanted.sample(x, y, 0);
                    if (colour == 3) {
                        REQUIRE(pixel[1] == hash_byte(wanted.seed + 2000000, 3 * first + 1));
                    } else if (colour == 4 && depth == 16) {  // Pillow opens these as RGBA
                        REQUIRE(pixel[2] == first >> 8);
                        REQUIRE(pixel[3] == wanted.sample(x, y, 1) >> 8);
                    } else {
                        for (std::size_t c = 0; c < source.channels(); ++c) {
                            const unsigned sample = wanted.sample(x, y, c);
                            REQUIRE(pixel[c] == (depth == 16 ? sample >> 8 : sample * 255 / ((1u << depth) - 1)));
                        }
                    }
                }
            }
        }
    }
}

TEST_CASE("a PNG is decoded in the mode in which Pillow opens it") {
    const auto mode_of = [](unsigned colour, unsigned depth) {
        generated_image source;
        source.colour = colour;
        source.depth = depth;
        source.entries = colour == 3 ? 2 : 0;
        return decode(source.encoded()).mode();
    };
    CHECK(mode_of(0, 1) == pixel_mode::bilevel);
    CHECK(mode_of(0, 2) == pixel_mode::grey);
    CHECK(mode_of(0, 8) == pixel_mode::grey);
    CHECK(mode_of(0, 16) == pixel_mode::grey);  // but for this: our own decision, see png_mode
    CHECK(mode_of(2, 16) == pixel_mode::rgb);
    CHECK(mode_of(3, 1) == pixel_mode::palette);
    CHECK(mode_of(4, 8) == pixel_mode::grey_alpha);
    CHECK(mode_of(4, 16) == pixel_mode::rgba);
    CHECK(mode_of(6, 8) == pixel_mode::rgba);
}

TEST_CASE("small JPEGs of every kind are decoded as by Pillow: by libjpeg-turbo to the byte, by stb_image closely") {
    // Two inverse transforms in integers are up to 1 level apart in luma and chroma; 1 + 1.772 and a rounding of it in
    // the most sensitive colour, blue.
    for (const jpeg_decoder& decoder : jpeg_decoders()) {
        for (const char* name :
             {"baseline", "halved", "halved_across", "progressive", "progressive_full", "restarts",
              "progressive_restarts", "rgb", "turned", "grey", "grey_progressive", "cmyk", "webcam"}) {
            INFO(decoder.name << ' ' << name);
            const bool grey = std::string_view(name).starts_with("grey");
            const image expected = netpbm(golden(std::string("jpeg/") + name + (grey ? ".pgm" : ".ppm")));
            const image decoded = decoder.decode(sample(name));
            if (std::string_view(name) == "cmyk") CHECK(decoded.mode() == pixel_mode::cmyk);
            CHECK(largest_difference(expected.mode() == pixel_mode::rgb ? to_rgb(decoded) : decoded, expected) <=
                  decoder.bound);
        }
    }
}

TEST_CASE("a JPEG damaged in its data, or closed too early, is decoded; its sound part is what it was") {
    for (const jpeg_decoder& decoder : jpeg_decoders()) {
        for (const char* name : {"baseline", "halved", "progressive", "restarts", "grey", "progressive_restarts"}) {
            INFO(decoder.name << ' ' << name);
            const bytes good = sample(name);
            const image whole = decoder.decode(good);
            const std::size_t scan = jpeg_parts::find(good, detail::jpeg_marker::sos);
            const std::size_t data = scan + jpeg_parts::length_of(good, scan);
            const auto segments = detail::scan_jpeg(good, {}).segments;
            const auto first = std::ranges::find(segments, scan, &detail::jpeg_segment::position);
            const std::size_t end = scan + 2 + first->data.size() + first->entropy.size();
            for (std::size_t position = data + 1; position < end; position += 3) {
                bytes closed(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(position));
                if (closed.back() == std::byte{0xff}) continue;
                closed = jpeg_parts::joined({closed, jpeg_parts::of({0xff, 0xd9})});
                const image part = decoder.decode(closed);
                REQUIRE(part.width() == whole.width());
                REQUIRE(part.height() == whole.height());
                bytes flipped = good;
                if (good[position] == std::byte{0xff} || good[position - 1] == std::byte{0xff}) continue;
                flipped[position] ^= std::byte{0x10};
                if (flipped[position] == std::byte{0xff}) continue;
                CHECK(decoder.decode(flipped).width() == whole.width());
            }
            bytes late = good;  // the last byte of the data: the rows above are decoded already
            if (std::string_view(name) == "baseline") {
                late[late.size() - 4] ^= std::byte{0x10};
                CHECK(std::ranges::equal(decoder.decode(late).row(0), whole.row(0)));
            }
        }
    }
}

TEST_CASE("odd JPEGs have the pixels of the sound file, whichever decoder reads them") {
    using namespace jpeg_parts;
    const bytes good = sample("baseline"), restarts = sample("restarts");
    const auto end = [](const bytes& file) { return file.size() - 2; };
    std::vector<std::pair<const char*, bytes>> odd;  // and the sound one's name
    for (const std::size_t count : {1u, 10u, 3000u})
        odd.emplace_back("restarts", inserted(restarts, find(restarts, 0xd1), bytes(count, std::byte{0x21})));
    odd.emplace_back("restarts", inserted(restarts, find(restarts, 0xd0), of({0xff, 0, 0xff, 0, 7})));
    odd.emplace_back("baseline", inserted(good, end(good), of({0xff, 0})));
    odd.emplace_back("baseline", inserted(good, end(good), of({0xff, 0, 1, 2, 3})));
    odd.emplace_back("baseline", inserted(good, end(good), of({0xff, 0xff, 0xff})));
    odd.emplace_back("baseline", joined({bytes(good.begin(), good.end() - 2), bytes(30, std::byte{5})}));  // no end
    const bytes webcam = sample("webcam");  // without Huffman tables
    odd.emplace_back("webcam", inserted(webcam, 2, joined({of({0xff, 0xe0, 0, 16}), text("AVI1"), bytes(10)})));
    odd.emplace_back("webcam", without(webcam, find(webcam, detail::jpeg_marker::app0)));
    odd.emplace_back("webcam", with(webcam, find(webcam, 0xc0) + 1, 0xc1));
    const std::size_t scan = find(good, detail::jpeg_marker::sos), parameters = scan + length_of(good, scan) - 3;
    odd.emplace_back("baseline", with(good, parameters, 1));
    odd.emplace_back("baseline", with(good, parameters + 1, 0));
    odd.emplace_back("baseline", with(good, parameters + 2, 0x21));
    bytes letters = good;
    for (std::size_t i = 0; i < 3; ++i) {
        letters[find(good, 0xc0) + 10 + 3 * i] = static_cast<std::byte>("RGB"[i]);
        letters[scan + 5 + 2 * i] = static_cast<std::byte>("RGB"[i]);
    }
    odd.emplace_back("baseline", letters);  // with a JFIF marker they name no colours
    for (const jpeg_decoder& decoder : jpeg_decoders()) {
        for (std::size_t i = 0; i < odd.size(); ++i) {
            INFO(decoder.name << ' ' << i);
            CHECK(digest_of(decoder.decode(odd[i].second)) == digest_of(decoder.decode(sample(odd[i].first))));
        }
    }
}

TEST_CASE("odd PNGs have the pixels and the transparency that they have in Pillow") {
    const bytes colours = chunk("PLTE", jpeg_parts::of({255, 0, 0, 0, 255, 0}));
    const bytes data = chunk("IDAT", stored(jpeg_parts::of({0, 0, 1, 2})));  // the last index is beyond the palette
    const bytes transparency = chunk("tRNS", jpeg_parts::of({7}));
    const auto alphas_of = [](const bytes& odd) {
        const image decoded = decode(odd);
        if (decoded.alpha_plane() == nullptr) return std::vector<int>{};
        return std::vector<int>(decoded.alpha_plane()->row(0).begin(), decoded.alpha_plane()->row(0).end());
    };
    const bytes indexed = header(3, 1, 8, 3);
    const image beyond = decode(file({indexed, colours, data}));
    CHECK(std::ranges::equal(beyond.row(0), std::array<std::uint8_t, 9>{255, 0, 0, 0, 255, 0, 0, 0, 0}));
    CHECK(alphas_of(file({indexed, colours, data})).empty());
    CHECK(alphas_of(file({indexed, colours, transparency, data})) == std::vector{7, 255, 255});
    CHECK(alphas_of(file({indexed, transparency, colours, data})) == std::vector{7, 255, 255});
    CHECK(alphas_of(file({indexed, colours, data, transparency})) == std::vector{7, 255, 255});
    const bytes longer = chunk("tRNS", jpeg_parts::of({1, 2, 3, 4, 5}));
    CHECK(alphas_of(file({indexed, colours, longer, data})) == std::vector{1, 2, 3});
    const bytes bilevel = header(3, 1, 1, 0), bits = chunk("IDAT", stored(jpeg_parts::of({0, 0xa0})));
    CHECK(alphas_of(file({bilevel, chunk("tRNS", jpeg_parts::of({0, 1})), bits})) == std::vector{0, 255, 0});
    CHECK(alphas_of(file({bilevel, chunk("tRNS", jpeg_parts::of({0, 0, 9})), bits})) == std::vector{255, 0, 255});
}

TEST_CASE("JPEG tables that are missing or over-full, and scans that do not fit the frame, are refused") {
    const bytes good = sample("baseline");
    const std::size_t table = jpeg_parts::find(good, detail::jpeg_marker::dht), frame = jpeg_parts::find(good, 0xc0),
                      scan = jpeg_parts::find(good, detail::jpeg_marker::sos);
    for (const jpeg_decoder& decoder : jpeg_decoders()) {
        INFO(decoder.name);
        const auto refused = [&](const bytes& file) {
            const std::string text = refusal_of([&] { decoder.decode(file); });
            INFO(text);
            CHECK(text.starts_with("FORMAT"));
        };
        refused(jpeg_parts::without(good, jpeg_parts::find(good, detail::jpeg_marker::dqt)));
        refused(jpeg_parts::with(good, table + 5, 3));
        refused(jpeg_parts::with(good, table + 4, 0x2f));
        refused(jpeg_parts::with(good, jpeg_parts::find(good, detail::jpeg_marker::dqt) + 4, 0x1f));
        refused(jpeg_parts::with(good, scan + 4, 4));
        refused(jpeg_parts::with(good, scan + 5, 9));
        bytes large = good;
        for (const std::size_t component : {11u, 14u, 17u}) large[frame + component] = std::byte{0x44};
        refused(large);
    }
}

TEST_CASE("CLIP.png: both crops equal the reference's") {
    const char* folder = reference_data("CLIP.png: both crops equal the reference's");
    if (folder == nullptr) return;
    const image decoded_image = read_image(std::filesystem::path(folder) / "CLIP.png");
    CHECK(digest_of(crop_as(decoded_image, 224, preprocessing_order::openai)) ==
          "c96d5fbf8273c7bea132e34850cece46b2b4a3f976fe50c1e9855f55495eddce");
    CHECK(digest_of(crop_as(decoded_image, 224, preprocessing_order::hugging_face)) ==
          "e40967ad7028404217a5460f0cfc49ef3fec0aa85588f9c9dcec3d5ed23ce0a0");
}

TEST_CASE("franz-kafka.jpg: within 2 grey levels of the recorded pixels") {
    const char* folder = reference_data("franz-kafka.jpg: within 2 grey levels of the recorded pixels");
    if (folder == nullptr) return;
    const auto pixels = preprocess(read_image(std::filesystem::path(folder) / "franz-kafka.jpg"));
    const bytes record = file_bytes(std::filesystem::path(folder) / "expected_preprocessed_image.npy");
    REQUIRE(record.size() > pixels.size() * sizeof(float));
    std::vector<float> expected(pixels.size());
    std::memcpy(expected.data(), record.data() + record.size() - pixels.size() * sizeof(float),
                pixels.size() * sizeof(float));
    double levels = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        const float std = clip_std[i / (224 * 224)];
        levels = std::max(levels, static_cast<double>(std::fabs(pixels.values()[i] - expected[i]) * std * 255.0f));
    }
    CHECK(levels < 2.001);
}

TEST_CASE("no bytes, one byte, too many bytes") {
    CHECK_THAT(refusal({}), contains("ARG") && contains("0 bytes") && contains("is the file empty?"));
    CHECK_THAT(refusal(bytes(1)), contains("ARG") && contains("1 bytes"));
    CHECK_THAT(refusal_of([] { decode(std::span<const std::byte>(static_cast<const std::byte*>(nullptr), 0)); }),
               contains("ARG"));
    const std::byte one{};
    const std::span<const std::byte> claims_too_much(&one, std::size_t{INT_MAX} + 1);  // never read
    CHECK_THAT(refusal_of([&] { decode(claims_too_much); }), contains("ARG") && contains("2147483648 bytes"));
}

TEST_CASE("other formats are refused by name") {
    using namespace std::string_view_literals;
    const std::vector<std::pair<std::string_view, std::string>> formats{
        {"%PDF-1.7"sv, "PDF"},
        {"<svg xmlns="sv, "SVG"},
        {"8BPS\0\x01"sv, "PSD"},
        {"#?RADIANCE\n"sv, "HDR"},
        {"\x53\x80\xf6\x34\0"sv, "PIC"},
        {"P6\n1 1\n255\n"sv, "PNM"},
        {"\0\0\x02\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x18\0"sv, "format is unknown"},  // TGA has no magic
        {"just some words"sv, "format is unknown; supported: JPEG, PNG"}};
    for (const auto& [head, name] : formats) {
        INFO(name);
        CHECK_THAT(refusal(text(head)), contains("UNSUPPORTED") && contains("byte 0") && contains(name));
    }
    CHECK_THAT(refusal(text("\x89PNG\n\x1a\n and more"sv)),
               contains("FORMAT") && contains("was it transferred as text?"));
}

TEST_CASE("what stands in the place of an image is named, with a remedy") {
    CHECK(refusal(text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")) ==
          "FORMAT image, byte 0: this is a Git LFS pointer, not the file it stands for, expected an image; run git lfs "
          "pull");
    CHECK(refusal(text("\n<!DOCTYPE html><html>")) ==
          "FORMAT image, byte 0: this is an HTML page, expected an image; download the file itself, not the page about "
          "it");
    CHECK_THAT(refusal(text("{\"error\":\"Invalid username\"}")), contains("this is an error message in JSON"));
}

TEST_CASE("formats whose decoder is not built in are refused by name, and those that are, as damaged") {
    using namespace std::string_view_literals;
    const std::vector<std::pair<std::string_view, std::string>> formats{{"RIFF\x10\0\0\0WEBPVP8 "sv, "WebP"},
                                                                        {"GIF89a\x01\0"sv, "GIF"},
                                                                        {"II*\0\x08\0"sv, "TIFF"},
                                                                        {"MM\0*\0\0"sv, "TIFF"},
                                                                        {"BM\x36\0"sv, "BMP"},
                                                                        {"\0\0\0\x18"
                                                                         "ftypavif"sv,
                                                                         "AVIF"},
                                                                        {"\0\0\0\x18"
                                                                         "ftypheic"sv,
                                                                         "HEIC"}};
    for (const auto& [head, name] : formats) {
        INFO(name);
        const bool built_in = decoded_formats().find(name) != std::string::npos;
        const std::string refused = refusal(text(head));
        CHECK_THAT(refused, built_in ? contains("FORMAT") : contains("UNSUPPORTED image, byte 0: " + name));
        CHECK((refused.find("is not built in; supported: JPEG, PNG") != std::string::npos) == !built_in);
    }
}

TEST_CASE("a damaged image that Pillow decodes comes with one warning, a sound one with none") {
    const auto warnings_of = [](const bytes& file) {
        std::vector<std::string> warnings;
        decode_options options;
        options.warnings = &warnings;
        decode(file, options);
        return warnings;
    };
    generated_image source;
    source.width = 9;
    source.height = 7;
    const bytes good = source.encoded();
    CHECK(warnings_of(good).empty());
    bytes open = good;
    open.resize(open.size() - 12);
    REQUIRE(warnings_of(open).size() == 1);
    CHECK_THAT(warnings_of(open).front(), contains("image: the PNG is damaged") && contains("IEND"));
    CHECK(decode(open).row(6)[3] == decode(good).row(6)[3]);
    CHECK(warnings_of(sample("baseline")).empty());
    bytes flipped = sample("baseline");
    flipped[flipped.size() - 40] ^= std::byte{0x10};
    REQUIRE(warnings_of(flipped).size() <= 1);  // a flipped bit may make another sound code
    const bytes closed =
        jpeg_parts::joined({bytes(flipped.begin(), flipped.begin() + 700), jpeg_parts::of({0xff, 0xd9})});
    CHECK_NOTHROW(warnings_of(closed));
}

TEST_CASE("bombs are refused by their header") {
    CHECK_THAT(refusal(file({header(16384, 16384, 8, 2), chunk("IDAT", bytes(196000))})), contains("LIMIT"));
    CHECK_THAT(refusal(file({header(16384, 16384, 1, 0), chunk("IDAT", bytes(33000))})), contains("LIMIT"));
    decode_options small;
    small.memory_budget = 9000;
    generated_image source;
    source.width = source.height = 100;
    CHECK_THAT(refusal(source.encoded(), small), contains("LIMIT") && contains("decode_options::memory_budget"));
    CHECK_THAT(refusal(file_bytes(golden("jpeg/baseline.jpg")), small), contains("LIMIT") && contains("memory"));
    CHECK_THAT(refusal(file_bytes(golden("jpeg/progressive.jpg")), small), contains("LIMIT") && contains("memory"));
}

TEST_CASE("image data that does not inflate to the image is refused") {
    const bytes rgb = header(3, 1, 8, 2);
    CHECK(refusal(file({rgb, chunk("IDAT", stored(bytes(10)))})) == "accepted");
    CHECK_THAT(refusal(file({rgb, chunk("IDAT", stored(bytes(9)))})), contains("FORMAT") && contains("byte 33"));
    CHECK(refusal(file({rgb, chunk("IDAT", stored(bytes(11)))})) == "accepted");  // Pillow looks for no more
    bytes sum = stored(bytes(10));
    sum.back() ^= std::byte{1};  // its Adler-32
    CHECK_THAT(refusal(file({rgb, chunk("IDAT", sum)})), contains("FORMAT") && contains("byte 33"));
    const bytes two_rows = header(3, 2, 8, 2);  // whole rows that are too few are black, as in Pillow
    CHECK(decode(file({two_rows, chunk("IDAT", stored(bytes(10, std::byte{1})))})).row(1)[8] == 0);
    CHECK_THAT(refusal(file({two_rows, chunk("IDAT", stored(bytes(15)))})), contains("FORMAT"));
    CHECK_THAT(refusal(file({rgb, chunk("IDAT", bytes(20))})), contains("FORMAT"));
    CHECK_THAT(refusal(file({rgb, chunk("IDAT", stored(bytes(10, std::byte{9})))})),
               contains("FORMAT") && contains("filter"));
}

TEST_CASE("a PNG cut anywhere before the end of its image data is refused, behind it it is read") {
    generated_image source;
    source.width = 5;
    source.height = 4;
    const bytes whole = source.encoded();
    const std::size_t data_ends = whole.size() - 12 - 4;  // before the CRC of IDAT, and IEND
    for (std::size_t size = 2; size < whole.size(); ++size) {
        const bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        if (size + 4 >= data_ends) {
            REQUIRE(refusal(part) == "accepted");  // also within the checksum of the compressed data
        } else {
            REQUIRE_THAT(refusal(part),
                         contains("FORMAT") && contains("byte " + std::to_string(size) + ": image data ends early"));
        }
    }
}

TEST_CASE("damage of compressed data behind the rows that it has is a warning, as it is none to Pillow 13") {
    using namespace std::string_view_literals;
    const auto data = [](std::string_view compressed, std::string_view checksum = "") {  // of Huffman codes
        return file({header(3, 1, 8, 0), chunk("IDAT", text("\x78\x01"sv)), chunk("IDAT", text(compressed)),
                     chunk("IDAT", text(checksum))});
    };
    std::vector<std::string> warnings;
    decode_options options;
    options.warnings = &warnings;
    for (const std::string_view behind :
         {"\x06"sv, "\x06\x02"sv, "\xe6\x04\x5e\0\0\0\0\0\0"sv, "\x06\x5e\0\0\0\0\0\0"sv}) {
        const image decoded = decode(data("\x63\x60\x64\x62" + std::string(behind)), options);
        CHECK(std::vector<int>(decoded.row(0).begin(), decoded.row(0).end()) == std::vector<int>{1, 2, 3});
    }
    CHECK(refusal(data("\x63\x60\x64\x62\x06"sv, "\0abcd"sv), options) == "accepted");  // wrong, in another chunk
    REQUIRE(warnings.size() == 5);
    CHECK(warnings.front() == "image: the PNG is damaged: its compressed image data is, behind the rows");
    CHECK_THAT(refusal(data("\x63\x60\x64\x62"sv)), contains("FORMAT"));            // cut within the last pixel
    CHECK_THAT(refusal(data("\x63\x60\x64\x62\x06\0abcd"sv)), contains("FORMAT"));  // a wrong checksum
}

TEST_CASE("the orientation of EXIF is applied only on request, in JPEG and PNG") {
    using namespace std::string_view_literals;
    decode_options upright;
    upright.apply_exif_orientation = true;
    const image lying = read_image(golden("jpeg/turned.jpg"));
    const image standing = read_image(golden("jpeg/turned.jpg"), upright);
    CHECK(lying.width() == 45);
    CHECK(standing.width() == 37);
    CHECK(standing.row(0)[0] == lying.row(36)[0]);
    const bytes png = file({header(2, 1, 8, 0),
                            chunk("eXIf", text("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"sv)),
                            chunk("IDAT", stored(bytes(3)))});
    CHECK(decode(png).width() == 2);
    CHECK(decode(png, upright).width() == 1);
}

TEST_CASE("images are turned by EXIF, and where it names no orientation by XMP, as by ImageOps.exif_transpose") {
    std::ifstream lines(golden("formats/orientations.txt"));
    REQUIRE(lines.good());
    decode_options options;
    options.apply_exif_orientation = true;
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
        std::string name;
        unsigned orientation = 0;
        if (!(std::istringstream(line) >> name >> orientation)) continue;
        const bytes file = file_bytes(golden("formats/" + name));
        const std::string format = name.ends_with("webp") ? "WebP" : name.ends_with("avif") ? "AVIF" : "JPEG";
        if (decoded_formats().find(format) == std::string::npos) continue;
        INFO(line);
        CHECK(digest_of(decode(file, options)) == digest_of(upright(decode(file), orientation)));
        ++count;
    }
    CHECK(count >= 18);  // of PNG and JPEG
    const bytes jpeg = file_bytes(golden("formats/exif_without_and_xmp.jpg"));
    const detail::jpeg_file scanned = detail::scan_jpeg(jpeg, options);  // as with stb_image
    CHECK(detail::orientation_of(scanned.exif, scanned.xmp) == 7);
}

TEST_CASE("a damaged or very long text of a PNG turns nothing") {
    using namespace std::string_view_literals;
    decode_options options;
    options.apply_exif_orientation = true;
    const auto width_with = [&](std::string_view type, const bytes& content) {
        return decode(file({header(2, 1, 8, 0), chunk(type, content), chunk("IDAT", stored(bytes(3)))}), options)
            .width();
    };
    const bytes keyword = text("XML:com.adobe.xmp\0\0"sv), packet = text(" tiff:Orientation=\"6\""sv);
    const auto with_packet = [&](const bytes& compressed) { return jpeg_parts::joined({keyword, compressed}); };
    CHECK(width_with("zTXt", with_packet(stored(packet))) == 1);
    CHECK(width_with("zTXt", with_packet(packet)) == 2);
    CHECK(width_with("zTXt", with_packet(stored(jpeg_parts::joined({packet, bytes(1 << 20)})))) == 2);
    for (std::size_t size = 0; size < keyword.size() + 3; ++size)
        for (const std::string_view type : {"tEXt", "zTXt", "iTXt"}) {
            const bytes whole = with_packet(bytes(3));
            CHECK(width_with(type, bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) == 2);
        }
    CHECK(width_with("tEXt", text("Raw profile type exif\0"sv)) == 2);
    CHECK(width_with("tEXt", text("Raw profile type exif\0\nexif\n 2\n4 z"sv)) == 2);
}

TEST_CASE("an error names the file") {
    const auto path = golden("squares.txt");
    CHECK_THAT(refusal_of([&] { read_image(path); }), contains("UNSUPPORTED") && contains("squares.txt, byte 0"));
    CHECK_THAT(refusal_of([] { read_image("no such image.png"); }), contains("IO no such image.png"));
}

TEST_CASE("seeded harm to good files gives images or our errors, and nothing else") {
    std::vector<bytes> seeds;
    for (const char* name : {"halved", "progressive", "restarts", "progressive_restarts", "grey"}) {
        seeds.push_back(file_bytes(golden(std::string("jpeg/") + name + ".jpg")));
    }
    for (const unsigned colour : {0u, 2u, 3u, 6u}) {
        generated_image source;
        source.colour = colour;
        source.width = 9;
        source.height = 7;
        source.entries = colour == 3 ? 5 : 0;
        source.interlaced = colour == 2;
        seeds.push_back(source.encoded());
    }
    decode_options options;
    options.memory_budget = 20000000;
    int refused = 0;
    int count = 0;
    for (std::uint64_t run = 0; run < 4500; ++run) {
        bytes file = seeds[run % seeds.size()];
        const std::size_t changes = 1 + hash_byte(run, 0) % 4;
        for (std::size_t change = 0; change < changes; ++change) {
            const std::size_t place =
                (std::size_t{hash_byte(run, 3 * change + 1)} << 8 | hash_byte(run, 3 * change + 2)) % file.size();
            file[place] = static_cast<std::byte>(hash_byte(run, 3 * change + 3));
        }
        if (run % 3 == 0 && file[1] == std::byte{'P'}) {  // let some harm pass the CRCs
            for (std::size_t at = 8; at + 12 <= file.size();) {
                const std::size_t length = detail::big_endian(std::span(file).subspan(at, 4));
                if (length > file.size() - at - 12) break;
                bytes crc;
                append_number(crc, detail::crc32().add(std::span(file).subspan(at + 4, length + 4)).value());
                std::copy(crc.begin(), crc.end(), file.begin() + static_cast<std::ptrdiff_t>(at + 8 + length));
                at += 12 + length;
            }
        }
        refused += refusal(file, options) != "accepted";
        ++count;
    }
    CHECK(count == 4500);
    CHECK(refused > 500);
}

TEST_CASE("good images among hostile ones give the same bytes on four threads as alone") {
    std::vector<bytes> good{file_bytes(golden("jpeg/halved.jpg")), file_bytes(golden("jpeg/progressive.jpg"))};
    generated_image source;
    source.colour = 6;
    source.width = 40;
    source.height = 30;
    good.push_back(source.encoded());
    std::vector<std::string> alone;
    for (const bytes& file : good) alone.push_back(digest_of(decode(file)));
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (std::uint64_t run = 0; run < 100; ++run) {
                bytes hostile = good[run % 3];
                for (std::uint64_t i = 0; i < 3; ++i) {
                    hostile[100 + hash_byte(thread * 1000 + run, i)] = static_cast<std::byte>(hash_byte(run, i + 9));
                }
                try {
                    decode(hostile);
                } catch (const error&) {
                }
                if (digest_of(decode(good[run % 3])) != alone[run % 3]) ++wrong;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
}
