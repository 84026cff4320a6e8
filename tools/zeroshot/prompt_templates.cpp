#include "prompt_templates.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <zeroshot/classify/prompts.hpp>
#include <zeroshot/error.hpp>
#include <zeroshot/support/file.hpp>

#include "console.hpp"
#include "text_files.hpp"

namespace program {

void check_templates(std::span<const std::string> templates) {
    for (const std::string& sentence : templates) {
        try {
            zeroshot::prompt_template{sentence};
        } catch (const zeroshot::error& fault) {
            throw usage_error(fault.what());
        }
    }
}

std::vector<std::string> combine_templates(std::vector<std::string> given, const std::string& list,
                                           std::vector<std::string> default_templates) {
    if (!list.empty()) std::ranges::move(read_templates(list), std::back_inserter(given));
    return given.empty() ? default_templates : given;
}

std::vector<std::string> read_templates(const std::string& list) {
    if (list == "openai80") return zeroshot::openai_templates();
    if (list == "openai7") return zeroshot::short_openai_templates();
    std::vector<std::string> templates;
    for (text_line& line : read_entries(list, "templates")) {
        try {
            zeroshot::prompt_template{line.text};
        } catch (const zeroshot::error& fault) {
            zeroshot::diagnostic diagnostic = fault.diagnostic();
            diagnostic.where = (list == "-" ? "standard input" : zeroshot::path_text(list)) + ": line " +
                               std::to_string(line.number) + ": " + diagnostic.where;
            throw zeroshot::argument_error(fault.code(), std::move(diagnostic));
        }
        templates.push_back(std::move(line.text));
    }
    return templates;
}

}  // namespace program
