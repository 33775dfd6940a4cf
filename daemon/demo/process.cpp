#include "daemon/demo/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

namespace parley::daemon {
namespace {

// Between fork and exec: nothing but system calls.
[[noreturn]] void become(const char* program, char* const* arguments, int log, pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it died before the line above
    ::setpgid(0, 0);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    const int nothing = ::open("/dev/null", O_RDONLY);
    ::dup2(nothing, STDIN_FILENO);
    ::execvp(program, arguments);
    ::_exit(127);
}

}  // namespace

Result<ChildProcess> ChildProcess::spawn(const std::filesystem::path& program,
                                         const std::vector<std::string>& arguments,
                                         const std::filesystem::path& log) {
    const int descriptor = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) return failure("cannot write " + log.string() + ": " + std::strerror(errno));
    std::vector<std::string> words{program.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words)
        pointers.push_back(word.data());
    pointers.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child == 0) become(words.front().c_str(), pointers.data(), descriptor, parent);
    const int error = errno;
    ::close(descriptor);
    if (child < 0) return failure("cannot start " + program.string() + ": " + std::strerror(error));
    return ChildProcess(child);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ended_(std::move(other.ended_)), exit_code_(other.exit_code_) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    if (this == &other) return *this;
    kill_and_reap();
    pid_ = std::exchange(other.pid_, -1);
    ended_ = std::move(other.ended_);
    exit_code_ = other.exit_code_;
    return *this;
}

ChildProcess::~ChildProcess() {
    kill_and_reap();
}

void ChildProcess::kill_and_reap() {
    if (pid_ < 0 || ended()) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

const std::optional<std::string>& ChildProcess::ended() {
    int status = 0;
    if (ended_ || pid_ < 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return ended_;
    if (WIFSIGNALED(status)) {
        ended_ = "killed by signal " + std::to_string(WTERMSIG(status));
    } else {
        exit_code_ = WEXITSTATUS(status);
        ended_ = *exit_code_ == 127 ? "could not be started" : "exit code " + std::to_string(*exit_code_);
    }
    return ended_;
}

void ChildProcess::signal(int number) const {
    if (pid_ >= 0 && !ended_) ::kill(pid_, number);
}

void ChildProcess::terminate() {
    signal(SIGTERM);
}

bool ChildProcess::wait_until(std::chrono::steady_clock::time_point deadline) {
    while (!ended()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
}

std::filesystem::path find_parleyd() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto beside = self.parent_path() / "parleyd";
    return !error && std::filesystem::exists(beside, error) ? beside : std::filesystem::path("parleyd");
}

}  // namespace parley::daemon
