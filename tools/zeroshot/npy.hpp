#pragma once
/// \file NumPy's files: float32 out; float32, and numbers of other types where they are asked for, in.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/support/file.hpp>

#include "interrupt.hpp"

namespace program {

/// Which types of numbers are taken.
enum class npy_types {
    float32,
    real,   ///< float32 and float64
    whole,  ///< integers of any size, and truth values
    any
};

/// An array as it lies in a file, in C order.
class npy_array {
   public:
    /// \throws zeroshot::file_error where it cannot be read, is no such file (FORMAT), or holds something else
    /// (UNSUPPORTED)
    explicit npy_array(const std::filesystem::path& path, npy_types wanted = npy_types::float32);

    const std::vector<std::size_t>& shape() const noexcept { return shape_; }

    /// The type as NumPy writes it: "<f4".
    const std::string& type() const noexcept { return type_; }

    /// Copies elements of a float32 array, counted from its first.
    void copy(std::size_t first, std::span<float> into) const;

    /// All elements, whatever their type.
    std::vector<double> numbers() const;

   private:
    std::vector<std::byte> bytes_;
    std::size_t data_begins_ = 0;
    std::vector<std::size_t> shape_;
    std::string type_;
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
/// \throws usage_error where the target is one of the inputs; zeroshot::file_error where it is a folder, or its folder
/// is missing
void check_target(const std::filesystem::path& target, std::span<const std::filesystem::path> inputs);

}  // namespace program
