// What the demo knows of its peers: their last status and counters, kept when a peer dies or is started
// again.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/demo/group.hpp"

namespace parley::daemon {

struct PeerFigures {
    bool answers = false;            // to the last question
    std::string ended;               // how the process we started ended; empty: it runs
    bool was_started_again = false;  // by hand, after that
    std::string role;
    std::string coordinator;  // the id it believes in
    std::uint64_t term = 0;
    std::string state;  // of the training
    std::uint64_t samples = 0;
    std::uint64_t batches = 0;
    double loss = 0;
    double accuracy = 0;
    double distance = 0;
    double samples_per_second = 0;
    std::uint64_t rounds_full = 0;
    std::uint64_t rounds_partial = 0;
    std::uint64_t rounds_slack = 0;
    double threshold = 0;          // of its own: what slack has made of the config's
    std::uint64_t rounds_failed = 0;
    std::uint64_t bytes_sent = 0;
    std::uint64_t model_bytes_sent = 0;
    std::uint64_t parameters = 0;
    std::set<std::string> coordinators;
    std::map<std::string, std::uint64_t> sent_by_type;  // bytes of messages
};

class Observer {
public:
    explicit Observer(DemoGroup& group);

    // Asks every peer once, for the bytes by message type as well if `with_messages`.
    void look(bool with_messages);

    const std::vector<PeerFigures>& figures() const { return figures_; }
    std::string name_of(const std::string& id) const;
    std::set<std::string> coordinators() const;  // ids, seen by anybody

private:
    // Counters start from zero with every start of a peer; what earlier starts had counted is added.
    struct Base {
        std::uint64_t start = 0;
        PeerFigures last;
        PeerFigures sum;
    };
    void look_at(std::size_t i, bool with_messages);

    DemoGroup& group_;
    std::vector<PeerFigures> figures_;
    std::vector<Base> bases_;
};

}  // namespace parley::daemon
