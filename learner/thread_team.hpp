// A few threads that do the same thing together, each to its own part. The caller is one of them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace parley::learner {

class ThreadTeam {
public:
    // The helpers start at the first run(), so that they inherit the scheduling priority of the thread that calls it.
    explicit ThreadTeam(std::size_t size) : size_(size) {}
    ~ThreadTeam();
    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    std::size_t size() const { return size_; }
    // part(0) .. part(size() - 1), each on a thread of its own, part(0) on the caller's. Returns when all are done. Must
    // not throw. One caller at a time.
    void run(const std::function<void(std::size_t)>& part);

private:
    void work(std::size_t index);

    const std::size_t size_;
    std::mutex mutex_;
    std::condition_variable begun_;
    std::condition_variable done_;
    const std::function<void(std::size_t)>* part_ = nullptr;
    std::size_t generation_ = 0;
    std::size_t working_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace parley::learner
