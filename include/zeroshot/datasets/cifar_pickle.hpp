#pragma once
/// \file CIFAR-10 and CIFAR-100 as Python pickled them: read as data, nothing is executed.

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
#include <zeroshot/datasets/cifar.hpp>
#include <zeroshot/datasets/class_names.hpp>
#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/byte_source.hpp>
#include <zeroshot/support/file.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

namespace detail {

/// What stands in a pickled array of NumPy, and nothing else; numpy._core since NumPy 2.
inline pickle_role role_in_cifar(std::string_view name) {
    if (name == "numpy.core.multiarray _reconstruct" || name == "numpy._core.multiarray _reconstruct" ||
        name == "numpy dtype")
        return pickle_role::function;
    if (name == "numpy ndarray") return pickle_role::name;
    return pickle_role::refused;
}

/// A pickled dictionary: what stands under which key.
class cifar_dictionary {
   public:
    explicit cifar_dictionary(const std::filesystem::path& file) : document_(read(file)) {
        if (root().kind != pickle_kind::dictionary) refuse(root(), "a dictionary");
    }

    /// \throws data_set_error FORMAT where there is no such key
    const pickle_node& at(std::string_view key) const {
        const std::vector<std::uint32_t>& items = root().items;
        for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
            if (document_[items[i]].text == key) return document_[items[i + 1]];
        }
        throw data_set_error(error_code::format, {document_.place, "there is nothing under '" + std::string(key) + "'",
                                                  "", "is this a batch of CIFAR?"});
    }

    std::vector<std::string> texts(std::string_view key) const {
        std::vector<std::string> found;
        for (const std::uint32_t item : list(key).items) {
            if (document_[item].kind != pickle_kind::text) refuse(document_[item], "a string");
            found.emplace_back(document_[item].text);
        }
        return found;
    }

    std::vector<std::uint8_t> labels(std::string_view key, std::size_t classes) const {
        std::vector<std::uint8_t> found;
        for (const std::uint32_t item : list(key).items) {
            const pickle_node& node = document_[item];
            if (node.kind != pickle_kind::integer) refuse(node, "an integer");
            if (node.integer < 0 || static_cast<std::size_t>(node.integer) >= classes)
                throw_no_such_label(document_.place, static_cast<std::size_t>(node.integer), classes);
            found.push_back(static_cast<std::uint8_t>(node.integer));
        }
        return found;
    }

    /// Where in the file the pixels lie: an array of unsigned bytes [images, 3072], in C order.
    /// Mirrors numpy.ndarray.__reduce__: the state of the call is (version, shape, dtype, is_fortran, bytes).
    std::size_t begin_of_pixels(std::size_t images) const {
        const pickle_node& array = at("data");
        const bool has_state =
            array.kind == pickle_kind::call && array.items.size() == 3 && document_[array.items[2]].items.size() == 5;
        if (!has_state) refuse(array, "an array of NumPy");
        const std::vector<std::uint32_t>& state = document_[array.items[2]].items;
        const std::vector<std::uint32_t>& shape = document_[state[1]].items;
        const pickle_node &type = document_[state[2]], &bytes = document_[state[4]];
        const bool fits = shape.size() == 2 && document_[shape[0]].integer == static_cast<std::int64_t>(images) &&
                          document_[shape[1]].integer == static_cast<std::int64_t>(cifar_bytes) &&
                          type.kind == pickle_kind::call && is_unsigned_byte(type) &&
                          document_[state[3]].integer == 0 && bytes.kind == pickle_kind::text &&
                          bytes.text.size() == images * cifar_bytes;
        if (!fits) {
            throw data_set_error(
                error_code::format,
                {document_.place + ": byte " + std::to_string(array.position), "the images are another array",
                 "unsigned bytes [" + std::to_string(images) + ", 3072], a row for each label", ""});
        }
        return static_cast<std::size_t>(bytes.text.data() - reinterpret_cast<const char*>(document_.bytes.data()));
    }

   private:
    static pickle_document read(const std::filesystem::path& file) {
        pickle_limits limits;
        limits.bytes = std::size_t{1} << 29;  // CIFAR-100's training set has 155 million
        return read_pickle(file_source(file, limits.bytes), role_in_cifar, limits);
    }

    const pickle_node& root() const { return document_[document_.root]; }

    const pickle_node& list(std::string_view key) const {
        const pickle_node& node = at(key);
        if (node.kind != pickle_kind::list) refuse(node, "a list");
        return node;
    }

    bool is_unsigned_byte(const pickle_node& type) const {
        const std::vector<std::uint32_t>& arguments = document_[type.items[1]].items;
        return !arguments.empty() && document_[arguments[0]].text == "u1";
    }

    [[noreturn]] void refuse(const pickle_node& found, const std::string& expected) const {
        throw data_set_error(error_code::format,
                             {document_.place + ": byte " + std::to_string(found.position),
                              "here is " + std::string(name_of(found.kind)), expected, "is this a batch of CIFAR?"});
    }

    pickle_document document_;
};

}  // namespace detail

/// One or more pickled batches, one after the other; the fine labels of CIFAR-100. A batch is looked through as a whole
/// when it is opened; its images are then read one by one.
class cifar_pickles final : public data_set {
   public:
    /// \param files in a folder with the class names: batches.meta, or meta
    /// \throws file_error; checkpoint_error where a file is no pickle, or one that wants to call something;
    /// data_set_error FORMAT where it is no batch of CIFAR
    cifar_pickles(cifar which, std::vector<std::filesystem::path> files)
        : label_key_(which == cifar::ten ? "labels" : "fine_labels"),
          files_(std::move(files)),
          place_(path_text(files_.front())),
          classes_(
              detail::cifar_dictionary(files_.front().parent_path() / (which == cifar::ten ? "batches.meta" : "meta"))
                  .texts(which == cifar::ten ? "label_names" : "fine_label_names")) {
        open_next();
    }

    const std::string& place() const noexcept override { return place_; }
    const std::vector<std::string>& classes() const noexcept override { return classes_; }

    /// Known where there is one batch.
    std::optional<std::size_t> count() const noexcept override {
        return files_.size() == 1 ? std::optional(labels_.size()) : std::nullopt;
    }

    std::optional<example> next() override {
        while (in_file_ == labels_.size()) {
            if (opened_ == files_.size()) return std::nullopt;
            open_next();
        }
        std::array<std::byte, cifar_bytes> planes{};
        open_->read(begin_ + in_file_ * cifar_bytes, planes);
        const std::string name = files_[opened_ - 1].filename().string() + "/" + std::to_string(in_file_);
        return example{name, detail::cifar_image(planes), {labels_[in_file_++]}};
    }

   private:
    void open_next() {
        const std::filesystem::path& file = files_[opened_++];
        const detail::cifar_dictionary batch(file);
        labels_ = batch.labels(label_key_, classes_.size());
        begin_ = batch.begin_of_pixels(labels_.size());
        open_ = std::make_unique<open_file>(file);
        in_file_ = 0;
    }

    std::string_view label_key_;
    std::vector<std::filesystem::path> files_;
    std::string place_;
    std::vector<std::string> classes_;
    std::unique_ptr<open_file> open_;
    std::vector<std::uint8_t> labels_;  // of the open batch
    std::size_t begin_ = 0;             // of its pixels
    std::size_t opened_ = 0;
    std::size_t in_file_ = 0;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
