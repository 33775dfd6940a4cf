// What breaks, when: drawn from the seed, written to the transcript.
#pragma once

#include <vector>

#include "tests/sim/host.hpp"

namespace parley::sim {

class Faults {
public:
    Faults(Group& group, std::vector<Host*> hosts);

    void begin();
    void end();   // everything is repaired, everybody starts

private:
    void next();
    void inject();
    void crash_one();
    void kill_coordinator();
    void restart_some();
    void partition();
    void one_way();
    void ring();
    void heal();
    void degrade();
    void pause_one();
    void flap();
    // The coordinator keeps one follower and dies soon: the record it has just appended is on a minority.
    void isolate(std::size_t coordinator);
    void start(std::size_t host);
    [[nodiscard]] std::size_t any_host();

    Group& group_;
    std::vector<Host*> hosts_;
    bool active_ = false;
};

}  // namespace parley::sim
