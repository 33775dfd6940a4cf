#include "protocol/codec.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <set>

#include "protocol/limits.hpp"
#include "protocol/membership/swim_codec.hpp"
#include "protocol/random.hpp"
#include "tests/protocol/support.hpp"

using namespace parley;
using namespace parley::test;

namespace {

const ModelExpectation expectation{3, cheap_hash};

Snapshot snapshot_sample() {
    const Average mean = average(7, 3, {1, 2, 9}, 2);
    return {Term{9}, {LogIndex{12}, Term{7}, LogIndex{11}, {Term{7}, 2}, mean.hash, mean.round, 2, 5, 6,
                      {{peer(1), {LogIndex{12}, mean.round, mean.hash}}, {peer(4), {LogIndex{3}, {Term{2}, 1}, mean.hash}}},
                      {{peer(1), peer(2)}, {peer(7)}, {peer(4)}, {peer(3)}, {peer(5)}, {{peer(2), DiskId{77}}}, {peer(7), peer(2), peer(1)}, Term{6}},
                      {{peer(3), LogIndex{2}}, {peer(4), LogIndex{1}}, {peer(5), LogIndex{12}}},
                      3, LogIndex{8}, Allowances({{peer(1), 0.25}, {peer(7), 1.5}})}};
}

std::vector<Message> samples() {
    const Average mean = average(7, 3, {1, 2, 9}, 2);
    const SharedModel parameters = model({1.5F, -2.25F, 1e-30F});
    return {RequestVote{Term{9}, LogIndex{1u << 20U}, Term{8}},
            VoteReply{Term{9}, true},
            Append{Term{9}, LogIndex{4}, Term{2}, {{Term{2}, Noop{}}, {Term{7}, Balance{mean}}, {Term{7}, Reference{mean}},
                              {Term{7}, Members{Members::Change::promote, peer(2), DiskId{8}}}}, LogIndex{5}, LogIndex{4},
                   mean.hash},
            Append{Term{9}, LogIndex{0}, Term{0}, {}, LogIndex{0}, {}, {}},
            AppendReply{Term{9}, false, LogIndex{4}, DiskId{6}},
            ViolationNotice{LogIndex{6}, 0.75},
            Query{Term{9}, {Term{9}, 2}, LogIndex{5}, LogIndex{3}},
            Abort{Term{9}, {Term{9}, 2}},
            Ready{Term{9}, {Term{9}, 2}},
            FetchBlob{mean.hash},
            BlobMissing{mean.hash},
            Contribution{Term{9}, {Term{9}, 2}, 1.0, parameters},
            Blob{Term{9}, {Term{9}, 2}, cheap_hash(*parameters), parameters},
            Heartbeat{LogIndex{5}, LogIndex{2}, mean.hash},
            PreVote{Term{10}, LogIndex{1u << 20U}, Term{8}},
            PreVoteReply{Term{10}, true, DiskId{5}},
            TimeoutNow{Term{9}},
            snapshot_sample(),
            ChangeMembers{{Members::Change::revoke, peer(3)}, LogIndex{7}},
            FetchLeaves{mean.hash},
            BlobLeaves{mean.hash, {cheap_hash(*parameters), mean.hash}},
            FetchLeaf{mean.hash, 4095},
            BlobBusy{mean.hash, {peer(2), peer(5)}},
            BlobBusy{mean.hash, {}},
            BlobLeaf{mean.hash, 0, parameters, {}},
            Distance{Term{9}, {Term{9}, 2}, 0.625},
            Query{Term{9}, {Term{9}, 2}, LogIndex{5}, {}, true},
            Append{Term{9}, LogIndex{4}, Term{2}, {{Term{7}, Slack{{Term{7}, 3}, {{peer(1), 0.25}, {peer(2), 1.75}}}}}, LogIndex{5}, LogIndex{4}, mean.hash},
            RequestVote{Term{10}, LogIndex{3}, Term{8}, true, DiskId{~std::uint64_t{}}}};
}

Bytes from_hex(std::initializer_list<int> values) {
    Bytes bytes;
    for (const int value : values)
        bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_message_survives_its_bytes) {
    std::set<std::size_t> kinds;
    for (const Message& message : samples()) {
        const Bytes bytes = encode(message, cheap_hash);
        const auto decoded = decode(bytes, expectation);
        BOOST_REQUIRE_MESSAGE(decoded.has_value(), message_name(message));
        BOOST_TEST(decoded->index() == message.index());
        BOOST_TEST((encode(*decoded, cheap_hash) == bytes), message_name(message));
        kinds.insert(message.index());
    }
    BOOST_TEST(kinds.size() == std::variant_size_v<Message>);
}

// --- models as differences -------------------------------------------------------------------------------------

namespace {

struct Difference {
    NamedModel base{cheap_hash(*model({1, 2, 3})), model({1, 2, 3})};
    SentModel sent;
    ModelExpectation expected{3, cheap_hash, {{{}, model({0, 0, 0})}, base}};

    explicit Difference(ModelEncoding encoding)
        : sent(encode_for_sending({1.5F, 2, 2.75F}, base, encoding, 7)) {}
    [[nodiscard]] Message contribution() const { return Contribution{Term{9}, {Term{9}, 2}, 5.0, sent.model, sent.encoded}; }
    [[nodiscard]] Message blob() const { return Blob{Term{9}, {Term{9}, 2}, cheap_hash(*sent.model), sent.model, sent.encoded}; }
};

constexpr std::array differences{ModelEncoding::f16, ModelEncoding::int8, ModelEncoding::int4};

}  // namespace

BOOST_AUTO_TEST_CASE(a_difference_arrives_as_the_model_that_its_sender_knows_of) {
    for (const ModelEncoding encoding : differences) {
        const Difference difference(encoding);
        for (const Message& message : {difference.contribution(), difference.blob()}) {
            const Bytes bytes = encode(message, cheap_hash);
            const auto decoded = decode(bytes, difference.expected);
            BOOST_REQUIRE_MESSAGE(decoded.has_value(), encoding_name(encoding));
            BOOST_TEST((encode(*decoded, cheap_hash) == bytes));
            if (const auto* contribution = std::get_if<Contribution>(&*decoded)) {
                BOOST_TEST((*contribution->model == *difference.sent.model));
                BOOST_TEST(contribution->weight == 5.0);
            } else {
                BOOST_TEST((*std::get<Blob>(*decoded).model == *difference.sent.model));
            }
        }
    }
}

// Somebody who is behind, or ahead: the model is fetched whole when its record is decided.
BOOST_AUTO_TEST_CASE(a_difference_to_a_model_that_is_not_here_is_refused) {
    for (const ModelEncoding encoding : differences) {
        const Difference difference(encoding);
        const auto decoded = decode(encode(difference.blob(), cheap_hash), {3, cheap_hash, {}});
        BOOST_REQUIRE(!decoded.has_value());
        BOOST_TEST(decoded.error().message.contains("a difference to a model that is not here"));
    }
}

BOOST_AUTO_TEST_CASE(a_difference_under_another_hash_or_of_another_length_is_refused) {
    for (const ModelEncoding encoding : differences) {
        const Difference difference(encoding);
        Message wrong = difference.blob();
        std::get<Blob>(wrong).hash = cheap_hash(*difference.base.model);
        BOOST_TEST(!decode(encode(wrong, cheap_hash), difference.expected).has_value());
        Bytes longer = encode(difference.blob(), cheap_hash);
        longer.push_back(std::byte{0});
        BOOST_TEST(!decode(longer, difference.expected).has_value());
        ModelExpectation of_another_length = difference.expected;
        of_another_length.bases = {{difference.base.hash, model({1, 2})}};
        BOOST_TEST(!decode(encode(difference.blob(), cheap_hash), of_another_length).has_value());
    }
}

BOOST_AUTO_TEST_CASE(mutated_differences_are_refused_or_read_but_never_crash) {
    Rng rng(5);
    for (int i = 0; i < 30'000; ++i) {
        const Difference difference(differences[uniform_below(rng, differences.size())]);
        Bytes bytes = encode(uniform_below(rng, 2) == 0 ? difference.blob() : difference.contribution(), cheap_hash);
        for (std::uint64_t change = 1 + uniform_below(rng, 4); change > 0; --change)
            bytes[uniform_below(rng, bytes.size())] = static_cast<std::byte>(rng());
        if (const auto decoded = decode(bytes, difference.expected)) BOOST_REQUIRE(!encode(*decoded, cheap_hash).empty());
    }
}

BOOST_AUTO_TEST_CASE(the_wire_form_of_a_vote_request_is_fixed) {
    const Bytes bytes = encode(RequestVote{Term{5}, LogIndex{258}, Term{4}}, cheap_hash);
    const Bytes expected = from_hex({0x96, 17, 5, 0xcd, 1, 2, 4, 0xc2, 0});
    BOOST_TEST((bytes == expected));
}

// Packets of the membership travel on the control connection as well, and are told by their number.
BOOST_AUTO_TEST_CASE(no_message_is_taken_for_a_packet) {
    for (const Message& message : samples())
        BOOST_TEST(!swim::is_packet(encode(message, cheap_hash)), message_name(message));
}

// Numbers are never used again: an older peer would take one message for another.
BOOST_AUTO_TEST_CASE(the_messages_of_version_1_that_have_changed_are_unknown) {
    BOOST_TEST(!decode(from_hex({0x94, 1, 5, 0xcd, 1, 2, 4}), expectation).has_value());
    BOOST_TEST(!decode(from_hex({0x96, 3, 5, 0, 0, 0, 0x90}), expectation).has_value());
}

BOOST_AUTO_TEST_CASE(fields_arrive_unchanged) {
    const auto decoded = decode(encode(samples()[2], cheap_hash), expectation);
    BOOST_REQUIRE(decoded.has_value());
    const auto& append = std::get<Append>(*decoded);
    BOOST_TEST((append.previous_index == LogIndex{4} && append.commit == LogIndex{5}));
    BOOST_REQUIRE(append.records.size() == 4);
    BOOST_TEST((append.records == std::get<Append>(samples()[2]).records));
    BOOST_TEST((append.reference == LogIndex{4} && append.reference_hash == average(7, 3, {1}).hash));
    const auto request = decode(encode(samples().back(), cheap_hash), expectation);
    BOOST_TEST(std::get<RequestVote>(*request).is_transfer);
    const auto blob = decode(encode(samples()[12], cheap_hash), expectation);
    BOOST_TEST((*std::get<Blob>(*blob).model == Parameters{1.5F, -2.25F, 1e-30F}));
}

BOOST_AUTO_TEST_CASE(every_truncation_is_refused) {
    for (const Message& message : samples()) {
        const Bytes bytes = encode(message, cheap_hash);
        for (std::size_t length = 0; length < bytes.size(); ++length)
            BOOST_REQUIRE_MESSAGE(!decode(std::span(bytes).first(length), expectation).has_value(),
                                  message_name(message) << " cut to " << length);
    }
}

BOOST_AUTO_TEST_CASE(bytes_after_the_end_are_refused) {
    for (const Message& message : samples()) {
        Bytes bytes = encode(message, cheap_hash);
        bytes.push_back(std::byte{0});
        BOOST_TEST(!decode(bytes, expectation).has_value(), message_name(message));
    }
}

// msgpack's defaults would allocate gigabytes for these five bytes.
BOOST_AUTO_TEST_CASE(a_claimed_array_of_four_billion_elements_is_refused_at_once) {
    BOOST_TEST(!decode(from_hex({0xdd, 0xff, 0xff, 0xff, 0xff}), expectation).has_value());
    BOOST_TEST(!decode(from_hex({0xc6, 0xff, 0xff, 0xff, 0xff}), expectation).has_value());
    BOOST_TEST(!decode(from_hex({0xdb, 0xff, 0xff, 0xff, 0xff}), expectation).has_value());
    BOOST_TEST(!decode(Bytes(100'000, std::byte{0x91}), expectation).has_value());
}

BOOST_AUTO_TEST_CASE(a_model_that_is_not_what_it_claims_is_refused) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const auto contribution = [](SharedModel parameters) {
        return encode(Contribution{Term{1}, {Term{1}, 1}, 1.0, std::move(parameters)}, cheap_hash);
    };
    BOOST_TEST(decode(contribution(model({1, 2, 3})), expectation).has_value());
    BOOST_TEST(decode(contribution(model({1, 2})), expectation).error().message.contains("parameters"));
    BOOST_TEST(decode(contribution(model({1, nan, 3})), expectation).error().message.contains("finite"));
    Bytes flipped = contribution(model({1, 2, 3}));
    flipped.back() ^= std::byte{1};
    BOOST_TEST(decode(flipped, expectation).error().message.contains("hash"));
    const auto lying = encode(Blob{Term{1}, {}, cheap_hash(*model({9})), model({1, 2, 3})}, cheap_hash);
    BOOST_TEST(decode(lying, expectation).error().message.contains("hash"));
}

// Who sent it must be known to who pulls the model: a wrong leaf is not refused here but told apart.
BOOST_AUTO_TEST_CASE(a_leaf_arrives_with_the_hash_of_what_is_in_it) {
    const ModelExpectation leaves_of_two{3, {cheap_hash, nullptr, 2}};
    const auto read = [&](std::uint32_t leaf, SharedModel parameters) {
        return decode(encode(BlobLeaf{cheap_hash({}), leaf, std::move(parameters), {}}, leaves_of_two.hash), leaves_of_two);
    };
    const auto first = read(0, model({1, 2}));
    BOOST_REQUIRE(first.has_value());
    BOOST_TEST((std::get<BlobLeaf>(*first).content == cheap_hash(*model({1, 2}))));
    BOOST_TEST((*std::get<BlobLeaf>(*first).parameters == Parameters{1, 2}));
    const auto last = read(1, model({3}));
    BOOST_TEST((std::get<BlobLeaf>(*last).content == cheap_hash(*model({3}))));
    const auto infinite = read(1, model({std::numeric_limits<float>::infinity()}));
    BOOST_TEST(std::get<BlobLeaf>(*infinite).content.is_none());
}

BOOST_AUTO_TEST_CASE(a_leaf_of_another_length_and_one_that_is_not_there_are_refused) {
    const ModelExpectation leaves_of_two{3, {cheap_hash, nullptr, 2}};
    const auto is_read = [&](std::uint32_t leaf, SharedModel parameters) {
        return decode(encode(BlobLeaf{cheap_hash({}), leaf, std::move(parameters), {}}, leaves_of_two.hash), leaves_of_two)
            .has_value();
    };
    BOOST_TEST(!is_read(0, model({1})));
    BOOST_TEST(!is_read(0, model({1, 2, 3})));
    BOOST_TEST(!is_read(1, model({3, 4})));
    BOOST_TEST(!is_read(1, model({})));
    BOOST_TEST(!is_read(2, model({})));
    BOOST_TEST(!decode(encode(FetchLeaf{cheap_hash({}), 4096}, cheap_hash), expectation).has_value());
    BOOST_TEST(!decode(encode(BlobLeaves{cheap_hash({}), {}}, cheap_hash), expectation).has_value());
}

BOOST_AUTO_TEST_CASE(the_leaves_of_the_largest_model_fit_into_a_control_message) {
    BlobLeaves largest{cheap_hash({}), std::vector<ModelHash>(limits::leaves_max, cheap_hash({}))};
    Bytes bytes = encode(largest, cheap_hash);
    BOOST_TEST(bytes.size() < limits::control_message_bytes_max);
    const auto decoded = decode(bytes, expectation);
    BOOST_REQUIRE(decoded.has_value());
    BOOST_TEST((std::get<BlobLeaves>(*decoded).leaves == largest.leaves));
}

BOOST_AUTO_TEST_CASE(a_balancing_set_is_ordered_and_weighted) {
    Average twice = average(1, 1, {2, 2});
    BOOST_TEST(!decode_record(encode(Record{Term{1}, Balance{twice}})).has_value());
    Average weightless = average(1, 1, {1, 2});
    weightless.balancing_set[1].weight = 0;
    BOOST_TEST(!decode_record(encode(Record{Term{1}, Balance{weightless}})).has_value());
    BOOST_TEST(!decode_record(encode(Record{Term{1}, Reference{average(1, 1, {})}})).has_value());
    BOOST_TEST(decode_record(encode(Record{Term{1}, Reference{average(1, 1, {1, 2})}})).has_value());
}

BOOST_AUTO_TEST_CASE(the_largest_record_fits_its_limit) {
    Average everybody = average(1, 1, {});
    for (std::size_t i = 0; i < limits::members_max; ++i)
        everybody.balancing_set.push_back({peer(static_cast<std::uint8_t>(i)), 1.0});
    BOOST_TEST(encode(Record{Term{1}, Reference{everybody}}).size() <= limits::record_bytes_max);
}

BOOST_AUTO_TEST_CASE(what_stands_for_compacted_records_arrives_unchanged) {
    const HistorySnapshot history = snapshot_sample().history;
    BOOST_TEST((decode_history(encode(history)) == history));
    const auto message = decode(encode(snapshot_sample(), cheap_hash), expectation);
    BOOST_REQUIRE(message.has_value());
    BOOST_TEST((std::get<Snapshot>(*message).history == history));
    BOOST_TEST((std::get<Snapshot>(*message).term == Term{9}));
    BOOST_TEST((decode_history(encode(HistorySnapshot{})) == HistorySnapshot{}));
}

// A group of version 3 on a disk: its roster has five lists, and everybody votes.
BOOST_AUTO_TEST_CASE(what_stood_for_compacted_records_before_there_were_committees_is_read) {
    HistorySnapshot history = snapshot_sample().history;
    history.roster.contributors.clear();
    history.roster.rotation = history.roster.voters;
    history.roster.reseated = {};
    Bytes bytes = encode(history);
    // [..., roster [5 lists, contributors [], rotation [2 ids of 34 bytes], 0], changed]
    const Bytes surplus = [] {
        Bytes tail{std::byte{0x90}, std::byte{0x92}};
        for (const auto member : {std::uint8_t{1}, std::uint8_t{2}}) {
            tail.insert(tail.end(), {std::byte{0xc4}, std::byte{32}});
            for (const std::uint8_t byte : peer(member).bytes)
                tail.push_back(static_cast<std::byte>(byte));
        }
        tail.push_back(std::byte{0});
        return tail;
    }();
    const auto found = std::ranges::search(bytes, surplus);
    BOOST_REQUIRE(!found.empty());
    const auto place = bytes.erase(found.begin(), found.end());
    const auto eight = std::find(bytes.begin(), place, std::byte{0x98});
    BOOST_REQUIRE((eight != place));
    *eight = std::byte{0x95};
    const auto read = decode_history(bytes);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST((*read == history));
}

BOOST_AUTO_TEST_CASE(what_stands_for_compacted_records_speaks_of_no_others) {
    HistorySnapshot history = snapshot_sample().history;
    history.reference = LogIndex{13};
    BOOST_TEST(!decode_history(encode(history)).has_value());
    history = snapshot_sample().history;
    history.served[peer(4)].index = LogIndex{13};
    BOOST_TEST(!decode_history(encode(history)).has_value());
    history.served[peer(4)].index = LogIndex{0};
    BOOST_TEST(!decode_history(encode(history)).has_value());
}

BOOST_AUTO_TEST_CASE(a_snapshot_of_the_largest_group_is_one_small_message) {
    Snapshot largest = snapshot_sample();
    largest.history.roster = Roster::founded_by(peers(static_cast<std::uint8_t>(limits::members_max)));
    for (const PeerId& id : peers(static_cast<std::uint8_t>(limits::members_max))) {
        largest.history.served[id] = {LogIndex{12}, {Term{~std::uint64_t{0}}, 1}, {}};
        largest.history.roster.disks[id] = DiskId{~std::uint64_t{0}};
        largest.history.changed[id] = LogIndex{12};
    }
    const Bytes bytes = encode(largest, cheap_hash);
    BOOST_TEST(bytes.size() < std::size_t{16} << 10U);
    BOOST_TEST(decode(bytes, expectation).has_value());
}

// As the messages below.
BOOST_AUTO_TEST_CASE(mutated_snapshots_are_refused_or_read_but_never_crash) {
    Rng rng(2);
    for (int i = 0; i < 40'000; ++i) {
        Bytes bytes = encode(snapshot_sample().history);
        for (std::uint64_t change = uniform_below(rng, 4); change > 0; --change)
            bytes[uniform_below(rng, bytes.size())] = static_cast<std::byte>(rng());
        if (uniform_below(rng, 4) == 0) bytes.resize(uniform_below(rng, bytes.size() + 1));
        if (const auto history = decode_history(bytes)) BOOST_REQUIRE((decode_history(encode(*history)) == *history));
    }
}

BOOST_AUTO_TEST_CASE(control_characters_in_names_are_refused) {
    Hello hello;
    hello.name = "a\x1b[2Jb";
    BOOST_TEST(!decode_hello(encode(hello)).has_value());
    hello.name = "a-b";
    BOOST_TEST(decode_hello(encode(hello)).has_value());
}

BOOST_AUTO_TEST_CASE(a_hello_of_another_version_is_read_far_enough_to_name_it) {
    Hello theirs;
    theirs.protocol_version = Hello{}.protocol_version + 1;
    const auto decoded = decode_hello(encode(theirs));
    BOOST_REQUIRE(decoded.has_value());
    BOOST_TEST(refusal(Hello{}, *decoded)->contains("version " + std::to_string(theirs.protocol_version)));
}

BOOST_AUTO_TEST_CASE(a_refusal_names_both_values) {
    Hello ours;
    ours.model = "mnist-cnn";
    Hello theirs = ours;
    BOOST_TEST(!refusal(ours, theirs).has_value());
    theirs.model = "mlp";
    theirs.fingerprint.bytes[0] = 1;
    BOOST_TEST(refusal(ours, theirs)->contains("mnist-cnn"));
    BOOST_TEST(refusal(ours, theirs)->contains("'mlp'"));
    theirs = ours;
    ours.settings = {{"averaging.check_period", "1"}, {"averaging.weighting", "samples"}};
    BOOST_TEST(*refusal(ours, theirs) == "another averaging.check_period: none there, 1 here: it must be the same in every config");
    theirs.settings = ours.settings;
    BOOST_TEST(!refusal(ours, theirs).has_value());
    theirs.settings[1].value = "equal";
    BOOST_TEST(refusal(ours, theirs)->contains("averaging.weighting: equal there, samples here"));
    theirs = ours;
    theirs.founders.bytes[3] = 4;
    BOOST_TEST(refusal(ours, theirs)->contains("voters"));
}

// The libFuzzer target in tests/protocol/fuzz runs the same entry with coverage; this is its seeded short form.
BOOST_AUTO_TEST_CASE(mutated_messages_are_refused_or_read_but_never_crash) {
    Rng rng(1);
    const std::vector<Message> messages = samples();
    std::size_t accepted = 0;
    for (int i = 0; i < 40'000; ++i) {
        Bytes bytes = encode(messages[uniform_below(rng, messages.size())], cheap_hash);
        for (std::uint64_t change = uniform_below(rng, 4); change > 0; --change)
            bytes[uniform_below(rng, bytes.size())] = static_cast<std::byte>(rng());
        if (uniform_below(rng, 4) == 0) bytes.resize(uniform_below(rng, bytes.size() + 1));
        const auto decoded = decode(bytes, expectation);
        if (decoded) {
            ++accepted;
            BOOST_REQUIRE(!encode(*decoded, cheap_hash).empty());
        }
        (void)decode_record(bytes);
        (void)decode_hello(bytes);
    }
    BOOST_TEST(accepted > 1000U);   // the unchanged ones at least
    BOOST_TEST(accepted < 36'000U);
}

BOOST_AUTO_TEST_CASE(members_record_survives_its_bytes_and_unknown_changes_do_not) {
    for (const auto change : {Members::Change::admit, Members::Change::revoke, Members::Change::enroll, Members::Change::enlist, Members::Change::seat,
                              Members::Change::unseat}) {
        const Record record{Term{3}, Members{change, peer(9), DiskId{1U << 20U}}};
        const auto decoded = decode_record(encode(record));
        BOOST_REQUIRE(decoded.has_value());
        BOOST_TEST((*decoded == record));
    }
    Bytes bytes = encode(Record{Term{3}, Members{Members::Change::revoke, peer(9)}});
    bytes[3] = std::byte{9};  // [3, 3, change, member, disk]
    BOOST_TEST(!decode_record(bytes).has_value());
}
