#include "protocol/membership/swim_codec.hpp"

#include "protocol/membership/swim_limits.hpp"
#include "protocol/msgpack_fields.hpp"

namespace parley::swim {
namespace {

using msgpack_fields::FieldReader;
using msgpack_fields::pack;
using msgpack_fields::Packer;

constexpr std::uint8_t first_number = 20;  // Gossip; the others follow in the order of `Body`

void pack_alive(Packer& out, const Alive& m, State state) {
    out.pack_array(8);
    out.pack_uint8(static_cast<std::uint8_t>(state));
    pack(out, m.id.bytes);
    out.pack_uint64(m.incarnation.value);
    out.pack_uint64(m.boot);
    pack(out, m.description.name);
    out.pack_array(static_cast<std::uint32_t>(m.description.addresses.size()));
    for (const std::string& address : m.description.addresses)
        pack(out, address);
    pack(out, m.description.fingerprint.bytes);
    out.pack_uint32(m.description.protocol_version);
}

void pack_accusation(Packer& out, State state, const PeerId& id, Incarnation incarnation, const PeerId& accuser) {
    out.pack_array(4);
    out.pack_uint8(static_cast<std::uint8_t>(state));
    pack(out, id.bytes);
    out.pack_uint64(incarnation.value);
    pack(out, accuser.bytes);
}

struct UpdateWriter {
    Packer& out;
    void operator()(const Alive& m) const { pack_alive(out, m, State::alive); }
    void operator()(const Suspect& m) const { pack_accusation(out, State::suspect, m.id, m.incarnation, m.accuser); }
    void operator()(const Dead& m) const { pack_accusation(out, State::dead, m.id, m.incarnation, m.accuser); }
    void operator()(const Left& m) const {
        out.pack_array(3);
        out.pack_uint8(static_cast<std::uint8_t>(State::left));
        pack(out, m.id.bytes);
        out.pack_uint64(m.incarnation.value);
    }
};

struct BodyWriter {
    Packer& out;
    std::uint8_t number;

    // The number, the fields, the updates.
    void start(std::uint32_t fields) const {
        out.pack_array(fields + 2);
        out.pack_uint8(number);
    }
    void operator()(const Gossip&) const { start(0); }
    void operator()(const Ping& m) const {
        start(2);
        out.pack_uint32(m.sequence);
        out.pack_uint64(m.digest);
    }
    void operator()(const PingRequest& m) const {
        start(3);
        out.pack_uint32(m.sequence);
        pack(out, m.target.bytes);
        m.wants_nack ? out.pack_true() : out.pack_false();
    }
    void operator()(const Ack& m) const {
        start(1);
        out.pack_uint32(m.sequence);
    }
    void operator()(const Nack& m) const {
        start(1);
        out.pack_uint32(m.sequence);
    }
    void operator()(const Digest& m) const {
        start(1);
        out.pack_uint64(m.hash);
    }
    void operator()(const PushPull& m) const {
        start(2);
        m.wants_reply ? out.pack_true() : out.pack_false();
        out.pack_array(static_cast<std::uint32_t>(m.members.size()));
        for (const Entry& entry : m.members)
            pack_alive(out, entry.member, entry.state);
    }
};

void pack_body(Packer& out, const Body& body) {
    std::visit(BodyWriter{out, static_cast<std::uint8_t>(first_number + body.index())}, body);
}

// --- reading ------------------------------------------------------------------------------------------

std::uint32_t read_small(FieldReader& in, const char* field) {
    const std::uint64_t number = in.unsigned_number(field);
    if (number > 0xffffffffU) in.fail(field);
    return static_cast<std::uint32_t>(number);
}

State read_state(FieldReader& in) {
    const std::uint64_t state = in.unsigned_number("state");
    if (state < 1 || state > 4) in.fail("state");
    return static_cast<State>(state);
}

// One below the maximum, so that there is always a next one to refute with.
Incarnation read_incarnation(FieldReader& in) {
    const Incarnation incarnation{in.unsigned_number("incarnation")};
    if (incarnation.value > (std::uint64_t{1} << 62U)) in.fail("incarnation");
    return incarnation;
}

Description read_description(FieldReader& in) {
    Description description;
    description.name = in.text("name", limits::name_bytes_max);
    const msgpack::object* addresses = in.array("addresses");
    if (addresses != nullptr) {
        FieldReader list(*addresses, "addresses");
        if (list.left() > limits::addresses_max) list.fail("length");
        std::size_t bytes = 0;
        while (list.left() != 0) {
            description.addresses.push_back(list.text("address", limits::address_bytes_max));
            bytes += description.addresses.back().size();
        }
        if (bytes > limits::address_bytes_total_max) list.fail("length");
        in.absorb(list.finish());
    }
    description.fingerprint.bytes = in.bytes32("fingerprint");
    description.protocol_version = read_small(in, "protocol_version");
    return description;
}

Alive read_alive(FieldReader& in) {
    Alive alive;
    alive.id.bytes = in.bytes32("id");
    alive.incarnation = read_incarnation(in);
    alive.boot = in.unsigned_number("boot");
    alive.description = read_description(in);
    return alive;
}

Update read_update(FieldReader& in) {
    const State state = read_state(in);
    if (state == State::alive) return read_alive(in);
    PeerId id;
    id.bytes = in.bytes32("id");
    const Incarnation incarnation = read_incarnation(in);
    if (state == State::left) return Left{id, incarnation};
    PeerId accuser;
    accuser.bytes = in.bytes32("accuser");
    if (state == State::suspect) return Suspect{id, incarnation, accuser};
    return Dead{id, incarnation, accuser};
}

// The elements of an array of arrays, at most `count_max` of them.
template <class Read>
auto read_list(FieldReader& in, const char* field, std::size_t count_max, Read read) {
    std::vector<decltype(read(in))> elements;
    const msgpack::object* array = in.array(field);
    if (array == nullptr) return elements;
    if (array->via.array.size > count_max) {
        in.fail(field);
        return elements;
    }
    for (std::uint32_t i = 0; i < array->via.array.size; ++i) {
        FieldReader fields(array->via.array.ptr[i], field);
        elements.push_back(read(fields));
        in.absorb(fields.finish());
    }
    return elements;
}

PushPull read_push_pull(FieldReader& in) {
    PushPull m;
    m.wants_reply = in.boolean("wants_reply");
    m.members = read_list(in, "members", limits::members_max, [](FieldReader& fields) {
        const State state = read_state(fields);
        return Entry{read_alive(fields), state};
    });
    return m;
}

// Braced initialisation evaluates left to right: the fields are read in wire order.
Body read_body(std::uint64_t number, FieldReader& in) {
    switch (number) {
        case 20: return Gossip{};
        case 21: return Ping{read_small(in, "sequence"), in.unsigned_number("digest")};
        case 22: {
            PingRequest m{read_small(in, "sequence"), {}, false};
            m.target.bytes = in.bytes32("target");
            m.wants_nack = in.boolean("wants_nack");
            return m;
        }
        case 23: return Ack{read_small(in, "sequence")};
        case 24: return Nack{read_small(in, "sequence")};
        case 25: return Digest{in.unsigned_number("hash")};
        case 26: return read_push_pull(in);
        default: in.fail("number"); return Gossip{};
    }
}

}  // namespace

std::vector<std::byte> encode(const Packet& packet) {
    msgpack::sbuffer buffer(limits::packet_bytes_max);
    Packer out(buffer);
    pack_body(out, packet.body);
    out.pack_array(static_cast<std::uint32_t>(packet.updates.size()));
    for (const Update& update : packet.updates)
        std::visit(UpdateWriter{out}, update);
    return msgpack_fields::to_bytes(buffer);
}

Result<Packet> decode(std::span<const std::byte> bytes, Transport via) {
    const std::size_t bytes_max = via == Transport::datagram ? limits::packet_bytes_max : limits::push_pull_bytes_max;
    if (bytes.size() > bytes_max) return failure("a membership packet that is too long");
    auto handle = msgpack_fields::unpack(bytes);
    if (!handle) return std::unexpected(handle.error());
    FieldReader in(handle->get(), "membership packet");
    Packet packet;
    packet.body = read_body(in.unsigned_number("number"), in);
    packet.updates = read_list(in, "updates", limits::updates_per_packet_max, read_update);
    if (const auto error = in.finish()) return std::unexpected(*error);
    if (!std::holds_alternative<PushPull>(packet.body) && bytes.size() > limits::packet_bytes_max)
        return failure("a membership packet that is too long");
    return packet;
}

std::size_t encoded_size(const Update& update) {
    msgpack::sbuffer buffer(256);
    Packer out(buffer);
    std::visit(UpdateWriter{out}, update);
    return buffer.size();
}

std::size_t encoded_size(const Body& body) {
    msgpack::sbuffer buffer(64);
    Packer out(buffer);
    pack_body(out, body);
    return buffer.size() + 3;
}

bool is_packet(std::span<const std::byte> bytes) {
    constexpr std::uint8_t array_mark = 0x90, mark_mask = 0xf0;  // a short array; its first element is one byte
    if (bytes.size() < 2 || (std::to_integer<std::uint8_t>(bytes[0]) & mark_mask) != array_mark) return false;
    const auto number = std::to_integer<std::uint8_t>(bytes[1]);
    return number >= first_number && number < first_number + std::variant_size_v<Body>;
}

}  // namespace parley::swim
