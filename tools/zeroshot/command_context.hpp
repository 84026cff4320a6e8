#pragma once
/// \file Execution context of a command: console, cancellation flag and threads.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include <zeroshot/parallel.hpp>

namespace program {

class console;

/// The console and the cancellation flag of a running command.
struct command_context {
    console& out;
    const std::atomic<bool>& stop;
};

/// A parsed command, ready to run. Inputs that failed are reported to the console.
using command = std::function<void(command_context&)>;

/// Measures time from its construction.
class stopwatch {
   public:
    double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }

   private:
    using clock = std::chrono::steady_clock;
    clock::time_point begin_ = clock::now();
};

/// The threads of a command.
class worker_pool {
   public:
    explicit worker_pool(std::size_t count) : pool_(count) {}

    zeroshot::executor* threads() noexcept { return &pool_; }

    /// Run options with a progress bar for a part of some work.
    /// \param items name of the counted items, as "images"
    /// \param first number of items done before this part
    /// \param count number of items of this part
    /// \param total number of items of all parts
    zeroshot::run_options run_options(command_context& context, std::string items, std::size_t first, std::size_t count,
                                      std::size_t total);

    /// Run options without a progress bar.
    zeroshot::run_options run_options(command_context& context) { return {&pool_, &context.stop, {}}; }

   private:
    zeroshot::thread_pool pool_;
};

}  // namespace program
