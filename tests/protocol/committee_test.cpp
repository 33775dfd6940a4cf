// Who belongs to the group with a seat, who without one, and whose turn it is: the roster's fold and the coordinator's choice.
#include "protocol/membership/committee.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;
using Change = Members::Change;

namespace {

constexpr DiskId disk_of(std::uint8_t number) { return DiskId{100U + number}; }

// A group whose disks are all known.
Roster founded(std::uint8_t founders, const CommitteeRule& rule = {}) {
    Roster roster = Roster::founded_by(peers(founders), rule);
    for (std::uint8_t number = 1; number <= founders; ++number)
        roster.apply({Change::enroll, peer(number), disk_of(number)}, Term{1});
    return roster;
}

// A coordinator that finds everybody in reach, ready and safe, unless a test says otherwise.
struct Bench {
    explicit Bench(std::uint8_t founders, const CommitteeRule& of = {}) : rule(of), roster(founded(founders, of)) {
        for (const PeerId& id : roster.members())
            reachable.insert(id);
        self = roster.voters.front();
        committee.watch(now, roster, reachable);
    }
    void away(const PeerId& id) {
        reachable.erase(id);
        committee.watch(now, roster, reachable);
    }
    void pass(Duration duration) {
        for (const Instant end = now + duration; now < end;) {
            now = std::min(end, now + 5s);
            committee.watch(now, roster, reachable);
        }
    }
    void sleep(Duration duration) {
        now += duration;
        committee.watch(now, roster, reachable);
    }
    std::optional<Members> next() {
        const Committee::Field field{self, reachable, [this](const PeerId& id) { return !unready.contains(id); },
                                     [this](const Members& change) { return !unsafe.contains(change.member); }};
        return committee.next(now, term, roster, field);
    }
    // What it wants is committed.
    std::optional<Members> step() {
        const auto change = next();
        if (change) roster.apply(*change, term);
        BOOST_TEST(roster.is_sound());
        committee.watch(now, roster, reachable);
        return change;
    }

    CommitteeRule rule;
    Roster roster;
    Committee committee{rule, {30s, 24h}};
    std::set<PeerId> reachable;
    std::set<PeerId> unready;
    std::set<PeerId> unsafe;
    PeerId self;
    Term term{1};
    Instant now = at(0s);
};

}  // namespace

// --- the roster ---------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(everybody_votes_up_to_nine_then_seven_and_nine_of_more_than_a_hundred) {
    for (const auto& [founders, seats] : {std::pair{1U, 1U}, {2U, 2U}, {9U, 9U}, {10U, 7U}, {64U, 7U}, {100U, 7U}, {101U, 9U}}) {
        const Roster roster = Roster::founded_by(peers(static_cast<std::uint8_t>(founders)));
        BOOST_TEST(roster.voters.size() == seats);
        BOOST_TEST(roster.full_count() == founders);
    }
}

BOOST_AUTO_TEST_CASE(the_first_committee_is_the_same_in_whatever_order_the_founders_are_listed) {
    std::vector<PeerId> founders = peers(20);
    const Roster roster = Roster::founded_by(founders);
    std::ranges::reverse(founders);
    BOOST_TEST((Roster::founded_by(founders) == roster));
    BOOST_TEST(roster.is_sound());
    // And not those with the least ids.
    BOOST_TEST((roster.voters != peers(7)));
}

BOOST_AUTO_TEST_CASE(a_seat_is_given_to_contributors_on_known_disks_alone) {
    Roster roster = Roster::founded_by(peers(10));
    const PeerId contributor = roster.contributors.front();
    const PeerId voter = roster.voters.front();
    BOOST_TEST(roster.objection({Change::seat, contributor})->contains("disk"));
    roster.apply({Change::enroll, contributor, DiskId{7}}, Term{1});
    BOOST_TEST(roster.objection({Change::enroll, contributor, DiskId{8}}).has_value());
    BOOST_TEST(!roster.objection({Change::seat, contributor}).has_value());
    BOOST_TEST(roster.objection({Change::seat, voter}).has_value());
    BOOST_TEST(roster.objection({Change::unseat, contributor}).has_value());
    roster.apply({Change::admit, peer(11)}, Term{1});
    BOOST_TEST(roster.objection({Change::seat, peer(11)}).has_value());
    BOOST_TEST(roster.objection({Change::enlist, peer(11)})->contains("disk"));
    BOOST_TEST(!roster.objection({Change::enlist, peer(11), DiskId{9}}).has_value());
}

BOOST_AUTO_TEST_CASE(a_seat_changes_hands_and_everything_else_stays) {
    Roster roster = founded(10);
    const PeerId contributor = roster.contributors.front();
    const PeerId voter = roster.voters.front();
    roster.apply({Change::seat, contributor}, Term{70});
    BOOST_TEST(roster.voters.size() == 8U);
    BOOST_TEST((roster.reseated == Term{70}));
    roster.apply({Change::unseat, voter}, Term{71});
    BOOST_TEST(roster.is_voter(contributor));
    BOOST_TEST(roster.is_contributor(voter));
    BOOST_TEST(roster.full_count() == 10U);
    BOOST_TEST(roster.majority() == 4U);
    BOOST_TEST((roster.disk(contributor) == disk_of(contributor.bytes[0])));
    BOOST_TEST((roster.disk(voter) == disk_of(voter.bytes[0])));
    BOOST_TEST((roster.rotation[8] == contributor));  // their turns come last from now on
    BOOST_TEST((roster.rotation[9] == voter));
    BOOST_TEST(roster.is_sound());
}

BOOST_AUTO_TEST_CASE(whoever_leaves_the_full_members_loses_its_turn_and_its_disk) {
    for (const Change change : {Change::demote, Change::remove, Change::revoke}) {
        Roster roster = founded(10);
        for (const PeerId id : {roster.voters.back(), roster.contributors.back()}) {
            roster.apply({change, id}, Term{1});
            BOOST_TEST(!roster.is_full(id));
            BOOST_TEST((roster.disk(id) == DiskId{}));
            BOOST_TEST(roster.is_sound());
        }
        BOOST_TEST(roster.rotation.size() == 8U);
        BOOST_TEST((roster.reseated == Term{}));
    }
}

BOOST_AUTO_TEST_CASE(a_group_is_not_left_without_voters) {
    Roster roster = founded(3, {.everybody_up_to = 1, .seats = 1});
    const PeerId last = roster.voters.front();
    for (const Change change : {Change::unseat, Change::demote, Change::remove, Change::revoke})
        BOOST_TEST(roster.objection({change, last})->contains("only voter"));
}

BOOST_AUTO_TEST_CASE(rosters_that_no_records_make_are_not_sound) {
    std::vector<Roster> wrong(7, founded(10));
    wrong[0].contributors.push_back(peer(200));                          // without a turn
    wrong[1].rotation.pop_back();
    wrong[2].rotation.back() = wrong[2].rotation.front();                // twice
    wrong[3].joining = {wrong[3].contributors.front()};                  // two things at once
    std::ranges::reverse(wrong[4].contributors);
    wrong[5].disks[peer(200)] = DiskId{1};
    wrong[6].contributors.clear();
    for (const Roster& roster : wrong)
        BOOST_TEST(!roster.is_sound());
}

// --- the coordinator's choice -------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_seat_is_exchanged_every_64_terms_first_given_then_taken) {
    Bench bench(10);
    const std::vector<PeerId> turns = bench.roster.rotation;  // the first seven vote
    for (bench.term = Term{1}; bench.term < Term{64}; bench.term = bench.term.next())
        BOOST_TEST(!bench.next().has_value());
    bench.self = turns[3];
    BOOST_TEST((bench.step() == Members{Change::seat, turns[7]}));
    BOOST_TEST((bench.step() == Members{Change::unseat, turns[0]}));
    BOOST_TEST(!bench.step().has_value());
    bench.term = Term{127};
    BOOST_TEST(!bench.step().has_value());
    bench.term = Term{128};
    BOOST_TEST((bench.step() == Members{Change::seat, turns[8]}));
    bench.term = Term{192};  // however long it takes, nobody else is seated before somebody goes
    BOOST_TEST((bench.step() == Members{Change::unseat, turns[1]}));
}

BOOST_AUTO_TEST_CASE(the_seats_move_through_everybody) {
    Bench bench(50);
    std::set<PeerId> seated(bench.roster.voters.begin(), bench.roster.voters.end());
    for (int exchange = 1; exchange <= 43; ++exchange) {
        bench.term = Term{64U * static_cast<std::uint64_t>(exchange)};
        bench.self = bench.roster.voters[static_cast<std::size_t>(exchange) % 7];
        BOOST_REQUIRE(bench.step().has_value());
        BOOST_REQUIRE(bench.step().has_value());
        seated.insert(bench.roster.voters.begin(), bench.roster.voters.end());
        BOOST_TEST(bench.roster.voters.size() == 7U);
    }
    BOOST_TEST(seated.size() == 50U);
}

BOOST_AUTO_TEST_CASE(who_is_not_ready_waits_and_keeps_its_turn) {
    Bench bench(10);
    const std::vector<PeerId> turns = bench.roster.rotation;
    bench.term = Term{64};
    bench.unready = {turns[7]};
    bench.unsafe = {turns[8]};
    BOOST_TEST((bench.step() == Members{Change::seat, turns[9]}));
    bench.unready.clear();
    bench.step();
    bench.term = Term{128};
    BOOST_TEST((bench.step() == Members{Change::seat, turns[7]}));
}

BOOST_AUTO_TEST_CASE(the_coordinator_keeps_its_seat_while_another_can_go) {
    Bench bench(10);
    const std::vector<PeerId> turns = bench.roster.rotation;
    bench.self = turns[0];
    bench.term = Term{64};
    bench.step();
    BOOST_TEST((bench.next() == Members{Change::unseat, turns[1]}));
    bench.unsafe.insert(turns.begin() + 1, turns.begin() + 8);
    BOOST_TEST((bench.next() == Members{Change::unseat, turns[0]}));
}

BOOST_AUTO_TEST_CASE(the_seat_of_a_voter_that_is_away_is_given_away_after_a_while) {
    Bench bench(10);
    const std::vector<PeerId> turns = bench.roster.rotation;
    bench.self = turns[0];
    bench.away(turns[4]);
    bench.pass(29s);
    BOOST_TEST(!bench.next().has_value());
    bench.pass(1s);
    BOOST_TEST((bench.step() == Members{Change::seat, turns[7]}));
    BOOST_TEST((bench.step() == Members{Change::unseat, turns[4]}));  // not who has been in longest
    BOOST_TEST(!bench.step().has_value());
    // Whoever comes back in time keeps it.
    bench.away(turns[5]);
    bench.pass(20s);
    bench.reachable.insert(turns[5]);
    bench.pass(1s);
    bench.away(turns[5]);
    bench.pass(29s);
    BOOST_TEST(!bench.next().has_value());
}

// COORDINATOR.md, section 5: dead members stop counting after 24 h "if the rest still holds a majority of the old set".
BOOST_AUTO_TEST_CASE(who_has_been_away_for_a_day_counts_no_more) {
    for (const std::uint8_t founders : {std::uint8_t{5}, std::uint8_t{10}}) {
        Bench bench(founders);
        const PeerId voter = bench.roster.voters.back();
        bench.away(voter);
        bench.pass(1h);
        while (bench.step()) {}  // its seat, where there are more than seats
        BOOST_TEST(bench.roster.is_full(voter));
        bench.pass(22h);
        while (const auto change = bench.step()) BOOST_TEST((change->change != Change::demote));
        bench.pass(1h);
        const auto demotion = bench.step();
        BOOST_REQUIRE(demotion.has_value());
        BOOST_TEST((*demotion == Members{Change::demote, voter}));
        BOOST_TEST(bench.roster.is_joining(voter));  // not removed: it is taken in again as soon as it is back
        while (const auto change = bench.step()) BOOST_TEST((change->change != Change::demote));
    }
}

BOOST_AUTO_TEST_CASE(a_minority_demotes_nobody) {
    Bench bench(5);
    for (const std::size_t i : {1, 2, 3})
        bench.away(bench.roster.voters[i]);
    bench.pass(48h);
    BOOST_TEST(!bench.next().has_value());  // two of four would not be a majority either
}

// A laptop's lid, or SIGSTOP: nobody was watched meanwhile.
BOOST_AUTO_TEST_CASE(time_in_which_the_watcher_stood_still_does_not_count) {
    Bench bench(5);
    bench.away(bench.roster.voters.back());
    bench.pass(10s);
    bench.sleep(48h);
    BOOST_TEST(!bench.next().has_value());
    bench.pass(24h);
    BOOST_TEST(bench.next().has_value());
}

// It was cut off itself, and is elected before the last of its connections is back.
BOOST_AUTO_TEST_CASE(whoever_was_with_a_minority_begins_to_count_anew) {
    Bench bench(5);
    for (const std::size_t i : {1, 2, 3, 4})
        bench.away(bench.roster.voters[i]);
    bench.pass(25h);
    for (const std::size_t i : {1, 2, 3})
        bench.reachable.insert(bench.roster.voters[i]);
    bench.pass(5s);
    BOOST_TEST(!bench.next().has_value());
    bench.pass(23h);
    BOOST_TEST(!bench.next().has_value());
    bench.pass(1h);
    BOOST_TEST(bench.next().has_value());
}

BOOST_AUTO_TEST_CASE(four_of_seven_go_one_after_the_other_and_the_rest_still_has_a_majority) {
    Bench bench(50);
    for (int dead = 0; dead < 20; ++dead) {
        const auto& voters = bench.roster.voters;
        const PeerId victim = *std::ranges::find_if(voters, [&](const PeerId& id) { return bench.reachable.contains(id) && id != bench.self; });
        bench.unready.insert(victim);
        bench.away(victim);
        bench.pass(40s);
        while (bench.step()) {}
        BOOST_TEST(bench.roster.voters.size() == 7U);
        BOOST_TEST(!bench.roster.is_voter(victim));
    }
}

BOOST_AUTO_TEST_CASE(nobody_is_seated_or_unseated_where_too_few_are_in_reach_to_decide_it) {
    Bench bench(10);
    const std::vector<PeerId> turns = bench.roster.rotation;
    // Four of seven are here; with a fifth it takes five.
    bench.self = turns[0];
    for (const std::size_t gone : {4U, 5U, 6U})
        bench.away(turns[gone]);
    bench.pass(30s);
    BOOST_TEST((bench.next() == Members{Change::seat, turns[7]}));
    bench.away(turns[3]);
    BOOST_TEST(!bench.next().has_value());
    // Nine voters of a group that has grown, five of them here: none of those may go, but one of the others.
    Bench grown(9);
    grown.self = grown.roster.rotation[0];
    const std::vector<PeerId> nine = grown.roster.rotation;
    grown.roster.apply({Change::admit, peer(10)}, Term{1});
    grown.roster.apply({Change::enlist, peer(10), DiskId{10}}, Term{1});
    for (const std::size_t gone : {5U, 6U, 7U, 8U})
        grown.away(nine[gone]);
    grown.unsafe = {nine[5], nine[6], nine[7], nine[8]};
    BOOST_TEST(!grown.next().has_value());
    grown.unsafe.clear();
    BOOST_TEST((grown.step() == Members{Change::unseat, nine[5]}));
    BOOST_TEST((grown.step() == Members{Change::unseat, nine[6]}));
    BOOST_TEST(grown.roster.voters.size() == 7U);
}

BOOST_AUTO_TEST_CASE(a_group_of_nine_or_fewer_has_a_seat_for_everybody) {
    Bench bench(10);
    BOOST_TEST(!bench.committee.has_seat_for_another(bench.roster));
    bench.roster.apply({Change::remove, bench.roster.contributors.front()}, Term{1});
    BOOST_TEST(bench.step().has_value());
    BOOST_TEST(bench.step().has_value());
    BOOST_TEST(!bench.step().has_value());
    BOOST_TEST(bench.roster.voters.size() == 9U);
    BOOST_TEST(!bench.committee.has_seat_for_another(bench.roster));
    bench.roster.apply({Change::remove, bench.roster.voters.back()}, Term{1});
    BOOST_TEST(bench.committee.has_seat_for_another(bench.roster));
}

BOOST_AUTO_TEST_CASE(a_seat_that_fell_free_is_taken_at_once) {
    Bench bench(12);
    const std::vector<PeerId> turns = bench.roster.rotation;
    bench.roster.apply({Change::remove, turns[2]}, Term{1});
    BOOST_TEST((bench.step() == Members{Change::seat, turns[7]}));
    BOOST_TEST(!bench.step().has_value());
}
