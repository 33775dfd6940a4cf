// A few threads that do the same thing together, each to its own part. The caller is one of them.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <type_traits>
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
    // not throw. One caller at a time. Allocates nothing after the first.
    template <class Part>
    void run(Part&& part) {
        run_erased([](void* with, std::size_t index) { (*static_cast<std::remove_reference_t<Part>*>(with))(index); },
                   &part);
    }

private:
    using ErasedPart = void (*)(void* with, std::size_t index);
    void run_erased(ErasedPart part, void* with);
    void work(std::size_t index);

    const std::size_t size_;
    std::mutex mutex_;
    std::condition_variable begun_;
    std::condition_variable done_;
    ErasedPart part_ = nullptr;
    void* part_with_ = nullptr;
    std::size_t generation_ = 0;
    std::size_t working_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace parley::learner
