#pragma once
/// \file Command-line parser. The only source that includes CLI11 is command_line.cpp.

#include <string>

#include "command_context.hpp"

namespace program {

/// A parsed command line: a command to run, or an error.
struct parsed_command {
    std::string name{};   ///< the subcommand; empty if none was recognised
    command run{};        ///< empty if there was an error
    std::string error{};  ///< the message, if there was one
};

parsed_command parse_command_line(int count, char** arguments);

}  // namespace program
