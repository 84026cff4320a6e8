#pragma once
/// \file Images as they are named on the command line: files, folders, standard input; decoded and prepared in bounded
/// memory.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/parallel.hpp>
#include <zeroshot/tensor.hpp>

namespace program {

/// Why something could not be answered, as the program tells it.
struct failure {
    zeroshot::error_code code = zeroshot::error_code::io;
    std::string sentence;
};

/// The failure that the exception in flight stands for; what is not an input's fault is thrown on.
failure current_failure();

/// An image to be read.
struct image {
    std::string name;                            ///< as it was given, or found in a folder
    std::filesystem::path path;                  ///< empty for standard input
    std::optional<failure> unreadable{};         ///< known before it is opened: a folder without images
    std::shared_ptr<const std::string> bytes{};  ///< where they were read beforehand
};

/// The images that the words stand for: a file is itself, a folder all images in it and below in sorted order, "-"
/// standard input. \throws usage_error for standard input named twice
std::vector<image> images_of(std::span<const std::string> words);

/// Reads standard input, where it is one of the images, so that it can be prepared more than once.
void keep_standard_input(std::span<image> images);

/// Some consecutive images, ready for the image encoder.
struct prepared {
    std::size_t first = 0;                         ///< the position of the first among all
    std::vector<std::optional<failure>> failures;  ///< one for each image; empty where it went well
    zeroshot::tensor<float, 4> pixels;             ///< [those that went well, 3, size, size]
};

/// What is made of some images, as the options ask, on any thread; the function it returns is called in the order of
/// the images, by one thread at a time.
using image_work = std::function<std::function<void()>(prepared, const zeroshot::run_options&)>;

/// Decodes and prepares images, and does the work on them. Each thread takes eight at most through all of that by
/// itself, so that one decodes while the other encodes and no thread waits for another; where there are fewer images
/// than threads, the threads share the work on each. In memory at a time: the pixels of eight images a thread, of all
/// threads at most 256 MiB or one image each, a decoded image a thread, and what came of the work on up to four times
/// as many.
/// \throws zeroshot::cancelled_error
void prepare(std::span<const image> images, const zeroshot::preprocessing& how, const zeroshot::run_options& options,
             const image_work& work);

}  // namespace program
