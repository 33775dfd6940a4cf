#include "protocol/messages.hpp"

#include <algorithm>
#include <array>

namespace parley {

const char* message_name(const Message& message) {
    static constexpr std::array names = {"request_vote", "vote_reply", "append",       "append_reply", "violation_notice",
                                         "query",        "abort",      "ready",        "fetch_blob",   "blob_missing",
                                         "contribution", "blob",       "heartbeat",    "pre_vote",     "pre_vote_reply",
                                         "timeout_now",  "snapshot",   "change_members", "fetch_leaves", "blob_leaves",
                                         "fetch_leaf",   "blob_busy",  "blob_leaf"};
    static_assert(names.size() == std::variant_size_v<Message>);
    return names.at(message.index());
}

namespace {

std::string short_hash(const ModelHash& hash) { return hash.text().substr(0, 16); }

}  // namespace

std::optional<std::string> refusal(const Hello& ours, const Hello& theirs) {
    if (ours.protocol_version != theirs.protocol_version)
        return "protocol version " + std::to_string(theirs.protocol_version) + " there, " +
               std::to_string(ours.protocol_version) + " here: install the same release on both hosts";
    if (ours.fingerprint != theirs.fingerprint)
        return "another model: '" + theirs.model + "' (fingerprint " + short_hash(theirs.fingerprint) + ") there, '" +
               ours.model + "' (fingerprint " + short_hash(ours.fingerprint) +
               ") here: [model] must be the same in both configs";
    if (ours.founders != theirs.founders)
        return "another list of founding voters: hash " + short_hash(theirs.founders) + " there, " + short_hash(ours.founders) +
               " here: [cluster] voters must name those who founded the group, in every config";
    for (const SharedSetting& setting : ours.settings) {
        const auto other = std::ranges::find(theirs.settings, setting.name, &SharedSetting::name);
        if (other != theirs.settings.end() && other->value == setting.value) continue;
        return "another " + setting.name + ": " + (other == theirs.settings.end() ? "none" : other->value) + " there, " +
               setting.value + " here: it must be the same in every config";
    }
    return std::nullopt;
}

}  // namespace parley
