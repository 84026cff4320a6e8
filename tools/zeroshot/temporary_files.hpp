#pragma once
/// \file Temporary files for the names and embeddings of data sets larger than memory.

#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace program {

struct file_closer {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

/// A list of names in a temporary file without a name, which is deleted with the process.
class name_file {
   public:
    /// \throws zeroshot::file_error (IO)
    name_file();

    /// \throws zeroshot::file_error (IO) if the disk is full
    void add(const std::string& name);

    /// The name at an index. Fast in ascending order.
    std::string operator[](std::size_t index) const;

   private:
    std::string read_next() const;

    std::unique_ptr<std::FILE, file_closer> file_;
    mutable std::size_t next_ = 0;     // index of the name that would be read next
    mutable bool is_reading_ = false;  // otherwise the position is the end of the file
};

/// A matrix in such a file.
class row_file {
   public:
    /// \throws zeroshot::file_error (IO)
    explicit row_file(std::size_t columns);

    std::size_t columns() const noexcept { return columns_; }
    std::size_t rows() const noexcept { return rows_; }

    /// Appends rows.
    /// \throws zeroshot::file_error (IO) if the disk is full
    void add(std::span<const float> values);

    /// Calls the function with the index and the values of each row, in order.
    void read(const std::function<void(std::size_t, std::span<const float>)>& visit) const;

   private:
    std::size_t columns_;
    std::size_t rows_ = 0;
    std::unique_ptr<std::FILE, file_closer> file_;
};

}  // namespace program
