#pragma once
/// \file Prompt templates of the command line: --template and --templates-from.

#include <span>
#include <string>
#include <vector>

namespace program {

/// Checks the templates given by --template.
/// \throws usage_error for one without exactly one placeholder {}
void check_templates(std::span<const std::string> templates);

/// The templates of --template and --templates-from together; the default if there are none.
/// \param list as read_templates(); empty for none
/// \throws zeroshot::error
std::vector<std::string> combine_templates(std::vector<std::string> given, const std::string& list,
                                           std::vector<std::string> default_templates = {});

/// The templates of a list.
/// \param list a file with one template per line, openai80 or openai7
/// \throws zeroshot::error with the file and the line
std::vector<std::string> read_templates(const std::string& list);

}  // namespace program
