// When a coordinator hands over and to whom: the policy over a Raft machine whose followers answer by hand.
#include "protocol/election/handover.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "protocol/election/rendezvous.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

// Peer 1 coordinates term 1 of a group; who has acknowledged, is alive and holds the reference is set by the test.
struct Office {
    std::vector<PeerId> voters;
    Raft raft;
    Handover handover;
    std::set<PeerId> alive;
    std::set<PeerId> holders;
    Instant now = at(10s);

    explicit Office(std::uint8_t members, std::uint64_t rounds = 1)
        : voters(peers(members)),
          raft({peer(1), voters, Timing{}}, {}, RecordLog(), {}, Rng(1), at(0s)),
          handover({peer(1), rounds, Timing{}}),
          alive(voters.begin(), voters.end()),
          holders(voters.begin(), voters.end()) {
        raft.advance(now);
        for (std::uint8_t other = 2; other <= members; ++other) raft.step(now, peer(other), PreVoteReply{Term{1}, true});
        for (std::uint8_t other = 2; other <= members; ++other) raft.step(now, peer(other), VoteReply{Term{1}, true});
        handover.coordinator_changed(now, Term{1}, peer(1));
        for (const PeerId& voter : voters)
            if (voter != peer(1)) acknowledge(voter);
    }
    void acknowledge(const PeerId& from) { raft.step(now, from, AppendReply{raft.term(), true, raft.log().last_index()}); }
    bool holds_back() {
        return handover.holds_back(now, raft, {alive, [this](const PeerId& id) { return holders.contains(id); }});
    }
    // The coordinator's timers for `duration`; the others answer every append.
    bool run(Duration duration) {
        bool result = false;
        for (const Instant end = now + duration; now < end;) {
            now += 500ms;
            raft.advance(now);
            if (raft.role() == Role::coordinator)
                for (const PeerId& member : alive)
                    if (member != peer(1)) acknowledge(member);
            if (raft.role() == Role::coordinator) result = holds_back();
        }
        return result;
    }
    // The others, in the order of the next term.
    [[nodiscard]] std::vector<PeerId> order() const {
        auto order = rendezvous_order(raft.term().next(), voters);
        std::erase(order, peer(1));
        return order;
    }
};

}  // namespace

BOOST_AUTO_TEST_CASE(after_its_rounds_a_coordinator_names_the_first_of_the_next_terms_order) {
    Office office(5, 2);
    BOOST_TEST(!office.holds_back());
    office.handover.round_decided();
    BOOST_TEST(!office.holds_back());
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    BOOST_TEST((office.raft.successor() == office.order()[0]));
    BOOST_TEST(office.handover.is_active());
}

BOOST_AUTO_TEST_CASE(ten_minutes_in_office_are_enough_without_a_round) {
    Office office(3);
    BOOST_TEST(!office.run(Timing{}.term_max - 1s));
    BOOST_TEST(office.run(2s));
    BOOST_TEST(office.raft.successor().has_value());
}

BOOST_AUTO_TEST_CASE(a_group_of_one_never_hands_over) {
    Office office(1);
    office.handover.round_decided();
    BOOST_TEST(!office.holds_back());
    BOOST_TEST(!office.run(Timing{}.term_max + 10s));
    BOOST_TEST((office.raft.role() == Role::coordinator));
}

BOOST_AUTO_TEST_CASE(the_dead_do_not_succeed) {
    Office office(5);
    office.alive.erase(office.order()[0]);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    BOOST_TEST((office.raft.successor() == office.order()[1]));
}

BOOST_AUTO_TEST_CASE(the_first_in_the_order_gets_a_heartbeat_to_catch_up) {
    Office office(5);
    office.holders.erase(office.order()[0]);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    BOOST_TEST(!office.raft.successor().has_value());
    BOOST_TEST(office.run(500ms));
    BOOST_TEST((office.raft.successor() == office.order()[1]));
}

BOOST_AUTO_TEST_CASE(who_lacks_records_does_not_succeed) {
    Office office(5);
    const PeerId behind = office.order()[0];
    BOOST_REQUIRE(office.raft.propose(Balance{average(1, 1, {1, 2})}));
    for (const PeerId& voter : office.voters)
        if (voter != peer(1) && voter != behind) office.acknowledge(voter);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    BOOST_TEST(!office.raft.successor().has_value());
    office.now += 500ms;
    BOOST_TEST(office.holds_back());
    BOOST_TEST((office.raft.successor() == office.order()[1]));
}

BOOST_AUTO_TEST_CASE(without_a_successor_work_goes_on_and_nothing_has_failed) {
    Office office(3);
    office.holders.clear();
    office.handover.round_decided();
    BOOST_TEST(office.run(4s));
    BOOST_TEST(!office.run(1500ms));
    BOOST_TEST(!office.handover.is_active());
    BOOST_TEST(office.handover.handovers_failed() == 0U);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
}

BOOST_AUTO_TEST_CASE(a_successor_that_is_not_elected_is_given_up_and_not_chosen_again) {
    Office office(5);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    BOOST_TEST(office.run(4500ms));
    BOOST_TEST(!office.run(1s));
    BOOST_TEST((office.raft.role() == Role::coordinator));
    BOOST_TEST(office.handover.handovers_failed() == 1U);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    BOOST_TEST((office.raft.successor() == office.order()[1]));
}

BOOST_AUTO_TEST_CASE(a_successor_that_dies_is_not_waited_for) {
    Office office(5);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    office.alive.erase(office.order()[0]);
    BOOST_TEST(!office.holds_back());
    BOOST_TEST(!office.raft.successor().has_value());  // so that records can be proposed
    BOOST_TEST((office.raft.role() == Role::coordinator));
    BOOST_TEST(office.handover.handovers_failed() == 1U);
}

BOOST_AUTO_TEST_CASE(the_third_failure_in_a_row_ends_the_term) {
    Office office(5);
    for (int attempt = 0; attempt < 3; ++attempt) {
        BOOST_TEST((office.raft.role() == Role::coordinator));
        office.handover.round_decided();
        BOOST_TEST(office.holds_back());
        office.run(6s);
    }
    BOOST_TEST(office.handover.handovers_failed() == 3U);
    BOOST_TEST((office.raft.role() == Role::follower));
    BOOST_TEST(!office.raft.coordinator().has_value());
}

// Else every round of the term would be followed by a wait for somebody who may be chosen.
BOOST_AUTO_TEST_CASE(the_only_other_one_is_chosen_again_though_it_has_failed) {
    Office office(3);
    office.alive.erase(peer(3));
    for (int attempt = 0; attempt < 3; ++attempt) {
        office.handover.round_decided();
        BOOST_TEST(office.holds_back());
        BOOST_TEST((office.raft.successor() == peer(2)));
        office.run(6s);
    }
    BOOST_TEST((office.raft.role() == Role::follower));
}

BOOST_AUTO_TEST_CASE(a_handover_is_counted_and_timed_when_the_successor_is_heard) {
    Office office(3);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    const PeerId successor = *office.raft.successor();
    office.handover.coordinator_changed(office.now + 100ms, Term{2}, std::nullopt);
    BOOST_TEST(office.handover.handovers() == 0U);
    office.handover.coordinator_changed(office.now + 200ms, Term{2}, successor);
    BOOST_TEST(office.handover.handovers() == 1U);
    BOOST_TEST((office.handover.last_handover() == Duration(200ms)));
    BOOST_TEST(!office.handover.is_active());
}

BOOST_AUTO_TEST_CASE(another_than_the_successor_is_a_failed_handover) {
    Office office(3);
    office.handover.round_decided();
    BOOST_TEST(office.holds_back());
    const PeerId other = office.order()[1];
    office.handover.coordinator_changed(office.now, Term{2}, other);
    BOOST_TEST(office.handover.handovers() == 0U);
    BOOST_TEST(office.handover.handovers_failed() == 1U);
}

// With everybody well the role moves through all: nobody is first in the order of every term.
BOOST_AUTO_TEST_CASE(the_order_of_the_terms_leaves_nobody_out) {
    const auto voters = peers(5);
    std::set<PeerId> served;
    PeerId holder = peer(1);
    for (std::uint64_t term = 1; term <= 40; ++term) {
        served.insert(holder);
        auto order = rendezvous_order(Term{term}.next(), voters);
        std::erase(order, holder);
        holder = order.front();
    }
    BOOST_TEST(served.size() == 5U);
}
