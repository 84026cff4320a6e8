#pragma once
/// \file The command line, read: the only place that knows CLI11.

#include <string>

#include "command_context.hpp"

namespace program {

/// What a command line comes to: something to run, or what is wrong with it.
struct call {
    std::string name{};       ///< of the subcommand; empty where it is none of them
    command chosen{};         ///< empty where the call was wrong
    std::string complaint{};  ///< what is wrong, then
};

call read_call(int count, char** words);

}  // namespace program
