/// \file zeroshot convert: any readable checkpoint into one file that needs nothing beside it.

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

/// The words were checked when the call was read.
zeroshot::convert_options convert_options_of(const convert_options& call) {
    zeroshot::convert_options options;
    options.load = load_options_of(call.model);
    options.load.verify = false;  // it is the new file that is verified
    if (call.dtype) {
        options.type = *call.dtype == "f32"   ? zeroshot::dtype::f32
                       : *call.dtype == "f16" ? zeroshot::dtype::f16
                                              : zeroshot::dtype::bf16;
    }
    return options;
}

void refuse_itself(const std::filesystem::path& input, const std::filesystem::path& output) {
    std::error_code unknown;
    if (!std::filesystem::equivalent(input, output, unknown)) return;
    throw zeroshot::argument_error(
        zeroshot::error_code::argument,
        {zeroshot::path_text(output), "this is the file to convert", "another name for what comes of it", ""});
}

std::string json_of(const convert_options& call, const std::filesystem::path& input, const zeroshot::conversion& made) {
    return zeroshot::json_text_of({{"input", input.string()},
                                   {"sha256", made.sha256},
                                   {"output", call.output},
                                   {"tensors", made.tensors},
                                   {"bytes", made.bytes},
                                   {"image_drift", zeroshot::json_number(made.image_drift)},
                                   {"text_drift", zeroshot::json_number(made.text_drift)},
                                   {"verified", call.model.verify},
                                   {"warnings", made.warnings}});
}

std::string drift_text(const zeroshot::conversion& made) {
    if (made.image_drift == 0 && made.text_drift == 0) return "the same numbers, to the bit";
    const auto number = [](double value) { return zeroshot::number_text(static_cast<float>(value)); };
    return "embeddings of a fixed image and prompt moved by " + number(made.image_drift) + " and " +
           number(made.text_drift) + " of their length";
}

}  // namespace

void convert(const convert_options& call, command_context& context) {
    const std::filesystem::path input = locate_model(call.model.model, context.out);
    refuse_itself(input, call.output);
    const zeroshot::conversion made = zeroshot::convert(input, call.output, convert_options_of(call));
    for (const std::string& warning : made.warnings) context.out.note("warning: " + warning);
    if (call.model.verify) {
        zeroshot::load_options verified;
        verified.verify = true;
        zeroshot::load(call.output, verified);
    }
    if (call.common.json) {
        context.out.answer(json_of(call, input, made));
        return;
    }
    constexpr double megabyte = 1e6;
    context.out.answer(printable(call.output) + ": " + counted(made.tensors, "tensor") + ", " +
                       fixed(static_cast<double>(made.bytes) / megabyte, 1) + " MB; " + drift_text(made) +
                       (call.model.verify ? "; verified" : ""));
}

}  // namespace program
