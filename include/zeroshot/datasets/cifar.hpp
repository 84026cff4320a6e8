#pragma once
/// \file CIFAR-10 and CIFAR-100, in the binary and in the Python version; pickles are parsed as data, never executed.

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

#include <zeroshot/checkpoint/pickle.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI { namespace datasets {

enum class cifar_version { cifar10, cifar100 };

namespace detail {

inline constexpr std::size_t cifar_side = 32;  // https://www.cs.toronto.edu/~kriz/cifar.html
inline constexpr std::size_t cifar_bytes = 3 * cifar_side * cifar_side;

/// Planes of red, green and blue as interleaved pixels.
inline image cifar_image(std::span<const std::byte> planes) {
    constexpr std::size_t plane = cifar_side * cifar_side;
    std::vector<std::uint8_t> pixels(cifar_bytes);
    for (std::size_t i = 0; i < cifar_bytes; ++i)
        pixels[3 * (i % plane) + i / plane] = std::to_integer<std::uint8_t>(planes[i]);
    return image(std::move(pixels), cifar_side, cifar_side, pixel_mode::rgb);
}

/// The globals of a pickled NumPy array, and no others; numpy._core since NumPy 2.
inline pickle_role cifar_global(std::string_view name) {
    if (name == "numpy.core.multiarray _reconstruct" || name == "numpy._core.multiarray _reconstruct" ||
        name == "numpy dtype")
        return pickle_role::function;
    if (name == "numpy ndarray") return pickle_role::name;
    return pickle_role::other;
}

/// A pickled dictionary of a batch, or of the metadata.
class cifar_pickle {
   public:
    explicit cifar_pickle(const std::filesystem::path& file) : document_(read(file)) {
        expect(root(), pickle_kind::dictionary);
    }

    std::vector<std::string> texts(std::string_view key) const {
        std::vector<std::string> texts;
        for (const std::uint32_t item : list(key)) {
            expect(document_[item], pickle_kind::text);
            texts.emplace_back(document_[item].text);
        }
        return texts;
    }

    std::vector<std::uint8_t> labels(std::string_view key, std::size_t classes) const {
        std::vector<std::uint8_t> labels;
        for (const std::uint32_t item : list(key)) {
            expect(document_[item], pickle_kind::integer);
            check_label(document_.place, static_cast<std::size_t>(document_[item].integer), classes);
            labels.push_back(static_cast<std::uint8_t>(document_[item].integer));
        }
        return labels;
    }

    /// Offset in the file of the pixels: an array of unsigned bytes [images, 3072] in C order.
    /// Mirrors numpy.ndarray.__reduce__: the state of the call is (version, shape, dtype, is_fortran, bytes).
    std::size_t pixel_offset(std::size_t images) const {
        const pickle_node& array = at("data");
        const bool has_state =
            array.kind == pickle_kind::call && array.items.size() == 3 && document_[array.items[2]].items.size() == 5;
        if (!has_state) throw_unexpected(array, "a NumPy array");
        const std::vector<std::uint32_t>& state = document_[array.items[2]].items;
        const std::vector<std::uint32_t>& shape = document_[state[1]].items;
        const pickle_node& bytes = document_[state[4]];
        const bool fits = shape.size() == 2 && document_[shape[0]].integer == static_cast<std::int64_t>(images) &&
                          document_[shape[1]].integer == static_cast<std::int64_t>(cifar_bytes) &&
                          is_unsigned_byte(document_[state[2]]) && document_[state[3]].integer == 0 &&
                          bytes.kind == pickle_kind::text && bytes.text.size() == images * cifar_bytes;
        if (!fits) {
            throw_format_error(document_.place + ": byte " + std::to_string(array.position),
                               "the array of images has another shape or type",
                               "unsigned bytes [" + std::to_string(images) + ", 3072], a row for each label");
        }
        return static_cast<std::size_t>(bytes.text.data() - reinterpret_cast<const char*>(document_.bytes.data()));
    }

   private:
    static pickle_document read(const std::filesystem::path& file) {
        pickle_limits limits;
        limits.bytes = std::size_t{1} << 29;  // CIFAR-100's training set has 155 million
        return read_pickle(open_file(file, limits.bytes), cifar_global, limits);
    }

    const pickle_node& root() const { return document_[document_.root]; }

    const pickle_node& at(std::string_view key) const {
        const std::vector<std::uint32_t>& items = root().items;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
            if (document_[items[i]].text == key) return document_[items[i + 1]];
        }
        throw_format_error(document_.place, "key '" + std::string(key) + "' is missing", "", "is this a CIFAR batch?");
    }

    const std::vector<std::uint32_t>& list(std::string_view key) const {
        expect(at(key), pickle_kind::list);
        return at(key).items;
    }

    bool is_unsigned_byte(const pickle_node& type) const {
        if (type.kind != pickle_kind::call) return false;
        const std::vector<std::uint32_t>& arguments = document_[type.items[1]].items;
        return !arguments.empty() && document_[arguments[0]].text == "u1";
    }

    void expect(const pickle_node& node, pickle_kind kind) const {
        if (node.kind != kind) throw_unexpected(node, std::string(name_of(kind)));
    }

    [[noreturn]] void throw_unexpected(const pickle_node& node, const std::string& expected) const {
        const std::string made_by =
            node.kind == pickle_kind::other ? " of " + quoted(node.text) + ", not executed" : "";
        throw_format_error(document_.place + ": byte " + std::to_string(node.position),
                           "the value is " + std::string(name_of(node.kind)) + made_by, expected,
                           "is this a CIFAR batch?");
    }

    pickle_document document_;
};

}  // namespace detail

/// Batches of CIFAR-10, or of CIFAR-100 with its fine labels. Images are read one at a time.
class cifar final : public data_set {
   public:
    /// \param files batches, binary if their extension is .bin, else pickled; the class names lie in the same folder:
    /// batches.meta.txt or fine_label_names.txt, batches.meta or meta
    /// \throws file_error; data_set_error FORMAT for what is no batch; checkpoint_error for what is no pickle, or one
    /// that would call a function
    cifar(cifar_version version, std::vector<std::filesystem::path> files)
        : data_set(path_text(files.front())),
          version_(version),
          is_binary_(files.front().extension() == ".bin"),
          files_(std::move(files)) {
        const std::filesystem::path folder = files_.front().parent_path();
        const bool is_ten = version == cifar_version::cifar10;
        if (!is_binary_) {
            const detail::cifar_pickle metadata(folder / (is_ten ? "batches.meta" : "meta"));
            classes_ = metadata.texts(is_ten ? "label_names" : "fine_label_names");
            open_next();
            if (files_.size() == 1) count_ = batch_count_;
            return;
        }
        classes_ = detail::read_lines(folder / (is_ten ? "batches.meta.txt" : "fine_label_names.txt"));
        count_ = 0;
        for (const std::filesystem::path& file : files_) *count_ += images_in(open_file(file), file);
    }

    /// Known for binary batches, and for a single pickle.
    std::optional<std::size_t> count() const noexcept override { return count_; }

    std::optional<example> next() override {
        while (index_ == batch_count_) {
            if (opened_ == files_.size()) return std::nullopt;
            open_next();
        }
        const std::string name = files_[opened_ - 1].filename().string() + "/" + std::to_string(index_);
        const std::size_t offset = pixel_offset_ + index_ * (label_bytes() + detail::cifar_bytes);
        std::array<std::byte, detail::cifar_bytes> planes{};
        file_->read(offset, planes);
        std::array<std::byte, 1> label{};
        if (is_binary_)
            file_->read(offset - 1, label);
        else
            label[0] = std::byte{labels_[index_]};
        detail::check_label(name, std::to_integer<std::size_t>(label[0]), classes_.size());
        ++index_;
        return example{name, detail::cifar_image(planes), {std::to_integer<std::size_t>(label[0])}};
    }

   private:
    /// Labels before the pixels of each image; of CIFAR-100's two the second is the fine one.
    std::size_t label_bytes() const noexcept {
        if (!is_binary_) return 0;
        return version_ == cifar_version::cifar10 ? 1 : 2;
    }

    std::size_t images_in(const open_file& file, const std::filesystem::path& path) const {
        const std::size_t record = label_bytes() + detail::cifar_bytes;
        if (file.size() % record != 0) {
            detail::throw_format_error(path_text(path), std::to_string(file.size()) + " bytes",
                                       "a multiple of " + std::to_string(record) + ", the bytes of an image",
                                       "is the file truncated?");
        }
        return file.size() / record;
    }

    void open_next() {
        const std::filesystem::path& path = files_[opened_++];
        file_ = std::make_unique<open_file>(path);
        index_ = 0;
        if (is_binary_) {
            batch_count_ = images_in(*file_, path);
            pixel_offset_ = label_bytes();
            return;
        }
        const detail::cifar_pickle batch(path);
        labels_ = batch.labels(version_ == cifar_version::cifar10 ? "labels" : "fine_labels", classes_.size());
        batch_count_ = labels_.size();
        pixel_offset_ = batch.pixel_offset(batch_count_);
    }

    cifar_version version_;
    bool is_binary_;
    std::vector<std::filesystem::path> files_;
    std::optional<std::size_t> count_;
    // The open batch:
    std::unique_ptr<open_file> file_;
    std::size_t opened_ = 0;  // number of files opened so far
    std::size_t batch_count_ = 0, index_ = 0;
    std::size_t pixel_offset_ = 0;      // of its first image
    std::vector<std::uint8_t> labels_;  // of a pickle
};

}}}  // namespace zeroshot::ZEROSHOT_ABI::datasets
