// A large model that is pulled leaf by leaf: the blob table on one side, holders played by hand on the other.
#include "protocol/averaging/blob_pull.hpp"

#include <boost/test/unit_test.hpp>
#include <deque>

#include "protocol/averaging/blob_serving.hpp"
#include "protocol/averaging/blob_table.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

const HashTree tree{cheap_hash, cheap_node, 2};
constexpr std::size_t parameter_count = 15;  // eight leaves, the last a short one

struct Bench {
    Parameters content = [] {
        Parameters all(parameter_count);
        for (std::size_t i = 0; i < all.size(); ++i)
            all[i] = static_cast<float>(i) + 0.5F;
        return all;
    }();
    ModelHash hash = tree(content);
    Timing timing;
    BlobTable blobs{{}, Term{}, timing, {tree, parameter_count}, Rng(5)};
    Instant now = at(1s);
    std::vector<PeerId> holders = {peer(2), peer(3), peer(4), peer(5), peer(6), peer(7)};
    BlobTable::Output output;
    SharedModel whole;
    std::map<PeerId, std::uint32_t> asked;  // for a leaf

    Bench() {
        blobs.want_durable(now, hash);
        advance();
    }
    explicit Bench(std::vector<PeerId> some) : holders(std::move(some)) {
        blobs.want_durable(now, hash);
        advance();
    }

    void advance() {
        blobs.advance(now, holders);
        output = blobs.take_output();
        for (const auto& [to, request] : sent<FetchLeaf>(output.sends))
            asked[to] = request.leaf;
    }
    // Lets the next timer fire.
    void wait() {
        now = blobs.next_deadline();
        advance();
    }
    // Who is asked for the list now.
    PeerId asked_for_list() {
        const auto requests = sent<FetchLeaves>(output.sends);
        BOOST_REQUIRE(requests.size() == 1U);
        return requests.front().first;
    }
    void send_list(const PeerId& from) {
        blobs.arrived(from, BlobLeaves{hash, tree.leaves(content)});
        advance();
    }
    // With the list there.
    Bench& with_list() {
        send_list(asked_for_list());
        return *this;
    }
    BlobLeaf leaf(std::uint32_t number) const {
        const HashTree::Range range = tree.range(parameter_count, number);
        const auto part = std::make_shared<const Parameters>(content.begin() + static_cast<long>(range.first),
                                                             content.begin() + static_cast<long>(range.first + range.count));
        return {hash, number, part, cheap_hash(*part)};
    }
    void send(const PeerId from, const BlobLeaf& message) {  // a copy: `asked` forgets its own
        asked.erase(from);
        if (SharedModel model = blobs.arrived(now, from, message)) whole = std::move(model);
        advance_keeping();
    }
    void send_leaf(const PeerId from) { send(from, leaf(asked.at(from))); }
    void advance_keeping() {
        BlobTable::Output before = blobs.take_output();
        advance();
        output.refused.insert(output.refused.end(), before.refused.begin(), before.refused.end());
        output.commands.insert(output.commands.end(), before.commands.begin(), before.commands.end());
    }
    // Everybody answers until the model is there. How many leaves that took.
    std::size_t finish() {
        std::size_t leaves = 0;
        while (!whole && !asked.empty()) {
            send_leaf(asked.begin()->first);
            ++leaves;
        }
        return leaves;
    }
    bool is_whole() const { return whole && *whole == content; }
};

BlobLeaf broken(BlobLeaf leaf) {
    Parameters changed = *leaf.parameters;
    changed[0] += 1;
    leaf.content = cheap_hash(changed);
    leaf.parameters = std::make_shared<const Parameters>(std::move(changed));
    return leaf;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_large_model_comes_from_four_holders_at_once_one_leaf_each) {
    Bench bench;
    BOOST_TEST(bench.blobs.awaited().size() == 1U);  // the list first
    bench.with_list();
    BOOST_TEST(bench.asked.size() == 4U);
    std::set<std::uint32_t> leaves;
    for (const auto& [holder, leaf] : bench.asked)
        leaves.insert(leaf);
    BOOST_TEST(leaves.size() == 4U);
    BOOST_TEST(bench.blobs.awaited().size() == 4U);
    BOOST_TEST(bench.finish() == 8U);
    BOOST_REQUIRE(bench.is_whole());
    const auto* store = std::get_if<StoreBlob>(&bench.output.commands.back());
    BOOST_REQUIRE((store != nullptr && store->hash == bench.hash));
    BOOST_TEST(store->model == bench.whole);  // the same buffer
    BOOST_TEST(bench.blobs.awaited().empty());
    BOOST_TEST((bench.blobs.next_deadline() == never));
}

BOOST_AUTO_TEST_CASE(a_model_of_one_leaf_is_fetched_in_one_message) {
    BlobTable blobs({}, Term{}, Timing{}, {tree, 2}, Rng(5));
    blobs.want_durable(at(1s), tree(Parameters{1, 2}));
    blobs.advance(at(1s), {peer(2)});
    const auto output = blobs.take_output();
    BOOST_TEST(sent<FetchBlob>(output.sends).size() == 1U);
    BOOST_TEST(sent<FetchLeaves>(output.sends).empty());
}

BOOST_AUTO_TEST_CASE(holders_are_chosen_at_random) {
    std::set<PeerId> first;
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        BlobTable blobs({}, Term{}, Timing{}, {tree, parameter_count}, Rng(seed));
        blobs.want_durable(at(1s), Bench().hash);
        blobs.advance(at(1s), {peer(2), peer(3), peer(4)});
        first.insert(blobs.take_output().sends.front().to);
    }
    BOOST_TEST(first.size() == 3U);
}

// --- what is not the model's ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_list_that_is_not_the_models_is_refused_and_another_holder_asked) {
    Bench bench;
    const PeerId liar = bench.asked_for_list();
    std::vector<ModelHash> leaves = tree.leaves(bench.content);
    leaves[3] = cheap_hash({});
    bench.blobs.arrived(liar, BlobLeaves{bench.hash, leaves});
    bench.advance_keeping();
    BOOST_REQUIRE(bench.output.refused.size() == 1U);
    BOOST_TEST((bench.output.refused.front().from == liar));
    const PeerId other = bench.asked_for_list();
    BOOST_TEST((other != liar));
    bench.send_list(other);
    BOOST_TEST(!bench.asked.contains(liar));
    BOOST_TEST(bench.finish() == 8U);
    BOOST_TEST(bench.is_whole());
}

BOOST_AUTO_TEST_CASE(a_list_of_another_length_is_refused) {
    for (const bool is_longer : {false, true}) {
        Bench bench;
        std::vector<ModelHash> leaves = tree.leaves(bench.content);
        is_longer ? leaves.push_back(leaves.front()) : leaves.pop_back();
        bench.blobs.arrived(bench.asked_for_list(), BlobLeaves{bench.hash, leaves});
        BOOST_TEST(bench.blobs.take_output().refused.size() == 1U);
    }
}

BOOST_AUTO_TEST_CASE(who_sends_a_wrong_leaf_is_named_and_never_asked_again_and_good_leaves_are_kept) {
    Bench bench;
    bench.with_list();
    bench.send_leaf(bench.asked.begin()->first);  // one good leaf
    const auto [liar, number] = *std::prev(bench.asked.end());
    bench.send(liar, broken(bench.leaf(number)));
    BOOST_REQUIRE(bench.output.refused.size() == 1U);
    BOOST_TEST((bench.output.refused.front().from == liar));
    BOOST_TEST(!bench.blobs.awaited().contains(liar));
    BOOST_TEST(bench.asked.size() == 4U);  // another was asked in its place, and for its leaf
    BOOST_TEST(std::ranges::count(bench.asked, number, [](const auto& entry) { return entry.second; }) == 1);
    std::size_t leaves = 0;
    while (!bench.whole) {
        BOOST_REQUIRE(!bench.asked.contains(liar));
        bench.send_leaf(bench.asked.begin()->first);
        ++leaves;
    }
    BOOST_TEST(leaves == 7U);
    BOOST_TEST(bench.is_whole());
}

// It comes back after a lost connection, it is the only one left, and time passes.
BOOST_AUTO_TEST_CASE(who_sent_a_wrong_leaf_is_not_asked_for_this_model_even_if_nobody_else_is_there) {
    Bench bench({peer(2), peer(3)});
    bench.with_list();
    const auto [liar, number] = *bench.asked.begin();
    bench.send(liar, broken(bench.leaf(number)));
    bench.holders = {};
    bench.advance();
    bench.holders = {liar};
    for (int i = 0; i < 20; ++i) {
        bench.wait();
        BOOST_TEST(bench.output.sends.empty());
    }
    BOOST_TEST(bench.blobs.awaited().empty());
}

BOOST_AUTO_TEST_CASE(a_second_wrong_leaf_is_not_told_again) {
    Bench bench;
    bench.with_list();
    const auto [liar, number] = *bench.asked.begin();
    bench.send(liar, broken(bench.leaf(number)));
    BOOST_TEST(bench.output.refused.size() == 1U);
    bench.send(liar, broken(bench.leaf(number)));
    BOOST_TEST(bench.output.refused.empty());
}

BOOST_AUTO_TEST_CASE(values_that_are_not_finite_are_a_wrong_leaf) {
    Bench bench;
    bench.with_list();
    const auto [liar, number] = *bench.asked.begin();
    BlobLeaf message = bench.leaf(number);
    message.content = {};
    bench.send(liar, message);
    BOOST_TEST(bench.output.refused.size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_was_never_asked_is_not_judged) {
    Bench bench;
    bench.with_list();
    bench.send(peer(9), broken(bench.leaf(0)));
    BOOST_TEST(bench.output.refused.empty());
    bench.blobs.arrived(peer(9), BlobLeaves{bench.hash, {}});
    bench.advance_keeping();
    BOOST_TEST(bench.output.refused.empty());
    BOOST_TEST(bench.finish() == 8U);
}

// --- holders that fail -----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(the_leaf_of_a_holder_that_is_gone_is_asked_of_another_in_the_same_step) {
    Bench bench;
    bench.with_list();
    const auto [gone, number] = *bench.asked.begin();
    bench.asked.clear();
    std::erase(bench.holders, gone);
    bench.advance();
    BOOST_TEST(!bench.blobs.awaited().contains(gone));
    BOOST_TEST(bench.blobs.awaited().size() == 4U);
    BOOST_REQUIRE(bench.asked.size() == 1U);
    BOOST_TEST(bench.asked.begin()->second == number);
}

BOOST_AUTO_TEST_CASE(the_list_is_asked_of_another_when_its_holder_is_gone) {
    Bench bench;
    const PeerId gone = bench.asked_for_list();
    std::erase(bench.holders, gone);
    bench.advance();
    BOOST_TEST((bench.asked_for_list() != gone));
}

BOOST_AUTO_TEST_CASE(a_slow_holders_leaf_is_asked_of_another_and_its_late_answer_is_taken) {
    Bench bench;
    bench.with_list();
    const auto [slow, number] = *bench.asked.begin();
    for (const PeerId& holder : {std::next(bench.asked.begin())->first, std::next(bench.asked.begin(), 2)->first,
                                 std::next(bench.asked.begin(), 3)->first})
        bench.send_leaf(holder);
    bench.asked.clear();
    bench.wait();
    BOOST_TEST((bench.now - at(1s) == bench.timing.fetch_retry));
    std::set<PeerId> also_asked;
    for (const auto& [holder, leaf] : bench.asked)
        if (leaf == number) also_asked.insert(holder);
    BOOST_TEST(also_asked.size() == 1U);
    BOOST_TEST(!also_asked.contains(slow));
    const PeerId second = *also_asked.begin();
    bench.send(slow, bench.leaf(number));
    bench.send(second, bench.leaf(number));  // a second time: no harm
    BOOST_TEST(bench.output.refused.empty());
    bench.now += 1ms;
    while (!bench.whole) {
        if (bench.asked.empty()) bench.wait();
        else bench.send_leaf(bench.asked.begin()->first);
    }
    BOOST_TEST(bench.is_whole());
}

// Its link needs 3 s a leaf, the first deadline is 1 s: it must not be given up again and again.
BOOST_AUTO_TEST_CASE(one_slow_holder_is_enough_and_its_pace_is_learned) {
    Bench bench({peer(2)});
    bench.with_list();
    std::size_t requests = 0;
    std::deque<std::pair<Instant, std::uint32_t>> under_way;
    while (!bench.whole) {
        if (bench.asked.contains(peer(2))) {
            ++requests;
            const Instant after = under_way.empty() ? bench.now : std::max(bench.now, under_way.back().first);
            under_way.emplace_back(after + 3s, bench.asked.at(peer(2)));
            bench.asked.clear();
        }
        const Instant next = bench.blobs.next_deadline();
        if (under_way.empty() || next < under_way.front().first) {
            bench.now = next;
            bench.advance();
            continue;
        }
        bench.now = under_way.front().first;
        const std::uint32_t leaf = under_way.front().second;
        under_way.pop_front();
        bench.send(peer(2), bench.leaf(leaf));
    }
    BOOST_TEST(bench.is_whole());
    BOOST_TEST(requests <= 10U);
}

BOOST_AUTO_TEST_CASE(the_deadline_follows_how_long_leaves_take) {
    Bench bench({peer(2)});
    bench.with_list();
    for (int leaf = 0; leaf < 4; ++leaf) {
        bench.now += 900ms;
        bench.send_leaf(peer(2));
    }
    BOOST_TEST((bench.blobs.next_deadline() - bench.now == 3600ms));
}

// Or a part in a round would be waited for that only a liar claims to hold.
BOOST_AUTO_TEST_CASE(a_model_that_one_lacks_and_another_sent_wrong_is_lost) {
    Bench bench({peer(2), peer(3)});
    const PeerId liar = bench.asked_for_list();
    const PeerId other = liar == peer(2) ? peer(3) : peer(2);
    bench.blobs.arrived(liar, BlobLeaves{bench.hash, {}});
    BOOST_TEST(!bench.blobs.is_lost(bench.now, bench.hash, {peer(2), peer(3)}));
    bench.blobs.missing_at(bench.now, other, bench.hash);
    BOOST_TEST(bench.blobs.is_lost(bench.now, bench.hash, {peer(2), peer(3)}));
}

// Two who had lacked a model were removed; two were left, one of whom held it.
BOOST_AUTO_TEST_CASE(what_former_members_lacked_says_nothing_of_who_is_left) {
    Bench bench({peer(2), peer(3)});
    bench.blobs.missing_at(bench.now, peer(2), bench.hash);
    bench.blobs.missing_at(bench.now, peer(3), bench.hash);
    BOOST_TEST(bench.blobs.is_lost(bench.now, bench.hash, {peer(2), peer(3)}));
    BOOST_TEST(!bench.blobs.is_lost(bench.now, bench.hash, {peer(4), peer(5)}));
    BOOST_TEST(!bench.blobs.is_lost(bench.now, bench.hash, {peer(3), peer(4)}));
}

BOOST_AUTO_TEST_CASE(who_lacks_the_model_rests_and_is_asked_again) {
    Bench bench({peer(2), peer(3)});
    const PeerId without = bench.asked_for_list();
    bench.blobs.missing_at(bench.now, without, bench.hash);
    bench.advance();
    const PeerId other = bench.asked_for_list();
    BOOST_TEST((other != without));
    bench.blobs.missing_at(bench.now, other, bench.hash);
    bench.advance();
    BOOST_TEST(bench.output.sends.empty());
    BOOST_TEST(bench.blobs.awaited().empty());
    BOOST_TEST(bench.blobs.is_lost(bench.now, bench.hash, {peer(2), peer(3)}));
    bench.wait();
    BOOST_TEST(sent<FetchLeaves>(bench.output.sends).size() == 1U);
}

BOOST_AUTO_TEST_CASE(who_comes_back_is_asked_at_once) {
    Bench bench({peer(2)});
    bench.blobs.missing_at(bench.now, peer(2), bench.hash);
    bench.holders = {};
    bench.advance();
    bench.holders = {peer(2)};
    bench.advance();
    BOOST_TEST((bench.asked_for_list() == peer(2)));
}

BOOST_AUTO_TEST_CASE(a_model_that_is_wanted_no_more_is_asked_for_no_more) {
    Bench bench;
    bench.with_list();
    RecordLog log({}, HistorySnapshot{});
    bench.blobs.collect_garbage(log, History(log.base()), {}, {});
    BOOST_TEST(bench.blobs.awaited().empty());
    BOOST_TEST((bench.blobs.next_deadline() == never));
    bench.send(bench.asked.begin()->first, bench.leaf(bench.asked.begin()->second));
    BOOST_TEST(bench.output.sends.empty());
    BOOST_TEST(bench.output.commands.empty());
}

BOOST_AUTO_TEST_CASE(a_push_ends_the_pull) {
    Bench bench;
    bench.with_list();
    const auto pushed = std::make_shared<const Parameters>(bench.content);
    BOOST_TEST(bench.blobs.arrived(bench.now, Blob{Term{1}, {Term{1}, 1}, bench.hash, pushed}, true));
    BOOST_TEST(bench.blobs.awaited().empty());
}

// --- busy holders ----------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_busy_holder_rests_longer_each_time_and_others_are_asked) {
    Bench bench({peer(2)});
    for (int refusal = 0; refusal < 4; ++refusal) {
        BOOST_TEST((bench.asked_for_list() == peer(2)));
        bench.blobs.busy(bench.now, peer(2), BlobBusy{bench.hash, {}});
        bench.advance();
        BOOST_TEST(bench.output.sends.empty());
        BOOST_TEST(bench.blobs.awaited().empty());
        const Instant refused = bench.now;
        while (sent<FetchLeaves>(bench.output.sends).empty())
            bench.wait();
        BOOST_TEST((bench.now - refused >= bench.timing.fetch_retry / 2 * (1 << refusal)));
        BOOST_TEST((bench.now - refused <= bench.timing.fetch_retry * (1 << refusal)));
    }
}

BOOST_AUTO_TEST_CASE(whom_a_busy_holder_names_is_asked_first) {
    for (int i = 0; i < 10; ++i) {
        Bench bench;
        const PeerId busy = bench.asked_for_list();
        const PeerId named = bench.holders[static_cast<std::size_t>(i) % bench.holders.size()];
        if (named == busy) continue;
        bench.blobs.busy(bench.now, busy, BlobBusy{bench.hash, {named, peer(99)}});
        bench.advance();
        BOOST_TEST((bench.asked_for_list() == named));
    }
}

BOOST_AUTO_TEST_CASE(a_holder_serves_four_at_once_and_places_become_free) {
    BlobServing serving{Timing{}};
    std::set<PeerId> reachable;
    for (std::uint8_t number = 2; number < 12; ++number)
        reachable.insert(peer(number));
    Instant now = at(1s);
    for (std::uint8_t number = 2; number < 6; ++number)
        BOOST_TEST(serving.admit(now, peer(number), reachable));
    BOOST_TEST(!serving.admit(now, peer(6), reachable));
    BOOST_TEST(!serving.admit(now, peer(7), reachable));
    for (int leaf = 0; leaf < 10; ++leaf) {  // who has a place keeps it
        now += 500ms;
        for (std::uint8_t number = 2; number < 6; ++number)
            BOOST_TEST(serving.admit(now, peer(number), reachable));
    }
    BOOST_TEST(!serving.admit(now, peer(6), reachable));
    reachable.erase(peer(3));                // gone
    BOOST_TEST(serving.admit(now, peer(6), reachable));
    BOOST_TEST(!serving.admit(now, peer(7), reachable));
    now += 3s;                               // four times as long as the others took between two leaves
    BOOST_TEST(serving.admit(now, peer(7), reachable));
}
