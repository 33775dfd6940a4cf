// A whole run: a group, a safety phase with faults, then a liveness phase in which it must find itself again.
#pragma once

#include <memory>
#include <vector>

#include "tests/sim/faults.hpp"
#include "tests/sim/host.hpp"

namespace parley::sim {

class Simulation {
public:
    explicit Simulation(Settings settings, bool verbose = false);
    ~Simulation() { queue_.clear(); }  // what is on its way refers to the links
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;

    // Throws Violation.
    void run();

    // For tests that lead the way themselves.
    void start();
    void run_for(Duration duration) { queue_.run_until(queue_.now() + duration); }
    [[nodiscard]] std::vector<Host*> hosts();
    [[nodiscard]] Group& group() { return group_; }

    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] Ledger& ledger() { return *ledger_; }
    [[nodiscard]] const Ledger& ledger() const { return *ledger_; }
    [[nodiscard]] const NetworkCounters& network_counters() const { return network_.counters(); }
    [[nodiscard]] Instant now() const { return queue_.now(); }
    [[nodiscard]] const Transcript& transcript() const { return transcript_; }
    [[nodiscard]] Duration recovery() const { return recovery_; }  // from the last fault to the third commit

private:
    void recover();
    void settle();
    [[nodiscard]] std::vector<std::size_t> full_members() const;  // as of the last committed record
    [[nodiscard]] bool is_group_complete() const;
    [[nodiscard]] bool one_coordinator();
    void require_agreement();
    [[nodiscard]] bool everything_done();

    Settings settings_;
    EventQueue queue_;
    Rng rng_;
    Transcript transcript_;
    Network network_;
    Group group_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::unique_ptr<Ledger> ledger_;
    Duration recovery_{};
};

}  // namespace parley::sim
