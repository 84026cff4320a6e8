// Runs zeroshot on the threads that your program already has.
//
//     own_threads models/pictograms.safetensors a.png b.png c.png
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <iostream>
#include <mutex>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include <zeroshot/zeroshot.hpp>

namespace {

/// Stands for the thread pool of your program: anything that runs a function some time.
class your_pool {
   public:
    explicit your_pool(std::size_t threads) {
        for (std::size_t i = 0; i < threads; ++i) workers_.emplace_back([this] { work(); });
    }
    ~your_pool() {
        {
            std::lock_guard lock(mutex_);
            closing_ = true;
        }
        wake_.notify_all();
        for (std::thread& worker : workers_) worker.join();
    }

    std::size_t size() const { return workers_.size(); }

    void submit(std::function<void()> task) {
        {
            std::lock_guard lock(mutex_);
            tasks_.push(std::move(task));
        }
        wake_.notify_one();
    }

   private:
    void work() {
        for (;;) {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return closing_ || !tasks_.empty(); });
            if (tasks_.empty()) return;
            const std::function<void()> task = std::move(tasks_.front());
            tasks_.pop();
            lock.unlock();
            task();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::queue<std::function<void()>> tasks_;
    bool closing_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) return std::cerr << "usage: own_threads MODEL IMAGE...\n", 2;
    try {
        const auto clip = zeroshot::load(arguments[1]);
        std::vector<zeroshot::image> images;
        for (int i = 2; i < count; ++i) images.push_back(zeroshot::read_image(arguments[i]));

        your_pool pool(3);
        zeroshot::task_executor threads(pool.size() + 1,
                                        [&](std::function<void()> task) { pool.submit(std::move(task)); });
        const auto pooled = clip.encode_image(images, {.threads = &threads});
        const auto alone = clip.encode_image(images);
        const bool same = std::equal(pooled.values().begin(), pooled.values().end(), alone.values().begin());
        std::cout << images.size() << " images on " << threads.concurrency()
                  << " threads: " << (same ? "the same bits as on one" : "other bits than on one") << '\n';
        return same ? 0 : 1;
    } catch (const zeroshot::error& fault) {
        std::cerr << fault.what() << '\n';
        return 1;
    }
}
