#include "daemon/discovery/catalogue.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "daemon/discovery/announcement.hpp"
#include "net/transport.hpp"

namespace parley::daemon {
namespace {

// A peer's address is passed on to the others: one that means something else on another host is of no use.
bool is_dialable(const boost::asio::ip::address& address) {
    const bool is_local = address.is_loopback() || (address.is_v6() && address.to_v6().is_link_local());
    return !is_local && !address.is_unspecified() && !address.is_multicast();
}

}  // namespace

Catalogue::Catalogue(std::string cluster, const PeerId& self, std::vector<PeerId> voters)
    : cluster_(std::move(cluster)), self_(self), voters_(std::move(voters)) {
    CHECK(std::ranges::is_sorted(voters_));
}

bool Catalogue::make_room() {
    if (services_.size() < services_max) return true;
    for (const State least : {State::foreign, State::stranger, State::failed}) {
        const auto place =
            std::ranges::find_if(services_, [&](const auto& entry) { return entry.second.state == least; });
        if (place == services_.end()) continue;
        services_.erase(place);
        return true;
    }
    return false;
}

void Catalogue::add(const ServiceKey& key) {
    if (key.name.empty() || key.name.size() > service_name_bytes_max || key.domain.size() > domain_bytes_max)
        return;
    if (services_.contains(key)) return;
    if (make_room())
        services_.emplace(key, Service{});
    else
        ++left_out_;
}

// An answer that is still to come finds nobody.
void Catalogue::remove(const ServiceKey& key) {
    services_.erase(key);
}

void Catalogue::refresh() {
    for (auto& [key, service] : services_)
        if (service.state == State::peer || service.state == State::failed) service.state = State::waiting;
}

void Catalogue::clear() {
    services_.clear();
    asked_ = 0;
    left_out_ = 0;
}

std::optional<Catalogue::Question> Catalogue::next_question() {
    if (asked_ >= questions_max) return std::nullopt;
    const auto place = std::ranges::find_if(
        services_, [](const auto& entry) { return entry.second.state == State::waiting; });
    if (place == services_.end()) return std::nullopt;
    ++asked_;
    place->second.state = State::asked;
    place->second.question = ++last_question_;
    return Question{last_question_, place->first};
}

void Catalogue::answer(std::uint64_t number, const Result<ServiceAnswer>& answer) {
    CHECK(asked_ > 0);
    --asked_;
    const auto place = std::ranges::find_if(services_, [&](const auto& entry) {
        return entry.second.state == State::asked && entry.second.question == number;
    });
    if (place == services_.end()) return;
    Service& service = place->second;
    service.peer.reset();
    service.address.clear();
    if (answer)
        file(service, *answer);
    else
        service.state = State::failed;
}

void Catalogue::file(Service& service, const ServiceAnswer& answer) const {
    service.state = State::foreign;
    const auto announcement = from_txt(answer.txt);
    if (!announcement || announcement->cluster != cluster_ || announcement->id == self_) return;
    if (!std::ranges::binary_search(voters_, announcement->id)) {
        service.state = State::stranger;
        return;
    }
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(answer.address, error);
    if (error || answer.port == 0 || !is_dialable(address)) return;
    service.state = State::peer;
    service.peer = announcement->id;
    service.address = net::RemoteEndpoint{address.to_string(), answer.port}.text();
}

FoundAddresses Catalogue::addresses() const {
    FoundAddresses found;
    for (const auto& [key, service] : services_) {
        if (!service.peer) continue;
        std::set<std::string>& addresses = found[*service.peer];
        if (addresses.size() < addresses_per_peer_max) addresses.insert(service.address);
    }
    return found;
}

Catalogue::Counts Catalogue::counts() const {
    Counts counts{
        .services = services_.size(), .peers = addresses().size(), .strangers = 0, .left_out = left_out_};
    for (const auto& [key, service] : services_)
        counts.strangers += service.state == State::stranger ? 1 : 0;
    return counts;
}

}  // namespace parley::daemon
