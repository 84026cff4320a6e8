#pragma once
/// \file IDX files, the format of MNIST, Fashion-MNIST and EMNIST: a file of grey images and a file of labels.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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
#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

namespace detail {

/// The shape in the header of an IDX file of unsigned bytes: two zeros, the type, the number of axes, and the length of
/// each in big-endian order. Specified at the end of Yann LeCun's page on MNIST.
inline std::vector<std::size_t> read_idx_shape(byte_stream& file, std::size_t axes) {
    constexpr std::byte unsigned_byte{0x08};
    std::array<std::byte, 4> word{};
    file.read_exactly(word, "its header");
    if (word != std::array{std::byte{0}, std::byte{0}, unsigned_byte, static_cast<std::byte>(axes)}) {
        throw_format_error(file.location() + ": byte 0",
                           "this is no IDX file of bytes with " + std::to_string(axes) + " axes");
    }
    std::vector<std::size_t> shape(axes);
    for (std::size_t& length : shape) {
        file.read_exactly(word, "its header");
        for (const std::byte each : word) length = length << 8 | std::to_integer<std::size_t>(each);
    }
    return shape;
}

/// "train-images-idx3-ubyte.gz" becomes "train-labels-idx1-ubyte.gz"; empty for another kind of name.
inline std::filesystem::path idx_labels_of(const std::filesystem::path& images) {
    std::string name = images.filename().string();
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"images", "labels"}, {"idx3", "idx1"}}) {
        const std::size_t position = name.rfind(from);
        if (position == std::string::npos) return {};
        name.replace(position, from.size(), to);
    }
    return images.parent_path() / name;
}

/// Class names of EMNIST, if the file with them lies in the same folder: "emnist-letters-mapping.txt", on each line a
/// label, the code of its character, and for some the code of the other case.
inline std::vector<std::string> read_emnist_mapping(const std::filesystem::path& images) {
    std::string name = images.filename().string();
    for (const char* split : {"-train-images", "-test-images"}) name = name.substr(0, name.find(split));
    const std::filesystem::path file = images.parent_path() / (name + "-mapping.txt");
    std::error_code unknown;
    if (name == images.filename().string() || !std::filesystem::exists(file, unknown)) return {};
    constexpr std::size_t most_labels = 1 << 16;
    std::vector<std::string> names;
    for (const std::string& line : read_lines(file)) {
        const std::string_view text = line, label_text = text.substr(0, text.find(' '));
        const std::string_view rest = text.substr((std::min)(label_text.size() + 1, text.size()));
        const auto label = parse_number(label_text), code = parse_number(rest.substr(0, rest.find(' ')));
        if (!label || !code || *label >= most_labels || *code <= 0x20 || *code >= 0x7f) continue;
        names.resize((std::max)(names.size(), *label + 1), "N/A");
        names[*label] = std::string(1, static_cast<char>(*code));
    }
    return names;
}

}  // namespace detail

/// Images and labels of a pair of IDX files, as stored: EMNIST's are transposed, as torchvision returns them. Class
/// names are EMNIST's, if its mapping lies in the same folder, else numbers.
class idx final : public data_set {
   public:
    /// \param images named like "t10k-images-idx3-ubyte", with the labels in the same folder
    /// \throws file_error; data_set_error FORMAT for files that are damaged or do not belong together
    explicit idx(const std::filesystem::path& images, const stream_opener& open = open_plain)
        : data_set(path_text(images)), images_(open(images)) {
        const std::filesystem::path labels = detail::idx_labels_of(images);
        if (labels.empty()) {
            throw data_set_error(error_code::argument, {location_, "the name of the file of labels is unknown",
                                                        "images named like 'train-images-idx3-ubyte'", ""});
        }
        const std::vector<std::size_t> shape = detail::read_idx_shape(*images_, 3);
        height_ = shape[1];
        width_ = shape[2];
        constexpr std::size_t largest_side = 4096;
        if (height_ == 0 || width_ == 0 || height_ > largest_side || width_ > largest_side) {
            detail::throw_format_error(location_,
                                       "images of " + std::to_string(width_) + " x " + std::to_string(height_),
                                       "sides from 1 to " + std::to_string(largest_side));
        }
        read_labels(*open(labels), shape[0]);
        classes_ = detail::read_emnist_mapping(images);
        const std::size_t classes = labels_.empty() ? 0 : std::size_t{*std::ranges::max_element(labels_)} + 1;
        for (std::size_t label = classes_.size(); label < classes; ++label) classes_.push_back(std::to_string(label));
    }

    std::optional<std::size_t> count() const noexcept override { return labels_.size(); }

    std::optional<example> next() override {
        if (index_ == labels_.size()) return std::nullopt;
        std::vector<std::uint8_t> pixels(width_ * height_);
        images_->read_exactly(std::as_writable_bytes(std::span(pixels)), "image " + std::to_string(index_));
        const std::size_t label = labels_[index_];
        return example{std::to_string(index_++), image(std::move(pixels), width_, height_, pixel_mode::grey), {label}};
    }

   private:
    void read_labels(byte_stream& file, std::size_t images) {
        const std::size_t count = detail::read_idx_shape(file, 1).front();
        if (count != images) {
            detail::throw_format_error(file.location(), std::to_string(count) + " labels",
                                       std::to_string(images) + ", the number of images",
                                       "do the files belong together?");
        }
        constexpr std::size_t step = 1 << 20;
        for (std::size_t done = 0; done < count; done = labels_.size()) {
            labels_.resize((std::min)(count, done + step));  // the header may promise more than the file contains
            file.read_exactly(std::as_writable_bytes(std::span(labels_).subspan(done)), "the labels");
        }
    }

    std::unique_ptr<byte_stream> images_;
    std::size_t width_ = 0, height_ = 0;
    std::vector<std::uint8_t> labels_;
    std::size_t index_ = 0;
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
