#include "command_context.hpp"

#include <algorithm>
#include <utility>

#include "console.hpp"

namespace program {

zeroshot::run_options workers::running(session& with, std::string what, std::size_t begin, std::size_t count,
                                       std::size_t total) {
    const auto report = [&out = with.out, what = std::move(what), begin, count, total](zeroshot::progress far) {
        out.progress(what, begin + count * far.done / std::max<std::size_t>(far.total, 1), total);
    };
    return {&pool_, &with.stop, report};
}

}  // namespace program
