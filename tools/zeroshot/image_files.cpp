#include "image_files.hpp"

#include <algorithm>
#include <climits>
#include <exception>
#include <iterator>
#include <new>
#include <system_error>
#include <utility>

#include <zeroshot/datasets/folder_walk.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"
#include "ordered_steps.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// The images in a folder and its subfolders, sorted by path, and a failure for each folder that cannot be listed.
void add_folder(const std::filesystem::path& folder, std::vector<image_source>& images, console& out) {
    std::vector<std::filesystem::path> paths;
    zeroshot::datasets::folder_walk find([&](std::size_t, const std::filesystem::path&, const auto& found) {
        paths.insert(paths.end(), found.begin(), found.end());
    });
    const zeroshot::datasets::walk_report report = find(std::span(&folder, 1));
    for (const std::string& note : report.notes) out.note(note);
    std::ranges::sort(paths);
    for (std::filesystem::path& path : paths) images.push_back({path.string(), std::move(path)});
    for (const zeroshot::file_error& fault : report.failures)
        images.push_back({fault.diagnostic().where, folder, failure{fault.code(), fault.what()}});
    if (paths.empty() && report.failures.empty()) {
        const std::string message = zeroshot::path_text(folder) + ": no images in this folder";
        images.push_back({folder.string(), folder, failure{zeroshot::error_code::io, message}});
    }
}

constexpr std::size_t max_file_size = INT_MAX;  // bytes; stb_image counts in int

zeroshot::image decode(const image_source& source, const zeroshot::decode_options& options) {
    if (!source.path.empty()) return zeroshot::read_image(source.path, options);
    const std::string unbuffered = source.bytes ? "" : read_standard_input(max_file_size);
    const std::string& bytes = source.bytes ? *source.bytes : unbuffered;
    try {
        return zeroshot::decode(std::as_bytes(std::span(bytes)), options);
    } catch (const zeroshot::image_error& fault) {
        zeroshot::diagnostic diagnostic = fault.diagnostic();
        diagnostic.where = "standard input: " + diagnostic.where;
        throw zeroshot::image_error(fault.code(), std::move(diagnostic));
    }
}

/// Decodes and preprocesses one image.
/// \param pixels [3, size, size], written
/// \param warnings about the image, written
std::optional<failure> preprocess_image(const image_source& source, const image_reader& reader, std::span<float> pixels,
                                        std::vector<std::string>& warnings) {
    if (source.error) return source.error;
    try {
        zeroshot::decode_options decoding = reader.decoding;
        decoding.warnings = &warnings;
        const zeroshot::image decoded = decode(source, decoding);
        try {
            zeroshot::preprocess_into(decoded, reader.preprocessing, pixels);
        } catch (const zeroshot::error& fault) {
            return failure{fault.code(), zeroshot::path_text(source.name) + ": " + fault.what()};
        }
        return std::nullopt;
    } catch (...) {
        failure error = current_failure();
        if (error.code == zeroshot::error_code::no_memory)
            error.message = zeroshot::path_text(source.name) + ": " + error.message;
        return error;
    }
}

/// Number of images that a thread takes at a time: as many as the encoder processes together, fewer if the pixels of
/// all threads would exceed a fixed amount of memory.
std::size_t batch_size(std::size_t values_per_image, std::size_t threads) {
    constexpr std::size_t maximum = 8, memory = std::size_t{1} << 28;
    return std::clamp<std::size_t>(memory / (threads * values_per_image * sizeof(float)), 1, maximum);
}

/// The rows of the images without a failure.
zeroshot::tensor<float, 4> rows_without_failure(const zeroshot::tensor<float, 4>& pixels,
                                                std::span<const std::optional<failure>> failures) {
    const auto count =
        static_cast<std::size_t>(std::ranges::count(failures, false, &std::optional<failure>::has_value));
    zeroshot::tensor<float, 4> rows(count, pixels.extent(1), pixels.extent(2), pixels.extent(3));
    std::size_t next = 0;
    for (std::size_t i = 0; i < failures.size(); ++i) {
        if (!failures[i]) std::ranges::copy(pixels.row(i), rows.row(next++).begin());
    }
    return rows;
}

/// Decodes and preprocesses consecutive images.
image_batch preprocess_batch(std::span<const image_source> images, std::size_t first, std::size_t count,
                             const image_reader& reader, const zeroshot::run_options& options) {
    zeroshot::tensor<float, 4> pixels(count, std::size_t{3}, reader.preprocessing.size, reader.preprocessing.size);
    std::vector<std::optional<failure>> failures(count);
    std::vector<std::vector<std::string>> warnings(count);
    const auto preprocess_one = [&](std::size_t i) {
        failures[i] = preprocess_image(images[first + i], reader, pixels.row(i), warnings[i]);
    };
    zeroshot::run_tasks(count, preprocess_one, {options.threads, options.stop, {}});
    const bool all_read = std::ranges::none_of(failures, &std::optional<failure>::has_value);
    zeroshot::tensor<float, 4> rows = all_read ? std::move(pixels) : rows_without_failure(pixels, failures);
    image_batch batch{first, std::move(failures), std::move(rows)};
    for (const auto& each : warnings) batch.warnings.insert(batch.warnings.end(), each.begin(), each.end());
    return batch;
}

}  // namespace

failure current_failure() {
    try {
        throw;
    } catch (const zeroshot::cancelled_error&) {
        throw;
    } catch (const zeroshot::error& fault) {
        return {fault.code(), fault.what()};
    } catch (const std::bad_alloc&) {
        return {zeroshot::error_code::no_memory, "not enough memory"};
    } catch (const std::filesystem::filesystem_error& fault) {
        return {zeroshot::error_code::io, zeroshot::path_text(fault.path1()) + ": " + fault.code().message()};
    }
}

std::vector<image_source> list_images(std::span<const std::string> arguments, console& out) {
    if (std::ranges::count(arguments, "-") > 1) throw usage_error("standard input (-) can be read only once");
    std::vector<image_source> images;
    for (const std::string& argument : arguments) {
        std::error_code ignored;
        if (argument == "-") {
            images.push_back({argument, {}});
        } else if (argument.empty()) {
            images.push_back({argument, ".", failure{zeroshot::error_code::io, "the name of an image is empty"}});
        } else if (std::filesystem::is_directory(argument, ignored)) {
            add_folder(argument, images, out);
        } else {
            images.push_back({argument, argument});
        }
    }
    return images;
}

void buffer_standard_input(std::span<image_source> images) {
    for (image_source& each : images) {
        if (each.path.empty()) each.bytes = std::make_shared<const std::string>(read_standard_input(max_file_size));
    }
}

zeroshot::decode_options decode_options_of(const reading_options& options) {
    // Of an image and what its decoder holds: most for PNG of 16 bits with alpha, up to 24, and for AVIF, 22.
    constexpr std::size_t million = 1'000'000, bytes_per_pixel = 25;
    zeroshot::decode_options decoding;
    if (options.max_megapixels) {
        decoding.max_pixels = *options.max_megapixels * million;
        decoding.memory_budget = std::max(decoding.memory_budget, decoding.max_pixels * bytes_per_pixel);
    }
    decoding.apply_exif_orientation = options.upright;
    return decoding;
}

void preprocess_images(std::span<const image_source> images, const image_reader& reader,
                       const zeroshot::run_options& options, const batch_function& process) {
    if (images.empty()) return;
    const auto process_batch = [&](std::size_t first, std::size_t count, const zeroshot::run_options& run) {
        image_batch batch = preprocess_batch(images, first, count, reader, run);
        const std::vector<std::string> warnings = std::move(batch.warnings);
        return [&reader, warnings, write = process(std::move(batch), run)] {
            for (const std::string& warning : warnings) reader.out.note("warning: " + warning);
            write();
        };
    };
    const std::size_t threads = zeroshot::concurrency_of(options.threads);
    if (images.size() < threads) {
        process_batch(0, images.size(), options)();
        return;
    }
    const std::size_t per_round =
        threads * batch_size(3 * reader.preprocessing.size * reader.preprocessing.size, threads);
    const std::size_t rounds = (images.size() - 1) / per_round + 1;
    const std::size_t batches = std::min(threads * rounds, images.size());  // the same number for each thread
    const auto first_of = [&](std::size_t batch) { return images.size() * batch / batches; };
    ordered_steps results(4 * threads);
    const zeroshot::run_options serial{nullptr, options.stop, {}};
    zeroshot::parallel_for(options.threads, batches, [&](std::size_t batch) {
        try {
            const std::size_t first = first_of(batch), count = first_of(batch + 1) - first;
            results.add(batch, process_batch(first, count, serial));
        } catch (...) {
            results.cancel();
            throw;
        }
    });
}

}  // namespace program
