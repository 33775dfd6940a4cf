// What peers say of themselves on the local network, and what is made of what others say there.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "daemon/discovery/announcement.hpp"
#include "daemon/discovery/announcer.hpp"
#include "daemon/discovery/catalogue.hpp"
#include "daemon/discovery/discovery_view.hpp"

using namespace parley;
using namespace parley::daemon;

namespace {

PeerId peer(std::uint8_t number) {
    PeerId id;
    id.bytes.fill(number);
    return id;
}

std::string error_of(const std::vector<std::string>& txt) {
    const auto announcement = from_txt(txt);
    return announcement ? "accepted" : announcement.error().message;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

ServiceKey key(const std::string& name, std::int32_t interface = 2) {
    return {.interface = interface, .protocol = 0, .name = name, .domain = "local"};
}

ServiceAnswer service_of(const PeerId& id, const std::string& address, std::uint16_t port = 7700,
                         const std::string& cluster = "lab") {
    return {.address = address, .port = port, .txt = to_txt({cluster, id, 1})};
}

// Ourselves are 1; 2 and 3 are the other voters.
Catalogue make_catalogue() {
    return Catalogue("lab", peer(1), {peer(1), peer(2), peer(3)});
}

void find(Catalogue& catalogue, const ServiceKey& where, const Result<ServiceAnswer>& answer) {
    catalogue.add(where);
    const auto question = catalogue.next_question();
    BOOST_REQUIRE(question.has_value());
    BOOST_REQUIRE((question->key == where));
    catalogue.answer(question->number, answer);
}

}  // namespace

// --- the TXT record ---------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_record_says_cluster_id_and_protocol_and_nothing_else) {
    const Announcement announcement{"lab", peer(7), 1};
    const auto txt = to_txt(announcement);
    BOOST_TEST(
        txt == (std::vector<std::string>{"txtvers=1", "cluster=lab", "id=" + peer(7).text(), "protocol=1"}),
        boost::test_tools::per_element());
    const auto parsed = from_txt(txt);
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST((*parsed == announcement));
}

BOOST_AUTO_TEST_CASE(keys_come_in_any_case_and_order_and_the_first_counts) {
    const std::vector<std::string> txt{"flag",   "=",           "Protocol=2",   "ID=" + peer(7).text(),
                                       "more=x", "CLUSTER=lab", "cluster=other"};
    const auto parsed = from_txt(txt);
    BOOST_REQUIRE(parsed.has_value());
    BOOST_TEST((*parsed == Announcement{"lab", peer(7), 2}));
}

BOOST_AUTO_TEST_CASE(a_record_that_is_wrong_or_too_large_is_refused) {
    const std::string id = "id=" + peer(7).text();
    BOOST_TEST(contains(error_of({}), "lacks"));
    BOOST_TEST(contains(error_of({"cluster=lab", id}), "lacks"));
    BOOST_TEST(contains(error_of({"cluster=lab", "id", "protocol=1"}), "lacks"));
    BOOST_TEST(contains(error_of({"cluster=", id, "protocol=1"}), "empty or too long"));
    BOOST_TEST(
        contains(error_of({"cluster=" + std::string(65, 'x'), id, "protocol=1"}), "empty or too long"));
    BOOST_TEST(contains(error_of({"cluster=lab", "id=abc", "protocol=1"}), "the id"));
    BOOST_TEST(contains(error_of({"cluster=lab", id, "protocol="}), "no number"));
    BOOST_TEST(contains(error_of({"cluster=lab", id, "protocol=1x"}), "no number"));
    BOOST_TEST(contains(error_of({"cluster=lab", id, "protocol=99999999999"}), "no number"));
    BOOST_TEST(contains(error_of({"cluster=lab", id, "protocol=1", std::string(256, 'x')}), "too long"));
    std::vector<std::string> many{"cluster=lab", id, "protocol=1"};
    many.resize(txt_entries_max);
    BOOST_TEST(error_of(many) == "accepted");
    many.emplace_back();
    BOOST_TEST(contains(error_of(many), "too many"));
}

BOOST_AUTO_TEST_CASE(records_with_random_bytes_never_crash) {
    std::uint32_t state = 1;
    int accepted = 0;
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::string> txt = to_txt({"lab", peer(7), 1});
        for (int change = 0; change < 3; ++change) {
            state = state * 1664525 + 1013904223;
            std::string& entry = txt[(state >> 24U) % txt.size()];
            entry[(state >> 8U) % entry.size()] = static_cast<char>(state >> 16U);
        }
        const auto parsed = from_txt(txt);
        accepted += parsed ? 1 : 0;
        BOOST_TEST((!parsed || parsed->cluster.size() <= 64));
    }
    BOOST_TEST(accepted < 1900);
}

// --- what is found ----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(voters_of_the_cluster_are_found_with_all_their_addresses) {
    Catalogue catalogue = make_catalogue();
    find(catalogue, key("two"), service_of(peer(2), "192.0.2.2"));
    find(catalogue, key("two", 3), service_of(peer(2), "198.51.100.2"));
    find(catalogue, key("three"), service_of(peer(3), "2001:db8::3", 7701));
    const FoundAddresses found = catalogue.addresses();
    BOOST_REQUIRE(found.size() == 2U);
    BOOST_TEST((found.at(peer(2)) == std::set<std::string>{"192.0.2.2:7700", "198.51.100.2:7700"}));
    BOOST_TEST((found.at(peer(3)) == std::set<std::string>{"[2001:db8::3]:7701"}));
    BOOST_TEST(catalogue.counts().peers == 2U);
    BOOST_TEST(catalogue.counts().services == 3U);
}

BOOST_AUTO_TEST_CASE(ourselves_other_clusters_and_strangers_are_not_called) {
    Catalogue catalogue = make_catalogue();
    find(catalogue, key("ourselves"), service_of(peer(1), "192.0.2.1"));
    find(catalogue, key("elsewhere"), service_of(peer(2), "192.0.2.2", 7700, "other"));
    find(catalogue, key("nonsense"), ServiceAnswer{"192.0.2.3", 7700, {"x=y"}});
    BOOST_TEST(catalogue.counts().strangers == 0U);
    find(catalogue, key("stranger"), service_of(peer(9), "192.0.2.9"));
    BOOST_TEST(catalogue.counts().strangers == 1U);
    BOOST_TEST(catalogue.addresses().empty());
}

BOOST_AUTO_TEST_CASE(addresses_that_mean_something_else_elsewhere_are_left_out) {
    for (const char* address :
         {"127.0.0.1", "::1", "fe80::1", "0.0.0.0", "::", "224.0.0.251", "ff02::fb", "host.local", ""}) {
        Catalogue catalogue = make_catalogue();
        find(catalogue, key("two"), service_of(peer(2), address));
        BOOST_TEST(catalogue.addresses().empty(), address);
    }
    Catalogue catalogue = make_catalogue();
    find(catalogue, key("two"), service_of(peer(2), "192.0.2.2", 0));
    BOOST_TEST(catalogue.addresses().empty());
}

BOOST_AUTO_TEST_CASE(what_goes_is_forgotten_also_while_it_is_being_asked_for) {
    Catalogue catalogue = make_catalogue();
    find(catalogue, key("two"), service_of(peer(2), "192.0.2.2"));
    catalogue.remove(key("two"));
    BOOST_TEST(catalogue.addresses().empty());

    catalogue.add(key("three"));
    const auto question = catalogue.next_question();
    BOOST_REQUIRE(question.has_value());
    catalogue.remove(key("three"));
    catalogue.add(key("three"));  // again: the old answer is not its
    catalogue.answer(question->number, service_of(peer(3), "192.0.2.3"));
    BOOST_TEST(catalogue.addresses().empty());
    BOOST_TEST(catalogue.next_question().has_value());
}

BOOST_AUTO_TEST_CASE(a_refresh_asks_again_and_the_old_address_stands_until_the_answer) {
    Catalogue catalogue = make_catalogue();
    find(catalogue, key("two"), service_of(peer(2), "192.0.2.2"));
    find(catalogue, key("three"), failure("no answer in time"));
    BOOST_TEST(!catalogue.next_question().has_value());
    catalogue.refresh();
    const auto three = catalogue.next_question();
    const auto two = catalogue.next_question();
    BOOST_REQUIRE((three && two && three->key == key("three") && two->key == key("two")));
    BOOST_TEST((catalogue.addresses().at(peer(2)) == std::set<std::string>{"192.0.2.2:7700"}));
    catalogue.answer(two->number, service_of(peer(2), "192.0.2.22"));
    catalogue.answer(three->number, service_of(peer(3), "192.0.2.3"));
    BOOST_TEST((catalogue.addresses().at(peer(2)) == std::set<std::string>{"192.0.2.22:7700"}));
    BOOST_TEST(catalogue.addresses().size() == 2U);
    catalogue.refresh();
    const auto again = catalogue.next_question();
    catalogue.answer(again->number, failure("no answer in time"));
    BOOST_TEST(catalogue.addresses().size() == 1U);
}

// --- limits -----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_flood_is_bounded_and_foreign_services_make_room_for_others) {
    Catalogue catalogue = make_catalogue();
    for (std::size_t i = 0; i < services_max + 10; ++i)
        catalogue.add(key("flood " + std::to_string(i)));
    BOOST_TEST(catalogue.counts().services == services_max);
    BOOST_TEST(catalogue.counts().left_out == 10U);
    while (const auto question = catalogue.next_question())
        catalogue.answer(question->number, service_of(peer(2), "192.0.2.2", 7700, "other"));
    find(catalogue, key("three"), service_of(peer(3), "192.0.2.3"));
    BOOST_TEST(catalogue.counts().services == services_max);
    BOOST_TEST(catalogue.counts().left_out == 10U);
    BOOST_TEST(catalogue.addresses().contains(peer(3)));
}

BOOST_AUTO_TEST_CASE(services_that_cannot_be_asked_and_strangers_make_room_too_but_never_peers) {
    Catalogue catalogue = make_catalogue();
    find(catalogue, key("three"), service_of(peer(3), "192.0.2.3"));
    for (std::size_t i = 0; i + 1 < services_max; ++i)
        find(catalogue, key("flood " + std::to_string(i)),
             i % 2 == 0 ? Result<ServiceAnswer>(failure("no answer in time"))
                        : service_of(peer(9), "192.0.2.9"));
    for (std::size_t i = 0; i + 1 < services_max; ++i)
        find(catalogue, key("two " + std::to_string(i)), service_of(peer(2), "192.0.2.2"));
    BOOST_TEST(catalogue.addresses().contains(peer(3)));
    catalogue.add(key("one more"));
    BOOST_TEST(catalogue.counts().services == services_max);
    BOOST_TEST(catalogue.counts().left_out == 1U);
}

BOOST_AUTO_TEST_CASE(questions_and_addresses_of_one_peer_are_bounded) {
    Catalogue catalogue = make_catalogue();
    for (std::size_t i = 0; i < 2 * questions_max; ++i)
        catalogue.add(key("two", static_cast<std::int32_t>(i)));
    std::vector<std::uint64_t> asked;
    while (const auto question = catalogue.next_question())
        asked.push_back(question->number);
    BOOST_TEST(asked.size() == questions_max);
    for (std::size_t i = 0; i < 2 * questions_max; ++i) {
        catalogue.answer(asked[i], service_of(peer(2), "192.0.2." + std::to_string(i + 1)));
        if (const auto question = catalogue.next_question()) asked.push_back(question->number);
    }
    BOOST_TEST(asked.size() == 2 * questions_max);
    BOOST_TEST(catalogue.addresses().at(peer(2)).size() == addresses_per_peer_max);
    catalogue.add(key(std::string(service_name_bytes_max + 1, 'x')));
    catalogue.add(key(""));
    BOOST_TEST(!catalogue.next_question().has_value());
}

// --- beside the rest of the daemon ------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_is_offered_follows_from_listen_and_advertise) {
    const auto offer = [](const std::string& listen, const std::string& advertise) {
        PeerSettings settings;
        settings.name = "alpha";
        settings.listen = listen;
        settings.advertise = advertise;
        return service_offer(settings, 4711);
    };
    BOOST_TEST(offer("0.0.0.0:0", "").port == 4711U);
    BOOST_TEST(offer("0.0.0.0:0", "").protocol == avahi::ipv4);
    BOOST_TEST(offer("[::]:0", "").protocol == avahi::any_protocol);
    BOOST_TEST(offer("[2001:db8::1]:0", "").protocol == avahi::ipv6);
    BOOST_TEST(offer("127.0.0.1:0", "").port == 0U);  // not announced
    BOOST_TEST(offer("[::1]:0", "").port == 0U);
    BOOST_TEST(offer("0.0.0.0:0", "peer.example:9000").port == 9000U);
    BOOST_TEST(offer("127.0.0.1:0", "peer.example:9000").port == 9000U);
    BOOST_TEST(offer("0.0.0.0:0", "").name == "alpha");
}

BOOST_AUTO_TEST_CASE(people_are_told_what_is_wrong_or_what_was_found) {
    const auto line = [](std::optional<DiscoveryStatus> status) {
        return discovery_line({{"discovery", discovery_json(status)}});
    };
    BOOST_TEST(line({}).empty());
    BOOST_TEST(discovery_line(nlohmann::json::object()).empty());  // an older peer
    DiscoveryStatus status{.problem = "", .announced_as = "alpha", .found = {}};
    status.found.peers = 2;
    BOOST_TEST(line(status) == "discovery  announced as alpha; 2 of the group found on this network");
    status.found.strangers = 1;
    status.found.left_out = 3;
    BOOST_TEST(contains(line(status), "1 of this cluster that cluster.voters does not name"));
    BOOST_TEST(contains(line(status), "3 services more"));
    status.announced_as.clear();
    BOOST_TEST(contains(line(status), "not announced; 2 of"));
    status.problem = "avahi-daemon is not running";
    BOOST_TEST(line(status) == "discovery  avahi-daemon is not running");
}
