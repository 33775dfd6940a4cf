// Scripted schedules of the election and the log. "Raft n.m" cites Ongaro and Ousterhout 2014.
#include "protocol/election/raft.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/election/rendezvous.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

Raft make(std::uint8_t self, std::uint8_t voters, std::vector<Record> records = {}, Vote vote = {},
          LogIndex commit = {}) {
    if (!records.empty() && vote.term < records.back().term) vote.term = records.back().term;
    return Raft({peer(self), peers(voters), Timing{}}, vote, RecordLog(std::move(records)), commit, Rng(self), at(0s));
}

// Its time is up, and enough others would vote for it.
void stand(Raft& raft) {
    raft.advance(raft.next_deadline());
    for (std::uint8_t number = 1; raft.role() == Role::precandidate; ++number)
        if (peer(number) != peer(1)) raft.step(at(7s), peer(number), PreVoteReply{raft.term().next(), true});
}

void elect(Raft& raft, std::initializer_list<std::uint8_t> supporters) {
    stand(raft);
    for (const std::uint8_t supporter : supporters)
        raft.step(at(7s), peer(supporter), VoteReply{raft.term(), true});
}

Record noop(std::uint64_t term) { return {Term{term}, Noop{}}; }

bool granted(Raft& raft, std::uint8_t from, RequestVote request) {
    raft.step(at(1s), peer(from), request);
    const auto output = raft.take_output();
    const auto replies = sent<VoteReply>(output.sends);
    BOOST_REQUIRE(replies.size() == 1);
    if (replies[0].second.granted) BOOST_TEST(output.vote_changed);  // durable before the reply leaves
    return replies[0].second.granted;
}

AppendReply reply_to(Raft& raft, std::uint8_t from, const Append& append) {
    raft.step(at(1s), peer(from), append);
    const auto output = raft.take_output();
    const auto replies = sent<AppendReply>(output.sends);
    BOOST_REQUIRE(replies.size() == 1);
    return replies[0].second;
}

}  // namespace

BOOST_AUTO_TEST_CASE(second_candidate_in_term_gets_no_vote) {
    Raft raft = make(1, 3);
    BOOST_TEST(granted(raft, 2, {Term{1}, LogIndex{}, Term{}}));
    BOOST_TEST(!granted(raft, 3, {Term{1}, LogIndex{}, Term{}}));
    BOOST_TEST(granted(raft, 2, {Term{1}, LogIndex{}, Term{}}));  // the same once more: its reply was lost
    BOOST_TEST(granted(raft, 3, {Term{2}, LogIndex{}, Term{}}));
}

BOOST_AUTO_TEST_CASE(a_vote_survives_a_restart) {
    Raft raft = make(1, 3, {}, {Term{1}, peer(2)});
    BOOST_TEST(!granted(raft, 3, {Term{1}, LogIndex{}, Term{}}));
    BOOST_TEST(granted(raft, 2, {Term{1}, LogIndex{}, Term{}}));
}

// Raft 5.4.1
BOOST_AUTO_TEST_CASE(a_candidate_whose_log_is_behind_gets_no_vote) {
    Raft raft = make(1, 3, {noop(1), noop(2)});
    BOOST_TEST(!granted(raft, 2, {Term{3}, LogIndex{5}, Term{1}}));
    BOOST_TEST(!granted(raft, 2, {Term{4}, LogIndex{1}, Term{2}}));
    BOOST_TEST(granted(raft, 2, {Term{5}, LogIndex{2}, Term{2}}));
}

BOOST_AUTO_TEST_CASE(a_majority_of_votes_makes_a_coordinator_that_begins_with_a_noop) {
    Raft raft = make(1, 5);
    elect(raft, {2});
    BOOST_TEST((raft.role() == Role::candidate));
    raft.step(at(7s), peer(2), VoteReply{raft.term(), true});  // the same vote twice is one vote
    BOOST_TEST((raft.role() == Role::candidate));
    raft.step(at(7s), peer(3), VoteReply{raft.term(), true});
    BOOST_TEST((raft.role() == Role::coordinator));
    const auto output = raft.take_output();
    BOOST_TEST((output.first_changed == LogIndex{1}));
    BOOST_TEST((raft.log().at(LogIndex{1}) == noop(1)));
    BOOST_TEST(sent<Append>(output.sends).size() == 4U);
}

BOOST_AUTO_TEST_CASE(votes_of_an_older_term_do_not_count) {
    Raft raft = make(1, 3);
    stand(raft);
    stand(raft);
    BOOST_TEST((raft.term() == Term{2}));
    raft.step(at(12s), peer(2), VoteReply{Term{1}, true});
    BOOST_TEST((raft.role() == Role::candidate));
}

BOOST_AUTO_TEST_CASE(a_group_of_one_elects_itself_and_commits_alone) {
    Raft raft = make(1, 1);
    elect(raft, {});
    BOOST_TEST((raft.role() == Role::coordinator));
    BOOST_TEST((raft.commit() == LogIndex{1}));
}

BOOST_AUTO_TEST_CASE(a_record_is_committed_by_a_majority) {
    Raft raft = make(1, 5);
    elect(raft, {2, 3});
    raft.step(at(8s), peer(2), AppendReply{Term{1}, true, LogIndex{1}});
    BOOST_TEST((raft.commit() == LogIndex{0}));
    raft.step(at(8s), peer(2), AppendReply{Term{1}, true, LogIndex{1}});
    BOOST_TEST((raft.commit() == LogIndex{0}));
    raft.step(at(8s), peer(4), AppendReply{Term{1}, true, LogIndex{1}});
    BOOST_TEST((raft.commit() == LogIndex{1}));
}

// Raft 5.4.2, figure 8: a record of an earlier term on a majority may still be overwritten.
BOOST_AUTO_TEST_CASE(a_record_of_an_earlier_term_is_not_committed_by_counting) {
    Raft raft = make(1, 3, {noop(1), noop(2)}, {Term{3}, std::nullopt});
    elect(raft, {2});
    BOOST_TEST((raft.term() == Term{4}));
    raft.step(at(8s), peer(2), AppendReply{Term{4}, true, LogIndex{2}});
    BOOST_TEST((raft.commit() == LogIndex{0}));
    raft.step(at(8s), peer(2), AppendReply{Term{4}, true, LogIndex{3}});
    BOOST_TEST((raft.commit() == LogIndex{3}));
}

BOOST_AUTO_TEST_CASE(a_gap_in_the_log_is_refused_with_a_hint) {
    Raft raft = make(1, 3, {noop(1)});
    const auto reply = reply_to(raft, 2, {Term{2}, LogIndex{5}, Term{2}, {noop(2)}, LogIndex{5}});
    BOOST_TEST(!reply.accepted);
    BOOST_TEST((reply.match == LogIndex{1}));
    BOOST_TEST((raft.commit() == LogIndex{0}));
}

// Raft 5.3: what conflicts with the coordinator's log goes, with everything after it.
BOOST_AUTO_TEST_CASE(conflicting_records_are_replaced) {
    Raft raft = make(1, 3, {noop(1), noop(2), noop(2)});
    BOOST_TEST(!reply_to(raft, 2, {Term{3}, LogIndex{2}, Term{1}, {noop(3)}, LogIndex{0}}).accepted);
    const auto reply = reply_to(raft, 2, {Term{3}, LogIndex{1}, Term{1}, {noop(3)}, LogIndex{2}});
    BOOST_TEST(reply.accepted);
    BOOST_TEST((reply.match == LogIndex{2}));
    BOOST_TEST((raft.log().records() == std::vector<Record>{noop(1), noop(3)}));
    BOOST_TEST((raft.commit() == LogIndex{2}));
}

BOOST_AUTO_TEST_CASE(a_late_append_does_not_shorten_the_log) {
    Raft raft = make(1, 3, {noop(1), noop(2), noop(2)});
    const auto reply = reply_to(raft, 2, {Term{2}, LogIndex{0}, Term{0}, {noop(1)}, LogIndex{1}});
    BOOST_TEST((reply.match == LogIndex{1}));
    BOOST_TEST((raft.log().last_index() == LogIndex{3}));
}

BOOST_AUTO_TEST_CASE(the_commit_never_goes_beyond_what_agrees) {
    Raft raft = make(1, 3, {noop(1), noop(1), noop(1)});
    reply_to(raft, 2, {Term{2}, LogIndex{1}, Term{1}, {}, LogIndex{9}});
    BOOST_TEST((raft.commit() == LogIndex{1}));
}

BOOST_AUTO_TEST_CASE(committed_records_are_never_replaced) {
    Raft raft = make(1, 3, {noop(1), noop(1)}, {}, LogIndex{2});
    raft.step(at(1s), peer(2), Append{Term{2}, LogIndex{1}, Term{1}, {noop(2)}, LogIndex{2}});
    const auto output = raft.take_output();
    BOOST_TEST(output.refused.size() == 1U);
    BOOST_TEST(sent<AppendReply>(output.sends).empty());
    BOOST_TEST((raft.log().at(LogIndex{2}) == noop(1)));
}

BOOST_AUTO_TEST_CASE(an_append_of_an_older_term_is_answered_with_the_newer_one) {
    Raft raft = make(1, 3, {}, {Term{5}, std::nullopt});
    const auto reply = reply_to(raft, 2, {Term{4}, LogIndex{0}, Term{0}, {noop(4)}, LogIndex{1}});
    BOOST_TEST(!reply.accepted);
    BOOST_TEST((reply.term == Term{5}));
    BOOST_TEST((raft.log().last_index() == LogIndex{0}));
}

BOOST_AUTO_TEST_CASE(a_higher_term_ends_a_coordinator) {
    Raft raft = make(1, 3);
    elect(raft, {2});
    raft.step(at(8s), peer(3), AppendReply{Term{7}, false, LogIndex{0}});
    BOOST_TEST((raft.role() == Role::follower));
    BOOST_TEST((raft.term() == Term{7}));
    BOOST_TEST(raft.take_output().vote_changed);
}

// It would be stored, run out at the next election, and stop every peer at every start.
BOOST_AUTO_TEST_CASE(a_term_that_no_number_of_elections_could_reach_is_refused) {
    const Term absurd{~std::uint64_t{0}};
    const std::vector<Message> messages{RequestVote{absurd, {}, {}},          VoteReply{absurd, false},
                                        PreVote{absurd, {}, {}},              PreVoteReply{absurd, false},
                                        Append{absurd, {}, {}, {}, {}, {}, {}}, AppendReply{absurd, false, {}}};
    for (const Message& message : messages) {
        Raft raft = make(1, 3);
        const auto step = [&](const auto& one) {
            if constexpr (requires { raft.step(at(1s), peer(2), one); }) raft.step(at(1s), peer(2), one);
        };
        std::visit(step, message);
        const auto output = raft.take_output();
        BOOST_TEST(output.refused.size() == 1U);
        BOOST_TEST(!output.vote_changed);
        BOOST_TEST((raft.term() == Term{}));
    }
}

BOOST_AUTO_TEST_CASE(a_second_coordinator_in_a_term_is_refused) {
    Raft raft = make(1, 3);
    BOOST_TEST(reply_to(raft, 2, {Term{1}, {}, {}, {noop(1)}, {}}).accepted);
    raft.step(at(1s), peer(3), Append{Term{1}, {}, {}, {}, {}});
    const auto output = raft.take_output();
    BOOST_TEST(output.sends.empty());
    BOOST_TEST(output.refused.size() == 1U);
    BOOST_TEST((raft.log().last_index() == LogIndex{1}));
}

BOOST_AUTO_TEST_CASE(records_that_no_coordinator_writes_are_refused) {
    Average other_term = average(1, 1, {1, 2}), stranger = average(1, 1, {1, 9}), many = average(1, 1, {1, 2}, 4);
    other_term.round.term = Term{~std::uint64_t{0}};
    for (const Average& bad : {other_term, stranger, many}) {
        Raft raft = make(1, 3);
        raft.step(at(1s), peer(2), Append{Term{1}, {}, {}, {{Term{1}, Balance{bad}}}, {}});
        const auto output = raft.take_output();
        BOOST_TEST(output.sends.empty());
        BOOST_TEST(output.refused.size() == 1U);
        BOOST_TEST((raft.log().last_index() == LogIndex{}));
    }
}

// COORDINATOR.md section 3, rule 7
BOOST_AUTO_TEST_CASE(a_reference_is_acknowledged_only_when_its_blob_is_durable) {
    Raft raft = make(1, 3);
    const Average mean = average(1, 1, {1, 2});
    const Append append{Term{1}, LogIndex{0}, Term{0}, {noop(1), {Term{1}, Reference{mean}}}, LogIndex{0}};
    BOOST_TEST((reply_to(raft, 2, append).match == LogIndex{1}));
    BOOST_TEST((raft.awaited_blob() == mean.hash));
    raft.blob_durable(mean.hash);
    BOOST_TEST((reply_to(raft, 2, append).match == LogIndex{2}));
    BOOST_TEST(!raft.awaited_blob().has_value());
}

BOOST_AUTO_TEST_CASE(a_balance_and_a_committed_reference_are_acknowledged_without_the_blob) {
    Raft raft = make(1, 3);
    const Record balance{Term{1}, Balance{average(1, 1, {1, 2})}};
    const Record reference{Term{1}, Reference{average(1, 2, {1, 2})}};
    BOOST_TEST((reply_to(raft, 2, {Term{1}, LogIndex{0}, Term{0}, {balance}, LogIndex{0}}).match == LogIndex{1}));
    BOOST_TEST((reply_to(raft, 2, {Term{1}, LogIndex{1}, Term{1}, {reference}, LogIndex{2}}).match == LogIndex{2}));
}

BOOST_AUTO_TEST_CASE(what_an_acknowledgement_rests_on_is_reported_as_changed) {
    Raft raft = make(1, 3, {noop(1), noop(1)});
    raft.step(at(1s), peer(2), Append{Term{2}, LogIndex{1}, Term{1}, {noop(2), noop(2)}, LogIndex{0}});
    const auto output = raft.take_output();
    BOOST_TEST(output.vote_changed);
    BOOST_TEST((output.first_changed == LogIndex{2}));
}

BOOST_AUTO_TEST_CASE(peers_take_turns_in_an_order_that_changes_with_the_term) {
    const auto voters = peers(9);
    std::vector<int> first(10, 0);
    for (std::uint64_t term = 1; term <= 900; ++term) {
        const auto order = rendezvous_order(Term{term}, voters);
        ++first[order.front().bytes[0]];
        for (std::size_t rank = 0; rank < order.size(); ++rank)
            BOOST_REQUIRE(rendezvous_rank(Term{term}, voters, order[rank]) == rank);
    }
    for (std::size_t i = 1; i <= 9; ++i)
        BOOST_TEST((first[i] > 60 && first[i] < 140), "peer " << i << " came first " << first[i] << " of 900 times");
}

// --- a log without its beginning ------------------------------------------------------------------------------

namespace {

HistorySnapshot base(std::uint64_t index, std::uint64_t term) {
    HistorySnapshot history;
    history.index = LogIndex{index};
    history.term = Term{term};
    history.latest_round = {Term{term}, 1};
    history.roster = Roster::founded_by(peers(3));
    return history;
}

// What a follower with two records of term 1 says to a snapshot of term 3.
Raft::Output after(HistorySnapshot history) {
    Raft raft = make(2, 3, {noop(1), noop(1)});
    raft.step(at(1s), peer(1), Snapshot{Term{3}, std::move(history)});
    raft.check_invariants();
    return raft.take_output();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_snapshot_is_durable_before_it_is_acknowledged) {
    const Raft::Output output = after(base(7, 3));
    BOOST_TEST(output.base_changed);
    BOOST_TEST((output.first_changed == LogIndex{8}));
    const auto replies = sent<AppendReply>(output.sends);
    BOOST_REQUIRE(replies.size() == 1U);
    BOOST_TEST((replies[0].second.accepted && replies[0].second.match == LogIndex{7}));
}

BOOST_AUTO_TEST_CASE(a_snapshot_that_no_coordinator_makes_is_refused) {
    std::vector<HistorySnapshot> wrong(10, base(7, 3));
    wrong[0] = base(0, 0);
    wrong[1].term = Term{4};                             // later than the message's
    wrong[2].reference = LogIndex{8};                    // beyond its end
    wrong[3].latest_round = {Term{4}, 1};
    wrong[4].served[peer(9)] = {LogIndex{1}, {}, {}};    // nobody knows it
    wrong[5].served[peer(1)] = {LogIndex{8}, {}, {}};
    wrong[6].roster = {};                                // a group of nobody
    wrong[7].roster.removed = {peer(2)};                 // who is a voter
    wrong[8].changed[peer(4)] = LogIndex{8};
    wrong[9].roster.contributors = {peer(4)};            // without a turn
    for (const HistorySnapshot& history : wrong) {
        const Raft::Output output = after(history);
        BOOST_TEST(output.refused.size() == 1U);
        BOOST_TEST(!output.base_changed);
        BOOST_TEST(sent<AppendReply>(output.sends).empty());
    }
    BOOST_TEST(after(base(7, 3)).refused.empty());
}

// A voter that does not know that it lost its disk would say yes.
BOOST_AUTO_TEST_CASE(votes_from_another_disk_than_the_enrolled_one_do_not_count) {
    const auto enrolment = [](std::uint8_t voter, std::uint64_t disk) {
        return Record{Term{1}, Members{Members::Change::enroll, peer(voter), DiskId{disk}}};
    };
    for (const std::uint64_t disk : {12U, 99U}) {
        Raft raft({peer(1), peers(3), Timing{}, DiskId{11}}, {Term{1}, std::nullopt},
                  RecordLog({noop(1), enrolment(1, 11), enrolment(2, 12)}), LogIndex{3}, Rng(1), at(0s));
        raft.advance(at(20s));
        BOOST_TEST((raft.role() == Role::precandidate));
        raft.step(at(20s), peer(2), PreVoteReply{Term{2}, true, DiskId{disk}});
        BOOST_TEST((raft.role() == (disk == 12 ? Role::candidate : Role::precandidate)));
        raft.step(at(20s), peer(3), PreVoteReply{Term{2}, true, DiskId{13}});  // nobody has said which one it has
        BOOST_TEST((raft.role() == Role::candidate));
        raft.step(at(20s), peer(2), VoteReply{Term{2}, true, DiskId{disk}});
        BOOST_TEST((raft.role() == (disk == 12 ? Role::coordinator : Role::candidate)));
    }
}

// They are not asked; whoever asked them as voters of a longer log, and has lost it, may hear from them all the same.
BOOST_AUTO_TEST_CASE(votes_of_contributors_do_not_count) {
    const CommitteeRule three{.everybody_up_to = 3, .seats = 3};
    Raft raft({peer(1), peers(5), Timing{}, {}, 0, three}, {}, RecordLog(), LogIndex{}, Rng(1), at(0s));
    BOOST_REQUIRE((raft.roster().contributors == std::vector<PeerId>{peer(4), peer(5)}));
    raft.advance(at(20s));
    for (const auto& [to, request] : sent<PreVote>(raft.take_output().sends))
        BOOST_TEST(raft.roster().is_voter(to));
    for (const PeerId& contributor : {peer(4), peer(5)})
        raft.step(at(20s), contributor, PreVoteReply{Term{1}, true});
    BOOST_TEST((raft.role() == Role::precandidate));
    raft.step(at(20s), peer(2), PreVoteReply{Term{1}, true});
    BOOST_TEST((raft.role() == Role::candidate));
    for (const PeerId& contributor : {peer(4), peer(5)})
        raft.step(at(20s), contributor, VoteReply{Term{1}, true});
    BOOST_TEST((raft.role() == Role::candidate));
    raft.step(at(20s), peer(2), VoteReply{Term{1}, true});
    BOOST_TEST((raft.role() == Role::coordinator));
    // Nor do their answers keep it in office.
    for (Duration since = 0s; since < 6s; since += 500ms) {
        raft.advance(at(20s + since));
        for (const PeerId& contributor : {peer(4), peer(5)})
            if (raft.role() == Role::coordinator)
                raft.step(at(20s + since), contributor, AppendReply{Term{1}, true, LogIndex{1}, DiskId{}});
    }
    BOOST_TEST((raft.role() == Role::follower));
}

// Or it would get a seat, and be empty in it.
BOOST_AUTO_TEST_CASE(a_contributor_on_another_disk_than_the_enrolled_one_has_not_got_the_log) {
    const CommitteeRule one{.everybody_up_to = 1, .seats = 1};
    const auto enrolment = [](std::uint8_t member) {
        return Record{Term{1}, Members{Members::Change::enroll, peer(member), DiskId{10U + member}}};
    };
    for (const std::uint64_t disk : {12U, 99U}) {
        Raft raft({peer(1), peers(2), Timing{}, DiskId{11}, 0, one}, {Term{1}, std::nullopt},
                  RecordLog({noop(1), enrolment(1), enrolment(2)}), LogIndex{3}, Rng(1), at(0s));
        raft.advance(at(20s));
        BOOST_REQUIRE((raft.role() == Role::coordinator));
        raft.step(at(20s), peer(2), AppendReply{Term{2}, true, raft.log().last_index(), DiskId{disk}});
        BOOST_TEST(raft.is_complete_at(peer(2)) == (disk == 12));
    }
}

// Their averages are their own: a log takes records that name them.
BOOST_AUTO_TEST_CASE(contributors_may_be_in_an_average_and_violate) {
    const CommitteeRule three{.everybody_up_to = 3, .seats = 3};
    for (const auto last : {std::uint8_t{5}, std::uint8_t{6}}) {
        Raft raft({peer(1), peers(5), Timing{}, {}, 0, three}, {}, RecordLog(), LogIndex{}, Rng(1), at(0s));
        const Record record{Term{1}, Balance{average(1, 1, {1, 2, 4, last}, 4)}};
        raft.step(at(1s), peer(2), Append{Term{1}, {}, {}, {record}, {}, {}, {}});
        BOOST_TEST(raft.take_output().refused.size() == (last == 5 ? 0U : 1U));
    }
}

BOOST_AUTO_TEST_CASE(the_group_of_a_snapshot_is_the_group_from_then_on) {
    HistorySnapshot history = base(7, 3);
    history.roster.voters = history.roster.rotation = {peer(1), peer(2)};
    history.roster.joining = {peer(4)};
    history.roster.revoked = {peer(3)};
    Raft raft = make(2, 3, {noop(1), {Term{1}, Members{Members::Change::remove, peer(1)}}});
    BOOST_TEST(!raft.roster().is_voter(peer(1)));
    raft.step(at(1s), peer(1), Snapshot{Term{3}, history});
    static_cast<void>(raft.take_output());
    BOOST_TEST((raft.roster() == history.roster));
    BOOST_TEST(raft.majority() == 2U);
    // A change after it is taken back to it.
    const Record promotion{Term{3}, Members{Members::Change::promote, peer(4)}};
    BOOST_TEST(reply_to(raft, 1, {Term{3}, LogIndex{7}, Term{3}, {promotion}, LogIndex{7}, {}, {}}).accepted);
    BOOST_TEST(raft.roster().is_voter(peer(4)));
    BOOST_TEST(reply_to(raft, 2, {Term{4}, LogIndex{7}, Term{3}, {noop(4)}, LogIndex{7}, {}, {}}).accepted);
    BOOST_TEST((raft.roster() == history.roster));
}

BOOST_AUTO_TEST_CASE(an_append_after_another_record_than_the_base_is_not_accepted) {
    Raft raft({peer(2), peers(3), Timing{}}, {Term{3}, std::nullopt}, RecordLog({}, base(7, 2)), LogIndex{7}, Rng(2), at(0s));
    BOOST_TEST(!reply_to(raft, 1, {Term{3}, LogIndex{7}, Term{1}, {noop(3)}, LogIndex{}, {}, {}}).accepted);
    BOOST_TEST((raft.log().last_index() == LogIndex{7}));
    const AppendReply reply = reply_to(raft, 1, {Term{3}, LogIndex{7}, Term{2}, {noop(3)}, LogIndex{}, {}, {}});
    BOOST_TEST((reply.accepted && reply.match == LogIndex{8}));
}

BOOST_AUTO_TEST_CASE(a_vote_is_compared_with_the_base_when_nothing_follows_it) {
    Raft raft({peer(2), peers(3), Timing{}}, {Term{3}, std::nullopt}, RecordLog({}, base(7, 2)), LogIndex{7}, Rng(2), at(0s));
    BOOST_TEST(!granted(raft, 1, {Term{4}, LogIndex{6}, Term{2}}));
    BOOST_TEST(!granted(raft, 1, {Term{5}, LogIndex{9}, Term{1}}));
    BOOST_TEST(granted(raft, 1, {Term{6}, LogIndex{7}, Term{2}}));
}
