// The log: from the coordinator to the followers, and what a majority of them decides.
#include <algorithm>

#include "protocol/election/raft.hpp"
#include "protocol/limits.hpp"

namespace parley {

std::optional<LogIndex> Raft::propose(RecordContent content) {
    if (std::get<Coordinator>(role_).transfer) return std::nullopt;
    const auto* change = std::get_if<Members>(&content);
    if (change != nullptr && !may_change_members(*change)) return std::nullopt;
    append_record({vote_.term, std::move(content)});
    replicate();
    return log_.last_index();
}

void Raft::replicate() {
    follow_roster();
    advance_commit();  // a group of one is a majority of one
    send_append_to_all();
}

void Raft::append_record(Record record) {
    log_.append(std::move(record));
    rosters_.appended(log_.last_index(), log_.at(log_.last_index()));
    output_.first_changed = std::min(output_.first_changed.value_or(log_.last_index()), log_.last_index());
}

// --- replication, at a follower ---------------------------------------------------------------------------

bool Raft::follows(Instant now, const PeerId& from, Term term) {
    if (is_absurd(from, term)) return false;
    // A coordinator of an older term learns that it is none any more; and so does one whose follower has stood in a later
    // term and was refused by everybody: without a new term that peer could never follow again.
    if (term < vote_.term) {
        send(from, AppendReply{vote_.term, false, log_.last_index(), config_.disk});
        return false;
    }
    if (term == vote_.term && coordinator().value_or(from) != from) {
        output_.refused.push_back({from, "claims to be coordinator of a term that has another"});
        return false;
    }
    become_follower(now, term, from);
    return true;
}

void Raft::step(Instant now, const PeerId& from, const Append& message) {
    if (!follows(now, from, message.term)) return;
    const LogIndex previous = message.previous_index;
    // What lies before our base is committed: the sender has the same.
    const bool is_known = previous < log_.base().index ||
                          (previous <= log_.last_index() && log_.term_at(previous) == message.previous_term);
    if (!is_known) {
        const LogIndex before{previous.value == 0 ? 0 : previous.value - 1};
        return send(from, AppendReply{vote_.term, false, std::min(before, log_.last_index()), config_.disk});
    }
    const std::optional<LogIndex> match = take_records(from, message);
    if (!match) return;
    commit_to(std::max(commit_, std::min(message.commit, *match)));
    send(from, AppendReply{vote_.term, true, *match, config_.disk});
}

bool Raft::is_sound(const Slack& slack, Term term, const Roster& before) {
    double sum = 0;
    for (const Allowance& allowance : slack.allowances) {
        if (!before.is_full(allowance.member)) return false;
        sum += allowance.share;
    }
    return slack.round.term == term && sum <= static_cast<double>(before.full_count()) * (1 + 1e-9);
}

// What holds for every record of an honest coordinator. A log keeps a record for ever: one with the round of another
// term or a member nobody knows would stop all later rounds.
bool Raft::is_sound(const Record& record, const Roster& before) {
    if (const Members* change = record.members()) return !before.objection(*change);
    if (const Slack* slack = record.slack()) return is_sound(*slack, record.term, before);
    const Average* average = record.average();
    if (average == nullptr) return true;
    const auto is_known = [&before](const Share& share) { return before.is_full(share.member); };
    return average->round.term == record.term && average->violations <= before.full_count() &&
           std::ranges::all_of(average->balancing_set, is_known);
}

std::optional<LogIndex> Raft::take_records(const PeerId& from, const Append& message) {
    LogIndex index = message.previous_index;
    awaited_blob_.reset();
    for (const Record& record : message.records) {
        const LogIndex place = index.next();
        const bool is_known = place < log_.base().index ||
                              (place <= log_.last_index() && log_.term_at(place) == record.term);
        if (!is_known) {
            const bool is_in_order =
                place > commit_ && record.term >= log_.term_at(index) && record.term <= message.term;
            if (!is_in_order || !is_sound(record, rosters_.at(index))) {
                output_.refused.push_back({from, is_in_order ? "sends a record that no coordinator writes"
                                                             : "sends records that contradict committed ones"});
                return std::nullopt;
            }
            // What the sender knows to be committed is durable at a majority already; the apply step fetches it.
            if (record.is_reference() && place > message.commit &&
                !durable_blobs_.contains(record.average()->hash)) {
                awaited_blob_ = record.average()->hash;
                break;
            }
            if (place <= log_.last_index()) {
                log_.truncate_after(index);
                rosters_.truncated_after(index);
            }
            append_record(record);
        }
        index = place;
    }
    return std::max(index, log_.base().index);
}

// --- replication, at the coordinator ------------------------------------------------------------------------

void Raft::send_append(const PeerId& to, const Progress& progress) {
    const LogIndex previous{progress.next.value - 1};
    // Repeated with every heartbeat until it is answered, as lost records are.
    if (previous < log_.base().index) return send(to, Snapshot{vote_.term, log_.base()});
    send(to, Append{vote_.term, previous, log_.term_at(previous),
                    log_.slice(progress.next, limits::records_per_append), commit_, {}, {}});
}

void Raft::send_append_to_all() {
    for (const auto& [follower, progress] : std::get<Coordinator>(role_).followers)
        send_append(follower, progress);
}

void Raft::step(Instant now, const PeerId& from, const AppendReply& message) {
    if (is_absurd(from, message.term)) return;
    if (message.term > vote_.term) return become_follower(now, message.term, std::nullopt);
    auto* coordinator = std::get_if<Coordinator>(&role_);
    if (coordinator == nullptr || message.term != vote_.term) return;
    const auto found = coordinator->followers.find(from);
    if (found == coordinator->followers.end()) return;
    Progress& progress = found->second;
    progress.heard = now;
    // What another disk has acknowledged is gone with it.
    if (progress.disk != DiskId{} && progress.disk != message.disk) progress.match = {};
    progress.disk = message.disk;
    if (enroll(from, message.disk)) replicate();
    if (message.accepted) {
        acknowledged(from, progress, message.match);
        return settle_roster(now);
    }
    const std::uint64_t lower = std::min(progress.next.value - 1, message.match.value + 1);
    progress.next.value = std::max({lower, progress.match.value + 1, std::uint64_t{1}});
    send_append(from, progress);
}

void Raft::acknowledged(const PeerId& from, Progress& progress, LogIndex match) {
    if (match > log_.last_index()) {
        output_.refused.push_back({from, "acknowledges records that do not exist"});
        return;
    }
    if (match <= progress.match) return;
    progress.match = match;
    progress.next = std::max(progress.next, progress.match.next());
    const LogIndex before = commit_;
    advance_commit();
    // Tell everybody at once what is decided; else only send on what this follower still lacks.
    if (commit_ != before)
        send_append_to_all();
    else if (progress.next <= log_.last_index())
        send_append(from, progress);
    if (successor() == from) send_timeout_now();
}

// Only records of the own term are committed by counting (Raft 5.4.2, figure 8).
void Raft::advance_commit() {
    std::vector<LogIndex> matches;
    if (is_voter(config_.self)) matches.push_back(log_.last_index());
    for (const auto& [follower, progress] : std::get<Coordinator>(role_).followers)
        if (counts(follower, progress)) matches.push_back(progress.match);
    if (matches.size() < majority()) return;
    std::ranges::sort(matches, std::greater<>());
    const LogIndex candidate = matches[majority() - 1];
    if (candidate > commit_ && log_.term_at(candidate) == vote_.term) commit_to(candidate);
}

}  // namespace parley
