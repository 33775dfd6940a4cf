#include "daemon/worker.hpp"

#include <pthread.h>

namespace parley::daemon {

void Worker::enqueue(std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        if (finishing_) return;
        jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
}

void Worker::finish() {
    {
        const std::lock_guard lock(mutex_);
        finishing_ = true;
    }
    changed_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void Worker::run() {
    static_cast<void>(::pthread_setname_np(::pthread_self(), "storage"));  // for top -H and profilers
    for (;;) {
        std::function<void()> job;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return finishing_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        job();
    }
}

}  // namespace parley::daemon
