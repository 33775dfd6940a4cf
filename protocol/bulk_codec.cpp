#include "protocol/bulk_codec.hpp"

#include "protocol/limits.hpp"
#include "protocol/model_codec.hpp"
#include "protocol/msgpack_fields.hpp"

namespace parley::bulk_codec {
namespace {

using msgpack_fields::FieldReader;
using msgpack_fields::pack;
using msgpack_fields::Packer;
using msgpack_fields::unpack;

constexpr std::uint8_t contribution_number = 11;
constexpr std::uint8_t blob_number = 12;
constexpr std::uint8_t leaf_number = 32;

// Marker, u16 little-endian header length, header, payload.
Bytes encode_bulk(const msgpack::sbuffer& header, const Parameters& model) {
    CHECK(header.size() <= limits::model_header_bytes_max);
    Bytes bytes;
    bytes.reserve(3 + header.size() + model.size() * sizeof(float));
    bytes.push_back(marker);
    bytes.push_back(static_cast<std::byte>(header.size() & 0xffU));
    bytes.push_back(static_cast<std::byte>(header.size() >> 8U));
    const auto* begin = reinterpret_cast<const std::byte*>(header.data());
    bytes.insert(bytes.end(), begin, begin + header.size());
    append_model(bytes, model);
    return bytes;
}

Bytes encode_contribution(const Contribution& m, const HashTree& hash) {
    msgpack::sbuffer header;
    Packer out(header);
    out.pack_array(7);
    out.pack_uint8(contribution_number);
    out.pack_uint64(m.term.value);
    pack(out, m.round);
    out.pack_double(m.weight);
    out.pack_uint8(static_cast<std::uint8_t>(ModelEncoding::f32));
    pack(out, hash(*m.model).bytes);
    return encode_bulk(header, *m.model);
}

Bytes encode_blob(const Blob& m) {
    msgpack::sbuffer header;
    Packer out(header);
    out.pack_array(6);
    out.pack_uint8(blob_number);
    out.pack_uint64(m.term.value);
    pack(out, m.round);
    out.pack_uint8(static_cast<std::uint8_t>(ModelEncoding::f32));
    pack(out, m.hash.bytes);
    return encode_bulk(header, *m.model);
}

Bytes encode_leaf(const BlobLeaf& m) {
    msgpack::sbuffer header;
    Packer out(header);
    out.pack_array(4);
    out.pack_uint8(leaf_number);
    out.pack_uint8(static_cast<std::uint8_t>(ModelEncoding::f32));
    pack(out, m.hash.bytes);
    out.pack_uint32(m.leaf);
    return encode_bulk(header, *m.parameters);
}

Result<Message> read_blob_leaf(FieldReader& in, std::span<const std::byte> payload, const ModelExpectation& expected) {
    if (in.unsigned_number("encoding") != static_cast<std::uint64_t>(ModelEncoding::f32)) in.fail("encoding");
    const ModelHash hash{in.bytes32("hash")};
    const std::uint32_t leaf = in.leaf_number("leaf");
    if (const auto error = in.finish()) return std::unexpected(*error);
    auto decoded = decode_leaf(payload, leaf, expected);
    if (!decoded) return std::unexpected(decoded.error());
    return BlobLeaf{hash, leaf, std::move(decoded->parameters), decoded->content};
}

Result<Message> decode_bulk(std::span<const std::byte> header, std::span<const std::byte> payload,
                            const ModelExpectation& expected) {
    auto handle = unpack(header);
    if (!handle) return std::unexpected(handle.error());
    FieldReader in(handle->get(), "model message");
    const std::uint64_t number = in.unsigned_number("number");
    if (number == leaf_number) return read_blob_leaf(in, payload, expected);
    if (number != contribution_number && number != blob_number)
        return failure("unknown model message number " + std::to_string(number));
    const Term term{in.unsigned_number("term")};
    const RoundId round = in.round("round");
    const double weight = number == contribution_number ? in.magnitude("weight") : 1.0;
    if (weight == 0) in.fail("weight");
    if (in.unsigned_number("encoding") != static_cast<std::uint64_t>(ModelEncoding::f32)) in.fail("encoding");
    const ModelHash hash{in.bytes32("hash")};
    if (const auto error = in.finish()) return std::unexpected(*error);
    auto model = decode_model(payload, hash, expected);
    if (!model) return std::unexpected(model.error());
    if (number == contribution_number) return Contribution{term, round, weight, *std::move(model)};
    return Blob{term, round, hash, *std::move(model)};
}

}  // namespace

Bytes encode(const Message& message, const HashTree& hash) {
    if (const auto* contribution = std::get_if<Contribution>(&message)) return encode_contribution(*contribution, hash);
    if (const auto* leaf = std::get_if<BlobLeaf>(&message)) return encode_leaf(*leaf);
    return encode_blob(std::get<Blob>(message));
}

Result<Message> decode(std::span<const std::byte> bytes, const ModelExpectation& expected) {
    if (bytes.size() < 3) return failure("a model message cut short");
    const std::size_t length = std::to_integer<std::size_t>(bytes[1]) | std::to_integer<std::size_t>(bytes[2]) << 8U;
    if (length > limits::model_header_bytes_max || length > bytes.size() - 3)
        return failure("a model message whose header is longer than allowed");
    return decode_bulk(bytes.subspan(3, length), bytes.subspan(3 + length), expected);
}

}  // namespace parley::bulk_codec
