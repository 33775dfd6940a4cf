// The election and the log alone. What an output says is to be durable is on the disk before its messages leave; what it
// does not say is not.
#pragma once

#include "protocol/election/raft.hpp"
#include "tests/protocol/schedules/node.hpp"

namespace parley::schedules {

class RaftNode : public Node {
public:
    // `founders_wanted`: a group whose disks have numbers; none: it has no disk that is ever lost.
    RaftNode(PeerId self, std::vector<PeerId> founders, const CommitteeRule& committee, std::optional<std::size_t> founders_wanted,
             SendFunction send)
        : self_(self), founders_(std::move(founders)), committee_(committee), founders_wanted_(founders_wanted), send_(std::move(send)) {}

    void start(Instant now) override;
    void crash() override { raft_.reset(); }
    void lose_disk() override;
    [[nodiscard]] bool is_up() const override { return raft_.has_value(); }
    void step(Instant now, const PeerId& from, const Message& message) override;
    void advance(Instant now) override;
    [[nodiscard]] Instant next_deadline() const override { return raft_->next_deadline(); }
    [[nodiscard]] View view() const override;
    bool command(Instant now, Words words) override;
    bool expect(Words words) override;

private:
    void carry_out();
    void given(Words words);

    PeerId self_;
    std::vector<PeerId> founders_;
    CommitteeRule committee_;
    std::optional<std::size_t> founders_wanted_;
    SendFunction send_;
    std::uint64_t disks_lost_ = 0;
    Vote vote_;                        // the disk
    HistorySnapshot base_;
    std::vector<Record> records_;
    std::set<ModelHash> blobs_;
    std::optional<Raft> raft_;
    std::size_t refused_ = 0;
    std::uint64_t starts_ = 0;
};

}  // namespace parley::schedules
