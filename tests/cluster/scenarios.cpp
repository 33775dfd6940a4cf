#include "tests/cluster/scenarios.hpp"

#include <csignal>
#include <thread>

namespace parley::cluster {
namespace {

constexpr std::chrono::milliseconds stopped_time{4000};
constexpr std::chrono::milliseconds running_time{20};

// Signals that must not fail to be undone, whatever ends the trial.
class StoppedProcesses {
public:
    explicit StoppedProcesses(const std::vector<pid_t>& processes) : processes_(processes) {
        thread_ = std::jthread([this](const std::stop_token& stop) { alternate(stop); });
    }
    ~StoppedProcesses() {
        thread_.request_stop();
        thread_.join();
        signal_all(SIGCONT);
    }
    StoppedProcesses(const StoppedProcesses&) = delete;
    StoppedProcesses& operator=(const StoppedProcesses&) = delete;

private:
    void signal_all(int number) const {
        for (const pid_t process : processes_)
            ::kill(process, number);
    }
    void alternate(const std::stop_token& stop) const {
        while (!stop.stop_requested()) {
            signal_all(SIGSTOP);
            const auto until = std::chrono::steady_clock::now() + stopped_time;
            while (!stop.stop_requested() && std::chrono::steady_clock::now() < until)
                std::this_thread::sleep_for(running_time);
            signal_all(SIGCONT);
            std::this_thread::sleep_for(running_time);
        }
    }

    std::vector<pid_t> processes_;
    std::jthread thread_;
};

}  // namespace

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        {"smoke", "5 peers: one frozen for 4 s, then one killed; short enough for ctest", smoke},
        {"kill", "20 peers, some killed at once", kill_some},
        {"freeze", "one stopped for 4 s, and for 60 s", freeze_one},
        {"restart", "one killed and started again at another port", restart_one},
        {"all", "all killed and started again, at the same ports and at new ones", restart_all},
        {"soak", "20 peers that all train as fast as they can", soak},
        {"lifeguard-cycle", "40 peers, 8 of them mostly stopped for 90 s", lifeguard_cycle},
        {"partition", "20 peers in two halves that do not reach one another; needs root", partition},
        {"minority", "5 peers, two of them on their own; needs root", minority},
        {"one-way", "what one sends to another is lost; needs root", one_way},
        {"udp-blocked", "no datagram reaches anybody; needs root", udp_blocked},
        {"serf-kill", "kill, with agents of Debian's serf", serf_kill},
        {"serf-cycle", "lifeguard-cycle, with agents of Debian's serf", serf_cycle},
    };
    return all;
}

ClusterOptions group_of(const TrialOptions& options, std::size_t peers) {
    ClusterOptions group;
    group.peers = options.peers.value_or(peers);
    group.parleyd = options.parleyd;
    group.settle_seconds = options.settle_seconds;
    return group;
}

Row kill_row(const std::vector<Sighting>& sightings, std::size_t peers, const Members& victims,
             const Members& survivors, Interval interval) {
    const Spread spread = spread_of(sightings, victims, survivors, State::dead, interval);
    const Incidents deaths = incidents_of(sightings, survivors, survivors, State::dead, interval);
    const Incidents suspicions = incidents_of(sightings, survivors, survivors, State::suspect, interval);
    const Spread suspected = spread_of(sightings, victims, survivors, State::suspect, interval);
    return {{"peers", peers},
            {"killed", victims.size()},
            {"suspected, median s", median(suspected.first)},
            {"first, median s", median(spread.first)},
            {"first, max s", largest(spread.first)},
            {"all, median s", median(spread.all)},
            {"all, max s", largest(spread.all)},
            {"not by all", spread.missing},
            {"false suspicions", suspicions.incidents},
            {"false deaths", deaths.incidents}};
}

void stop_and_go(const std::vector<pid_t>& processes, double seconds,
                 const std::function<void()>& meanwhile) {
    const StoppedProcesses stopped(processes);
    const double until = now() + seconds;
    while (now() < until) {
        meanwhile();
        rest(std::chrono::milliseconds(200));
    }
}

Row cycle_row(const std::vector<Sighting>& sightings, const Members& cycled, const Members& healthy,
              Interval interval) {
    Members everybody = healthy;
    everybody.insert(everybody.end(), cycled.begin(), cycled.end());
    const Incidents false_deaths = incidents_of(sightings, healthy, everybody, State::dead, interval);
    const Incidents by_healthy = incidents_of(sightings, healthy, healthy, State::dead, interval);
    const Incidents suspicions = incidents_of(sightings, healthy, everybody, State::suspect, interval);
    const Incidents deaths = incidents_of(sightings, cycled, healthy, State::dead, interval);
    return {{"peers", everybody.size()},
            {"cycled", cycled.size()},
            {"false deaths", false_deaths.incidents},
            {"seen by", false_deaths.sightings},
            {"by healthy", by_healthy.incidents},
            {"false suspicions", suspicions.incidents},
            {"cycled: deaths", deaths.incidents},
            {"cycled: dead once", deaths.members}};
}

}  // namespace parley::cluster
