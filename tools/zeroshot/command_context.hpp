#pragma once
/// \file What a command in progress works with: a console, threads, and a way to be stopped.

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>

#include <zeroshot/parallel.hpp>

namespace program {

class console;

/// What a command is given.
struct session {
    console& out;
    const std::atomic<bool>& stop;
};

/// What a call asked for, ready to run: returns when all is done; what failed was told to the console.
using command = std::function<void(session&)>;

/// The threads of a command.
class workers {
   public:
    explicit workers(std::size_t count) : pool_(count) {}

    zeroshot::executor* threads() noexcept { return &pool_; }

    /// To run a piece of work with a bar: `what` are counted, `count` of `total` here, and `begin` were done before.
    zeroshot::run_options running(session& with, std::string what, std::size_t begin, std::size_t count,
                                  std::size_t total);

    /// To run one without.
    zeroshot::run_options running(session& with) { return {&pool_, &with.stop, {}}; }

   private:
    zeroshot::thread_pool pool_;
};

}  // namespace program
