#include <sodium.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <string>

#include "daemon/storage/log_frames.hpp"
#include "daemon/storage/write_ahead_log.hpp"
#include "protocol/log/compaction.hpp"
#include "tests/daemon/storage_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

const PeerId self = peer_number(1);

WriteAheadLog::Opened open_log(const std::filesystem::path& file, IfAbsent if_absent = IfAbsent::refuse) {
    auto opened = WriteAheadLog::open(file, self, if_absent);
    BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    return std::move(*opened);
}

void append(WriteAheadLog& log, const PersistLog& change) {
    const auto appended = log.append(change);
    BOOST_REQUIRE_MESSAGE(appended, (appended ? "" : appended.error().message));
}

// A log of three entries and where each of them ends.
struct SmallLog {
    std::string text;
    std::vector<std::size_t> ends;
};
SmallLog small_log(const TemporaryDirectory& directory) {
    SmallLog small;
    auto opened = open_log(directory / "log", IfAbsent::create);
    small.ends.push_back(opened.log.size_bytes());
    for (const PersistLog& change :
         {state_change(1), records_change(1, {noop_record(1), balance_record(1)}), state_change(2)}) {
        append(opened.log, change);
        small.ends.push_back(opened.log.size_bytes());
    }
    small.text = read_text(directory / "log");
    return small;
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_was_appended_is_there_after_opening_again) {
    TemporaryDirectory directory;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        BOOST_TEST(opened.records.empty());
        BOOST_TEST((opened.hard_state == HardState{}));
        append(opened.log, state_change(1));
        append(opened.log, records_change(1, {noop_record(1), balance_record(1), balance_record(1)}));
        PersistLog both = records_change(3, {noop_record(2)});  // replaces record 3
        both.hard_state = hard_state(2);
        append(opened.log, both);
        append(opened.log, PersistLog{});
    }
    const auto again = open_log(directory / "log");
    BOOST_TEST((again.hard_state == hard_state(2)));
    BOOST_TEST((again.records == std::vector<Record>{noop_record(1), balance_record(1), noop_record(2)}));
    BOOST_TEST(again.note == "");
}

// The pages of the file that was read may never reach the disk (a sync failed before), those of a new one do.
BOOST_AUTO_TEST_CASE(opening_writes_the_log_anew_and_it_goes_on) {
    TemporaryDirectory directory;
    const auto inode = [&directory] {
        struct stat status {};
        BOOST_REQUIRE(::stat((directory / "log").c_str(), &status) == 0);
        return status.st_ino;
    };
    small_log(directory);
    const auto before = inode();
    auto opened = open_log(directory / "log");
    BOOST_TEST(inode() != before);
    BOOST_TEST(opened.log.size_bytes() == std::filesystem::file_size(directory / "log"));
    BOOST_TEST((opened.hard_state == hard_state(2)));
    append(opened.log, state_change(3));
    append(opened.log, records_change(3, {balance_record(3)}));
    const auto again = open_log(directory / "log");
    BOOST_TEST((again.hard_state == hard_state(3)));
    BOOST_TEST(again.records.size() == 3U);
    BOOST_TEST(again.note == "");
}

BOOST_AUTO_TEST_CASE(records_can_be_cut_without_new_ones) {
    TemporaryDirectory directory;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, records_change(1, {noop_record(1), balance_record(1)}));
        append(opened.log, records_change(2, {}));
        append(opened.log, records_change(2, {balance_record(3)}));
    }
    BOOST_TEST(
        (open_log(directory / "log").records == std::vector<Record>{noop_record(1), balance_record(3)}));
}

BOOST_AUTO_TEST_CASE(a_vote_for_nobody_is_kept_as_such) {
    TemporaryDirectory directory;
    const HardState state{Term{4}, std::nullopt, RoundId{}};
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, PersistLog{.hard_state = state, .first_index = std::nullopt, .records = {}});
    }
    BOOST_TEST((open_log(directory / "log").hard_state == state));
}

BOOST_AUTO_TEST_CASE(an_entry_cut_short_at_any_byte_is_dropped_and_the_others_stay) {
    TemporaryDirectory directory;
    const SmallLog small = small_log(directory);
    for (std::size_t entry = 0; entry < 3; ++entry) {
        for (std::size_t size = small.ends[entry]; size < small.ends[entry + 1]; ++size) {
            write_text(directory / "log", small.text.substr(0, size));
            {
                auto opened = open_log(directory / "log");
                BOOST_TEST(opened.log.size_bytes() == small.ends[entry]);
                BOOST_TEST((opened.hard_state.term.value == (entry == 0 ? 0U : 1U)));
                BOOST_TEST(opened.records.size() == (entry == 2 ? 2U : 0U));
                BOOST_TEST(opened.note.empty() == (size == small.ends[entry]));
                append(opened.log, state_change(9));  // and the log is usable
            }
            BOOST_TEST((open_log(directory / "log").hard_state == hard_state(9)));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_last_entry_with_an_unwritten_sector_is_dropped) {
    TemporaryDirectory directory;
    constexpr std::size_t sector = 512;
    std::string text;
    std::size_t whole = 0;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, state_change(1));
        whole = opened.log.size_bytes();
        append(opened.log, records_change(1, std::vector<Record>(12, balance_record(1))));
        text = read_text(directory / "log");
    }
    BOOST_REQUIRE(text.size() > 3 * sector);
    for (std::size_t begin = 0; begin < text.size(); begin += sector) {
        std::string torn = text;
        const std::size_t first = std::max(begin, whole);
        const std::size_t last = std::min(begin + sector, text.size());
        torn.replace(first, last - first, last - first, '\0');
        write_text(directory / "log", torn);
        const auto opened = open_log(directory / "log");
        BOOST_TEST(opened.log.size_bytes() == whole);
        BOOST_TEST(opened.records.empty());
        BOOST_TEST(opened.note.find("interrupted") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(a_changed_bit_anywhere_is_refused_loudly) {
    TemporaryDirectory directory;
    const SmallLog small = small_log(directory);
    for (std::size_t at = 0; at < small.text.size(); ++at) {
        for (const int mask : {0x01, 0x80, 0xff}) {
            std::string damaged_text = small.text;
            damaged_text[at] = static_cast<char>(static_cast<unsigned char>(damaged_text[at]) ^ mask);
            write_text(directory / "log", damaged_text);
            const auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
            BOOST_TEST_CONTEXT("byte " << at << " mask " << int{mask}) {
                BOOST_REQUIRE(!opened);
                BOOST_TEST((opened.error().kind == StorageFailure::damaged));
                BOOST_TEST(opened.error().message.find("keep identity.key") != std::string::npos);
                BOOST_TEST(read_text(directory / "log") == damaged_text);  // nothing was touched
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_wiped_sector_before_sound_entries_is_damage_not_a_torn_tail) {
    TemporaryDirectory directory;
    std::string text;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        for (std::uint64_t index = 1; index <= 20; ++index)
            append(opened.log, records_change(index, {balance_record(index)}));
        text = read_text(directory / "log");
    }
    for (std::size_t begin = 512; begin + 2 * 512 < text.size(); begin += 512) {
        std::string wiped = text;
        wiped.replace(begin, 512, 512, '\0');
        write_text(directory / "log", wiped);
        BOOST_TEST(!WriteAheadLog::open(directory / "log", self, IfAbsent::refuse));
    }
}

BOOST_AUTO_TEST_CASE(an_entry_that_is_missing_or_doubled_is_refused) {
    TemporaryDirectory directory;
    const SmallLog small = small_log(directory);
    const std::string without = small.text.substr(0, small.ends[0]) + small.text.substr(small.ends[1]);
    const std::string doubled = small.text + small.text.substr(small.ends[2]);
    for (const std::string& text : {without, doubled}) {
        write_text(directory / "log", text);
        BOOST_TEST(!WriteAheadLog::open(directory / "log", self, IfAbsent::refuse));
    }
}

BOOST_AUTO_TEST_CASE(the_log_of_another_peer_is_refused) {
    TemporaryDirectory directory;
    small_log(directory);
    const auto opened = WriteAheadLog::open(directory / "log", peer_number(2), IfAbsent::refuse);
    BOOST_REQUIRE(!opened);
    BOOST_TEST(opened.error().message.find(self.text()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_log_that_has_vanished_is_not_made_anew) {
    TemporaryDirectory directory;
    const auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
    BOOST_REQUIRE(!opened);
    BOOST_TEST((opened.error().kind == StorageFailure::damaged));
    BOOST_TEST(!std::filesystem::exists(directory / "log"));
}

BOOST_AUTO_TEST_CASE(superseded_states_do_not_fill_the_disk) {
    TemporaryDirectory directory;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, records_change(1, {noop_record(1), balance_record(1)}));
        append(opened.log, records_change(3, std::vector<Record>(12'000, noop_record(3))));
        for (std::uint64_t part = 0; part < 40; ++part) {
            append(opened.log, records_change(3, std::vector<Record>(3'000, noop_record(part + 4))));
            append(opened.log, records_change(3, {}));
        }
        append(opened.log, state_change(7));
        BOOST_TEST(opened.log.size_bytes() < 2 * log_garbage_bytes_max);
        BOOST_TEST(opened.log.size_bytes() == std::filesystem::file_size(directory / "log"));
        append(opened.log, records_change(3, {balance_record(8)}));
    }
    const auto again = open_log(directory / "log");
    BOOST_TEST((again.hard_state == hard_state(7)));
    BOOST_TEST((again.records == std::vector<Record>{noop_record(1), balance_record(1), balance_record(8)}));
}

BOOST_AUTO_TEST_CASE(a_base_takes_the_place_of_records_and_the_log_goes_on) {
    TemporaryDirectory directory;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, state_change(3));
        append(opened.log, records_change(1, {noop_record(1), balance_record(1), balance_record(2), noop_record(3)}));
        append(opened.log, base_change(3, 2));
        append(opened.log, records_change(5, {balance_record(3)}));
    }
    for (int start = 0; start < 2; ++start) {  // as it was appended, and as it was written anew
        const auto again = open_log(directory / "log");
        BOOST_TEST((again.base == base_after(3, 2)));
        BOOST_TEST((again.records == std::vector<Record>{noop_record(3), balance_record(3)}));
        BOOST_TEST((again.hard_state == hard_state(3)));
    }
}

// As a snapshot from the coordinator does: the base lies beyond the end, and what is there contradicts it.
BOOST_AUTO_TEST_CASE(a_base_beyond_the_end_replaces_the_whole_log) {
    TemporaryDirectory directory;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, records_change(1, {noop_record(1), balance_record(1)}));
        PersistLog taken = base_change(9, 4);
        taken.first_index = LogIndex{10};
        append(opened.log, taken);
        append(opened.log, records_change(10, {noop_record(5), noop_record(5)}));
        PersistLog within = base_change(11, 6);  // another record 11, and none after it
        within.first_index = LogIndex{12};
        append(opened.log, within);
    }
    const auto again = open_log(directory / "log");
    BOOST_TEST((again.base == base_after(11, 6)));
    BOOST_TEST(again.records.empty());
}

BOOST_AUTO_TEST_CASE(a_compaction_cut_short_at_any_byte_leaves_the_old_log) {
    TemporaryDirectory directory;
    std::size_t whole = 0;
    {
        auto opened = open_log(directory / "log", IfAbsent::create);
        append(opened.log, records_change(1, {noop_record(1), balance_record(1), balance_record(2)}));
        whole = opened.log.size_bytes();
        append(opened.log, base_change(2, 1));
    }
    const std::string text = read_text(directory / "log");
    for (std::size_t size = whole; size <= text.size(); ++size) {
        write_text(directory / "log", text.substr(0, size));
        const auto opened = open_log(directory / "log");
        BOOST_TEST(opened.records.size() == (size == text.size() ? 1U : 3U));
        BOOST_TEST(opened.base.index.value == (size == text.size() ? 2U : 0U));
    }
}

// Without a base a file says what it said in version 1, apart from that number.
BOOST_AUTO_TEST_CASE(a_log_of_format_1_opens_and_becomes_one_of_format_2) {
    TemporaryDirectory directory;
    { open_log(directory / "log", IfAbsent::create); }
    const std::string second = read_text(directory / "log");
    std::string first = second;
    first[8] = 1;
    std::array<unsigned char, crypto_generichash_BYTES_MIN> digest{};
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(first.data()),
                       first.size() - 8, nullptr, 0);
    first.replace(first.size() - 8, 8, reinterpret_cast<const char*>(digest.data()), 8);
    write_text(directory / "log", first);
    auto opened = open_log(directory / "log");
    BOOST_TEST((read_text(directory / "log").substr(0, second.size()) == second));
    append(opened.log, records_change(1, {noop_record(1)}));
    BOOST_TEST(open_log(directory / "log").records.size() == 1U);
}

// 100,000 rounds, compacted as a peer does: the file stays below what is kept and the garbage that is allowed.
BOOST_AUTO_TEST_CASE(the_file_stays_small_however_long_the_group_runs) {
    constexpr std::uint64_t rounds = 100'000;
    constexpr std::uint64_t batch = 250;  // a frame: the sync of each takes most of the time
    TemporaryDirectory directory;
    auto opened = open_log(directory / "log", IfAbsent::create);
    RecordLog log;
    std::uint64_t largest = 0;
    for (std::uint64_t round = 0; round < rounds; round += batch) {
        PersistLog change = records_change(round + 1, std::vector<Record>(batch, balance_record(1)));
        for (const Record& record : change.records)
            log.append(record);
        const LogIndex point = compaction_point(log, LogIndex{round}, {});
        if (point > log.base().index) {
            log.compact(fold(log, point));
            change.base = log.base();
        }
        append(opened.log, change);
        BOOST_REQUIRE(log.records().size() <= limits::log_records_kept * 3 / 2 + batch);
        largest = std::max(largest, opened.log.size_bytes());
    }
    BOOST_TEST(largest < 3 * log_garbage_bytes_max);
    const auto again = open_log(directory / "log");
    BOOST_TEST((again.base == log.base()));
    BOOST_TEST((again.records == log.records()));
    BOOST_TEST(again.base.rounds_partial + again.records.size() == rounds);
}
