// Five real daemons with the hook, and what they say of themselves. Whatever is said is compared with all
// that was said before: two peers, or one peer twice, must not tell different stories of the same log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "daemon/demo/group.hpp"
#include "tests/kill_matrix/death_watch.hpp"

namespace parley::kill_matrix {

// The trial cannot go on: a peer ends by itself, somebody pressed Ctrl-C. Ends it through all destructors.
struct TrialError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// From here on SIGINT and SIGTERM end the trial at the next wait.
void catch_interrupts();
void rest(std::chrono::milliseconds time);

inline constexpr std::size_t peers = 5;

// Of one answer to GET /status.
struct View {
    Clock::time_point at;
    std::uint64_t term = 0;
    std::string role;
    std::string coordinator;  // empty: none is known
    std::uint64_t commit = 0;
    std::uint64_t applied = 0;  // in the weights
    std::uint64_t rounds = 0;   // decided, by the log
    std::uint64_t batches = 0;
    std::string open_round;
    std::string handover;  // "in term 7" while this peer hands over
    std::uint64_t reference = 0;
    std::string reference_hash;  // empty: not known yet after a start
    std::size_t connected = 0;   // members that this peer is connected to
};

class Group {
public:
    Group(daemon::TimingProfile profile, const std::filesystem::path& parleyd);
    ~Group();
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    // None: no answer in time, or it is dead.
    std::optional<View> ask(std::size_t member);
    std::string id(std::size_t member) const { return group_->peers()[member].id.text(); }
    std::vector<pid_t> processes() const;

    // From now on the first peer that reaches this point dies there.
    void arm(const std::string& point);
    // Nobody shall die any more; false if somebody is about to.
    bool disarm();
    struct Claim {
        std::uint64_t term = 0;  // as the dead peer knew them
        std::uint64_t commit = 0;
        std::string role;
    };
    Claim reap(std::size_t member);  // after its death; throws if it was not by the hook
    void restart(std::size_t member);

    // What was said that cannot all be true, since the last call.
    std::vector<std::string> take_contradictions() { return std::exchange(contradictions_, {}); }
    std::uint64_t highest_commit() const { return highest_commit_; }
    void print_logs() const;

private:
    void compare(std::size_t member, const View& view, const std::string& story);

    std::filesystem::path token_;
    std::unique_ptr<daemon::DemoGroup> group_;
    std::vector<std::optional<View>> latest_;          // of the process that runs now
    std::map<std::uint64_t, std::string> stories_;     // by commit: all that follows from the log up to there
    std::map<std::uint64_t, std::string> references_;  // hash by version
    std::uint64_t highest_commit_ = 0;
    std::vector<std::string> contradictions_;
};

}  // namespace parley::kill_matrix
