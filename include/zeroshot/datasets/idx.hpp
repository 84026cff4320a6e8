#pragma once
/// \file MNIST and its kin: a file of grey images, and one of their labels.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// The head of an IDX file of bytes: two zeros, the type, the number of axes, and the length of each, highest byte
/// first. The format stands at the end of Yann LeCun's page of MNIST.
inline std::vector<std::size_t> read_idx_head(byte_stream& file, std::size_t axes) {
    constexpr std::byte type_of_bytes{0x08};
    std::array<std::byte, 4> magic{};
    file.read_all(magic, "its head");
    if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || magic[2] != type_of_bytes ||
        std::to_integer<std::size_t>(magic[3]) != axes) {
        throw data_set_error(
            error_code::format,
            {file.place() + ": byte 0", "this is no IDX file of bytes with " + std::to_string(axes) + " axes", "", ""});
    }
    std::vector<std::size_t> shape(axes);
    for (std::size_t& length : shape) {
        std::array<std::byte, 4> number{};
        file.read_all(number, "its head");
        length = big_endian(number);
    }
    return shape;
}

/// "train-images-idx3-ubyte.gz" to "train-labels-idx1-ubyte.gz"; empty where the name is of another kind.
inline std::filesystem::path labels_beside(const std::filesystem::path& images) {
    std::string name = images.filename().string();
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"images", "labels"}, {"idx3", "idx1"}}) {
        const std::size_t at = name.rfind(from);
        if (at == std::string::npos) return {};
        name.replace(at, from.size(), to);
    }
    return images.parent_path() / name;
}

/// EMNIST's list of what its labels stand for, where it lies beside: "emnist-letters-mapping.txt", a label and the code
/// of its letter on each line; a letter's other case may follow.
inline std::vector<std::string> read_mapping(const std::filesystem::path& images) {
    std::string name = images.filename().string();
    for (const char* split : {"-train-images", "-test-images"}) {
        if (const std::size_t at = name.find(split); at != std::string::npos)
            name = name.substr(0, at) + "-mapping.txt";
    }
    const std::filesystem::path file = images.parent_path() / name;
    std::error_code unknown;
    if (!name.ends_with("-mapping.txt") || !std::filesystem::exists(file, unknown)) return {};
    constexpr std::size_t largest = 1 << 16;
    const std::vector<std::byte> bytes = read_file(file, largest);
    std::vector<std::size_t> numbers;
    bool within = false;
    std::vector<std::string> names;
    for (const std::byte each : bytes) {
        const auto letter = std::to_integer<char>(each);
        if (letter >= '0' && letter <= '9') {
            if (!std::exchange(within, true)) numbers.push_back(0);
            numbers.back() = numbers.back() * 10 + static_cast<std::size_t>(letter - '0');
        } else {
            within = false;
        }
        if (letter != '\n') continue;
        if (numbers.size() >= 2 && numbers[0] < largest && numbers[1] > 0x20 && numbers[1] < 0x7f) {
            names.resize(std::max(names.size(), numbers[0] + 1), "N/A");
            names[numbers[0]] = std::string(1, static_cast<char>(numbers[1]));
        }
        numbers.clear();
    }
    return names;
}

}  // namespace detail

/// Images and labels of an IDX pair, as they are stored: those of EMNIST lie on their side, as torchvision gives
/// them. Classes are named after EMNIST's mapping where it lies beside, and by their numbers else.
class idx_pair final : public data_set {
   public:
    /// \param images named like "t10k-images-idx3-ubyte", with the labels beside it
    /// \throws file_error; data_set_error FORMAT where they are damaged or do not belong together
    explicit idx_pair(const std::filesystem::path& images, const stream_opener& open = open_plain)
        : images_(open(images)), place_(images_->place()) {
        const std::filesystem::path beside = detail::labels_beside(images);
        if (beside.empty()) {
            throw data_set_error(error_code::argument, {place_, "its name does not tell where the labels are",
                                                        "one like 'train-images-idx3-ubyte'", ""});
        }
        const std::vector<std::size_t> shape = detail::read_idx_head(*images_, 3);
        height_ = shape[1];
        width_ = shape[2];
        constexpr std::size_t largest_side = 4096;
        if (height_ == 0 || width_ == 0 || height_ > largest_side || width_ > largest_side) {
            throw data_set_error(error_code::format,
                                 {place_, "images of " + std::to_string(width_) + " x " + std::to_string(height_),
                                  "sides from 1 to " + std::to_string(largest_side), ""});
        }
        read_labels(*open(beside), shape[0]);
        name_classes(images);
    }

    const std::string& place() const noexcept override { return place_; }
    const std::vector<std::string>& classes() const noexcept override { return classes_; }
    std::optional<std::size_t> count() const noexcept override { return labels_.size(); }

    std::optional<example> next() override {
        if (at_ == labels_.size()) return std::nullopt;
        std::vector<std::uint8_t> pixels(width_ * height_);
        images_->read_all(std::as_writable_bytes(std::span(pixels)), "image " + std::to_string(at_));
        const std::size_t label = labels_[at_];
        return example{std::to_string(at_++), image(std::move(pixels), width_, height_, pixel_mode::grey), {label}};
    }

   private:
    void read_labels(byte_stream& file, std::size_t wanted) {
        const std::size_t count = detail::read_idx_head(file, 1).front();
        if (count != wanted) {
            throw data_set_error(error_code::format,
                                 {file.place(), std::to_string(count) + " labels",
                                  std::to_string(wanted) + " as there are images", "do the files belong together?"});
        }
        constexpr std::size_t at_once = 1 << 20;
        for (std::size_t done = 0; done < count; done = labels_.size()) {
            labels_.resize(std::min(count, done + at_once));  // the head may promise more than there is
            file.read_all(std::as_writable_bytes(std::span(labels_).subspan(done)), "the labels");
        }
    }

    void name_classes(const std::filesystem::path& images) {
        classes_ = detail::read_mapping(images);
        const std::size_t count = labels_.empty() ? 0 : std::size_t{*std::ranges::max_element(labels_)} + 1;
        for (std::size_t label = classes_.size(); label < count; ++label) classes_.push_back(std::to_string(label));
    }

    std::unique_ptr<byte_stream> images_;
    std::string place_;
    std::size_t width_ = 0, height_ = 0;
    std::vector<std::uint8_t> labels_;
    std::vector<std::string> classes_;
    std::size_t at_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
