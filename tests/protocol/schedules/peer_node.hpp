// A whole peer with a model of one parameter, the first reference 0 and Delta = 1: for the rules in which election, log and
// averaging meet. Its disk and its learner do everything at once unless the schedule makes them slow.
#pragma once

#include <deque>
#include <map>

#include "protocol/peer.hpp"
#include "tests/protocol/schedules/node.hpp"

namespace parley::schedules {

class PeerNode : public Node {
public:
    PeerNode(PeerId self, std::vector<PeerId> founders, const CommitteeRule& committee, std::uint64_t rounds_per_term, SendFunction send);

    void start(Instant now) override;
    void crash() override;
    void lose_disk() override { disk_ = {}; }
    [[nodiscard]] bool is_up() const override { return peer_.has_value(); }
    void step(Instant now, const PeerId& from, const Message& message) override;
    void advance(Instant now) override;
    [[nodiscard]] Instant next_deadline() const override { return peer_->next_deadline(); }
    [[nodiscard]] View view() const override;
    bool command(Instant now, Words words) override;
    bool expect(Words words) override;

private:
    struct Disk {
        PersistedState state;
        std::map<ModelHash, SharedModel> blobs;
        float weight = 0;     // of the checkpoint
        float reference = 0;
    };

    void report(Instant now);
    void carry_out(Instant now);
    void gossip(Instant now, const PeerId& from, swim::Body body);
    void persist(const PersistLog& log);
    void run(Instant now, const BlobCommand& command);
    void run(Instant now, const LearnerCommand& command);
    void save(Instant now);

    PeerConfig config_;
    SendFunction send_;
    Disk disk_;
    std::uint64_t starts_ = 0;
    std::optional<Peer> peer_;
    AppliedState learner_;            // what the learner holds in memory
    float weight_ = 0;
    float reference_ = 0;
    bool is_disk_slow_ = false;
    std::deque<BlobCommand> blob_commands_;
    std::deque<LearnerCommand> learner_commands_;
    std::size_t alarms_ = 0;
};

}  // namespace parley::schedules
