#pragma once
/// \file A data set through the image encoder: reading, decoding and encoding side by side, in bounded memory.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/metrics/prediction.hpp>

#include "model_setup.hpp"

namespace program {

class worker_pool;
struct command_context;

/// Output of the image encoder.
enum class image_output {
    embedding,
    penultimate  ///< the features before the projection
};

/// Encodes images as one of the outputs.
struct image_encoder {
    const zeroshot::clip& clip;
    image_output output = image_output::embedding;

    std::size_t columns() const;

    /// \param pixels [images, 3, size, size]
    /// \return [images, columns()], not normalised
    zeroshot::matrix<float> operator()(const zeroshot::tensor<float, 4>& pixels) const;
};

/// Closes a file of C.
struct closing {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

/// Names, as many as there is disk: they lie in a temporary file without a name, which goes with the program.
class name_file {
   public:
    /// \throws zeroshot::file_error (IO)
    name_file();

    /// \throws zeroshot::file_error (IO) where the disk is full
    void add(const std::string& name);

    /// The name at that place; quickly, where they are asked for in order.
    std::string operator[](std::size_t place) const;

   private:
    std::string next() const;

    std::unique_ptr<std::FILE, closing> file_;
    mutable std::size_t at_ = 0;       // the place that would be read next
    mutable bool is_reading_ = false;  // else the file stands at its end
};

/// Rows of numbers, in such a file.
class row_file {
   public:
    /// \throws zeroshot::file_error (IO)
    explicit row_file(std::size_t columns);

    std::size_t columns() const noexcept { return columns_; }
    std::size_t rows() const noexcept { return rows_; }

    /// \throws zeroshot::file_error (IO) where the disk is full
    void add(std::span<const float> numbers);

    /// Hands on each row in order.
    void read(const std::function<void(std::size_t, std::span<const float>)>& take) const;

   private:
    std::size_t columns_;
    std::size_t rows_ = 0;
    std::unique_ptr<std::FILE, closing> file_;
};

/// A data set's images and their embeddings. What is in memory of each is its labels.
struct embedded_set {
    std::vector<zeroshot::label_list> labels;                   ///< of each image, as the data set has them
    std::map<std::size_t, zeroshot::reading_failure> failures;  ///< by the image's place
    name_file names;
    row_file rows;  ///< [images that did not fail, columns], not normalised

    /// Hands on each image that did not fail, in order, with its place among all.
    void read(const std::function<void(std::size_t, std::span<const float>)>& take) const;
};

/// Where embeddings are kept from one run to the next: a folder, and what they depend on beside the images.
struct kept_embeddings {
    std::filesystem::path folder;
    std::string model;  ///< a digest of the model and of how it is run
};

/// Embeds all images of a data set. Each thread takes some, decodes and encodes them, so that none waits for another;
/// what fails is told to the console, in order.
/// \param keep where finished batches are kept, and found again; nullptr for nowhere
/// \throws zeroshot::data_set_error, zeroshot::file_error, zeroshot::cancelled_error
embedded_set embed_all(zeroshot::datasets::data_set& from, const image_encoder& rows_of, worker_pool& workers,
                       command_context& context, const kept_embeddings* keep);

}  // namespace program
