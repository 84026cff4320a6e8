/// \file Subcommand preprocess: the image encoder's input for images.

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "model_setup.hpp"
#include "npy.hpp"
#include "options.hpp"

namespace program {

namespace {

/// Preprocesses all images into the output file, which appears only if none of them failed.
/// \return for each image whether it failed
std::vector<bool> write_pixels(const std::vector<image_source>& images, const preprocess_options& options,
                               const zeroshot::clip& clip, worker_pool& workers, command_context& context) {
    const std::size_t size = clip.preprocessing().size;
    npy_writer file(options.output, {images.size(), 3, size, size});
    std::vector<bool> failed(images.size(), false);
    bool all_read = true;
    const auto write_batch = [&](image_batch batch, const zeroshot::run_options&) {
        return [&, batch = std::move(batch)] {
            for (std::size_t i = 0; i < batch.failures.size(); ++i) {
                if (!batch.failures[i]) continue;
                context.out.error(batch.failures[i]->message);
                failed[batch.first + i] = true;
                all_read = false;
            }
            if (all_read) file.add(batch.pixels.values());
            context.out.progress("images", batch.first + batch.failures.size(), images.size());
        };
    };
    preprocess_images(images, {clip.preprocessing(), decode_options_of(options.reading), context.out},
                      workers.run_options(context), write_batch);
    context.out.end_progress();
    if (all_read) file.commit();
    return failed;
}

void print_result(const std::vector<image_source>& images, const preprocess_options& options, std::size_t size,
                  console& out) {
    if (options.common.json) {
        nlohmann::ordered_json names = nlohmann::ordered_json::array();
        for (const image_source& each : images) names.push_back(each.name);
        out.print(zeroshot::json_text_of(
            {{"output", options.output}, {"shape", {images.size(), 3, size, size}}, {"names", names}}));
    } else if (options.skip_bad) {
        for (const image_source& each : images) out.print(each.name);
    }
    out.note("wrote " + options.output + ": " + counted(images.size(), "image") + " of 3 x " + std::to_string(size) +
             " x " + std::to_string(size));
}

}  // namespace

void preprocess(const preprocess_options& options, command_context& context) {
    if (options.images.empty()) throw usage_error("no images");
    std::vector<image_source> images = list_images(options.images, context.out);
    std::vector<std::filesystem::path> inputs;
    for (const image_source& each : images) inputs.push_back(each.path);
    check_output_path(options.output, inputs);
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());
    const std::size_t size = clip.preprocessing().size;

    buffer_standard_input(images);  // it may be decoded twice
    const std::vector<bool> failed = write_pixels(images, options, clip, workers, context);
    if (std::ranges::find(failed, true) == failed.end()) {
        print_result(images, options, size, context.out);
        return;
    }
    std::vector<image_source> readable;
    for (std::size_t i = 0; i < images.size(); ++i) {
        if (!failed[i]) readable.push_back(images[i]);
    }
    if (!options.skip_bad || readable.empty()) {
        context.out.note(options.output + " was not written" +
                         (options.skip_bad ? ": no image is left" : "; --skip-bad leaves out images that fail"));
        return;
    }
    // The file begins with the number of rows, so the readable images are decoded again instead of kept in memory.
    const std::vector<bool> failed_again = write_pixels(readable, options, clip, workers, context);
    if (std::ranges::find(failed_again, true) == failed_again.end()) print_result(readable, options, size, context.out);
}

}  // namespace program
