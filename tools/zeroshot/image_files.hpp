#pragma once
/// \file Images named on the command line: listing, decoding and preprocessing in bounded memory.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/encoded.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

#include "options.hpp"

namespace program {

class console;

/// Code and message of an error that concerns a single input.
struct failure {
    zeroshot::error_code code = zeroshot::error_code::io;
    std::string message;
};

/// The exception in flight as a failure. Rethrows what is not the fault of an input.
failure current_failure();

/// An image to be read.
struct image_source {
    std::string name;                            ///< as given on the command line, or found in a folder
    std::filesystem::path path;                  ///< empty for standard input
    std::optional<failure> error{};              ///< known without opening it: a folder without images
    std::shared_ptr<const std::string> bytes{};  ///< the content, if it was buffered
};

/// The images of the arguments: a file is an image, a folder all images in it, recursively and sorted; "-" is standard
/// input. A folder in it that cannot be listed is an image with an error.
/// \param out gets notes about links that are not followed
/// \throws usage_error for standard input named twice
std::vector<image_source> list_images(std::span<const std::string> arguments, console& out);

/// Reads standard input, if it is one of the images, so that it can be decoded more than once.
void buffer_standard_input(std::span<image_source> images);

/// The library's options for decoding. A larger limit of pixels comes with memory for them.
zeroshot::decode_options decode_options_of(const reading_options& options);

/// How images become the encoder's input, and where warnings go.
struct image_reader {
    const zeroshot::preprocessing& preprocessing;
    zeroshot::decode_options decoding;
    console& out;
};

/// Consecutive images, decoded and preprocessed.
struct image_batch {
    std::size_t first = 0;                         ///< index of the first image among all
    std::vector<std::optional<failure>> failures;  ///< for each image; empty if it was read
    zeroshot::tensor<float, 4> pixels;             ///< [images without failure, 3, size, size]
    std::vector<std::string> warnings{};           ///< about damaged images that were read
};

/// Processes a batch with the given run options on any thread. The returned function is called in the order of the
/// batches, by one thread at a time.
using batch_function = std::function<std::function<void()>(image_batch, const zeroshot::run_options&)>;

/// Decodes, preprocesses and processes images in batches. Each thread takes a batch of at most eight images through all
/// of these steps, so that one decodes while another encodes; with fewer images than threads, all threads work on one
/// batch. In memory at a time: the pixels of one batch per thread (of all threads at most 256 MiB, or one image each),
/// one decoded image per thread, and the results of up to four times as many batches.
/// \throws zeroshot::cancelled_error
void preprocess_images(std::span<const image_source> images, const image_reader& reader,
                       const zeroshot::run_options& options, const batch_function& process);

}  // namespace program
