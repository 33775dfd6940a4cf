// The beginning of a connection: preamble, response codes, psk rotation; and the gate in front of it.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>
#include <string>

#include "net/gate.hpp"
#include "net/handshake.hpp"

using namespace parley;
using namespace parley::net;

namespace {

using RawBytes = std::vector<std::uint8_t>;

struct Side {
    Identity identity = Identity::generate();
    ClusterSecret secret = ClusterSecret::generate();
};

// Hands bytes over until neither side wants any; true: both finished.
bool carry(Handshake& initiator, Handshake& responder) {
    RawBytes to_responder = initiator.take_output();
    RawBytes to_initiator;
    const auto feed = [](Handshake& side, RawBytes& bytes) {
        const std::size_t wanted = side.bytes_wanted();
        if (wanted == 0 || bytes.size() < wanted) return false;
        const RawBytes part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(wanted));
        bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(wanted));
        side.feed(part);
        return true;
    };
    const auto add = [](RawBytes& bytes, const RawBytes& more) {
        bytes.insert(bytes.end(), more.begin(), more.end());
    };
    while (true) {
        const bool moved = feed(responder, to_responder) | feed(initiator, to_initiator);
        add(to_initiator, responder.take_output());
        add(to_responder, initiator.take_output());
        if (!moved) break;
    }
    return initiator.finished() && responder.finished();
}

}  // namespace

BOOST_AUTO_TEST_CASE(both_sides_agree_on_peers_role_and_session) {
    const Side a;
    const Side b;
    Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::bulk);
    Handshake responder = Handshake::respond(b.identity, {a.secret}, "lab");
    BOOST_REQUIRE(carry(initiator, responder));
    BOOST_TEST((initiator.remote() == b.identity.id()));
    BOOST_TEST((responder.remote() == a.identity.id()));
    BOOST_TEST((responder.channel() == Channel::bulk));
    BOOST_TEST(initiator.session_id() == responder.session_id());
}

BOOST_AUTO_TEST_CASE(another_cluster_name_is_told_to_both) {
    const Side a;
    Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::control);
    Handshake responder = Handshake::respond(Identity::generate(), {a.secret}, "field");
    BOOST_TEST(!carry(initiator, responder));
    BOOST_TEST((initiator.failure()->refusal == RefusalKind::cluster_name));
    BOOST_TEST(!initiator.failure()->by_us);
    BOOST_TEST((responder.failure()->refusal == RefusalKind::cluster_name));
    BOOST_TEST(responder.failure()->by_us);
}

BOOST_AUTO_TEST_CASE(another_secret_is_told_to_both) {
    const Side a;
    const Side b;
    Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::control);
    Handshake responder = Handshake::respond(b.identity, {b.secret}, "lab");
    BOOST_TEST(!carry(initiator, responder));
    BOOST_TEST((initiator.failure()->refusal == RefusalKind::cluster_secret));
    BOOST_TEST((responder.failure()->refusal == RefusalKind::cluster_secret));
}

BOOST_AUTO_TEST_CASE(the_previous_secret_opens_during_a_rotation) {
    const Side a;
    const Side b;
    Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::control);
    Handshake responder = Handshake::respond(b.identity, {b.secret, a.secret}, "lab");
    BOOST_TEST(carry(initiator, responder));
}

BOOST_AUTO_TEST_CASE(each_session_exports_a_key_of_its_own_that_both_sides_have) {
    const Side a;
    const Side b;
    std::set<RawBytes> keys;
    for (int session = 0; session < 3; ++session) {
        Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::control);
        Handshake responder = Handshake::respond(b.identity, {b.secret, a.secret}, "lab");
        BOOST_REQUIRE(carry(initiator, responder));
        const auto ours = initiator.exported_key();
        const auto theirs = responder.exported_key();
        BOOST_TEST(std::ranges::equal(ours.view(), theirs.view()));
        keys.emplace(ours.view().begin(), ours.view().end());
        // And both know by which secret: here the responder's previous one.
        BOOST_TEST(initiator.secret().text() == a.secret.text());
        BOOST_TEST(responder.secret().text() == a.secret.text());
    }
    BOOST_TEST(keys.size() == 3u);
}

// The tag is a truncated hash; the prologue holds the whole name, so equal tags would not be enough.
BOOST_AUTO_TEST_CASE(a_changed_role_byte_breaks_the_handshake) {
    const Side a;
    Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::control);
    Handshake responder = Handshake::respond(Identity::generate(), {a.secret}, "lab");
    RawBytes bytes = initiator.take_output();
    bytes[8] = 1;
    responder.feed(ByteView(bytes).first(preamble_bytes));
    responder.feed(ByteView(bytes).subspan(preamble_bytes));
    BOOST_REQUIRE(responder.failure().has_value());
    BOOST_TEST((responder.failure()->refusal == RefusalKind::cluster_secret));
}

BOOST_AUTO_TEST_CASE(preambles_of_other_versions_and_other_programs_are_told_apart) {
    const auto read = [](std::string text) {
        text.resize(preamble_bytes, '\0');
        std::array<std::uint8_t, preamble_bytes> bytes{};
        std::copy(text.begin(), text.end(), bytes.begin());
        return read_preamble(bytes);
    };
    BOOST_TEST((read("GET / HTTP/1.1").error() == PreambleFailure::not_parley));
    BOOST_TEST((read("").error() == PreambleFailure::not_parley));
    BOOST_TEST((read("parley/2").error() == PreambleFailure::other_version));
    BOOST_TEST((read("parley/1\x02").error() == PreambleFailure::unknown_role));
    const Preamble preamble{Channel::bulk, cluster_tag("lab")};
    const auto again = read_preamble(write_preamble(preamble));
    BOOST_REQUIRE(again.has_value());
    BOOST_TEST((again->channel == Channel::bulk && again->tag == preamble.tag));
}

BOOST_AUTO_TEST_CASE(strangers_get_no_answer_and_other_versions_get_a_code) {
    const Side a;
    Handshake silent = Handshake::respond(a.identity, {a.secret}, "lab");
    silent.feed(RawBytes(preamble_bytes, 'x'));
    BOOST_TEST(silent.failure().has_value());
    BOOST_TEST(silent.take_output().empty());
    Handshake other = Handshake::respond(a.identity, {a.secret}, "lab");
    RawBytes bytes(preamble_bytes, 0);
    const std::string magic = "parley/9";
    std::copy(magic.begin(), magic.end(), bytes.begin());
    other.feed(bytes);
    BOOST_TEST((other.take_output() == RawBytes{static_cast<std::uint8_t>(ResponseCode::protocol_version)}));
}

BOOST_AUTO_TEST_CASE(the_first_message_shows_who_has_the_secret) {
    const Side a;
    const Side b;
    for (const bool same_secret : {true, false}) {
        Handshake initiator = Handshake::initiate(a.identity, a.secret, "lab", Channel::control);
        Handshake responder = Handshake::respond(b.identity, {same_secret ? a.secret : b.secret}, "lab");
        const RawBytes bytes = initiator.take_output();
        responder.feed(ByteView(bytes).first(preamble_bytes));
        BOOST_TEST(!responder.other_knows_secret());
        responder.feed(ByteView(bytes).subspan(preamble_bytes));
        BOOST_TEST(responder.other_knows_secret() == same_secret);
    }
}

BOOST_AUTO_TEST_CASE(a_token_bucket_gives_its_burst_and_then_its_rate) {
    SteadyTime now{};
    TokenBucket bucket(20, 5, now);
    for (int i = 0; i < 5; ++i)
        BOOST_TEST(bucket.try_take(now));
    BOOST_TEST(!bucket.try_take(now));
    now += std::chrono::milliseconds(50);
    BOOST_TEST(bucket.try_take(now));
    BOOST_TEST(!bucket.try_take(now));
    now += std::chrono::hours(1);
    for (int i = 0; i < 5; ++i)
        BOOST_TEST(bucket.try_take(now));
    BOOST_TEST(!bucket.try_take(now));
}

BOOST_AUTO_TEST_CASE(the_gate_caps_each_address_and_all_together) {
    TransportLimits limits;
    HandshakeGate gate(limits);
    SteadyTime now{};
    for (int i = 0; i < 4; ++i)
        BOOST_TEST(gate.try_enter("192.0.2.1", now));
    BOOST_TEST(!gate.try_enter("192.0.2.1", now));
    gate.leave("192.0.2.1", now);
    BOOST_TEST(gate.try_enter("192.0.2.1", now));  // the fifth token
    gate.leave("192.0.2.1", now);
    BOOST_TEST(!gate.try_enter("192.0.2.1", now));  // a place, but no token
    BOOST_TEST(!gate.needs_room("203.0.113.1", now));
    for (int i = 0; gate.half_open() < limits.half_open_max; ++i) {
        BOOST_REQUIRE(gate.try_enter("198.51.100." + std::to_string(i), now));
    }
    BOOST_TEST(!gate.try_enter("203.0.113.1", now));
    // Others need to make room only for an address that has not used up its own limits.
    BOOST_TEST(gate.needs_room("203.0.113.1", now));
    BOOST_TEST(!gate.needs_room("192.0.2.1", now));
    gate.leave("198.51.100.0", now);
    BOOST_TEST(gate.try_enter("203.0.113.1", now));
}

BOOST_AUTO_TEST_CASE(the_gate_remembers_a_bounded_number_of_addresses) {
    HandshakeGate gate(TransportLimits{});
    SteadyTime now{};
    for (int i = 0; i < 20'000; ++i) {
        const std::string address = std::to_string(i);
        if (gate.try_enter(address, now)) gate.leave(address, now);
        now += std::chrono::milliseconds(1);
    }
    BOOST_TEST(gate.addresses_remembered() <= 4'096u);
    BOOST_TEST(gate.half_open() == 0u);
}
