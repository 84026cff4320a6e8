#pragma once
/// \file Embeddings of a data set: reading, decoding and encoding in parallel, in bounded memory, with a cache.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/datasets/data_set.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/metrics/prediction.hpp>

#include "temporary_files.hpp"

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
    zeroshot::decode_options decoding{};
    image_output output = image_output::embedding;

    std::size_t columns() const;

    /// \param pixels [images, 3, size, size]
    /// \return [images, columns()], not normalised
    zeroshot::matrix<float> operator()(const zeroshot::tensor<float, 4>& pixels) const;
};

/// The images of a data set and their embeddings. Only labels and failures are in memory.
struct data_set_embeddings {
    std::vector<std::vector<std::uint32_t>> labels;                      ///< of each image, as in the data set
    std::map<std::size_t, zeroshot::metrics::reading_failure> failures;  ///< by the index of the image
    name_file names;
    row_file rows;  ///< [images without failure, columns], not normalised

    /// Calls the function with the index and the embedding of each image without failure, in order.
    void read(const std::function<void(std::size_t, std::span<const float>)>& visit) const;
};

/// The cache of embeddings of earlier runs.
struct embedding_cache {
    std::filesystem::path folder;
    std::string model;  ///< digest of the model and its settings
};

/// Embeds all images of a data set. Each thread reads, decodes and encodes batches of its own. Failures are reported to
/// the console in the order of the images.
/// \param cache where finished batches are written and looked up; nullptr for none
/// \throws zeroshot::data_set_error, zeroshot::file_error, zeroshot::cancelled_error
data_set_embeddings embed_data_set(zeroshot::datasets::data_set& images, const image_encoder& encoder,
                                   worker_pool& workers, command_context& context, const embedding_cache* cache);

}  // namespace program
