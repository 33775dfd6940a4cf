// Every operation of storage with every one of its system calls failing, and with the process ending there.
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <string>

#include "daemon/storage/state_directory.hpp"
#include "tests/daemon/storage_faults.hpp"
#include "tests/daemon/storage_samples.hpp"
#include "tests/daemon/temporary_directory.hpp"

using namespace parley;
using namespace parley::daemon;
using namespace parley::test;

namespace {

const std::string model_name = "test model";
const PeerId self = peer_number(1);

// Calls body(fault, nth) with the nth operation failing, until nth is beyond the last; body gives the number
// of operations it saw.
template <class Body>
void for_every_fault(std::size_t operations_min, Body body) {
    for (const Fault fault : {Fault::fail_once, Fault::die}) {
        std::size_t nth = 1;
        while (body(fault, nth) >= nth)
            ++nth;
        BOOST_TEST(nth > operations_min);  // the wrappers are linked in
    }
}

bool leftovers_in(const std::filesystem::path& directory) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
        if (entry.path().filename().string().find(".new.") != std::string::npos) return true;
    return false;
}

// One record that stays, and so many after it that the log is rewritten when they are cut off.
constexpr std::size_t many_records = 12'000;
void append_much(WriteAheadLog& log) {
    static const std::vector<Record> many(many_records, balance_record(1));
    BOOST_REQUIRE(log.append(records_change(1, {balance_record(1)})));
    BOOST_REQUIRE(log.append(records_change(2, many)));
    BOOST_REQUIRE(log.size_bytes() > log_garbage_bytes_max + 4096);
}

float first_weight(const std::filesystem::path& directory) {
    const auto loaded = CheckpointStore(directory).load(model_name);
    BOOST_REQUIRE_MESSAGE(loaded, (loaded ? "" : loaded.error().message));
    BOOST_TEST(loaded->warning == "");
    return loaded->checkpoint ? loaded->checkpoint->learner.parameters.front() : 0;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_file_is_the_old_one_or_the_new_one) {
    for_every_fault(4, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        write_text(directory / "file", "old");
        const std::string text = "new";
        ScopedFault faults(fault, nth, ENOSPC);
        const auto written = write_file(directory / "file", {std::as_bytes(std::span(text))});
        const std::size_t operations = faults.operations();
        const std::string found = read_text(directory / "file");
        BOOST_TEST((found == "old" || found == "new"));
        if (written)
            BOOST_TEST(found == "new");
        else
            BOOST_TEST(written.error().message.find("make room") != std::string::npos);
        return operations;
    });
}

BOOST_AUTO_TEST_CASE(a_failed_write_leaves_no_temporary_file) {
    for (std::size_t nth = 1, operations = nth; nth <= operations; ++nth) {
        TemporaryDirectory directory;
        ScopedFault faults(Fault::fail_once, nth, EIO);
        const std::string text = "new";
        const auto written =
            write_file(directory / "file", {std::as_bytes(std::span(text))}, IfExists::refuse);
        operations = faults.operations();
        if (!written) BOOST_TEST(!leftovers_in(directory.path()));
    }
}

BOOST_AUTO_TEST_CASE(an_append_is_whole_or_absent_and_what_was_confirmed_stays) {
    for_every_fault(2, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        std::size_t operations = 0;
        std::size_t confirmed = 1;
        {
            auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::create);
            BOOST_REQUIRE(opened);
            BOOST_REQUIRE(opened->log.append(records_change(1, {balance_record(1)})));
            ScopedFault faults(fault, nth, ENOSPC);
            for (std::uint64_t index = 2; index <= 4; ++index) {
                const auto appended =
                    opened->log.append(records_change(confirmed + 1, {balance_record(index)}));
                if (!appended && opened->log.broken()) break;
                if (appended) ++confirmed;
            }
            operations = faults.operations();
        }
        const auto again = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
        BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
        // A frame whose sync failed may have survived: it is whole then.
        BOOST_TEST((again->records.size() == confirmed || again->records.size() == confirmed + 1));
        return operations;
    });
}

BOOST_AUTO_TEST_CASE(after_a_failed_sync_the_log_accepts_nothing) {
    TemporaryDirectory directory;
    auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::create);
    BOOST_REQUIRE(opened);
    {
        ScopedFault faults(Fault::fail_once, 2, EIO);  // write, fdatasync
        BOOST_TEST(!opened->log.append(state_change(1)));
    }
    BOOST_TEST(opened->log.broken());
    BOOST_TEST(!opened->log.append(state_change(2)));
}

BOOST_AUTO_TEST_CASE(after_a_failed_write_the_log_goes_on) {
    TemporaryDirectory directory;
    auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::create);
    BOOST_REQUIRE(opened);
    {
        ScopedFault faults(Fault::fail_once, 1, ENOSPC);
        BOOST_TEST(!opened->log.append(state_change(1)));
    }
    BOOST_TEST(!opened->log.broken());
    BOOST_TEST(!!opened->log.append(state_change(2)));
    const auto again = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
    BOOST_REQUIRE(again);
    BOOST_TEST((again->hard_state == hard_state(2)));
    BOOST_TEST(again->note == "");
}

// After a sync that failed, what a new process reads may be in memory only, and another sync may do nothing.
BOOST_AUTO_TEST_CASE(opening_writes_every_entry_anew_or_fails) {
    for_every_fault(9, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        {
            auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::create);
            BOOST_REQUIRE(opened);
            BOOST_REQUIRE(opened->log.append(records_change(1, {balance_record(1)})));
            BOOST_REQUIRE(opened->log.append(state_change(4)));
        }
        std::size_t operations = 0;
        {
            ScopedFault faults(fault, nth, EIO);
            const auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
            operations = faults.operations();
            BOOST_TEST(opened.has_value() == (operations < nth));
        }
        const auto again = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
        BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
        BOOST_TEST(again->records.size() == 1U);
        BOOST_TEST((again->hard_state == hard_state(4)));
        return operations;
    });
}

BOOST_AUTO_TEST_CASE(a_compaction_that_fails_or_dies_loses_nothing) {
    bool compacted = false;
    for_every_fault(6, [&compacted](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        std::size_t operations = 0;
        std::uint64_t last = 0;
        bool cut = false;
        {
            auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::create);
            BOOST_REQUIRE(opened);
            append_much(opened->log);
            ScopedFault faults(fault, nth, ENOSPC);
            cut = opened->log.append(records_change(2, {})).has_value();
            for (std::uint64_t term = 1; term <= 5; ++term)
                if (opened->log.append(state_change(term))) last = term;
            operations = faults.operations();
            compacted = compacted || opened->log.size_bytes() < 4096;
        }
        const auto again = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
        BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
        BOOST_TEST((again->records.size() == 1U || (!cut && again->records.size() == many_records + 1)));
        BOOST_TEST((again->hard_state.term.value >= last && again->hard_state.term.value <= last + 1));
        return operations;
    });
    BOOST_TEST(compacted);
}

// The base of a compacted log: before it is confirmed the old log or the new one, afterwards the new one; and the records
// after it are there in both.
BOOST_AUTO_TEST_CASE(a_new_base_that_fails_or_dies_leaves_the_old_log_or_the_new_one) {
    bool rewritten = false;
    for_every_fault(6, [&rewritten](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        std::size_t operations = 0;
        bool confirmed = false;
        {
            auto opened = WriteAheadLog::open(directory / "log", self, IfAbsent::create);
            BOOST_REQUIRE(opened);
            append_much(opened->log);
            ScopedFault faults(fault, nth, ENOSPC);
            confirmed = opened->log.append(base_change(many_records, 1)).has_value();
            operations = faults.operations();
            rewritten = rewritten || opened->log.size_bytes() < 4096;
        }
        for (int start = 0; start < 2; ++start) {
            const auto again = WriteAheadLog::open(directory / "log", self, IfAbsent::refuse);
            BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
            const bool is_new = again->base == base_after(many_records, 1);
            BOOST_TEST((is_new || (!confirmed && again->base == HistorySnapshot{})));
            BOOST_TEST(again->records.size() == (is_new ? 1U : many_records + 1));
        }
        return operations;
    });
    BOOST_TEST(rewritten);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_is_the_old_one_or_the_new_one) {
    for_every_fault(8, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        const CheckpointStore store(directory.path());
        BOOST_REQUIRE(store.write(model_name, learner_state(1), AppliedState{}));
        BOOST_REQUIRE(store.write(model_name, learner_state(2), AppliedState{}));
        std::size_t operations = 0;
        bool written = false;
        {
            ScopedFault faults(fault, nth, ENOSPC);
            written = store.write(model_name, learner_state(3), AppliedState{}).has_value();
            operations = faults.operations();
        }
        const float found = first_weight(directory.path());
        BOOST_TEST((found == 3 || (!written && found == 2)));
        // And the next one succeeds, with the one before kept.
        BOOST_REQUIRE(store.write(model_name, learner_state(4), AppliedState{}));
        BOOST_TEST(first_weight(directory.path()) == 4);
        std::filesystem::remove(directory / "checkpoint");
        const auto previous = store.load(model_name);
        BOOST_REQUIRE((previous && previous->checkpoint));
        BOOST_TEST(previous->checkpoint->learner.parameters.front() == found);
        return operations;
    });
}

BOOST_AUTO_TEST_CASE(a_blob_is_whole_or_absent) {
    for_every_fault(4, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        const SharedModel model = model_of({1, 2, 3});
        const ModelHash hash = net::blake2b(*model);
        const auto opened = BlobStore::open(directory / "blobs");
        BOOST_REQUIRE(opened);
        std::size_t operations = 0;
        bool stored = false;
        {
            ScopedFault faults(fault, nth, ENOSPC);
            stored = opened->store.store(hash, model).has_value();
            operations = faults.operations();
        }
        const auto again = BlobStore::open(directory / "blobs");
        BOOST_REQUIRE(again);
        BOOST_TEST((!stored || again->blobs.contains(hash)));
        BOOST_TEST(again->note == "");
        BOOST_TEST(!leftovers_in(directory.path()));
        return operations;
    });
}

// The name of a blob that was just found may not be on the disk yet.
BOOST_AUTO_TEST_CASE(blobs_are_reported_only_when_their_directory_is_synced) {
    for_every_fault(4, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        const SharedModel model = model_of({1, 2, 3});
        {
            const auto opened = BlobStore::open(directory / "blobs");
            BOOST_REQUIRE(opened);
            BOOST_REQUIRE(opened->store.store(net::blake2b(*model), model));
        }
        ScopedFault faults(fault, nth, EIO);
        const auto opened = BlobStore::open(directory / "blobs");
        BOOST_TEST(opened.has_value() == (faults.operations() < nth));
        return faults.operations();
    });
}

BOOST_AUTO_TEST_CASE(a_later_start_that_fails_can_be_repeated_and_forgets_nothing) {
    for_every_fault(20, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        {
            auto first = StateDirectory::open(directory / "state", self);
            BOOST_REQUIRE(first);
            BOOST_REQUIRE(first->state.log.append(state_change(4)));
        }
        std::size_t operations = 0;
        {
            ScopedFault faults(fault, nth, EIO);
            const auto opened = StateDirectory::open(directory / "state", self);
            operations = faults.operations();
        }
        const auto again = StateDirectory::open(directory / "state", self);
        BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
        BOOST_TEST((again->state.incarnation.value == 2 || again->state.incarnation.value == 3));
        BOOST_TEST((again->hard_state == hard_state(4)));
        BOOST_TEST(!leftovers_in(directory.path()));
        return operations;
    });
}

BOOST_AUTO_TEST_CASE(a_start_that_fails_can_be_repeated) {
    for_every_fault(10, [](Fault fault, std::size_t nth) {
        TemporaryDirectory directory;
        std::size_t operations = 0;
        {
            ScopedFault faults(fault, nth, EIO);
            const auto opened = StateDirectory::open(directory / "state", self);
            operations = faults.operations();
        }
        const auto again = StateDirectory::open(directory / "state", self);
        BOOST_REQUIRE_MESSAGE(again, (again ? "" : again.error().message));
        BOOST_TEST((again->state.incarnation.value == 1 || again->state.incarnation.value == 2));
        BOOST_TEST(!leftovers_in(directory.path()));
        return operations;
    });
}
