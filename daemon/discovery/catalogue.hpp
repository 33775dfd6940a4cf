// The services that Avahi has seen, and what became of asking for each: whose it claims to be, and where.
//
//   add -> waiting -> asked -> peer (a voter of our cluster), foreign (anything else), or failed
//   refresh: peers and what failed are asked again, as addresses change under a name that stays
//
// Anybody on the network can announce anything, so everything here has a limit, and only addresses come out
// of it, for ids that are voters: others the handshake would refuse. A plain data structure, without bus and
// clock.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/types.hpp"

namespace parley::daemon {

// Of all kinds together. When it is full, a new service takes the place of a foreign one, a stranger or one
// that could not be asked; is there none, it is left out and counted.
constexpr std::size_t services_max = 256;
constexpr std::size_t questions_max = 8;            // asked at the same time; the others wait
constexpr std::size_t addresses_per_peer_max = 8;   // a peer's further ones are not dialled
constexpr std::size_t service_name_bytes_max = 63;  // by RFC 6763
constexpr std::size_t domain_bytes_max = 255;

// As Avahi's browser names it: the same service on two interfaces is two.
struct ServiceKey {
    std::int32_t interface = -1;
    std::int32_t protocol = -1;  // 0 IPv4, 1 IPv6
    std::string name;
    std::string domain;
    auto operator<=>(const ServiceKey&) const = default;
};

struct ServiceAnswer {
    std::string address;  // numeric
    std::uint16_t port = 0;
    std::vector<std::string> txt;
};

using FoundAddresses = std::map<PeerId, std::set<std::string>>;  // "192.0.2.7:7700", "[2001:db8::1]:7700"

class Catalogue {
public:
    Catalogue(std::string cluster, const PeerId& self, std::vector<PeerId> voters);

    void add(const ServiceKey& key);
    void remove(const ServiceKey& key);
    void refresh();
    void clear();

    struct Question {
        std::uint64_t number = 0;
        ServiceKey key;
    };
    // The next one to ask for, or nothing: none waits, or too many are asked already. Each must be answered.
    std::optional<Question> next_question();
    void answer(std::uint64_t number, const Result<ServiceAnswer>& answer);

    FoundAddresses addresses() const;

    struct Counts {
        std::size_t services = 0;   // of all kinds, our own included
        std::size_t peers = 0;      // voters found, without ourselves
        std::size_t strangers = 0;  // services of our cluster whose id is not among the voters
        std::uint64_t left_out = 0;
    };
    Counts counts() const;

private:
    enum class State { waiting, asked, peer, foreign, stranger, failed };
    struct Service {
        State state = State::waiting;
        std::uint64_t question = 0;
        std::optional<PeerId> peer;  // of the latest answer, which stands until the next one
        std::string address;
    };
    bool make_room();
    void file(Service& service, const ServiceAnswer& answer) const;

    const std::string cluster_;
    const PeerId self_;
    const std::vector<PeerId> voters_;  // sorted
    std::map<ServiceKey, Service> services_;
    std::size_t asked_ = 0;
    std::uint64_t last_question_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace parley::daemon
