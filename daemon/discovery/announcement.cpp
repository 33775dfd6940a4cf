#include "daemon/discovery/announcement.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "protocol/limits.hpp"

namespace parley::daemon {
namespace {

bool is_key(std::string_view text, std::string_view key) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(text, key, {}, lower);
}

std::optional<std::string_view> value_of(std::span<const std::string> entries, std::string_view key) {
    for (const std::string_view entry : entries) {
        const std::size_t equals = entry.find('=');
        if (equals != std::string_view::npos && is_key(entry.substr(0, equals), key))
            return entry.substr(equals + 1);
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::string> to_txt(const Announcement& announcement) {
    return {"txtvers=1", "cluster=" + announcement.cluster, "id=" + announcement.id.text(),
            "protocol=" + std::to_string(announcement.protocol_version)};
}

Result<Announcement> from_txt(std::span<const std::string> entries) {
    if (entries.size() > txt_entries_max) return failure("its TXT record has too many entries");
    for (const std::string& entry : entries)
        if (entry.size() > txt_entry_bytes_max) return failure("an entry of its TXT record is too long");
    const auto cluster = value_of(entries, "cluster");
    const auto id = value_of(entries, "id");
    const auto version = value_of(entries, "protocol");
    if (!cluster || !id || !version) return failure("its TXT record lacks cluster, id or protocol");
    if (cluster->empty() || cluster->size() > limits::name_bytes_max)
        return failure("the cluster in its TXT record is empty or too long");
    Announcement announcement{.cluster = std::string(*cluster), .id = {}, .protocol_version = 0};
    const auto peer = PeerId::parse(*id);
    if (!peer) return failure("the id in its TXT record is none: " + peer.error().message);
    announcement.id = *peer;
    const char* const end = version->data() + version->size();
    const auto parsed = std::from_chars(version->data(), end, announcement.protocol_version);
    if (parsed.ec != std::errc() || parsed.ptr != end)
        return failure("the protocol in its TXT record is no number");
    return announcement;
}

}  // namespace parley::daemon
