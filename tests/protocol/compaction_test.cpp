#include "protocol/log/compaction.hpp"

#include <boost/test/unit_test.hpp>

#include "protocol/codec.hpp"
#include "protocol/log/history.hpp"
#include "protocol/random.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

Record draw_record(Rng& rng, Term term, std::uint64_t sequence) {
    const Average mean = average(term.value, sequence, {1, static_cast<std::uint8_t>(2 + uniform_below(rng, 3))});
    switch (uniform_below(rng, 4)) {
        case 0: return {term, Noop{}};
        case 1: return {term, Reference{mean}};
        default: return {term, Balance{mean}};
    }
}

RecordLog log_of(std::size_t count) {
    RecordLog log;
    while (log.records().size() < count)
        log.append({Term{1}, Balance{average(1, log.last_index().value + 1, {1, 2})}});
    return log;
}

}  // namespace

// However often it was compacted on the way: what a snapshot says is what all records together said.
BOOST_AUTO_TEST_CASE(a_history_from_snapshots_is_the_history_of_all_records) {
    Rng rng(5);
    RecordLog log;
    History whole{ModelHash{}};
    std::vector<Record> all;
    for (std::uint64_t i = 1; i <= 2'000; ++i) {
        all.push_back(draw_record(rng, Term{1 + i / 50}, i));
        log.append(all.back());
        whole.decide(LogIndex{i}, all.back());
        if (uniform_below(rng, 20) != 0) continue;
        const LogIndex place{log.base().index.value + uniform_below(rng, log.records().size() + 1)};
        log.compact(fold(log, place));
        BOOST_TEST((log.base().index == place && log.term_at(place) == (place == LogIndex{} ? Term{} : all[place.value - 1].term)));
        BOOST_TEST((fold(log, log.last_index()) == whole.snapshot()));
        BOOST_TEST((decode_history(encode(log.base())) == log.base()));
    }
    for (LogIndex index = log.base().index.next(); index <= log.last_index(); index = index.next())
        BOOST_TEST((log.at(index) == all[index.value - 1]));
}

BOOST_AUTO_TEST_CASE(a_log_grows_by_half_before_it_is_compacted_to_what_is_kept) {
    const LogKept kept{.records = 100};
    for (std::size_t count = 0; count <= 150; ++count)
        BOOST_TEST((compaction_point(log_of(count), LogIndex{count}, kept) == LogIndex{}));
    BOOST_TEST((compaction_point(log_of(151), LogIndex{151}, kept) == LogIndex{51}));
}

BOOST_AUTO_TEST_CASE(what_is_not_durably_applied_stays) {
    const LogKept kept{.records = 100};
    BOOST_TEST((compaction_point(log_of(1'000), LogIndex{}, kept) == LogIndex{}));
    BOOST_TEST((compaction_point(log_of(1'000), LogIndex{600}, kept) == LogIndex{600}));
    BOOST_TEST((compaction_point(log_of(1'000), LogIndex{249}, kept) == LogIndex{}));  // not worth a write yet
    BOOST_TEST((compaction_point(log_of(1'000), LogIndex{250}, kept) == LogIndex{250}));
}

// A base from the coordinator may lie beyond what is applied here.
BOOST_AUTO_TEST_CASE(a_base_beyond_what_is_applied_is_left_alone) {
    RecordLog log = log_of(500);
    log.compact(fold(log, LogIndex{300}));
    BOOST_TEST((compaction_point(log, LogIndex{20}, {.records = 10}) == LogIndex{300}));
    BOOST_TEST((compaction_point(log, LogIndex{300}, {.records = 10}) == LogIndex{300}));
}

BOOST_AUTO_TEST_CASE(large_records_are_kept_in_smaller_number) {
    const RecordLog log = log_of(1'000);
    const std::size_t each = log.bytes() / 1'000;
    const LogKept kept{.records = 10'000, .bytes = each * 400};
    BOOST_TEST((compaction_point(log, LogIndex{1'000}, kept) == LogIndex{600}));
    BOOST_TEST((compaction_point(log_of(600), LogIndex{600}, kept) == LogIndex{}));
}

BOOST_AUTO_TEST_CASE(a_records_estimated_length_is_not_below_the_encoded_one) {
    Average everybody = average(~std::uint64_t{0}, ~std::uint64_t{0}, {}, 64);
    BOOST_TEST(encode(Record{Term{~std::uint64_t{0}}, Noop{}}).size() <= estimated_bytes({Term{1}, Noop{}}));
    for (std::uint8_t member = 0; member < limits::members_max; ++member) {
        everybody.balancing_set.push_back({peer(member), 0.3});
        const Record record{Term{~std::uint64_t{0}}, Reference{everybody}};
        BOOST_TEST(encode(record).size() <= estimated_bytes(record));
    }
}

BOOST_AUTO_TEST_CASE(the_reference_at_a_checkpoint_is_found_without_the_records_before_the_base) {
    const auto hash_of_round = [](std::uint64_t sequence) { return average(1, sequence, {}).hash; };
    RecordLog log({{Term{1}, Noop{}}, {Term{1}, Reference{average(1, 1, {1, 2})}}, {Term{1}, Balance{average(1, 2, {1, 2})}},
                   {Term{1}, Reference{average(1, 3, {1, 2})}}, {Term{1}, Noop{}}});
    BOOST_TEST(!reference_hash_at(log, LogIndex{1}));
    BOOST_TEST((reference_hash_at(log, LogIndex{3}) == hash_of_round(1)));
    log.compact(fold(log, LogIndex{3}));
    BOOST_TEST((reference_hash_at(log, LogIndex{3}) == hash_of_round(1)));
    BOOST_TEST((reference_hash_at(log, LogIndex{5}) == hash_of_round(3)));
    BOOST_TEST((reference_hash_at(log, LogIndex{2}) == hash_of_round(1)));  // an older checkpoint; still the last one
    BOOST_TEST(!reference_hash_at(log, LogIndex{1}));
    log.compact(fold(log, LogIndex{5}));
    BOOST_TEST(!reference_hash_at(log, LogIndex{3}));
    BOOST_TEST((reference_hash_at(log, LogIndex{5}) == hash_of_round(3)));
}

BOOST_AUTO_TEST_CASE(a_log_in_memory_stays_small_however_long_the_group_runs) {
    constexpr std::uint64_t rounds = 100'000;
    RecordLog log;
    std::size_t compactions = 0;
    for (std::uint64_t round = 1; round <= rounds; ++round) {
        log.append({Term{round / 3 + 1}, Balance{average(round / 3 + 1, round, {1, 2, 3})}});
        const std::uint64_t durable = round - std::min<std::uint64_t>(round, 7);  // the last checkpoint
        const LogIndex point = compaction_point(log, LogIndex{durable}, {});
        if (point > log.base().index) {
            log.compact(fold(log, point));
            ++compactions;
            BOOST_REQUIRE(log.records().size() == limits::log_records_kept);
        }
        BOOST_REQUIRE(log.records().size() <= limits::log_records_kept * 3 / 2 + 1);
    }
    BOOST_TEST(compactions <= rounds / (limits::log_records_kept / 2));
    BOOST_TEST((log.last_index() == LogIndex{rounds}));
    BOOST_TEST(fold(log, log.last_index()).rounds_partial == rounds);
    RecordLog copy = log;
    copy.truncate_after(copy.base().index);
    BOOST_TEST(copy.bytes() == 0U);
}
