#include "protocol/codec.hpp"

#include "protocol/bulk_codec.hpp"
#include "protocol/limits.hpp"
#include "protocol/msgpack_fields.hpp"

namespace parley {
namespace {

using msgpack_fields::FieldReader;
using msgpack_fields::pack;
using msgpack_fields::Packer;
using msgpack_fields::to_bytes;
using msgpack_fields::unpack;

constexpr std::size_t served_fields = 5;
constexpr std::size_t known_max = limits::departed_max + 2 * limits::members_max;  // of one list of those who are or were here

// --- writing ------------------------------------------------------------------------------------------

void pack(Packer& out, const Average& average) {
    pack(out, average.round);
    out.pack_uint32(average.violations);
    pack(out, average.hash.bytes);
    out.pack_array(static_cast<std::uint32_t>(average.balancing_set.size() * 2));
    for (const Share& share : average.balancing_set) {
        pack(out, share.member.bytes);
        out.pack_double(share.weight);
    }
}

void pack(Packer& out, const Members& members) {
    out.pack_uint8(static_cast<std::uint8_t>(members.change));
    pack(out, members.member.bytes);
    out.pack_uint64(members.disk.value);
}

// [term, 0] = NOOP, [term, 1 | 2, round term, round sequence, violations, hash, [member, weight, ...]],
// [term, 3, change, member, disk] = MEMBERS
void pack(Packer& out, const Record& record) {
    const Average* average = record.average();
    const Members* members = record.members();
    out.pack_array(average != nullptr ? 7 : members != nullptr ? 5 : 2);
    out.pack_uint64(record.term.value);
    out.pack_uint8(static_cast<std::uint8_t>(record.content.index()));
    if (average != nullptr) pack(out, *average);
    if (members != nullptr) pack(out, *members);
}

void pack(Packer& out, const std::vector<PeerId>& ids) {
    CHECK(ids.size() <= known_max);
    out.pack_array(static_cast<std::uint32_t>(ids.size()));
    for (const PeerId& id : ids)
        pack(out, id.bytes);
}

void pack(Packer& out, const Roster& roster) {
    out.pack_array(8);
    for (const auto* list : {&roster.voters, &roster.joining, &roster.removed, &roster.revoked})
        pack(out, *list);
    out.pack_array(static_cast<std::uint32_t>(roster.disks.size() * 2));
    for (const auto& [member, disk] : roster.disks) {
        pack(out, member.bytes);
        out.pack_uint64(disk.value);
    }
    pack(out, roster.contributors);
    pack(out, roster.rotation);
    out.pack_uint64(roster.reseated.value);
}

// [index, term, reference, reference round, its hash, latest round, violations, full rounds, partial rounds,
//  [member, index, round, hash, ...], [[voters], [joining], [removed], [revoked], [member, disk, ...], [contributors], [rotation], term of the last exchange],
//  [member, index of its last change, ...]], a round being two numbers
void pack(Packer& out, const HistorySnapshot& history) {
    out.pack_array(14);
    out.pack_uint64(history.index.value);
    out.pack_uint64(history.term.value);
    out.pack_uint64(history.reference.value);
    pack(out, history.reference_round);
    pack(out, history.reference_hash.bytes);
    pack(out, history.latest_round);
    out.pack_uint64(history.violations);
    out.pack_uint64(history.rounds_full);
    out.pack_uint64(history.rounds_partial);
    CHECK(history.served.size() <= limits::members_max);
    out.pack_array(static_cast<std::uint32_t>(history.served.size() * served_fields));
    for (const auto& [member, served] : history.served) {
        pack(out, member.bytes);
        out.pack_uint64(served.index.value);
        pack(out, served.round);
        pack(out, served.hash.bytes);
    }
    pack(out, history.roster);
    CHECK(history.changed.size() <= known_max);
    out.pack_array(static_cast<std::uint32_t>(history.changed.size() * 2));
    for (const auto& [member, index] : history.changed) {
        pack(out, member.bytes);
        out.pack_uint64(index.value);
    }
}

// 1 and 3 were request_vote and append of version 1, 6, 11 and 12 query, contribution and blob of versions 1 to 3. 20 to 26 are the membership's packets, which share a stream with these.
struct FieldWriter {
    Packer& out;

    void start(std::uint8_t number, std::uint32_t fields) const {
        out.pack_array(fields + 1);
        out.pack_uint8(number);
    }
    void operator()(const PreVote& m) const {
        start(14, 4);
        out.pack_uint64(m.term.value);
        out.pack_uint64(m.last_index.value);
        out.pack_uint64(m.last_term.value);
        out.pack_uint64(m.disk.value);
    }
    void operator()(const PreVoteReply& m) const {
        start(15, 3);
        out.pack_uint64(m.term.value);
        m.granted ? out.pack_true() : out.pack_false();
        out.pack_uint64(m.disk.value);
    }
    void operator()(const TimeoutNow& m) const {
        start(16, 1);
        out.pack_uint64(m.term.value);
    }
    void operator()(const RequestVote& m) const {
        start(17, 5);
        out.pack_uint64(m.term.value);
        out.pack_uint64(m.last_index.value);
        out.pack_uint64(m.last_term.value);
        m.is_transfer ? out.pack_true() : out.pack_false();
        out.pack_uint64(m.disk.value);
    }
    void operator()(const VoteReply& m) const {
        start(2, 3);
        out.pack_uint64(m.term.value);
        m.granted ? out.pack_true() : out.pack_false();
        out.pack_uint64(m.disk.value);
    }
    void operator()(const Append& m) const {
        start(18, 7);
        out.pack_uint64(m.term.value);
        out.pack_uint64(m.previous_index.value);
        out.pack_uint64(m.previous_term.value);
        out.pack_uint64(m.commit.value);
        out.pack_uint64(m.reference.value);
        pack(out, m.reference_hash.bytes);
        out.pack_array(static_cast<std::uint32_t>(m.records.size()));
        for (const Record& record : m.records)
            pack(out, record);
    }
    void operator()(const ChangeMembers& m) const {
        start(27, 4);
        pack(out, m.wanted);
        out.pack_uint64(m.known.value);
    }
    void operator()(const AppendReply& m) const {
        start(4, 4);
        out.pack_uint64(m.term.value);
        m.accepted ? out.pack_true() : out.pack_false();
        out.pack_uint64(m.match.value);
        out.pack_uint64(m.disk.value);
    }
    void operator()(const Snapshot& m) const {
        start(33, 2);
        out.pack_uint64(m.term.value);
        pack(out, m.history);
    }
    void operator()(const ViolationNotice& m) const {
        start(5, 2);
        out.pack_uint64(m.applied.value);
        out.pack_double(m.squared_distance);
    }
    void operator()(const Query& m) const {
        start(36, 5);
        out.pack_uint64(m.term.value);
        pack(out, m.round);
        out.pack_uint64(m.base.value);
        m.since ? out.pack_uint64(m.since->value) : out.pack_nil();
    }
    void operator()(const Abort& m) const {
        start(7, 3);
        out.pack_uint64(m.term.value);
        pack(out, m.round);
    }
    void operator()(const Ready& m) const {
        start(8, 3);
        out.pack_uint64(m.term.value);
        pack(out, m.round);
    }
    void operator()(const FetchBlob& m) const {
        start(9, 1);
        pack(out, m.hash.bytes);
    }
    void operator()(const BlobMissing& m) const {
        start(10, 1);
        pack(out, m.hash.bytes);
    }
    void operator()(const FetchLeaves& m) const {
        start(28, 1);
        pack(out, m.hash.bytes);
    }
    void operator()(const BlobLeaves& m) const {
        start(29, 2);
        pack(out, m.hash.bytes);
        CHECK(m.leaves.size() <= limits::leaves_max);
        out.pack_array(static_cast<std::uint32_t>(m.leaves.size()));
        for (const ModelHash& leaf : m.leaves)
            pack(out, leaf.bytes);
    }
    void operator()(const FetchLeaf& m) const {
        start(30, 2);
        pack(out, m.hash.bytes);
        out.pack_uint32(m.leaf);
    }
    void operator()(const BlobBusy& m) const {
        start(31, 2);
        pack(out, m.hash.bytes);
        CHECK(m.holders.size() <= limits::members_max);
        out.pack_array(static_cast<std::uint32_t>(m.holders.size()));
        for (const PeerId& id : m.holders)
            pack(out, id.bytes);
    }
    void operator()(const Contribution&) const { CHECK(!"a contribution is a bulk message"); }
    void operator()(const Blob&) const { CHECK(!"a blob is a bulk message"); }
    void operator()(const BlobLeaf&) const { CHECK(!"a leaf is a bulk message"); }
    void operator()(const Heartbeat& m) const {
        start(13, 3);
        out.pack_uint64(m.applied.value);
        out.pack_uint64(m.reference.value);
        pack(out, m.reference_hash.bytes);
    }
};

// --- reading ------------------------------------------------------------------------------------------

Average read_average(FieldReader& in) {
    Average average;
    average.round = in.round("round");
    const std::uint64_t violations = in.unsigned_number("violations");
    if (violations > limits::members_max) in.fail("violations");
    average.violations = static_cast<std::uint32_t>(violations);
    average.hash.bytes = in.bytes32("hash");
    const msgpack::object* shares = in.array("balancing_set");
    if (shares == nullptr) return average;
    FieldReader list(*shares, "balancing_set");
    if (list.left() % 2 != 0 || list.left() / 2 > limits::members_max || list.left() == 0) list.fail("length");
    while (list.left() != 0) {
        Share share;
        share.member.bytes = list.bytes32("member");
        share.weight = list.magnitude("weight");
        const bool ordered = average.balancing_set.empty() || average.balancing_set.back().member < share.member;
        if (!ordered || share.weight == 0) list.fail("order or weight");
        average.balancing_set.push_back(share);
    }
    in.absorb(list.finish());
    return average;
}

Members read_members(FieldReader& in) {
    const std::uint64_t change = in.unsigned_number("change");
    if (change > static_cast<std::uint64_t>(Members::Change::unseat)) in.fail("change");
    Members members;
    members.change = static_cast<Members::Change>(change);
    members.member.bytes = in.bytes32("member");
    members.disk.value = in.unsigned_number("disk");
    return members;
}

Record read_record(FieldReader& in) {
    Record record;
    record.term.value = in.unsigned_number("term");
    switch (in.unsigned_number("kind")) {
        case 0: record.content = Noop{}; break;
        case 1: record.content = Balance{read_average(in)}; break;
        case 2: record.content = Reference{read_average(in)}; break;
        case 3: record.content = read_members(in); break;
        default: in.fail("kind");
    }
    return record;
}

void read_served(FieldReader& list, HistorySnapshot& history) {
    if (list.left() % served_fields != 0 || list.left() / served_fields > limits::members_max) list.fail("length");
    while (list.left() != 0) {
        const PeerId member{list.bytes32("member")};
        Served served;
        served.index.value = list.unsigned_number("index");
        served.round = list.round("round");
        served.hash.bytes = list.bytes32("hash");
        const bool is_ordered = history.served.empty() || history.served.rbegin()->first < member;
        if (!is_ordered || served.index == LogIndex{} || served.index > history.index) return list.fail("order or index");
        history.served.emplace_hint(history.served.end(), member, served);
    }
}

std::vector<PeerId> read_ids(FieldReader& in, const char* field, std::size_t ids_max, bool is_sorted = true) {
    std::vector<PeerId> ids;
    const msgpack::object* array = in.array(field);
    if (array == nullptr) return ids;
    FieldReader list(*array, field);
    if (list.left() > ids_max) list.fail("length");
    while (list.left() != 0) {
        const PeerId id{list.bytes32("member")};
        if (is_sorted && !ids.empty() && !(ids.back() < id)) list.fail("order");
        ids.push_back(id);
    }
    in.absorb(list.finish());
    return ids;
}

std::map<PeerId, DiskId> read_disks(FieldReader& in) {
    std::map<PeerId, DiskId> disks;
    const msgpack::object* array = in.array("disks");
    if (array == nullptr) return disks;
    FieldReader list(*array, "disks");
    if (list.left() % 2 != 0 || list.left() / 2 > limits::members_max) list.fail("length");
    while (list.left() != 0) {
        const PeerId member{list.bytes32("member")};
        if (!disks.empty() && !(disks.rbegin()->first < member)) list.fail("order");
        disks[member].value = list.unsigned_number("disk");
    }
    in.absorb(list.finish());
    return disks;
}

void read_roster(FieldReader& in, Roster& roster) {
    const msgpack::object* array = in.array("roster");
    if (array == nullptr) return;
    FieldReader lists(*array, "roster");
    const auto ids = [&lists](const char* field) { return read_ids(lists, field, known_max); };
    roster.voters = ids("voters");
    roster.joining = ids("joining");
    roster.removed = ids("removed");
    roster.revoked = ids("revoked");
    roster.disks = read_disks(lists);
    if (lists.left() == 0) {
        roster.rotation = roster.voters;  // on a disk of version 3, where everybody voted
    } else {
        roster.contributors = read_ids(lists, "contributors", limits::members_max);
        roster.rotation = read_ids(lists, "rotation", limits::members_max, false);
        roster.reseated.value = lists.unsigned_number("reseated");
    }
    in.absorb(lists.finish());
}

void read_changed(FieldReader& in, HistorySnapshot& history) {
    const msgpack::object* array = in.array("changed");
    if (array == nullptr) return;
    FieldReader list(*array, "changed");
    if (list.left() % 2 != 0 || list.left() / 2 > known_max) list.fail("length");
    while (list.left() != 0) {
        const PeerId member{list.bytes32("member")};
        const LogIndex index{list.unsigned_number("index")};
        const bool is_ordered = history.changed.empty() || history.changed.rbegin()->first < member;
        if (!is_ordered || index > history.index) list.fail("order or index");
        else history.changed.emplace_hint(history.changed.end(), member, index);
    }
    in.absorb(list.finish());
}

HistorySnapshot read_history(FieldReader& in) {
    HistorySnapshot history;
    history.index.value = in.unsigned_number("index");
    history.term.value = in.unsigned_number("term");
    history.reference.value = in.unsigned_number("reference");
    history.reference_round = in.round("reference_round");
    history.reference_hash.bytes = in.bytes32("reference_hash");
    history.latest_round = in.round("latest_round");
    history.violations = in.unsigned_number("violations");
    history.rounds_full = in.unsigned_number("rounds_full");
    history.rounds_partial = in.unsigned_number("rounds_partial");
    if (history.reference > history.index) in.fail("reference");
    const msgpack::object* served = in.array("served");
    if (served == nullptr) return history;
    FieldReader list(*served, "served");
    read_served(list, history);
    in.absorb(list.finish());
    read_roster(in, history.roster);
    read_changed(in, history);
    return history;
}

Snapshot read_snapshot(FieldReader& in) {
    Snapshot m;
    m.term.value = in.unsigned_number("term");
    const msgpack::object* history = in.array("history");
    if (history == nullptr) return m;
    FieldReader fields(*history, "history");
    m.history = read_history(fields);
    in.absorb(fields.finish());
    return m;
}

Append read_append(FieldReader& in) {
    Append m;
    m.term.value = in.unsigned_number("term");
    m.previous_index.value = in.unsigned_number("previous_index");
    m.previous_term.value = in.unsigned_number("previous_term");
    m.commit.value = in.unsigned_number("commit");
    m.reference.value = in.unsigned_number("reference");
    m.reference_hash.bytes = in.bytes32("reference_hash");
    const msgpack::object* records = in.array("records");
    if (records == nullptr) return m;
    if (records->via.array.size > limits::records_per_append) {
        in.fail("records");
        return m;
    }
    for (std::uint32_t i = 0; i < records->via.array.size; ++i) {
        FieldReader fields(records->via.array.ptr[i], "record");
        m.records.push_back(read_record(fields));
        in.absorb(fields.finish());
    }
    return m;
}

std::vector<ModelHash> read_leaves(FieldReader& in) {
    std::vector<ModelHash> leaves;
    const msgpack::object* array = in.array("leaves");
    if (array == nullptr) return leaves;
    FieldReader list(*array, "leaves");
    if (list.left() == 0 || list.left() > limits::leaves_max) list.fail("length");
    while (list.left() != 0)
        leaves.push_back({list.bytes32("leaf")});
    in.absorb(list.finish());
    return leaves;
}

std::vector<SharedSetting> read_settings(FieldReader& in) {
    std::vector<SharedSetting> settings;
    const msgpack::object* array = in.array("settings");
    if (array == nullptr) return settings;
    FieldReader list(*array, "settings");
    if (list.left() > 2 * limits::shared_settings_max) list.fail("length");
    while (list.left() != 0) {
        std::string name = list.text("name", limits::name_bytes_max);
        settings.push_back({std::move(name), list.text("value", limits::name_bytes_max)});
    }
    in.absorb(list.finish());
    return settings;
}

std::optional<LogIndex> read_since(FieldReader& in) {
    if (in.take_nil()) return std::nullopt;
    return LogIndex{in.unsigned_number("since")};
}

// Braced initialisation evaluates left to right: the fields are read in wire order.
std::optional<Message> read_control(std::uint64_t number, FieldReader& in) {
    const auto term = [&in] { return Term{in.unsigned_number("term")}; };
    const auto index = [&in](const char* field) { return LogIndex{in.unsigned_number(field)}; };
    const auto disk = [&in] { return DiskId{in.unsigned_number("disk")}; };
    switch (number) {
        case 2: return VoteReply{term(), in.boolean("granted"), disk()};
        case 4: return AppendReply{term(), in.boolean("accepted"), index("match"), disk()};
        case 5: return ViolationNotice{index("applied"), in.magnitude("squared_distance")};
        case 7: return Abort{term(), in.round("round")};
        case 8: return Ready{term(), in.round("round")};
        case 9: return FetchBlob{ModelHash{in.bytes32("hash")}};
        case 10: return BlobMissing{ModelHash{in.bytes32("hash")}};
        case 13: return Heartbeat{index("applied"), index("reference"), {in.bytes32("reference_hash")}};
        case 14: return PreVote{term(), index("last_index"), Term{in.unsigned_number("last_term")}, disk()};
        case 15: return PreVoteReply{term(), in.boolean("granted"), disk()};
        case 16: return TimeoutNow{term()};
        case 17:
            return RequestVote{term(), index("last_index"), Term{in.unsigned_number("last_term")},
                               in.boolean("is_transfer"), disk()};
        case 18: return read_append(in);
        case 36: return Query{term(), in.round("round"), index("base"), read_since(in)};
        case 27: return ChangeMembers{read_members(in), index("known")};
        case 28: return FetchLeaves{ModelHash{in.bytes32("hash")}};
        case 29: return BlobLeaves{ModelHash{in.bytes32("hash")}, read_leaves(in)};
        case 30: return FetchLeaf{ModelHash{in.bytes32("hash")}, in.leaf_number("leaf")};
        case 31: return BlobBusy{ModelHash{in.bytes32("hash")}, read_ids(in, "holders", limits::members_max)};
        case 33: return read_snapshot(in);
        default: return std::nullopt;
    }
}

Result<Message> decode_control(std::span<const std::byte> bytes) {
    auto handle = unpack(bytes);
    if (!handle) return std::unexpected(handle.error());
    FieldReader in(handle->get(), "message");
    const std::uint64_t number = in.unsigned_number("number");
    auto message = read_control(number, in);
    if (!message) return failure("unknown message number " + std::to_string(number));
    if (const auto error = in.finish())
        return failure(std::string(message_name(*message)) + ": " + error->message);
    return *std::move(message);
}

}  // namespace

Bytes encode(const Message& message, const HashTree& hash) {
    if (is_bulk(message)) return bulk_codec::encode(message, hash);
    msgpack::sbuffer buffer;
    Packer out(buffer);
    std::visit(FieldWriter{out}, message);
    return to_bytes(buffer);
}

Result<Message> decode(std::span<const std::byte> bytes, const ModelExpectation& expected) {
    if (bytes.empty()) return failure("an empty message");
    if (bytes[0] != bulk_codec::marker) {
        // On the bulk connection as well: what is unpacked takes many times its length.
        if (bytes.size() > limits::control_message_bytes_max) return failure("a control message that is too long");
        return decode_control(bytes);
    }
    return bulk_codec::decode(bytes, expected);
}

Bytes encode(const Hello& hello) {
    msgpack::sbuffer buffer;
    Packer out(buffer);
    out.pack_array(7);
    out.pack_uint32(hello.protocol_version);
    pack(out, hello.name);
    out.pack_uint16(hello.port);
    pack(out, hello.fingerprint.bytes);
    pack(out, hello.model);
    pack(out, hello.founders.bytes);
    CHECK(hello.settings.size() <= limits::shared_settings_max);
    out.pack_array(static_cast<std::uint32_t>(hello.settings.size() * 2));
    for (const SharedSetting& setting : hello.settings) {
        pack(out, setting.name);
        pack(out, setting.value);
    }
    return to_bytes(buffer);
}

// Of another version only the version is read, so that `refusal` can name it.
Result<Hello> decode_hello(std::span<const std::byte> bytes) {
    auto handle = unpack(bytes);
    if (!handle) return std::unexpected(handle.error());
    FieldReader in(handle->get(), "hello");
    Hello hello;
    const std::uint64_t version = in.unsigned_number("protocol_version");
    if (version > 0xffff) in.fail("protocol_version");
    hello.protocol_version = static_cast<std::uint32_t>(version);
    if (hello.protocol_version != Hello{}.protocol_version) return hello;
    hello.name = in.text("name", limits::name_bytes_max);
    const std::uint64_t port = in.unsigned_number("port");
    if (port > 0xffff) in.fail("port");
    hello.port = static_cast<std::uint16_t>(port);
    hello.fingerprint.bytes = in.bytes32("fingerprint");
    hello.model = in.text("model", limits::description_bytes_max);
    hello.founders.bytes = in.bytes32("founders");
    hello.settings = read_settings(in);
    if (const auto error = in.finish()) return std::unexpected(*error);
    return hello;
}

Bytes encode(const Record& record) {
    msgpack::sbuffer buffer;
    Packer out(buffer);
    pack(out, record);
    CHECK(buffer.size() <= limits::record_bytes_max);
    return to_bytes(buffer);
}

Result<Record> decode_record(std::span<const std::byte> bytes) {
    auto handle = unpack(bytes);
    if (!handle) return std::unexpected(handle.error());
    FieldReader in(handle->get(), "record");
    Record record = read_record(in);
    if (const auto error = in.finish()) return std::unexpected(*error);
    return record;
}

Bytes encode(const HistorySnapshot& history) {
    msgpack::sbuffer buffer;
    Packer out(buffer);
    pack(out, history);
    return to_bytes(buffer);
}

Result<HistorySnapshot> decode_history(std::span<const std::byte> bytes) {
    auto handle = unpack(bytes);
    if (!handle) return std::unexpected(handle.error());
    FieldReader in(handle->get(), "history");
    HistorySnapshot history = read_history(in);
    if (const auto error = in.finish()) return std::unexpected(*error);
    return history;
}

}  // namespace parley
