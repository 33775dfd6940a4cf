// What breaks, when: drawn from the seed, written to the transcript.
#pragma once

#include <string>
#include <vector>

#include "tests/sim/host.hpp"

namespace parley::sim {

class Faults {
public:
    Faults(Group& group, std::vector<Host*> hosts);

    void begin();
    void end();   // everything is repaired, everybody starts

private:
    struct Kind {
        const char* name;
        void (Faults::*inject)();
        unsigned weight;
        bool always = false;  // repairs; every other kind is left out of some runs, so that the rest comes up more often
    };
    static const std::vector<Kind>& kinds();
    void choose_kinds();
    void next();

    // Hosts.
    void crash_one();
    void kill_coordinator();
    void restart_some();
    void pause_one();
    void stutter();       // a third of the hosts stop again and again
    void stutter(std::size_t host, Instant end);
    void slow_one();
    void jump_clock();
    void lose_disk();
    // The group, where it may change: somebody is asked to change it, whether that can be or not.
    void remove_one();
    void revoke_one();
    void demote_one();
    void readmit_one();
    void ask(Members::Change change, std::size_t member);
    // Links.
    void partition();
    void one_way();
    void ring();
    void heal();
    void repair_links();
    void degrade();
    void flap();
    void clog();
    void block_datagrams();
    void degrade_datagrams();
    // The coordinator keeps one follower and dies soon: the record it has just appended is on a minority.
    void isolate(std::size_t coordinator);

    void start(std::size_t host);
    [[nodiscard]] std::size_t any_host();
    [[nodiscard]] std::vector<bool> some_hosts(double probability);
    void note(const std::string& what);

    Group& group_;
    std::vector<Host*> hosts_;
    std::vector<Kind> chosen_;
    unsigned weights_ = 0;
    bool active_ = false;
};

}  // namespace parley::sim
