#include "learner/thread_team.hpp"

#include <pthread.h>

namespace parley::learner {

ThreadTeam::~ThreadTeam() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    begun_.notify_all();
    for (std::thread& thread : threads_)
        thread.join();
}

void ThreadTeam::run_erased(ErasedPart part, void* with) {
    for (std::size_t index = threads_.size() + 1; index < size_; ++index)
        threads_.emplace_back([this, index] { work(index); });
    {
        const std::lock_guard lock(mutex_);
        part_ = part;
        part_with_ = with;
        working_ = threads_.size();
        ++generation_;
    }
    begun_.notify_all();
    part(with, 0);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return working_ == 0; });
}

void ThreadTeam::work(std::size_t index) {
    static_cast<void>(::pthread_setname_np(::pthread_self(), "training+"));  // for top -H and profilers
    std::size_t seen = 0;
    for (;;) {
        std::unique_lock lock(mutex_);
        begun_.wait(lock, [&] { return stopping_ || generation_ != seen; });
        if (stopping_) return;
        seen = generation_;
        const ErasedPart part = part_;
        void* const with = part_with_;
        lock.unlock();
        part(with, index);
        lock.lock();
        if (--working_ == 0) done_.notify_one();
    }
}

}  // namespace parley::learner
