#pragma once
/// \file CIFAR-10 and CIFAR-100 in their binary form: a label or two, and an image in planes, one after the other.

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
#include <utility>
#include <vector>

#include <zeroshot/datasets/byte_stream.hpp>
#include <zeroshot/datasets/class_names.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// Which of the two.
enum class cifar { ten, hundred };

inline constexpr std::size_t cifar_side = 32;  // https://www.cs.toronto.edu/~kriz/cifar.html
inline constexpr std::size_t cifar_bytes = 3 * cifar_side * cifar_side;

namespace detail {

/// Planes of red, green and blue to pixels.
inline image cifar_image(std::span<const std::byte> planes) {
    constexpr std::size_t plane = cifar_side * cifar_side;
    std::vector<std::uint8_t> pixels(cifar_bytes);
    for (std::size_t i = 0; i < plane; ++i) {
        for (std::size_t colour = 0; colour < 3; ++colour)
            pixels[3 * i + colour] = std::to_integer<std::uint8_t>(planes[colour * plane + i]);
    }
    return image(std::move(pixels), cifar_side, cifar_side, pixel_mode::rgb);
}

}  // namespace detail

/// One or more binary batches, one after the other. Of CIFAR-100's two labels the fine one counts.
class cifar_batches final : public data_set {
   public:
    /// \param files in a folder with the class names: batches.meta.txt, or fine_label_names.txt
    /// \throws file_error; data_set_error FORMAT where a file is no whole number of images
    cifar_batches(cifar which, std::vector<std::filesystem::path> files)
        : labels_each_(which == cifar::ten ? 1 : 2),
          files_(std::move(files)),
          place_(path_text(files_.front())),
          classes_(detail::lines_of(files_.front().parent_path() /
                                    (which == cifar::ten ? "batches.meta.txt" : "fine_label_names.txt"))) {
        const std::size_t record = labels_each_ + cifar_bytes;
        for (const std::filesystem::path& file : files_) {
            const std::size_t size = open_file(file).size();
            if (size % record != 0) {
                throw data_set_error(
                    error_code::format,
                    {path_text(file), std::to_string(size) + " bytes",
                     "a multiple of " + std::to_string(record) + ", one image each", "was it cut off?"});
            }
            count_ += size / record;
        }
    }

    const std::string& place() const noexcept override { return place_; }
    const std::vector<std::string>& classes() const noexcept override { return classes_; }
    std::optional<std::size_t> count() const noexcept override { return count_; }

    std::optional<example> next() override {
        std::array<std::byte, 2 + cifar_bytes> record{};
        const std::span<std::byte> bytes = std::span(record).first(labels_each_ + cifar_bytes);
        while (open_ == nullptr || open_->read(bytes.first(1)) == 0) {
            if (opened_ == files_.size()) return std::nullopt;
            open_ = std::make_unique<file_stream>(files_[opened_++]);
            in_file_ = 0;
        }
        const std::string name = files_[opened_ - 1].filename().string() + "/" + std::to_string(in_file_++);
        open_->read_all(bytes.subspan(1), "image " + name);
        const auto label = std::to_integer<std::size_t>(bytes[labels_each_ - 1]);
        if (label >= classes_.size()) detail::throw_no_such_label(name, label, classes_.size());
        return example{name, detail::cifar_image(bytes.subspan(labels_each_)), {label}};
    }

   private:
    std::size_t labels_each_;
    std::vector<std::filesystem::path> files_;
    std::string place_;
    std::vector<std::string> classes_;
    std::size_t count_ = 0;
    std::unique_ptr<file_stream> open_;
    std::size_t opened_ = 0;
    std::size_t in_file_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
