/// \file zeroshot tokenize: texts into the ids that the text encoder reads.

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

/// One JSON string a line in, one array of ids a line out; null for what is no string.
void tokenize_input(const zeroshot::tokenizer& words, command_context& context) {
    for (std::size_t number = 1; const std::optional<std::string> line = next_input_line(); ++number) {
        if (context.stop) return;
        try {
            const std::string place = "line " + std::to_string(number);
            context.out.answer(zeroshot::json_text_of(words.encode(zeroshot::json::parse(*line, place).as_string())));
        } catch (const zeroshot::error&) {
            const std::string why = current_failure().sentence, place = "line " + std::to_string(number);
            context.out.error(why.starts_with(place) ? why : place + ": " + why);
            context.out.answer("null");
        }
    }
}

/// The pieces of a text, for a person.
void show_pieces(const zeroshot::tokenizer& words, const std::string& text, bool json, console& out) {
    const std::vector<zeroshot::token> ids = words.encode(text);
    const std::vector<std::string> pieces = words.pieces(ids);
    if (json) {
        out.answer(zeroshot::json_text_of({{"text", text}, {"ids", ids}, {"pieces", pieces}}));
        return;
    }
    constexpr std::size_t id_columns = 6;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::string id = std::to_string(ids[i]);
        out.answer(std::string(id_columns - std::min(id_columns, id.size()), ' ') + out.styled(id, text_style::bold) +
                   "  " + printable(pieces[i]));
    }
    out.answer(out.styled(counted(ids.size(), "id"), text_style::faint));
}

}  // namespace

void tokenize(const tokenize_options& options, command_context& context) {
    const zeroshot::tokenizer words =
        options.model.model.empty() ? zeroshot::tokenizer() : load_model(options.model, context.out).tokenizer();
    if (options.texts.empty()) {
        tokenize_input(words, context);
        return;
    }
    for (const std::string& text : options.texts) {
        try {
            show_pieces(words, text, options.common.json, context.out);
        } catch (const zeroshot::error& fault) {
            context.out.error(fault.what());
        }
    }
}

}  // namespace program
