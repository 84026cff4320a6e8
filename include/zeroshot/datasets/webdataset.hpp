#pragma once
/// \file WebDataset: shards of tar archives, in the layout of CLIP_benchmark.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/datasets/tar.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

namespace detail {

template <class Number>
double load_number(const std::byte* bytes) {
    Number value;
    std::memcpy(&value, bytes, sizeof value);
    return static_cast<double>(value);
}

/// Reader of a number type of NumPy ("<i8"); null for an unsupported type.
inline auto number_reader(std::string_view type) -> double (*)(const std::byte*) {
    if (type == "|b1" || type == "|u1") return load_number<std::uint8_t>;
    if (type == "|i1") return load_number<std::int8_t>;
    if (type == "<i2") return load_number<std::int16_t>;
    if (type == "<i4") return load_number<std::int32_t>;
    if (type == "<i8") return load_number<std::int64_t>;
    if (type == "<f4") return load_number<float>;
    if (type == "<f8") return load_number<double>;
    return nullptr;
}

/// The value of a key in the header of an .npy file, up to the next comma or bracket.
inline std::string_view npy_value(std::string_view header, std::string_view key) {
    const std::size_t position = header.find(key);
    if (position == std::string_view::npos) return {};
    std::string_view value = header.substr(position + key.size());
    value.remove_prefix((std::min)(value.find_first_not_of(": '("), value.size()));
    return value.substr(0, value.find_first_of(",')"));
}

/// Indices of the ones in a multi-hot vector.
/// \param bytes an .npy file of a vector [classes] of 0 and 1, as numpy.lib.format writes it
/// \param location for messages
/// \throws data_set_error FORMAT for anything else
inline std::vector<std::size_t> multi_hot_labels(std::span<const std::byte> bytes, const std::string& location) {
    constexpr std::string_view magic = "\x93NUMPY";
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    constexpr std::size_t v1_header = 10, v2_header = 12;  // its length has 2 bytes in version 1, 4 in later ones
    if (text.size() < v2_header || !text.starts_with(magic))
        throw_format_error(location, "this is no NumPy array", "an .npy file");
    const auto byte_at = [&](std::size_t index) { return std::to_integer<std::size_t>(bytes[index]); };
    const bool is_v1 = byte_at(magic.size()) == 1;
    std::size_t begin = (is_v1 ? v1_header : v2_header) + (byte_at(8) | byte_at(9) << 8);
    if (!is_v1) begin += byte_at(10) << 16 | byte_at(11) << 24;
    if (begin > text.size()) throw_format_error(location, "the file ends within its header", "an .npy file");
    const std::string_view header = text.substr(0, begin), type = npy_value(header, "'descr'");
    const auto read = number_reader(type);
    if (read == nullptr) throw_format_error(location, "numbers of type " + quoted(type), "numbers that are 0 or 1");
    const auto size = static_cast<std::size_t>(type.back() - '0');
    const std::string_view shape = header.substr((std::min)(header.find("'shape'"), header.size()));
    const bool is_vector = shape.find(",)") < shape.find(')');
    const std::size_t count = (text.size() - begin) / size;
    if (!is_vector || npy_value(header, "'shape'") != std::to_string(count) || count * size != text.size() - begin)
        throw_format_error(location, "an array of another shape, or a truncated one", "a vector [classes]");
    std::vector<std::size_t> labels;
    for (std::size_t label = 0; label < count; ++label) {
        const double number = read(bytes.data() + begin + label * size);
        if (number != 0 && number != 1)
            throw_format_error(location, "class " + std::to_string(label) + " is neither 0 nor 1", "0 or 1");
        if (number == 1) labels.push_back(label);
    }
    return labels;
}

/// "test/s0001.seg.png" becomes "test/s0001" and "seg.png"; nothing for a name without an extension.
/// Mirrors base_plus_ext in webdataset/tariterators.py.
inline std::optional<std::pair<std::string, std::string>> key_and_extension(const std::string& name) {
    const std::size_t begin = name.rfind('/') + 1;  // 0 without a folder
    const std::size_t dot = name.find('.', begin);
    if (dot == std::string::npos || dot == begin) return std::nullopt;
    return std::pair(name.substr(0, dot), lower_case(name.substr(dot + 1)));
}

/// The shards of a folder, in numerical order if all their names begin with a number.
inline std::vector<std::filesystem::path> list_shards(const std::filesystem::path& folder) {
    const auto is_shard = [](const std::filesystem::directory_entry& entry) {
        const std::string name = entry.path().filename().string();
        return !name.starts_with('.') && (name.ends_with(".tar") || name.ends_with(".tar.gz"));
    };
    const auto digits = [](const std::filesystem::path& shard) {
        const std::string name = shard.filename().string();
        return (std::min)(name.find_first_not_of("0123456789"), name.size());
    };
    std::vector<std::filesystem::path> shards = list_folder(folder, is_shard);
    const bool is_numbered = std::ranges::all_of(shards, [&](const auto& shard) { return digits(shard) > 0; });
    if (is_numbered) std::ranges::stable_sort(shards, {}, digits);
    return shards;
}

}  // namespace detail

/// Samples in tar archives: an image, the first under jpg, jpeg, png or webp, else under another extension; its class
/// number under cls, or several classes as a multi-hot vector under npy. Class names and templates come from
/// classnames.txt and zeroshot_classification_templates.txt, in the folder of the shards or its parent.
class webdataset final : public data_set {
   public:
    /// \param folder contains shards, or a folder named after the split that contains them
    /// \throws file_error; data_set_error FORMAT for a folder without shards
    explicit webdataset(const std::filesystem::path& folder, const std::string& split = "test",
                        stream_opener open = open_plain)
        : data_set(path_text(folder)), open_(std::move(open)), shards_(detail::list_shards(folder)) {
        std::filesystem::path home = folder;
        std::error_code unknown;
        if (shards_.empty() && std::filesystem::is_directory(folder / split, unknown)) {
            shards_ = detail::list_shards(folder / split);
        } else if (!std::filesystem::exists(folder / names_file, unknown) &&
                   std::filesystem::exists(folder / ".." / names_file, unknown)) {
            home = folder / "..";
        }
        if (shards_.empty()) {
            detail::throw_format_error(location_, "contains no shards, nor a folder '" + split + "' with shards",
                                       "000000.tar, 000001.tar, ...");
        }
        if (std::filesystem::exists(home / names_file, unknown)) classes_ = detail::read_lines(home / names_file);
        if (!std::filesystem::exists(home / templates_file, unknown)) return;
        for (std::string& line : detail::read_lines(home / templates_file)) {
            const std::size_t label = line.find("{c}");  // CLIP_benchmark's placeholder
            if (label != std::string::npos) line.replace(label, 3, "{}");
            templates_.push_back(std::move(line));
        }
    }

    std::optional<example> next() override {
        sample current;
        while (std::optional<member> part = next_member()) {
            if (!current.key.empty() && part->key != current.key) {
                pending_ = std::move(part);
                break;
            }
            add(current, *std::move(part));
        }
        if (current.key.empty()) return std::nullopt;
        const std::string where = location_ + ": " + current.key;
        if (!current.image) detail::throw_format_error(where, "there is no image", "jpg, jpeg, png or webp");
        if (!current.labels) detail::throw_format_error(where, "there is no class", "cls, or npy for several classes");
        return example{std::move(current.key), *std::move(current.image), *std::move(current.labels)};
    }

   private:
    static constexpr const char* names_file = "classnames.txt";
    static constexpr std::array<std::string_view, 4> usual_images{"jpg", "jpeg", "png", "webp"};
    static constexpr const char* templates_file = "zeroshot_classification_templates.txt";

    /// A file of a shard.
    struct member {
        std::string key;  // with the shard's name before it
        std::string extension;
        std::vector<std::byte> bytes;
    };

    /// The files with the same key.
    struct sample {
        std::string key{};
        std::optional<std::vector<std::byte>> image{};
        bool is_usual = false;  // whether the image is jpg, jpeg, png or webp
        std::optional<std::vector<std::size_t>> labels{};
    };

    std::optional<member> next_member() {
        if (pending_) return std::exchange(pending_, std::nullopt);
        while (true) {
            if (shard_ == nullptr) {
                if (opened_ == shards_.size()) return std::nullopt;
                shard_ = std::make_unique<tar_reader>(open_(shards_[opened_++]));
            }
            std::optional<tar_member> file = shard_->next();
            if (!file) {
                shard_.reset();
                continue;
            }
            auto name = detail::key_and_extension(file->name);
            if (!name) continue;
            return member{shards_[opened_ - 1].filename().string() + "/" + name->first, std::move(name->second),
                          std::move(file->bytes)};
        }
    }

    void add(sample& target, member part) const {
        const std::string where = location_ + ": " + part.key;
        if (is_image_ending("." + part.extension)) {
            const bool is_usual = std::ranges::count(usual_images, part.extension) > 0;
            if (!target.image || (is_usual && !target.is_usual)) target.image = std::move(part.bytes);
            target.is_usual = target.is_usual || is_usual;
        } else if (part.extension == "cls") {
            target.labels = {class_number(part.bytes, where)};
        } else if (part.extension == "npy") {
            target.labels = detail::multi_hot_labels(part.bytes, where + ".npy");
            if (!classes_.empty() && !target.labels->empty())
                detail::check_label(where + ".npy", target.labels->back(), classes_.size());
        }
        target.key = std::move(part.key);
    }

    std::size_t class_number(std::span<const std::byte> bytes, const std::string& where) const {
        constexpr std::size_t largest = 1'000'000'000;
        std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        text = text.substr(0, text.find_last_not_of(" \r\n") + 1);
        const std::optional<std::size_t> label = detail::parse_number(text);
        if (!label || *label > largest)
            detail::throw_format_error(where + ".cls", "the class is " + quoted(text), "a number");
        if (!classes_.empty()) detail::check_label(where, *label, classes_.size());
        return *label;
    }

    stream_opener open_;
    std::vector<std::filesystem::path> shards_;
    std::unique_ptr<tar_reader> shard_;
    std::size_t opened_ = 0;         // number of shards opened so far
    std::optional<member> pending_;  // the first of the next sample
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
