#pragma once
/// \file NumPy .npy files: writes float32, reads numbers of any type and order.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/support/atomic_file.hpp>

#include "interrupt.hpp"

namespace program {

/// Number types that a reader accepts.
enum class npy_types {
    real,  ///< float16, float32 and float64
    any    ///< also integers of any size and booleans
};

/// An array read from a file; numbers in Fortran order or of the other byte order are rearranged.
class npy_array {
   public:
    /// \throws zeroshot::file_error if it cannot be read (IO), is no NumPy file (FORMAT), or has another type
    ///         (UNSUPPORTED)
    explicit npy_array(const std::filesystem::path& path, npy_types accepted = npy_types::real);

    const std::vector<std::size_t>& shape() const noexcept { return shape_; }

    /// Whether float holds every element.
    bool fits_float() const noexcept { return type_ == "f4" || type_ == "f2"; }

    /// Converts elements to float, from the element `first` on.
    void copy(std::size_t first, std::span<float> target) const;

    /// All elements, converted from their type.
    std::vector<double> numbers() const;

   private:
    std::vector<std::byte> numbers_;  // in C order, of the machine's byte order
    std::vector<std::size_t> shape_;
    std::string type_;  // in NumPy's notation, without the byte order: "f4"
};

/// Writes a float32 array of a known shape in parts. The file appears with commit(), or not at all.
class npy_writer {
   public:
    /// \throws zeroshot::file_error (IO)
    npy_writer(const std::filesystem::path& path, const std::vector<std::size_t>& shape);

    /// \throws zeroshot::file_error (IO)
    void add(std::span<const float> numbers);
    void commit() { file_.commit(); }

   private:
    defer_interrupts no_partial_file_;
    zeroshot::atomic_file file_;
};

/// Checks an output path before the work begins.
/// \throws usage_error if it is one of the inputs; zeroshot::file_error if it is a folder, or its folder does not exist
void check_output_path(const std::filesystem::path& output, std::span<const std::filesystem::path> inputs);

}  // namespace program
