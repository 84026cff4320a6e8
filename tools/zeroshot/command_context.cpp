#include "command_context.hpp"

#include <algorithm>
#include <utility>

#include "console.hpp"

namespace program {

zeroshot::run_options worker_pool::run_options(command_context& context, std::string items, std::size_t first,
                                               std::size_t count, std::size_t total) {
    const auto report = [&out = context.out, items = std::move(items), first, count, total](zeroshot::progress part) {
        out.progress(items, first + count * part.done / std::max<std::size_t>(part.total, 1), total);
    };
    return {&pool_, &context.stop, report};
}

}  // namespace program
