/// \file zeroshot preprocess: images into exactly what the image encoder gets.

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

/// Prepares the images once, writing them as an array of all, and returns which of them failed.
/// The array is put in place only if none did.
std::vector<bool> write_all(const std::vector<image_source>& images, const preprocess_options& options,
                            const zeroshot::clip& clip, worker_pool& workers, command_context& context) {
    const std::size_t size = clip.preprocessing().size;
    npy_writer file(options.output, {images.size(), 3, size, size});
    std::vector<bool> bad(images.size(), false);
    bool all_good = true;
    preprocess_images(images, clip.preprocessing(), workers.run_options(context),
                      [&](image_batch batch, const zeroshot::run_options&) {
                          return [&, batch = std::move(batch)] {
                              for (std::size_t i = 0; i < batch.failures.size(); ++i) {
                                  if (!batch.failures[i]) continue;
                                  context.out.error(batch.failures[i]->sentence);
                                  bad[batch.first + i] = true;
                                  all_good = false;
                              }
                              if (all_good) file.add(batch.pixels.values());
                              context.out.progress("images", batch.first + batch.failures.size(), images.size());
                          };
                      });
    context.out.end_progress();
    if (all_good) file.commit();
    return bad;
}

void tell_result(const std::vector<image_source>& written, const preprocess_options& options, std::size_t size,
                 console& out) {
    if (options.common.json) {
        nlohmann::ordered_json names = nlohmann::ordered_json::array();
        for (const image_source& each : written) names.push_back(each.name);
        out.answer(zeroshot::json_text_of(
            {{"output", options.output}, {"shape", {written.size(), 3, size, size}}, {"names", names}}));
    } else if (options.skip_bad) {
        for (const image_source& each : written) out.answer(each.name);
    }
    out.note("wrote " + options.output + ": " + counted(written.size(), "picture") + ", 3 colours, " +
             std::to_string(size) + " x " + std::to_string(size));
}

}  // namespace

void preprocess(const preprocess_options& options, command_context& context) {
    if (options.images.empty()) throw usage_error("no images");
    std::vector<image_source> images = list_images(options.images);
    std::vector<std::filesystem::path> inputs;
    for (const image_source& each : images) inputs.push_back(each.path);
    check_output_path(options.output, inputs);
    worker_pool workers(options.threads);
    const zeroshot::clip clip = load_model(options.model, context.out, workers.threads());

    buffer_standard_input(images);  // it may be read twice
    const std::vector<bool> bad = write_all(images, options, clip, workers, context);
    if (std::ranges::find(bad, true) == bad.end()) {
        tell_result(images, options, clip.preprocessing().size, context.out);
        return;
    }
    // The number of rows stands at the head of the file, so what is left is written again: no image is kept in memory.
    std::vector<image_source> good;
    for (std::size_t i = 0; i < images.size(); ++i) {
        if (!bad[i]) good.push_back(images[i]);
    }
    if (!options.skip_bad || good.empty()) {
        context.out.note(options.output + " was not written" +
                         (options.skip_bad ? ": no image is left" : "; --skip-bad leaves out what is bad"));
        return;
    }
    const std::vector<bool> still_bad = write_all(good, options, clip, workers, context);
    if (std::ranges::find(still_bad, true) == still_bad.end())
        tell_result(good, options, clip.preprocessing().size, context.out);
}

}  // namespace program
