#include "image_files.hpp"

#include <algorithm>
#include <climits>
#include <exception>
#include <iterator>
#include <new>
#include <system_error>
#include <utility>

#include <zeroshot/datasets/class_folders.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"
#include "ordered_steps.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// The images of a folder and of those below, sorted by name.
void add_folder(const std::filesystem::path& folder, std::vector<image>& images) {
    std::vector<std::filesystem::path> found;
    std::error_code failed;
    std::filesystem::recursive_directory_iterator at(folder, failed), end;
    for (; !failed && at != end; at.increment(failed)) {
        std::error_code unknown;
        if (!at->is_directory(unknown) && zeroshot::datasets::has_image_extension(at->path()))
            found.push_back(at->path());
    }
    std::ranges::sort(found);
    for (std::filesystem::path& path : found) images.push_back({path.string(), std::move(path)});
    const std::string name = zeroshot::path_text(folder);
    if (failed) {
        images.push_back({folder.string(), folder,
                          failure{zeroshot::error_code::io, name + ": cannot list the folder: " + failed.message()}});
    } else if (found.empty()) {
        images.push_back(
            {folder.string(), folder, failure{zeroshot::error_code::io, name + ": no images in this folder"}});
    }
}

constexpr std::size_t largest_image = INT_MAX;  // bytes; stb_image counts in int

zeroshot::image read(const image& one) {
    if (!one.path.empty()) return zeroshot::read_image(one.path);
    const std::string read_now = one.bytes ? "" : read_standard_input(largest_image);
    const std::string& bytes = one.bytes ? *one.bytes : read_now;
    try {
        return zeroshot::decode(std::as_bytes(std::span(bytes)));
    } catch (const zeroshot::image_error& fault) {
        zeroshot::diagnostic found = fault.diagnostic();
        found.where = "standard input: " + found.where;
        throw zeroshot::image_error(fault.code(), std::move(found));
    }
}

/// Decodes one image into its place; what is wrong with it is returned.
std::optional<failure> prepare_one(const image& one, const zeroshot::preprocessing& how, std::span<float> pixels) {
    if (one.unreadable) return one.unreadable;
    try {
        const zeroshot::image decoded = read(one);
        try {
            zeroshot::preprocess_into(decoded, how, pixels);
        } catch (const zeroshot::error& fault) {
            return failure{fault.code(), zeroshot::path_text(one.name) + ": " + fault.what()};
        }
        return std::nullopt;
    } catch (...) {
        failure found = current_failure();
        if (found.code == zeroshot::error_code::no_memory)
            found.sentence = zeroshot::path_text(one.name) + ": " + found.sentence;
        return found;
    }
}

/// How many images a thread takes at a time: as many as go through the encoder together, fewer where the numbers of all
/// threads' images would take more than a fixed amount of memory.
std::size_t images_of_a_piece(std::size_t pixels_each, std::size_t threads) {
    constexpr std::size_t most = 8, most_bytes = std::size_t{1} << 28;
    return std::clamp<std::size_t>(most_bytes / (threads * pixels_each * sizeof(float)), 1, most);
}

/// Keeps the rows without a failure.
zeroshot::tensor<float, 4> good_rows(const zeroshot::tensor<float, 4>& all,
                                     std::span<const std::optional<failure>> failures) {
    const auto good = static_cast<std::size_t>(std::ranges::count(failures, false, &std::optional<failure>::has_value));
    zeroshot::tensor<float, 4> kept(good, all.extent(1), all.extent(2), all.extent(3));
    std::size_t next = 0;
    for (std::size_t i = 0; i < failures.size(); ++i) {
        if (!failures[i]) std::ranges::copy(all.row(i), kept.row(next++).begin());
    }
    return kept;
}

/// Decodes and prepares some consecutive images.
prepared prepare_some(std::span<const image> images, std::size_t first, std::size_t count,
                      const zeroshot::preprocessing& how, const zeroshot::run_options& options) {
    zeroshot::tensor<float, 4> pixels(count, std::size_t{3}, how.size, how.size);
    std::vector<std::optional<failure>> failures(count);
    zeroshot::run_tasks(count, [&](std::size_t i) { failures[i] = prepare_one(images[first + i], how, pixels.row(i)); },
                        {options.threads, options.stop, {}});
    const bool all_good = std::ranges::none_of(failures, &std::optional<failure>::has_value);
    zeroshot::tensor<float, 4> good = all_good ? std::move(pixels) : good_rows(pixels, failures);
    return {first, std::move(failures), std::move(good)};
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

std::vector<image> images_of(std::span<const std::string> words) {
    if (std::ranges::count(words, "-") > 1) throw usage_error("standard input, -, can be read once only");
    std::vector<image> images;
    for (const std::string& word : words) {
        std::error_code unknown;
        if (word == "-") {
            images.push_back({word, {}});
        } else if (word.empty()) {
            images.push_back(
                {word, ".", failure{zeroshot::error_code::io, "an image with an empty name: cannot open"}});
        } else if (std::filesystem::is_directory(word, unknown)) {
            add_folder(word, images);
        } else {
            images.push_back({word, word});
        }
    }
    return images;
}

void keep_standard_input(std::span<image> images) {
    for (image& each : images) {
        if (each.path.empty()) each.bytes = std::make_shared<const std::string>(read_standard_input(largest_image));
    }
}

void prepare(std::span<const image> images, const zeroshot::preprocessing& how, const zeroshot::run_options& options,
             const image_work& work) {
    if (images.empty()) return;
    const std::size_t threads = zeroshot::concurrency_of(options.threads);
    if (images.size() < threads) {
        work(prepare_some(images, 0, images.size(), how, options), options)();
        return;
    }
    const std::size_t rounds =
        (images.size() - 1) / (threads * images_of_a_piece(3 * how.size * how.size, threads)) + 1;
    const std::size_t pieces = std::min(threads * rounds, images.size());  // as many for each thread
    const auto first_of = [&](std::size_t piece) { return images.size() * piece / pieces; };
    ordered_steps steps(4 * threads);
    const zeroshot::run_options alone{nullptr, options.stop, {}};
    zeroshot::parallel_for(options.threads, pieces, [&](std::size_t piece) {
        try {
            const std::size_t first = first_of(piece);
            steps.add(piece, work(prepare_some(images, first, first_of(piece + 1) - first, how, alone), alone));
        } catch (...) {
            steps.give_up();
            throw;
        }
    });
}

}  // namespace program
