// One thread for what waits on the disk or hashes models: jobs run in the order given, their results come
// back on the I/O thread. Order matters: a later checkpoint must never be overwritten by an earlier one, and
// a blob is loaded only after the job that stored it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace parley::daemon {

class Worker {
public:
    explicit Worker(boost::asio::io_context& io) : io_(io), thread_([this] { run(); }) {}
    ~Worker() { finish(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // `job()` runs on the worker, `done(its result)` on the I/O thread. Both must be copyable. Jobs are
    // bounded by those who give them: at most one periodic checkpoint, one snapshot a round, and the blobs of
    // the log.
    template <class Job, class Done>
    void submit(Job job, Done done) {
        enqueue([this, job = std::move(job), done = std::move(done)]() mutable {
            auto result = job();
            boost::asio::post(io_, [done = std::move(done), result = std::move(result)]() mutable {
                done(std::move(result));
            });
        });
    }

    // Does what is queued, then ends the thread.
    void finish();

private:
    void enqueue(std::function<void()> job);
    void run();

    boost::asio::io_context& io_;
    std::mutex mutex_;  // guards jobs_, finishing_
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    bool finishing_ = false;
    std::thread thread_;
};

}  // namespace parley::daemon
