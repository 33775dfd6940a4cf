// What a peer says of itself on the local network: the TXT record of its service (RFC 6763 section 6).
//
//   txtvers=1   cluster=NAME   id=as `parley init` prints it   protocol=1
//
// All of it is public and nothing of it is proven: it says which addresses are worth a call. Who answers
// there, the handshake decides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

constexpr const char* service_type = "_parley._tcp";
constexpr std::size_t txt_entries_max = 32;       // more: refused
constexpr std::size_t txt_entry_bytes_max = 255;  // by RFC 6763; longer: refused

struct Announcement {
    std::string cluster;
    PeerId id;
    std::uint32_t protocol_version = 0;
    bool operator==(const Announcement&) const = default;
};

std::vector<std::string> to_txt(const Announcement& announcement);
// Unknown keys are left alone: later versions may say more. Keys in any case; the first of a repeated one
// counts.
Result<Announcement> from_txt(std::span<const std::string> entries);

}  // namespace parley::daemon
