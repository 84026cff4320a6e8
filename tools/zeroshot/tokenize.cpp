/// \file Subcommand tokenize: token ids of texts.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <zeroshot/error.hpp>
#include <zeroshot/support/json.hpp>
#include <zeroshot/text/tokenizer.hpp>

#include "command_context.hpp"
#include "console.hpp"
#include "image_files.hpp"
#include "model_setup.hpp"
#include "options.hpp"
#include "text_files.hpp"

namespace program {

namespace {

/// Reads a JSON string per line, and prints an array of ids per line; null for a line that is no JSON string.
void tokenize_standard_input(const zeroshot::tokenizer& tokenizer, command_context& context) {
    for (std::size_t number = 1; const std::optional<std::string> line = next_input_line(); ++number) {
        if (context.stop) return;
        const std::string location = "line " + std::to_string(number);
        try {
            const std::string text = zeroshot::json::parse(*line, location).as_string();
            context.out.print(zeroshot::json_text_of(tokenizer.encode(text)));
        } catch (const zeroshot::error&) {
            const std::string message = current_failure().message;
            context.out.error(message.starts_with(location) ? message : location + ": " + message);
            context.out.print("null");
        }
    }
}

/// Prints the tokens of a text.
void print_tokens(const zeroshot::tokenizer& tokenizer, const std::string& text, bool json, console& out) {
    const std::vector<zeroshot::token_id> ids = tokenizer.encode(text);
    const std::vector<std::string> pieces = tokenizer.pieces(ids);
    if (json) {
        out.print(zeroshot::json_text_of({{"text", text}, {"ids", ids}, {"pieces", pieces}}));
        return;
    }
    constexpr std::size_t id_columns = 6;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::string id = std::to_string(ids[i]);
        out.print(std::string(id_columns - std::min(id_columns, id.size()), ' ') + out.styled(id, text_style::bold) +
                  "  " + printable(pieces[i]));
    }
    out.print(out.styled(counted(ids.size(), "id"), text_style::faint));
}

}  // namespace

void tokenize(const tokenize_options& options, command_context& context) {
    const zeroshot::tokenizer tokenizer =
        options.model.model.empty() ? zeroshot::tokenizer() : load_model(options.model, context.out).tokenizer();
    if (options.texts.empty()) {
        tokenize_standard_input(tokenizer, context);
        return;
    }
    for (const std::string& text : options.texts) {
        try {
            print_tokens(tokenizer, text, options.common.json, context.out);
        } catch (const zeroshot::error& fault) {
            context.out.error(fault.what());
        }
    }
}

}  // namespace program
