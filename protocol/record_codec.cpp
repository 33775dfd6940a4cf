#include "protocol/record_codec.hpp"

#include "protocol/limits.hpp"

namespace parley {
namespace record_codec {

using msgpack_fields::FieldReader;
using msgpack_fields::pack;
using msgpack_fields::Packer;
using msgpack_fields::to_bytes;
using msgpack_fields::unpack;

constexpr std::size_t served_fields = 5;
constexpr std::size_t known_max = limits::departed_max + 2 * limits::members_max;  // of one list of those who are or were here

static void pack(Packer& out, const Average& average) {
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

static void pack_allowances(Packer& out, const std::vector<Allowance>& allowances) {
    out.pack_array(static_cast<std::uint32_t>(allowances.size() * 2));
    for (const Allowance& allowance : allowances) {
        pack(out, allowance.member.bytes);
        out.pack_double(allowance.share);
    }
}

// [term, 4, round term, round sequence, [member, share, ...]] = SLACK, [term, 0] = NOOP, [term, 1 | 2, round term, round sequence, violations, hash, [member, weight, ...]],
// [term, 3, change, member, disk] = MEMBERS
void pack(Packer& out, const Record& record) {
    const Average* average = record.average();
    const Members* members = record.members();
    const Slack* slack = record.slack();
    out.pack_array(average != nullptr ? 7 : members != nullptr || slack != nullptr ? 5 : 2);
    out.pack_uint64(record.term.value);
    out.pack_uint8(static_cast<std::uint8_t>(record.content.index()));
    if (average != nullptr) pack(out, *average);
    if (members != nullptr) pack(out, *members);
    if (slack != nullptr) {
        pack(out, slack->round);
        pack_allowances(out, slack->allowances);
    }
}

void pack(Packer& out, const std::vector<PeerId>& ids) {
    CHECK(ids.size() <= known_max);
    out.pack_array(static_cast<std::uint32_t>(ids.size()));
    for (const PeerId& id : ids)
        pack(out, id.bytes);
}

static void pack(Packer& out, const Roster& roster) {
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
    out.pack_array(17);
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
    out.pack_uint64(history.rounds_slack);
    out.pack_uint64(history.allotted.value);
    std::vector<Allowance> allowances;
    for (const auto& [member, share] : history.allowances.shares())
        allowances.push_back({member, share});
    pack_allowances(out, allowances);
}

// --- reading ------------------------------------------------------------------------------------------

static Average read_average(FieldReader& in) {
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

static std::vector<Allowance> read_allowances(FieldReader& in) {
    std::vector<Allowance> allowances;
    const msgpack::object* array = in.array("allowances");
    if (array == nullptr) return allowances;
    FieldReader list(*array, "allowances");
    if (list.left() % 2 != 0 || list.left() / 2 > limits::members_max) list.fail("length");
    while (list.left() != 0) {
        const PeerId member{list.bytes32("member")};
        if (!allowances.empty() && allowances.back().member >= member) list.fail("order");
        allowances.push_back({member, list.magnitude("share")});
    }
    in.absorb(list.finish());
    return allowances;
}

static Slack read_slack(FieldReader& in) {
    const RoundId round = in.round("round");
    return {round, read_allowances(in)};
}

Record read_record(FieldReader& in) {
    Record record;
    record.term.value = in.unsigned_number("term");
    switch (in.unsigned_number("kind")) {
        case 0: record.content = Noop{}; break;
        case 1: record.content = Balance{read_average(in)}; break;
        case 2: record.content = Reference{read_average(in)}; break;
        case 3: record.content = read_members(in); break;
        case 4: record.content = read_slack(in); break;
        default: in.fail("kind");
    }
    return record;
}

static void read_served(FieldReader& list, HistorySnapshot& history) {
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

std::vector<PeerId> read_ids(FieldReader& in, const char* field, std::size_t ids_max, bool is_sorted) {
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

static std::map<PeerId, DiskId> read_disks(FieldReader& in) {
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

static void read_roster(FieldReader& in, Roster& roster) {
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

static void read_changed(FieldReader& in, HistorySnapshot& history) {
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
    if (in.left() == 0) return history;  // written before there was slack
    history.rounds_slack = in.unsigned_number("rounds_slack");
    history.allotted.value = in.unsigned_number("allotted");
    std::map<PeerId, double> shares;
    for (const Allowance& allowance : read_allowances(in))
        shares[allowance.member] = allowance.share;
    history.allowances = Allowances(std::move(shares));
    if (history.allotted > history.index) in.fail("allotted");
    return history;
}

}  // namespace record_codec

using record_codec::read_history;
using record_codec::read_record;
using msgpack_fields::FieldReader;
using msgpack_fields::Packer;
using msgpack_fields::to_bytes;
using msgpack_fields::unpack;

Bytes encode(const Record& record) {
    msgpack::sbuffer buffer;
    Packer out(buffer);
    record_codec::pack(out, record);
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
    record_codec::pack(out, history);
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
