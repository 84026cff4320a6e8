/// \file Subcommand bench: speed of the model on this machine.

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>
#endif

#include <zeroshot/error.hpp>
#include <zeroshot/image/decode.hpp>
#include <zeroshot/image/preprocess.hpp>
#include <zeroshot/kernels/kernels.hpp>
#include <zeroshot/load/clip.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "model_setup.hpp"
#include "options.hpp"
#include "synthetic_jpeg.hpp"

namespace program {

namespace {

constexpr std::size_t text_tokens = 77,
                      prompt_tokens = 10;  // CLIP's context, and "a photo of a dog." with start and end token
constexpr std::size_t photo_width = 640, photo_height = 480;

/// The shortest time of several runs in seconds, after a warm-up.
double shortest_time(std::size_t repeats, const std::atomic<bool>& stop, const std::function<void()>& run) {
    constexpr double min_seconds_per_repeat = 0.07,
                     max_seconds = 12;  // quick runs are repeated more often, slow ones less
    const double min_seconds = min_seconds_per_repeat * static_cast<double>(repeats);
    run();
    double best = std::numeric_limits<double>::infinity();
    const stopwatch total;
    for (std::size_t done = 0; done < repeats || total.seconds() < min_seconds; ++done) {
        if (done > 2 && total.seconds() > max_seconds) break;
        if (stop) throw zeroshot::cancelled_error(zeroshot::error_code::cancelled, {"", "stopped on request", "", ""});
        const stopwatch watch;
        run();
        best = std::min(best, watch.seconds());
    }
    return best;
}

struct measurement {
    std::string name;
    std::size_t items;  ///< per run
    std::function<void()> run;
};

/// Noise in the range of normalised images: [images, 3, size, size].
zeroshot::tensor<float, 4> noise(std::size_t images, std::size_t size) {
    zeroshot::tensor<float, 4> pixels(images, std::size_t{3}, size, size);
    std::uint32_t state = 1;
    for (float& value : pixels.values()) {
        state = state * 1664525u + 1013904223u;  // the generator of Numerical Recipes
        value = static_cast<float>(state >> 8) / static_cast<float>(1u << 23) - 1;
    }
    return pixels;
}

/// Different prompts of the given length; the end token comes last, so that all tokens count.
std::vector<std::vector<zeroshot::token_id>> prompts(std::size_t count, std::size_t length,
                                                     const zeroshot::text_config& text) {
    const std::size_t others = text.vocabulary - 1;
    const std::size_t end = text.pool == zeroshot::text_pool::end ? text.end : others;
    std::vector<std::vector<zeroshot::token_id>> result(count);
    std::size_t next = 1;
    for (std::vector<zeroshot::token_id>& prompt : result) {
        while (prompt.size() + 1 < length) {
            next = (next * 7919 + 1) % others;
            prompt.push_back(static_cast<zeroshot::token_id>(next == end ? others : next));
        }
        prompt.push_back(static_cast<zeroshot::token_id>(end));
    }
    return result;
}

measurement of_images(const zeroshot::clip& clip, const zeroshot::run_options& run, std::size_t count) {
    return {"image b" + std::to_string(count), count,
            [&clip, run, pixels = noise(count, clip.preprocessing().size)] { clip.encode_pixels(pixels, run); }};
}

measurement of_texts(const zeroshot::clip& clip, const zeroshot::run_options& run, const std::string& name,
                     std::size_t count, std::size_t tokens) {
    const zeroshot::text_config& text = clip.config().text;
    return {name + " b" + std::to_string(count), count,
            [&clip, run, ids = prompts(count, std::min(tokens, text.context), text)] { clip.encode_tokens(ids, run); }};
}

measurement of_photo(const zeroshot::clip& clip) {
    return {"decode+preprocess " + std::to_string(photo_width) + "x" + std::to_string(photo_height), 1,
            [&clip, file = synthetic_photo(photo_width, photo_height)] {
                zeroshot::preprocess(zeroshot::decode(std::as_bytes(std::span(file))), clip.preprocessing());
            }};
}

/// Peak memory of the process in MiB; nothing if the system does not report it.
std::optional<double> peak_memory() {
#if __has_include(<sys/resource.h>)
    rusage used{};
    if (getrusage(RUSAGE_SELF, &used) != 0) return std::nullopt;
#if defined(__APPLE__)
    constexpr double unit = 1;  // bytes on macOS, KiB elsewhere
#else
    constexpr double unit = 1024;
#endif
    return static_cast<double>(used.ru_maxrss) * unit / (1024 * 1024);
#else
    return std::nullopt;
#endif
}

/// Relevant features of the processor, by their names in Linux; empty on other systems.
std::string capabilities() {
    constexpr std::array<std::string_view, 16> relevant{
        "avx",         "f16c",        "fma",      "avx2",     "avx_vnni", "avx512f", "avx512bw", "avx512_vnni",
        "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8", "asimd",   "bf16",     "i8mm"};
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
        std::istringstream words(line);
        std::string features;
        for (std::string word; words >> word;) {
            if (std::ranges::find(relevant, word) != relevant.end()) features += (features.empty() ? "" : " ") + word;
        }
        return features;
    }
    return {};
}

/// A result.
struct figure {
    std::string name;
    double value;
    std::string_view unit;
};

std::string json_of(const std::vector<figure>& figures, const bench_options& options, const zeroshot::clip& clip) {
    nlohmann::ordered_json json;
    for (const figure& each : figures) json[each.name] = zeroshot::json_number(each.value);
    json["machine"] = {
        {"model", clip.provenance().place},     {"kernels", zeroshot::kernels::active().name},
        {"capabilities", capabilities()},       {"threads", std::to_string(options.threads)},
        {"precision", options.model.precision}, {"units", "ms per item; load in ms; peak memory in MiB"}};
    return zeroshot::json_text_of(json);
}

void print(const std::vector<figure>& figures, const bench_options& options, const zeroshot::clip& clip, console& out) {
    constexpr std::size_t name_columns = 28, number_columns = 10;
    out.print(out.styled(printable(clip.provenance().place), text_style::bold));
    out.print("  " + std::string(zeroshot::kernels::active().name) + ", " + counted(options.threads, "thread") + ", " +
              options.model.precision);
    for (const figure& each : figures) {
        const std::string number = fixed(each.value, each.value < 100 ? 2 : 1);
        out.print("  " + padded(each.name, name_columns) +
                  std::string(number_columns - std::min(number_columns, number.size()), ' ') + number + " " +
                  std::string(each.unit));
    }
    const std::size_t context = clip.config().text.context;
    if (context < text_tokens)
        out.note("the model's context is " + std::to_string(context) + " tokens: 'text' is measured with this length");
}

}  // namespace

void bench(const bench_options& options, command_context& context) {
    worker_pool workers(options.threads);
    std::optional<zeroshot::clip> loaded = load_model(options.model, context.out, workers.threads());
    console silent;  // its warnings were printed above
    silent.be_quiet();
    const auto load = [&] {
        loaded.reset();
        loaded = load_model(options.model, silent, workers.threads());
    };
    constexpr std::size_t loads = 3;
    std::vector<figure> figures{{"load", 1000 * shortest_time(loads, context.stop, load), "ms"}};
    const zeroshot::clip& clip = *loaded;
    const zeroshot::run_options run = workers.run_options(context);
    const std::vector<measurement> all{of_images(clip, run, 1),
                                       of_images(clip, run, 8),
                                       of_texts(clip, run, "text", 1, text_tokens),
                                       of_texts(clip, run, "text", 8, text_tokens),
                                       of_texts(clip, run, "prompt", 1, prompt_tokens),
                                       of_texts(clip, run, "prompt", 64, prompt_tokens),
                                       of_photo(clip)};
    for (const measurement& each : all) {
        figures.push_back(
            {each.name, 1000 * shortest_time(options.repeat, context.stop, each.run) / static_cast<double>(each.items),
             "ms per item"});
        context.out.progress("measurements", figures.size(), all.size() + 1);
    }
    context.out.end_progress();
    std::rotate(figures.begin(), figures.begin() + 1, figures.end());  // "load" comes last
    if (const std::optional<double> peak = peak_memory()) figures.push_back({"peak memory", *peak, "MiB"});
    if (options.common.json) {
        context.out.print(json_of(figures, options, clip));
    } else {
        print(figures, options, clip, context.out);
    }
}

}  // namespace program
