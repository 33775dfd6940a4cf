#include "tests/protocol/schedules/raft_node.hpp"

#include "protocol/log/compaction.hpp"
#include "tests/protocol/persisted_log.hpp"
#include "tests/protocol/support.hpp"

namespace parley::schedules {

void RaftNode::start(Instant now) {
    const DiskId disk{founders_wanted_ ? self_.bytes[0] + 8 * disks_lost_ : 0};
    raft_.emplace(Raft::Config{self_, founders_, Timing{}, disk, founders_wanted_.value_or(0), committee_}, vote_,
                  RecordLog(records_, base_), base_.index, Rng(self_.bytes[0] + 8 * ++starts_), now);
    for (const ModelHash& hash : blobs_)
        raft_->blob_durable(hash);
}

void RaftNode::lose_disk() {
    ++disks_lost_;
    vote_ = {};
    base_ = {};
    records_.clear();
    blobs_.clear();
}

void RaftNode::step(Instant now, const PeerId& from, const Message& message) {
    const auto deliver = [&](const auto& one) {
        if constexpr (requires { raft_->step(now, from, one); })
            raft_->step(now, from, one);
        else
            fail(std::string(message_name(message)) + " is nothing for the election");
    };
    std::visit(deliver, message);
    carry_out();
}

void RaftNode::advance(Instant now) {
    raft_->advance(now);
    carry_out();
}

void RaftNode::carry_out() {
    raft_->check_invariants();
    Raft::Output output = raft_->take_output();
    if (output.vote_changed) vote_ = raft_->vote();
    PersistLog change;
    if (output.base_changed) change.base = raft_->log().base();
    if (output.first_changed) {
        change.first_index = output.first_changed;
        change.records = raft_->log().slice(*output.first_changed, std::size_t(-1));
    }
    test::persist(change, base_, records_);
    refused_ += output.refused.size();
    for (Send& send : output.sends)
        send_(send.to, std::move(send.message));
}

View RaftNode::view() const {
    return {raft_->term(), raft_->role(), raft_->coordinator(), raft_->commit(), raft_->log().records(),
            raft_->log().base()};
}

// given A term 3 vote B log 1 1.1 2
void RaftNode::given(Words words) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        if (words[i] == "term") vote_.term = Term{number_of(words[i + 1])};
        if (words[i] == "vote") vote_.voted_for = peer_of(words[i + 1]);
        if (words[i] != "log") continue;
        records_.clear();
        while (++i < words.size())
            records_.push_back(record_of(words[i]));
    }
}

bool RaftNode::command(Instant now, Words words) {
    const std::string& verb = words[0];
    if (verb == "given") {
        given(words.subspan(2));
        start(now);
        return true;
    }
    if (!is_up()) return false;
    if (verb == "propose") {
        const bool is_refusal_expected = words.size() == 4 && words[3] == "refused";
        Record record = record_of(std::to_string(raft_->term().value) + "." + words[2]);
        if (record.is_reference()) command(now, std::vector<std::string>{"blob", words[1], words[2]});
        if (auto* change = std::get_if<Members>(&record.content); change && raft_->roster().is_joining(change->member))
            change->disk = raft_->disk_of(change->member);
        const bool is_taken = raft_->propose(std::move(record.content)).has_value();
        if (is_taken == is_refusal_expected) fail(is_taken ? "the proposal is taken" : "the proposal is refused");
    } else if (verb == "blob") {
        const ModelHash hash = record_of(std::to_string(raft_->term().value) + "." + words[2]).average()->hash;
        blobs_.insert(hash);
        raft_->blob_durable(hash);
    } else if (verb == "transfer") {
        raft_->transfer(now, peer_of(words[2]));
    } else if (verb == "compact") {
        raft_->compact(fold(raft_->log(), LogIndex{number_of(words[2])}));
    } else if (verb == "step-down") {
        raft_->step_down(now);
    } else {
        return false;
    }
    carry_out();
    return true;
}

bool RaftNode::expect(Words words) {
    if (words[1] == "refusals") {
        if (refused_ != number_of(words[2])) fail("it has refused " + std::to_string(refused_) + " messages");
    } else if (words[1] == "vote") {
        const std::string vote = raft_->vote().voted_for ? letter_of(*raft_->vote().voted_for) : "nobody";
        if (vote != words[2]) fail("it has voted for " + vote);
    } else if (words[1] == "successor") {
        const std::string successor = raft_->successor() ? letter_of(*raft_->successor()) : "nobody";
        if (successor != words[2]) fail("its successor is " + successor);
    } else if (words[1] == "voters" || words[1] == "contributors") {
        const Roster& roster = raft_->roster();
        const std::string letters = letters_of(words[1] == "voters" ? roster.voters : roster.contributors);
        if (letters != words[2]) fail("its " + words[1] + " are " + letters);
    } else if (words[1] == "awaits") {
        const bool is_awaiting = raft_->awaited_blob().has_value();
        if (is_awaiting != (words[2] == "blob")) fail(is_awaiting ? "it awaits a blob" : "it awaits nothing");
    } else {
        return false;
    }
    return true;
}

}  // namespace parley::schedules
