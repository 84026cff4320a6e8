#pragma once
/// \file NumPy's files: float32 in, float32 out.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/io/file.hpp>

#include "interrupt.hpp"

namespace program {

/// An array as it lies in a file: float32, C order.
class npy_array {
   public:
    /// \throws zeroshot::file_error where it cannot be read, is no such file (FORMAT), or holds something else (UNSUPPORTED)
    explicit npy_array(const std::filesystem::path& path);

    const std::vector<std::size_t>& shape() const noexcept { return shape_; }

    /// Copies elements, counted from the first of the array.
    void copy(std::size_t first, std::span<float> into) const;

   private:
    std::vector<std::byte> bytes_;
    std::size_t data_begins_ = 0;
    std::vector<std::size_t> shape_;
};

/// Writes an array of a known shape row by row; the file appears whole with commit(), or not at all.
class npy_writer {
   public:
    /// \throws zeroshot::file_error (IO)
    npy_writer(const std::filesystem::path& path, const std::vector<std::size_t>& shape);

    /// \throws zeroshot::file_error (IO)
    void add(std::span<const float> numbers);
    void commit() { file_.commit(); }

   private:
    uninterrupted no_leftovers_;
    zeroshot::atomic_file file_;
};

/// Sees to it before the work that its result will have a place.
/// \throws usage_error where the target is one of the inputs; zeroshot::file_error where it is a folder, or its folder is missing
void check_target(const std::filesystem::path& target, std::span<const std::filesystem::path> inputs);

}  // namespace program
