// Your program has its threads already, and should not get others: an executor of a few lines lets zeroshot work on
// them.
//
//     own_threads models/pictograms.safetensors a.png b.png c.png
#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <queue>
#include <thread>
#include <vector>

#include <zeroshot/zeroshot.hpp>

namespace {

/// Any pool that takes a function and runs it some time: stands here for the one of your program.
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

/// What zeroshot asks of a pool. The caller helps, so it is never idle, and a pool that is busy holds nobody up.
class your_threads final : public zeroshot::executor {
   public:
    explicit your_threads(your_pool& pool) : pool_(pool) {}

    std::size_t concurrency() const noexcept override { return pool_.size() + 1; }

    void parallel_for(std::size_t count, zeroshot::index_task task) override {
        // Shared: a helper that comes late finds nothing left to do, after this call has returned.
        struct work {
            std::mutex mutex;
            std::condition_variable idle;
            std::size_t next = 0, count = 0, running = 0;
            std::exception_ptr failure;
        };
        const auto all = std::make_shared<work>();
        all->count = count;
        const auto help = [all, task] {
            std::unique_lock lock(all->mutex);
            while (all->next < all->count && !all->failure) {
                const std::size_t index = all->next++;
                ++all->running;
                lock.unlock();
                std::exception_ptr failure;
                try {
                    task(index);
                } catch (...) {
                    failure = std::current_exception();
                }
                lock.lock();
                if (failure && !all->failure) all->failure = failure;
                if (--all->running == 0) all->idle.notify_all();
            }
        };
        for (std::size_t i = 1; i < std::min(count, concurrency()); ++i) pool_.submit(help);
        help();
        std::unique_lock lock(all->mutex);
        all->idle.wait(lock, [&] { return all->running == 0; });
        if (all->failure) std::rethrow_exception(all->failure);
    }

   private:
    your_pool& pool_;
};

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) return std::cerr << "usage: own_threads MODEL IMAGE...\n", 2;
    try {
        const auto clip = zeroshot::load(arguments[1]);
        std::vector<zeroshot::image> images;
        for (int i = 2; i < count; ++i) images.push_back(zeroshot::read_image(arguments[i]));

        your_pool pool(3);
        your_threads threads(pool);
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
