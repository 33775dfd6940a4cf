// A group of real daemons under faults, and what all of them see of one another. One thread; a fault that
// needs a rhythm of its own may signal processes from another.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/demo/group.hpp"
#include "tests/cluster/history.hpp"
#include "tests/cluster/interrupts.hpp"

namespace parley::cluster {

using daemon::DemoPeer;
using nlohmann::json;

struct ClusterOptions {
    std::size_t peers = 20;
    std::filesystem::path parleyd;  // empty: see daemon::find_parleyd
    double batches_per_second = 1;  // 0: as fast as the host can
    std::function<void(std::size_t, daemon::Config&)> adjust;
    double start_seconds = 180;   // until all see all alive
    double settle_seconds = 0;    // from then until the scenario begins
};

class Cluster {
public:
    // Starts the peers and waits until all see all alive.
    explicit Cluster(const ClusterOptions& options);
    ~Cluster();
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;

    std::size_t size() const { return group_->peers().size(); }
    DemoPeer& peer(std::size_t number) { return group_->peers()[number]; }
    const std::filesystem::path& directory() const { return group_->directory(); }
    double start_took() const { return start_took_; }
    Members everybody() const;
    Members all_but(const Members& others) const;

    void kill(const Members& members);
    void freeze(std::size_t member);
    void thaw(std::size_t member);
    // One that was killed, with the same state; at this address if one is given.
    void restart(std::size_t member, const std::string& listen = {});

    // Asks everybody who runs for what it sees, and reads what was logged since.
    void poll();
    // Polls until it holds; says whether it did in time.
    bool poll_until(double seconds, const std::function<bool()>& condition,
                    std::chrono::milliseconds pause = default_pause);
    void poll_for(double seconds, std::chrono::milliseconds pause = default_pause);

    // Of the latest answers, as far as they say something; null if `observer` has not told of it.
    const json& seen(std::size_t observer, std::size_t member) const;
    const json& view(std::size_t observer) const { return views_[observer]; }
    bool is_seen_as(std::size_t member, const std::string& state) const;  // by everybody else who runs
    bool all_alive() const;  // everybody sees everybody else alive
    std::size_t count(
        const std::function<bool(const json& member)>& holds) const;  // pairs, among those who run

    double mean_health() const;

    const History& history() const { return history_; }
    std::uint64_t suppressed() const { return suppressed_; }  // log lines that the limiters left out
    json status_of(std::size_t member) const;

    static constexpr std::chrono::milliseconds default_pause{200};

private:
    enum class Condition { runs, frozen, killed };
    void ask(std::size_t observer);
    void read_log(std::size_t observer);
    void read_line(std::size_t observer, const std::string& line);
    [[noreturn]] void fail(const std::string& what);

    std::unique_ptr<daemon::DemoGroup> group_;
    std::vector<Condition> conditions_;
    std::map<std::string, std::size_t> numbers_;        // by id
    std::map<std::string, std::size_t> short_numbers_;  // by the id's beginning, as log lines have it
    std::vector<std::vector<json>> seen_;
    std::vector<json> views_;
    std::vector<std::streamoff> log_offsets_;
    History history_;
    std::uint64_t suppressed_ = 0;
    double start_took_ = 0;
};

}  // namespace parley::cluster
