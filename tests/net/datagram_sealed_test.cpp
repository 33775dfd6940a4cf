// Keys, sealing, the replay window and the table of peers: no sockets.
#include <boost/test/unit_test.hpp>
#include <random>
#include <set>

#include "tests/net/datagram_support.hpp"

using namespace parley;
using namespace parley::net;
using namespace parley::test;
using Sealed = std::vector<std::uint8_t>;

namespace {

constexpr SteadyTime start{};
const Side alice{.self = 1, .peer = 2};
const Side bob = alice.other();

// The same header, as somebody without the key would move it.
Sealed with_counter(Sealed datagram, std::uint64_t counter) {
    write_integer<8>(counter, datagram.data() + 8);
    return datagram;
}

std::vector<Sealed> seal_many(DatagramSealer& sealer, std::size_t count) {
    std::vector<Sealed> sealed;
    for (std::size_t i = 0; i < count; ++i)
        sealed.push_back(sealer.seal(payload_of(3, static_cast<std::uint8_t>(i))));
    return sealed;
}

struct Table {
    std::shared_ptr<DatagramCounters> counters = std::make_shared<DatagramCounters>();
    DatagramPeers peers;
    std::array<std::byte, datagram_payload_bytes_max> payload{};

    explicit Table(const DatagramLimits& limits = {}) : peers(limits, counters) {}
    std::optional<DatagramPeers::Arrived> open(ByteView datagram, SteadyTime now = start) {
        return peers.open(datagram, payload, now);
    }
    std::uint64_t dropped(DatagramDrop reason) const {
        return counters->dropped[static_cast<std::size_t>(reason)];
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_sealed_opens_at_the_other_side_in_both_directions_and_every_size) {
    DatagramSealer from_alice(alice.keys());
    DatagramSealer from_bob(bob.keys());
    Receiver at_alice(alice);
    Receiver at_bob(bob);
    for (std::size_t size = 0; size <= datagram_payload_bytes_max; ++size) {
        const auto payload = payload_of(size, 5);
        const Sealed to_bob = from_alice.seal(payload);
        BOOST_REQUIRE(to_bob.size() == size + datagram_overhead_bytes);
        BOOST_REQUIRE(to_bob.size() <= datagram_bytes_max);
        BOOST_REQUIRE(at_bob.opens(to_bob));
        BOOST_REQUIRE((at_bob.payload == payload));
        BOOST_REQUIRE(at_alice.opens(from_bob.seal(payload)));
        BOOST_REQUIRE((at_alice.payload == payload));
    }
}

BOOST_AUTO_TEST_CASE(the_layout_is_name_counter_ciphertext_tag) {
    const PairKeys keys = alice.keys();
    DatagramSealer sealer(keys);
    sealer.seal({});
    const Sealed second = sealer.seal(payload_of(5));
    BOOST_TEST(second.size() == 8u + 8 + 5 + 16);
    const auto header = read_datagram_header(second);
    BOOST_REQUIRE(header.has_value());
    BOOST_TEST(header->name == keys.sending_name);
    BOOST_TEST(header->counter == 1u);
    BOOST_TEST(second[15] == 1u);  // big-endian
}

BOOST_AUTO_TEST_CASE(both_sides_derive_the_same_keys_and_each_direction_its_own) {
    const PairKeys a = alice.keys();
    const PairKeys b = bob.keys();
    const auto same = [](const SecretBytes<32>& x, const SecretBytes<32>& y) {
        return std::ranges::equal(x.view(), y.view());
    };
    BOOST_TEST(same(a.sending, b.receiving));
    BOOST_TEST(same(a.receiving, b.sending));
    BOOST_TEST(!same(a.sending, a.receiving));
    BOOST_TEST(a.sending_name == b.receiving_name);
    BOOST_TEST(a.receiving_name == b.sending_name);
    BOOST_TEST(a.sending_name != a.receiving_name);
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_is_refused_and_leaves_no_trace) {
    DatagramSealer sealer(alice.keys());
    Receiver at_bob(bob);
    const Sealed good = sealer.seal(payload_of(40));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        Sealed bad = good;
        bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ 1u << bit % 8);
        const DatagramDrop reason = bit < 64 ? DatagramDrop::unknown_sender : DatagramDrop::forged;
        BOOST_REQUIRE(at_bob.refuses(bad, reason));
    }
    BOOST_TEST(at_bob.opens(good));  // also after 2^63 was tried as a counter
}

BOOST_AUTO_TEST_CASE(cut_and_lengthened_datagrams_are_refused) {
    DatagramSealer sealer(alice.keys());
    Receiver at_bob(bob);
    const Sealed good = sealer.seal(payload_of(datagram_payload_bytes_max));
    for (std::size_t size = 0; size < good.size(); ++size) {
        const auto reason = size < datagram_overhead_bytes ? DatagramDrop::too_short : DatagramDrop::forged;
        BOOST_REQUIRE(at_bob.refuses(ByteView(good).first(size), reason));
    }
    Sealed longer = good;
    longer.push_back(0);
    BOOST_TEST(at_bob.refuses(longer, DatagramDrop::too_long));
    BOOST_TEST(at_bob.opens(good));
}

BOOST_AUTO_TEST_CASE(a_datagram_sent_back_to_its_sender_is_refused) {
    DatagramSealer from_alice(alice.keys());
    const Sealed sealed = from_alice.seal(payload_of(9));
    Receiver at_alice(alice);
    BOOST_TEST(at_alice.refuses(sealed, DatagramDrop::unknown_sender));
    // Nor under the name that alice expects from bob: the direction has another key as well.
    Sealed renamed = sealed;
    write_integer<8>(alice.keys().receiving_name, renamed.data());
    BOOST_TEST(at_alice.refuses(renamed, DatagramDrop::forged));
}

BOOST_AUTO_TEST_CASE(another_cluster_secret_session_or_sender_does_not_open) {
    const auto with = [](auto change) {
        Side side = alice;
        change(side);
        return side;
    };
    const std::vector<Side> others{
        with([](Side& side) { side.cluster = "bal"; }), with([](Side& side) { side.cluster = "lab2"; }),
        with([](Side& side) { side.cluster.clear(); }), with([](Side& side) { side.secret = 1; }),
        with([](Side& side) { side.session = 8; }),     with([](Side& side) { side.self = 3; }),
    };
    for (const Side& other : others) {
        DatagramSealer sealer(other.keys());
        Sealed sealed = sealer.seal(payload_of(9));
        Receiver at_bob(bob);
        BOOST_TEST(at_bob.refuses(sealed, DatagramDrop::unknown_sender));
        write_integer<8>(bob.keys().receiving_name, sealed.data());
        BOOST_TEST(at_bob.refuses(sealed, DatagramDrop::forged));
    }
}

BOOST_AUTO_TEST_CASE(no_keys_with_ourselves_and_none_with_a_low_order_point) {
    const Identity self = identity_of(1);
    const SecretBytes<32> exported;
    BOOST_TEST(!derive_pair_keys(self, self.id(), "lab", secret_of(0), exported).has_value());
    PeerId one;
    one.bytes[0] = 1;
    for (const PeerId& low : {PeerId{}, one}) {
        BOOST_TEST(!derive_pair_keys(self, low, "lab", secret_of(0), exported).has_value());
    }
}

BOOST_AUTO_TEST_CASE(a_replayed_datagram_is_refused_for_ever) {
    DatagramSealer sealer(alice.keys());
    Receiver at_bob(bob);
    const auto sealed = seal_many(sealer, 3'000);
    for (const Sealed& datagram : sealed) {
        BOOST_REQUIRE(at_bob.opens(datagram));
        BOOST_REQUIRE(at_bob.refuses(datagram, DatagramDrop::replayed));
    }
    for (const Sealed& datagram : sealed)
        BOOST_REQUIRE(at_bob.refuses(datagram, DatagramDrop::replayed));
}

BOOST_AUTO_TEST_CASE(the_window_has_exactly_2048_places) {
    DatagramSealer sealer(alice.keys());
    const auto sealed = seal_many(sealer, 5'000);
    for (const std::size_t newest : {2'047u, 2'048u, 2'049u, 2'111u, 2'112u, 4'095u, 4'096u, 4'999u}) {
        Receiver at_bob(bob);
        BOOST_REQUIRE(at_bob.opens(sealed[newest]));
        const std::size_t oldest_in = newest - 2'047;
        if (oldest_in > 0) BOOST_TEST(at_bob.refuses(sealed[oldest_in - 1], DatagramDrop::replayed));
        BOOST_TEST(at_bob.opens(sealed[oldest_in]));
        BOOST_TEST(at_bob.refuses(sealed[oldest_in], DatagramDrop::replayed));
    }
}

BOOST_AUTO_TEST_CASE(any_order_within_the_window_is_accepted_once) {
    DatagramSealer sealer(alice.keys());
    auto sealed = seal_many(sealer, replay_window);
    std::mt19937_64 random(1);
    std::ranges::shuffle(sealed, random);
    Receiver at_bob(bob);
    for (const Sealed& datagram : sealed)
        BOOST_REQUIRE(at_bob.opens(datagram));
    for (const Sealed& datagram : sealed)
        BOOST_REQUIRE(at_bob.refuses(datagram, DatagramDrop::replayed));
}

BOOST_AUTO_TEST_CASE(the_window_agrees_with_a_naive_one_over_random_walks) {
    std::mt19937_64 random(2);
    for (int walk = 0; walk < 50; ++walk) {
        ReplayWindow window;
        std::set<std::uint64_t> seen;
        std::uint64_t newest = 0;
        for (int step = 0; step < 3'000; ++step) {
            const std::uint64_t back = random() % (random() % 8 == 0 ? 6'000 : 2'100);
            const std::uint64_t ahead = random() % (random() % 64 == 0 ? 100'000 : 40);
            const std::uint64_t counter = newest + ahead >= back ? newest + ahead - back : 0;
            const bool too_old = !seen.empty() && counter + replay_window <= newest;
            const bool expected = !too_old && !seen.contains(counter);
            BOOST_REQUIRE(window.is_fresh(counter) == expected);
            BOOST_REQUIRE(window.is_newest(counter) == (seen.empty() || counter > newest));
            if (!expected) continue;
            window.mark(counter);
            seen.insert(counter);
            newest = std::max(newest, counter);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_window_stands_at_the_end_of_the_counter) {
    constexpr std::uint64_t last = ~std::uint64_t{0};
    ReplayWindow window;
    BOOST_TEST(!window.is_fresh(last));  // one more would be zero
    window.mark(last - 1);
    BOOST_TEST(!window.is_fresh(last - 1));
    BOOST_TEST(!window.is_fresh(0));
    BOOST_TEST(window.is_fresh(last - 2'048));
    BOOST_TEST(!window.is_fresh(last - 2'049));
}

BOOST_AUTO_TEST_CASE(a_restart_of_either_side_starts_at_zero_and_nothing_of_before_opens) {
    DatagramSealer before(alice.keys());
    const auto old = seal_many(before, 10);
    Side session = alice;
    ++session.session;  // the handshake of whoever came back
    DatagramSealer after(session.keys());
    Receiver at_bob(session.other());  // an empty window
    for (const Sealed& datagram : old) {
        BOOST_TEST(at_bob.refuses(datagram, DatagramDrop::unknown_sender));
        Sealed renamed = datagram;
        write_integer<8>(session.keys().sending_name, renamed.data());
        BOOST_TEST(at_bob.refuses(renamed, DatagramDrop::forged));
    }
    BOOST_TEST(at_bob.opens(after.seal(payload_of(1))));
}

BOOST_AUTO_TEST_CASE(strangers_cost_no_decryption) {
    Table table;
    std::mt19937_64 random(3);
    for (int i = 0; i < 1'000; ++i) {
        Sealed noise(random() % (datagram_bytes_max + 10));
        for (std::uint8_t& byte : noise)
            byte = static_cast<std::uint8_t>(random());
        BOOST_REQUIRE(!table.open(noise));
    }
    DatagramSealer alices(alice.keys());
    BOOST_TEST(!table.open(alices.seal(payload_of(4))));  // right key, but not admitted
    BOOST_TEST(table.counters->decryptions == 0u);
    BOOST_TEST(table.dropped(DatagramDrop::unknown_sender) > 900u);
    BOOST_TEST(table.counters->received == 0u);
}

BOOST_AUTO_TEST_CASE(an_admitted_peer_is_recognised_among_others_until_it_is_forgotten) {
    Table table;
    std::vector<DatagramSealer> sealers;
    for (std::uint8_t peer = 2; peer < 60; ++peer) {
        const Side side{.self = 1, .peer = peer};
        table.peers.admit(identity_of(peer).id(), side.keys(), std::nullopt, start);
        sealers.emplace_back(side.other().keys());
    }
    for (std::size_t i = 0; i < sealers.size(); ++i) {
        const PeerId id = identity_of(static_cast<std::uint8_t>(i + 2)).id();
        const auto arrived = table.open(sealers[i].seal(payload_of(20)));
        BOOST_REQUIRE(arrived.has_value());
        BOOST_TEST((arrived->from == id));
        BOOST_TEST(arrived->payload_bytes == 20u);
        table.peers.forget(id);
        BOOST_TEST(!table.open(sealers[i].seal(payload_of(20))));
        BOOST_TEST(!table.peers.is_admitted(id));
    }
    BOOST_TEST(table.counters->decryptions == sealers.size());
    BOOST_TEST(table.dropped(DatagramDrop::unknown_sender) == sealers.size());
}

BOOST_AUTO_TEST_CASE(admitted_anew_only_the_new_session_counts) {
    Table table;
    const PeerId id = identity_of(2).id();
    Side second = alice;
    second.session = 99;
    DatagramSealer before(bob.keys());
    DatagramSealer after(second.other().keys());
    table.peers.admit(id, alice.keys(), std::nullopt, start);
    const Sealed early = before.seal(payload_of(1));
    BOOST_TEST(table.open(early).has_value());
    table.peers.admit(id, second.keys(), std::nullopt, start);
    BOOST_TEST(!table.open(early));
    BOOST_TEST(!table.open(before.seal(payload_of(1))));
    BOOST_TEST(table.open(after.seal(payload_of(1))).has_value());
    BOOST_TEST(table.counters->decryptions == 2u);
}

BOOST_AUTO_TEST_CASE(a_sender_above_its_rate_is_dropped_undecrypted_and_others_are_not) {
    DatagramLimits limits;
    limits.per_sender_per_second = 10;
    limits.per_sender_burst = 5;
    Table table(limits);
    const Side carol{.self = 3, .peer = 1};
    table.peers.admit(identity_of(2).id(), alice.keys(), std::nullopt, start);
    table.peers.admit(identity_of(3).id(), carol.other().keys(), std::nullopt, start);
    DatagramSealer bobs(bob.keys());
    DatagramSealer carols(carol.keys());
    int taken = 0;
    for (int i = 0; i < 50; ++i)
        taken += table.open(bobs.seal(payload_of(1))).has_value();
    BOOST_TEST(taken == 5);
    BOOST_TEST(table.counters->decryptions == 5u);
    BOOST_TEST(table.dropped(DatagramDrop::too_many) == 45u);
    BOOST_TEST(table.open(carols.seal(payload_of(1))).has_value());
    BOOST_TEST(table.open(bobs.seal(payload_of(1)), start + std::chrono::seconds(1)).has_value());
}

BOOST_AUTO_TEST_CASE(forgeries_are_bounded_by_the_same_rate_and_replays_use_none_of_it) {
    DatagramLimits limits;
    limits.per_sender_per_second = 1;
    limits.per_sender_burst = 5;
    Table table(limits);
    table.peers.admit(identity_of(2).id(), alice.keys(), std::nullopt, start);
    DatagramSealer bobs(bob.keys());
    const Sealed good = bobs.seal(payload_of(8));
    BOOST_TEST(table.open(good).has_value());
    for (int i = 0; i < 1'000; ++i)
        BOOST_REQUIRE(!table.open(good));
    BOOST_TEST(table.counters->decryptions == 1u);
    BOOST_TEST(table.dropped(DatagramDrop::replayed) == 1'000u);
    BOOST_TEST(table.open(bobs.seal(payload_of(8))).has_value());
    for (std::uint64_t i = 0; i < 1'000; ++i)
        BOOST_REQUIRE(!table.open(with_counter(good, 100 + i)));
    BOOST_TEST(table.dropped(DatagramDrop::forged) == 3u);
    BOOST_TEST(table.counters->decryptions == 5u);
}
