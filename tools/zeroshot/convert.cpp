/// \file Subcommand convert: a checkpoint into one self-contained file.

#include <filesystem>
#include <string>
#include <system_error>

#include <zeroshot/error.hpp>
#include <zeroshot/load/convert.hpp>
#include <zeroshot/support/json.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "model_setup.hpp"
#include "options.hpp"

namespace program {

namespace {

/// The library's options. The words of the options were checked by the command-line parser.
zeroshot::convert_options library_options(const convert_options& options) {
    zeroshot::convert_options result;
    result.load = load_options_of(options.model);
    result.load.verify = false;  // the new file is verified instead
    if (options.dtype) {
        result.type = *options.dtype == "f32"   ? zeroshot::dtype::f32
                      : *options.dtype == "f16" ? zeroshot::dtype::f16
                                                : zeroshot::dtype::bf16;
    }
    return result;
}

void check_not_input(const std::filesystem::path& input, const std::filesystem::path& output) {
    std::error_code ignored;
    if (!std::filesystem::equivalent(input, output, ignored)) return;
    throw zeroshot::argument_error(zeroshot::error_code::argument,
                                   {zeroshot::path_text(output), "the output is the input", "another file", ""});
}

std::string json_of(const convert_options& options, const std::filesystem::path& input,
                    const zeroshot::conversion& result) {
    return zeroshot::json_text_of({{"input", input.string()},
                                   {"sha256", result.sha256},
                                   {"output", options.output},
                                   {"tensors", result.tensors},
                                   {"bytes", result.bytes},
                                   {"image_drift", zeroshot::json_number(result.image_drift)},
                                   {"text_drift", zeroshot::json_number(result.text_drift)},
                                   {"verified", options.model.verify},
                                   {"warnings", result.warnings}});
}

std::string drift_text(const zeroshot::conversion& result) {
    if (result.image_drift == 0 && result.text_drift == 0) return "embeddings unchanged";
    const auto number = [](double value) { return zeroshot::number_text(static_cast<float>(value)); };
    return "relative change of the embeddings of a test image and prompt: " + number(result.image_drift) + " and " +
           number(result.text_drift);
}

}  // namespace

void convert(const convert_options& options, command_context& context) {
    const std::filesystem::path input = locate_model(options.model.model, context.out);
    check_not_input(input, options.output);
    const zeroshot::conversion result =
        zeroshot::convert(zeroshot::find_model(input), options.output, library_options(options));
    for (const std::string& warning : result.warnings) context.out.note("warning: " + warning);
    if (options.model.verify) {
        zeroshot::load_options verified;
        verified.verify = true;
        zeroshot::load(options.output, verified);
    }
    if (options.common.json) {
        context.out.print(json_of(options, input, result));
        return;
    }
    constexpr double megabyte = 1e6;
    context.out.print(printable(options.output) + ": " + counted(result.tensors, "tensor") + ", " +
                      fixed(static_cast<double>(result.bytes) / megabyte, 1) + " MB; " + drift_text(result) +
                      (options.model.verify ? "; verified" : ""));
}

}  // namespace program
