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
#include "model.hpp"
#include "npy.hpp"
#include "options.hpp"

namespace program {

namespace {

/// Prepares the images once, writing them as an array of all, and returns which of them failed.
/// The array is put in place only if none did.
std::vector<bool> write_all(const std::vector<image>& images, const preprocess_options& options, const model& clip,
                            workers& team, session& with) {
    const std::size_t size = clip.preprocessing().size;
    npy_writer file(options.output, {images.size(), 3, size, size});
    std::vector<bool> bad(images.size(), false);
    bool all_good = true;
    prepare(images, clip.preprocessing(), team.running(with), [&](prepared some, const zeroshot::run_options&) {
        return [&, some = std::move(some)] {
            for (std::size_t i = 0; i < some.failures.size(); ++i) {
                if (!some.failures[i]) continue;
                with.out.complain(some.failures[i]->sentence);
                bad[some.first + i] = true;
                all_good = false;
            }
            if (all_good) file.add(some.pixels.values());
            with.out.progress("pictures", some.first + some.failures.size(), images.size());
        };
    });
    with.out.end_progress();
    if (all_good) file.commit();
    return bad;
}

void tell_result(const std::vector<image>& written, const preprocess_options& options, std::size_t size, console& out) {
    if (options.as.json) {
        nlohmann::ordered_json names = nlohmann::ordered_json::array();
        for (const image& each : written) names.push_back(each.name);
        out.answer(zeroshot::json_text_of(
            {{"output", options.output}, {"shape", {written.size(), 3, size, size}}, {"names", names}}));
    } else if (options.skip_bad) {
        for (const image& each : written) out.answer(each.name);
    }
    out.note("wrote " + options.output + ": " + counted(written.size(), "picture") + ", 3 colours, " +
             std::to_string(size) + " x " + std::to_string(size));
}

}  // namespace

void preprocess(const preprocess_options& options, session& with) {
    if (options.images.empty()) throw usage_error("no images");
    std::vector<image> images = images_of(options.images);
    std::vector<std::filesystem::path> inputs;
    for (const image& each : images) inputs.push_back(each.path);
    check_target(options.output, inputs);
    workers team(options.threads);
    const model clip(options.model, with.out, team.threads());

    keep_standard_input(images);  // it may be read twice
    const std::vector<bool> bad = write_all(images, options, clip, team, with);
    if (std::ranges::find(bad, true) == bad.end()) {
        tell_result(images, options, clip.preprocessing().size, with.out);
        return;
    }
    // The number of rows stands at the head of the file, so what is left is written again: no image is kept in memory.
    std::vector<image> good;
    for (std::size_t i = 0; i < images.size(); ++i) {
        if (!bad[i]) good.push_back(images[i]);
    }
    if (!options.skip_bad || good.empty()) {
        with.out.note(options.output + " was not written" +
                      (options.skip_bad ? ": no image is left" : "; --skip-bad leaves out what is bad"));
        return;
    }
    const std::vector<bool> still_bad = write_all(good, options, clip, team, with);
    if (std::ranges::find(still_bad, true) == still_bad.end())
        tell_result(good, options, clip.preprocessing().size, with.out);
}

}  // namespace program
