// Who is let in, and changes of the group that an operator asks for.
#include <algorithm>

#include "daemon/driver.hpp"

namespace parley::daemon {
namespace {

Result<Members::Change> change_of(const std::string& name) {
    using enum Members::Change;
    for (const auto change : {admit, demote, remove, revoke})
        if (name == change_name(change)) return change;
    return failure("'" + name + "' is no change of the group: admit, demote, remove or revoke");
}

}  // namespace

std::optional<std::string> Driver::objection(const PeerId& id) const {
    const PeerStatus now = peer_.status();
    if (now.roster.is_revoked(id)) return "is revoked: its key is never let in again";
    if (now.roster.is_removed(id))
        return "was removed from the group: `parley admit` with its id, at a member, lets it in again";
    const std::vector<PeerId>& allowed = config_.cluster.allowed_peers;
    const bool is_known = now.roster.is_member(id) || !now.roster.is_full(self_) || is_fenced(now.standing);
    if (is_known || allowed.empty() || std::ranges::binary_search(allowed, id)) return std::nullopt;
    return "is neither a member nor among cluster.allowed_peers of cluster " + config_.cluster.name;
}

Result<Members> Driver::change_members(const std::string& change, const std::string& who) {
    const auto kind = change_of(change);
    if (!kind) return std::unexpected(kind.error());
    const PeerStatus now = peer_.status();
    std::vector<PeerId> meant;
    for (const MemberView& member : now.members)
        if (member.name == who || member.id.text() == who) meant.push_back(member.id);
    if (meant.size() > 1) return failure("more than one member is called '" + who + "': give the id");
    if (meant.empty()) {
        const auto id = PeerId::parse(who);
        if (!id) return failure("no member is called '" + who + "', and it is no id of 52 characters");
        meant.push_back(*id);
    }
    const Members wanted{*kind, meant.front()};
    if (const auto refused = ask_for(wanted)) return std::unexpected(*refused);
    return wanted;
}

}  // namespace parley::daemon
