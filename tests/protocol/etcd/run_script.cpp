#include <deque>
#include <map>
#include <set>
#include <sstream>

#include "protocol/election/raft.hpp"
#include "tests/protocol/etcd/script.hpp"
#include "tests/protocol/support.hpp"

namespace parley::etcd {

namespace {

constexpr int beats_a_settle = 3;

// Heartbeats so close together that no clock matters but where a script moves it.
Timing quick_timing() {
    Timing timing;
    timing.heartbeat = 1ms;
    return timing;
}

struct Node {
    Vote vote;
    std::vector<Record> records;
    std::optional<Raft> raft;
    Instant now{};
};

class Group {
public:
    explicit Group(std::uint8_t members) : voters_(test::peers(members)) {
        for (const PeerId& id : voters_)
            start(id, LogIndex{});
    }

    void operation(const std::string& verb, std::uint8_t one, std::uint8_t two) {
        const PeerId id = test::peer(one);
        if (verb == "campaign") campaign(id);
        if (verb == "expire" && nodes_[id].raft->role() != Role::coordinator)
            nodes_[id].now += quick_timing().election_timeout;
        if (verb == "propose") propose();
        if (verb == "transfer") transfer(id);
        if (verb == "cut") cut_.insert({id, test::peer(two)});
        if (verb == "heal") cut_.clear();
        if (verb == "quorum") quorum();
        if (verb == "deliver") deliver_all();
        if (verb == "restart") start(id, nodes_[id].raft->commit());
    }

    std::string settle() {
        deliver_all();
        for (int i = 0; i < beats_a_settle; ++i) {
            beat();
            deliver_all();
        }
        std::string line;
        for (const auto& [id, node] : nodes_) {
            const Raft& raft = *node.raft;
            const auto coordinator = raft.coordinator();
            line += (line.empty() ? "" : " ") + std::to_string(id.bytes[0]) + ":" + std::to_string(raft.term().value) + "/" +
                    std::to_string(coordinator ? coordinator->bytes[0] : 0) + "/" + std::to_string(raft.commit().value) +
                    "/" + std::to_string(raft.log().last_index().value) + "@" +
                    std::to_string(raft.log().last_term().value);
        }
        return line;
    }

private:
    void start(const PeerId& id, LogIndex commit) {
        Node& node = nodes_[id];
        node.raft.emplace(Raft::Config{id, voters_, quick_timing()}, node.vote, RecordLog(node.records), commit, Rng(id.bytes[0]),
                          node.now);
    }

    void carry_out(const PeerId& id) {
        Node& node = nodes_[id];
        node.raft->check_invariants();
        Raft::Output output = node.raft->take_output();
        node.vote = node.raft->vote();
        if (output.first_changed) node.records = node.raft->log().records();
        CHECK(output.refused.empty());
        for (Send& send : output.sends)
            if (!cut_.contains({id, send.to})) letters_.push_back({id, std::move(send)});
    }

    void campaign(const PeerId& id) {
        Node& node = nodes_[id];
        if (node.raft->role() == Role::coordinator) return;
        node.now = std::max(node.now, node.raft->next_deadline());
        node.raft->advance(node.now);
        carry_out(id);
    }

    [[nodiscard]] std::vector<PeerId> coordinators() {
        std::vector<PeerId> result;
        for (const auto& [id, node] : nodes_)
            if (node.raft->role() == Role::coordinator) result.push_back(id);
        return result;
    }

    void propose() {
        for (const PeerId& id : coordinators()) {
            Raft& raft = *nodes_[id].raft;
            raft.propose(Balance{test::average(raft.term().value, ++proposals_, {1, 2})});
            carry_out(id);
        }
    }

    // From the coordinator of the latest term, when the two can hear each other: what becomes of a transfer that fails
    // is where we differ, for TIMEOUT_NOW is repeated.
    void transfer(const PeerId& successor) {
        std::optional<PeerId> from;
        for (const PeerId& id : coordinators())
            if (!from || nodes_[id].raft->term() > nodes_[*from].raft->term()) from = id;
        if (!from || *from == successor || cut_.contains({*from, successor}) || cut_.contains({successor, *from})) return;
        nodes_[*from].raft->transfer(nodes_[*from].now, successor);
        carry_out(*from);
    }

    // Nobody is heard for nearly an election timeout, but for one heartbeat in the middle.
    void quorum() {
        for (const PeerId& id : coordinators()) {
            silence(id);
            if (nodes_[id].raft->role() == Role::coordinator) beat(id);
            deliver_all();
            silence(id);
        }
    }
    void silence(const PeerId& id) {
        Node& node = nodes_[id];
        for (int i = 0; i < 4 && node.raft->role() == Role::coordinator; ++i) {
            node.now += quick_timing().election_timeout * 24 / 100;
            node.raft->advance(node.now);
            static_cast<void>(node.raft->take_output());
        }
    }

    void beat(const PeerId& id) {
        Node& node = nodes_[id];
        node.now = std::max(node.now, node.raft->next_deadline());
        node.raft->advance(node.now);
        carry_out(id);
    }
    void beat() {
        for (const PeerId& id : coordinators())
            beat(id);
    }

    void deliver_all() {
        while (!letters_.empty()) {
            const auto [from, send] = std::move(letters_.front());
            letters_.pop_front();
            Node& node = nodes_[send.to];
            const auto step = [&, sender = from](const auto& message) {
                if constexpr (requires { node.raft->step(node.now, sender, message); })
                    node.raft->step(node.now, sender, message);
            };
            std::visit(step, send.message);
            carry_out(send.to);
        }
    }

    std::vector<PeerId> voters_;
    std::map<PeerId, Node> nodes_;
    std::set<std::pair<PeerId, PeerId>> cut_;
    std::deque<std::pair<PeerId, Send>> letters_;
    std::uint64_t proposals_ = 0;
};

}  // namespace

std::string run_script(const std::string& script) {
    std::istringstream lines(script);
    std::optional<Group> group;
    std::string result;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string verb;
        unsigned one = 0, two = 0;
        words >> verb >> one >> two;
        if (verb == "group") group.emplace(static_cast<std::uint8_t>(one));
        else if (verb == "settle") result += group->settle() + "\n";
        else group->operation(verb, static_cast<std::uint8_t>(one), static_cast<std::uint8_t>(two));
    }
    return result;
}

}  // namespace parley::etcd
