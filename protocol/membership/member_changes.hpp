// Changes of the group that somebody wants, until the log says that they are so or cannot be (COORDINATOR.md, section 5).
//
// wanted here (an operator, or a newcomer on a connection) -> CHANGE_MEMBERS to the coordinator, repeated
//   -> the coordinator proposes one after the other, between two rounds -> committed, or void: forgotten by everybody
//
// The coordinator itself wants one thing more: whoever is joining and has caught up becomes a voter, or a contributor where a committee
// votes. Seats in it: committee.hpp.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/log/history.hpp"
#include "protocol/messages.hpp"
#include "protocol/types.hpp"

namespace parley {

class MemberChanges {
public:
    explicit MemberChanges(Duration repeat) : repeat_(repeat) {}

    // Wanted by this peer. It may be proposed as things stand.
    void want(Instant now, const Members& change);
    // Wanted by another member, at the coordinator.
    void asked(const ChangeMembers& message, const History& history);
    // Somebody who is not a member has proven the cluster's secret. Who was never here is admitted.
    void connected(Instant now, const PeerId& stranger, const std::string& address);
    void disconnected(const PeerId& stranger) { strangers_.erase(stranger); }
    // It is a member now: where its connection came from, if there is one.
    std::optional<std::string> take_stranger(const PeerId& id);
    // Somebody else coordinates: others will ask it.
    void coordinator_changed(Instant now);
    // A MEMBERS record is committed.
    void decided(const Members& change, const Roster& roster);
    // Many are, and nobody knows which.
    void regrouped(const Roster& roster);

    // What is to be asked of the coordinator now.
    [[nodiscard]] std::vector<Members> take_due(Instant now, const Roster& roster);
    [[nodiscard]] Instant next_deadline() const;
    // At the coordinator: what to propose. `has_seat`: whoever joins votes at once; `is_ready`: a joining member that has the log and the reference; `is_safe`: the
    // reference outlives this change.
    [[nodiscard]] std::optional<Members> next(const Roster& roster, bool has_seat, const std::function<bool(const PeerId&)>& is_ready,
                                              const std::function<bool(const Members&)>& is_safe) const;
    // Wanted here and not so yet.
    [[nodiscard]] const std::vector<Members>& wanted() const { return wanted_; }

private:
    [[nodiscard]] std::vector<Members> all_wanted(const Roster& roster) const;

    Duration repeat_;
    std::vector<Members> wanted_;
    std::vector<Members> asked_;
    std::map<PeerId, std::string> strangers_;  // connected, with their addresses
    Instant due_ = never;
};

}  // namespace parley
