#include "protocol/bulk_codec.hpp"

#include "protocol/encoding/difference.hpp"
#include "protocol/limits.hpp"
#include "protocol/model_codec.hpp"
#include "protocol/msgpack_fields.hpp"

namespace parley::bulk_codec {
namespace {

using msgpack_fields::FieldReader;
using msgpack_fields::pack;
using msgpack_fields::Packer;
using msgpack_fields::unpack;

constexpr std::uint8_t contribution_number = 34;
constexpr std::uint8_t blob_number = 35;
constexpr std::uint8_t leaf_number = 32;

// Marker, u16 little-endian header length, header, payload.
Bytes encode_bulk(const msgpack::sbuffer& header, const SharedModel& model, const SharedEncoding& encoded) {
    CHECK(header.size() <= limits::model_header_bytes_max);
    Bytes bytes;
    bytes.reserve(3 + header.size() + bytes_of(model, encoded));
    bytes.push_back(marker);
    bytes.push_back(static_cast<std::byte>(header.size() & 0xffU));
    bytes.push_back(static_cast<std::byte>(header.size() >> 8U));
    const auto* begin = reinterpret_cast<const std::byte*>(header.data());
    bytes.insert(bytes.end(), begin, begin + header.size());
    if (encoded)
        bytes.insert(bytes.end(), encoded->payload.begin(), encoded->payload.end());
    else
        append_model(bytes, *model);
    return bytes;
}

// Its number, and the base of a difference.
void pack_encoding(Packer& out, const SharedEncoding& encoded) {
    out.pack_uint8(static_cast<std::uint8_t>(encoded ? encoded->encoding : ModelEncoding::f32));
    encoded ? pack(out, encoded->base.bytes) : static_cast<void>(out.pack_nil());
}

Bytes encode_contribution(const Contribution& m, const HashTree& hash) {
    msgpack::sbuffer header;
    Packer out(header);
    out.pack_array(8);
    out.pack_uint8(contribution_number);
    out.pack_uint64(m.term.value);
    pack(out, m.round);
    out.pack_double(m.weight);
    pack_encoding(out, m.encoded);
    pack(out, hash(*m.model).bytes);
    return encode_bulk(header, m.model, m.encoded);
}

Bytes encode_blob(const Blob& m) {
    msgpack::sbuffer header;
    Packer out(header);
    out.pack_array(7);
    out.pack_uint8(blob_number);
    out.pack_uint64(m.term.value);
    pack(out, m.round);
    pack_encoding(out, m.encoded);
    pack(out, m.hash.bytes);
    return encode_bulk(header, m.model, m.encoded);
}

Bytes encode_leaf(const BlobLeaf& m) {
    msgpack::sbuffer header;
    Packer out(header);
    out.pack_array(4);
    out.pack_uint8(leaf_number);
    out.pack_uint8(static_cast<std::uint8_t>(ModelEncoding::f32));
    pack(out, m.hash.bytes);
    out.pack_uint32(m.leaf);
    return encode_bulk(header, m.parameters, nullptr);
}

// Null for f32. Its length is checked before it is copied.
SharedEncoding read_encoding(FieldReader& in, std::span<const std::byte> payload, std::size_t parameter_count) {
    const auto encoding = encoding_from_number(in.unsigned_number("encoding"));
    if (!encoding) in.fail("encoding");
    const bool has_base = !in.take_nil();
    const ModelHash base = has_base ? ModelHash{in.bytes32("base")} : ModelHash{};
    if (!encoding || has_base != needs_base(*encoding)) in.fail("base");
    if (!encoding || !has_base) return nullptr;
    if (payload.size() != encoded_size(*encoding, parameter_count)) return in.fail("payload"), nullptr;
    return std::make_shared<const EncodedModel>(EncodedModel{*encoding, base, {payload.begin(), payload.end()}});
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
    const SharedEncoding encoded = read_encoding(in, payload, expected.parameter_count);
    const ModelHash hash{in.bytes32("hash")};
    if (const auto error = in.finish()) return std::unexpected(*error);
    auto model = encoded ? decode_model(*encoded, hash, expected) : decode_model(payload, hash, expected);
    if (!model) return std::unexpected(model.error());
    if (number == contribution_number) return Contribution{term, round, weight, *std::move(model), encoded};
    return Blob{term, round, hash, *std::move(model), encoded};
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
