// Runs zeroshot on the threads of oneTBB, by an executor of your own.
//
//     tbb_threads models/pictograms.safetensors a.png b.png c.png
#include <algorithm>
#include <cstddef>
#include <iostream>
#include <vector>

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <zeroshot/zeroshot.hpp>

/// Executor on the threads of the current task arena.
class tbb_threads final : public zeroshot::executor {
   public:
    std::size_t concurrency() const noexcept override {
        return static_cast<std::size_t>((std::max)(1, tbb::this_task_arena::max_concurrency()));
    }
    void parallel_for(std::size_t count, zeroshot::index_task task) override {
        tbb::parallel_for(std::size_t{0}, count,
                          [&](std::size_t index) { task(index); });  // rethrows exceptions of a task
    }
};

int main(int count, char** arguments) {
    if (count < 3) return std::cerr << "usage: tbb_threads MODEL IMAGE...\n", 2;
    try {
        const auto clip = zeroshot::load(arguments[1]);
        std::vector<zeroshot::image> images;
        for (int i = 2; i < count; ++i) images.push_back(zeroshot::read_image(arguments[i]));

        tbb_threads threads;
        const auto shared = clip.encode_image(images, {.threads = &threads});
        const auto alone = clip.encode_image(images);
        const bool same = std::equal(shared.values().begin(), shared.values().end(), alone.values().begin());
        std::cout << images.size() << " images on " << threads.concurrency()
                  << " threads: " << (same ? "the same bits as on one" : "other bits than on one") << '\n';
        return same ? 0 : 1;
    } catch (const zeroshot::error& fault) {
        std::cerr << fault.what() << '\n';
        return 1;
    }
}
