// A child process that never outlives its owner: killed by the destructor, and by the kernel when the owner
// dies in any other way.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

class ChildProcess {
public:
    // Standard output and error go to `log`, appended. The child leads a process group of its own, so that a
    // Ctrl-C on the terminal reaches the owner alone. Spawn from the main thread: the kernel watches the
    // thread.
    static Result<ChildProcess> spawn(const std::filesystem::path& program,
                                      const std::vector<std::string>& arguments,
                                      const std::filesystem::path& log);
    ChildProcess(ChildProcess&& other) noexcept;
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ~ChildProcess();

    pid_t pid() const { return pid_; }
    // How it ended ("killed by signal 9", "exit code 5"), or nothing while it runs.
    const std::optional<std::string>& ended();
    std::optional<int> exit_code() const { return exit_code_; }
    void signal(int number) const;
    // SIGTERM, and SIGKILL to what is still there at the deadline.
    void terminate();
    bool wait_until(std::chrono::steady_clock::time_point deadline);

private:
    explicit ChildProcess(pid_t pid) : pid_(pid) {}
    void kill_and_reap();

    pid_t pid_ = -1;
    std::optional<std::string> ended_;
    std::optional<int> exit_code_;
};

// parleyd beside this program, else the one that PATH finds.
std::filesystem::path find_parleyd();

}  // namespace parley::daemon
