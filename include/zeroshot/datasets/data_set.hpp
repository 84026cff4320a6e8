#pragma once
/// \file A data set: images with labels, one after the other, and the names of its classes. What every reader gives.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/image.hpp>

namespace zeroshot { inline namespace ZEROSHOT_ABI {

/// An image that is still to be read: a file, the bytes of one, or pixels. Why not an image? Reading and decoding then
/// happen where there is a thread for it, and who has no decoder may still read labels.
using stored_image = std::variant<std::filesystem::path, std::vector<std::byte>, image>;

/// An image with its labels.
struct example {
    std::string name;  ///< unique in its data set: "cat/1.png", "000003.tar/s0000017"
    stored_image image;
    std::vector<std::size_t> labels{};  ///< positions in classes(); none for an image of no class that is listed
};

/// Images with labels, in an order that is always the same. Nothing but the image in hand is kept in memory.
///
///     while (const std::optional<example> one = data.next()) ...
class data_set {
   public:
    data_set(const data_set&) = delete;
    data_set& operator=(const data_set&) = delete;
    virtual ~data_set() = default;

    /// What the sentences call it.
    virtual const std::string& place() const noexcept = 0;

    /// Names of the classes, by label. Two may have the same name, as two of ImageNet's have.
    virtual const std::vector<std::string>& classes() const noexcept = 0;

    /// The prompt templates it comes with; none where it says nothing of them.
    virtual const std::vector<std::string>& templates() const noexcept { return no_templates_; }

    /// How many images there are, where that is known before they were read.
    virtual std::optional<std::size_t> count() const noexcept { return std::nullopt; }

    /// The next image; nothing after the last. For one thread at a time.
    /// \throws data_set_error where the data set is damaged, file_error where it cannot be read; an image that cannot
    /// be decoded is told by whoever decodes it
    virtual std::optional<example> next() = 0;

   protected:
    data_set() = default;

   private:
    std::vector<std::string> no_templates_;
};

}}  // namespace zeroshot::ZEROSHOT_ABI
