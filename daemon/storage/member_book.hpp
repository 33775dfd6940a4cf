// Where the members were reached last, for the next start: seeds may be gone by then. `members.json`, as text that people
// can read. Only a help: a damaged or missing file costs nothing but the addresses, and trust never comes from it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/storage/files.hpp"
#include "protocol/membership/swim.hpp"
#include "protocol/peer.hpp"

namespace parley::daemon {

class MemberBook {
public:
    using Known = PeerConfig::Known;

    explicit MemberBook(const std::filesystem::path& directory) : file_(directory / "members.json") {}

    struct Loaded {
        std::vector<Known> members;
        std::string warning;  // why it could not be used; empty: fine, or absent
    };
    [[nodiscard]] Loaded load() const;
    [[nodiscard]] StorageResult<void> store(const std::vector<Known>& members) const;

    // Every member with a known address.
    static std::vector<Known> of(const swim::MemberTable& table);

private:
    std::filesystem::path file_;
};

}  // namespace parley::daemon
