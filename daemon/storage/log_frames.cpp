#include "daemon/storage/log_frames.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "daemon/storage/byte_io.hpp"
#include "protocol/codec.hpp"

namespace parley::daemon {

namespace {

constexpr std::string_view log_magic = "PARLEYWL";
constexpr std::size_t file_header_bytes = 8 + 4 + 4 + 32 + 8;
constexpr std::size_t frame_header_bytes = 8 + 8 + 4 + 8;  // checksum of the rest, sequence, length, checksum
constexpr std::size_t sector_bytes = 512;                  // written whole or not at all
// Ends every content, so that a sector with only the content's end in it is not all zero.
constexpr std::uint8_t end_mark = 0xa5;

constexpr std::uint8_t has_hard_state = 1;
constexpr std::uint8_t has_vote = 2;
constexpr std::uint8_t has_records = 4;
constexpr std::uint8_t has_base = 8;
constexpr std::uint8_t has_disk = 16;
constexpr std::uint8_t is_founder = 32;

std::uint64_t checksum(ByteSpan bytes) {
    std::array<unsigned char, crypto_generichash_BYTES_MIN> digest;
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size(), nullptr, 0);
    std::uint64_t value = 0;
    std::memcpy(&value, digest.data(), sizeof(value));
    return value;
}

struct FrameHeader {
    std::uint64_t sequence = 0;
    std::uint32_t content_bytes = 0;
    std::uint64_t content_checksum = 0;
};
std::optional<FrameHeader> read_frame_header(ByteSpan bytes) {
    if (bytes.size() < frame_header_bytes) return std::nullopt;
    ByteReader reader(bytes.first(frame_header_bytes));
    const auto check = reader.get<std::uint64_t>();
    if (check != checksum(bytes.subspan(8, frame_header_bytes - 8))) return std::nullopt;
    FrameHeader header;
    header.sequence = reader.get<std::uint64_t>();
    header.content_bytes = reader.get<std::uint32_t>();
    header.content_checksum = reader.get<std::uint64_t>();
    return header;
}

HardState read_hard_state(ByteReader& reader, std::uint8_t flags) {
    HardState state;
    state.term.value = reader.get<std::uint64_t>();
    if ((flags & has_vote) != 0) state.voted_for = PeerId{reader.get_array<32>()};
    state.highest_round.term.value = reader.get<std::uint64_t>();
    state.highest_round.sequence = reader.get<std::uint64_t>();
    if ((flags & has_disk) != 0) state.disk.value = reader.get<std::uint64_t>();
    state.is_founder = (flags & is_founder) != 0;
    return state;
}

Result<void> read_base(ByteReader& reader, LogContents& contents) {
    const auto length = reader.get<std::uint32_t>();
    const ByteSpan bytes = reader.get_bytes(length);
    if (reader.failed()) return failure("the base of the log ends early");
    auto base = decode_history(bytes);
    if (!base) return std::unexpected(base.error());
    if (base->index <= contents.base.index) return failure("the base of the log goes back");
    const auto dropped = static_cast<std::ptrdiff_t>(
        std::min<std::uint64_t>(base->index.value - contents.base.index.value, contents.records.size()));
    contents.records.erase(contents.records.begin(), contents.records.begin() + dropped);
    contents.record_bytes.erase(contents.record_bytes.begin(), contents.record_bytes.begin() + dropped);
    contents.base = std::move(*base);
    return {};
}

Result<void> read_records(ByteReader& reader, LogContents& contents) {
    const auto first_index = reader.get<std::uint64_t>();
    const auto count = reader.get<std::uint32_t>();
    const std::uint64_t base = contents.base.index.value;
    if (reader.failed() || first_index <= base || first_index - base > contents.records.size() + 1)
        return failure("records are missing before record " + std::to_string(first_index));
    contents.records.resize(static_cast<std::size_t>(first_index - base - 1));
    contents.record_bytes.resize(static_cast<std::size_t>(first_index - base - 1));
    for (std::uint32_t number = 0; number < count; ++number) {
        const auto length = reader.get<std::uint32_t>();
        const ByteSpan bytes = reader.get_bytes(length);
        if (reader.failed()) return failure("a record ends early");
        auto record = decode_record(bytes);
        if (!record) return std::unexpected(record.error());
        contents.records.push_back(std::move(*record));
        contents.record_bytes.push_back(length);
    }
    return {};
}

Result<void> read_content(ByteSpan content, LogContents& contents) {
    ByteReader reader(content);
    const auto flags = reader.get<std::uint8_t>();
    if ((flags & has_hard_state) != 0) contents.hard_state = read_hard_state(reader, flags);
    if ((flags & has_base) != 0)
        if (auto read = read_base(reader, contents); !read) return read;
    if ((flags & has_records) != 0)
        if (auto read = read_records(reader, contents); !read) return read;
    if (reader.get<std::uint8_t>() != end_mark || !reader.complete())
        return failure("its content is malformed");
    return {};
}

// A write that the crash interrupted leaves sectors of zeros, never other bytes: appended space holds nothing
// else before it is written.
bool has_unwritten_sector(ByteSpan file, std::size_t begin, std::size_t end) {
    while (begin < end) {
        const std::size_t next = std::min(end, (begin / sector_bytes + 1) * sector_bytes);
        const ByteSpan part = file.subspan(begin, next - begin);
        if (std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0}; })) return true;
        begin = next;
    }
    return false;
}

// Each append is synced before the next, so a frame that is followed by another was on the disk once.
bool has_later_frame(ByteSpan file, std::size_t begin, std::uint64_t expected_sequence) {
    const std::uint64_t sequence_max = expected_sequence + file.size() / frame_header_bytes;
    for (std::size_t at = begin + 1; at + frame_header_bytes <= file.size(); ++at) {
        std::uint64_t sequence = 0;
        std::memcpy(&sequence, file.data() + at + 8, sizeof(sequence));
        if (sequence <= expected_sequence || sequence > sequence_max) continue;
        if (read_frame_header(file.subspan(at))) return true;
    }
    return false;
}

// Whether what begins here is the write during which the machine stopped. `header` is the frame's if it is
// sound.
bool was_never_finished(ByteSpan file, std::size_t begin, const std::optional<FrameHeader>& header,
                        std::uint64_t expected_sequence) {
    if (file.size() - begin < frame_header_bytes) return true;
    if (header) {
        const std::size_t end = begin + frame_header_bytes + header->content_bytes;
        if (end > file.size()) return true;
        return end == file.size() && has_unwritten_sector(file, begin, end);
    }
    return has_unwritten_sector(file, begin, file.size()) && !has_later_frame(file, begin, expected_sequence);
}

// The version.
Result<std::uint32_t> check_file_header(ByteSpan file, const PeerId& owner) {
    if (file.size() < file_header_bytes) return failure("it is shorter than its header");
    ByteReader reader(file.first(file_header_bytes));
    const ByteSpan magic = reader.get_bytes(log_magic.size());
    if (std::memcmp(magic.data(), log_magic.data(), magic.size()) != 0)
        return failure("it does not begin with " + std::string(log_magic));
    const auto version = reader.get<std::uint32_t>();
    reader.get<std::uint32_t>();
    const PeerId found{reader.get_array<32>()};
    if (reader.get<std::uint64_t>() != checksum(file.first(file_header_bytes - 8)))
        return failure("the checksum of its header does not fit");
    if (version < 1 || version > log_version)
        return failure("it has format version " + std::to_string(version) + ", this program reads " +
                       std::to_string(log_version));
    if (found != owner)
        return failure("it belongs to peer " + found.text() + ", the identity here is " + owner.text());
    return version;
}

}  // namespace

FileBytes log_file_header(const PeerId& owner) {
    ByteWriter writer;
    writer.put_bytes(std::as_bytes(std::span(log_magic)));
    writer.put(log_version);
    writer.put(std::uint32_t{0});
    writer.put_array(owner.bytes);
    writer.put(checksum(writer.bytes()));
    return writer.bytes();
}

LogFrame make_log_frame(std::uint64_t sequence, const PersistLog& change) {
    LogFrame frame;
    ByteWriter content;
    const bool vote = change.hard_state && change.hard_state->voted_for;
    const bool disk = change.hard_state && change.hard_state->disk != DiskId{};
    const bool founder = change.hard_state && change.hard_state->is_founder;
    content.put(static_cast<std::uint8_t>((change.hard_state ? has_hard_state : 0) | (vote ? has_vote : 0) |
                                          (change.first_index ? has_records : 0) | (change.base ? has_base : 0) |
                                          (disk ? has_disk : 0) | (founder ? is_founder : 0)));
    if (change.hard_state) {
        content.put(change.hard_state->term.value);
        if (vote) content.put_array(change.hard_state->voted_for->bytes);
        content.put(change.hard_state->highest_round.term.value);
        content.put(change.hard_state->highest_round.sequence);
        if (disk) content.put(change.hard_state->disk.value);
    }
    if (change.base) {
        const Bytes bytes = encode(*change.base);
        content.put(static_cast<std::uint32_t>(bytes.size()));
        content.put_bytes(bytes);
    }
    if (change.first_index) {
        content.put(change.first_index->value);
        content.put(static_cast<std::uint32_t>(change.records.size()));
        for (const Record& record : change.records) {
            const Bytes bytes = encode(record);
            frame.record_bytes.push_back(static_cast<std::uint32_t>(bytes.size()));
            content.put(frame.record_bytes.back());
            content.put_bytes(bytes);
        }
    }
    content.put(end_mark);
    CHECK(content.bytes().size() <= log_frame_bytes_max);

    ByteWriter fields;
    fields.put(sequence);
    fields.put(static_cast<std::uint32_t>(content.bytes().size()));
    fields.put(checksum(content.bytes()));
    ByteWriter bytes;
    bytes.put(checksum(fields.bytes()));
    bytes.put_bytes(fields.bytes());
    bytes.put_bytes(content.bytes());
    frame.bytes = bytes.bytes();
    return frame;
}

Result<LogContents> read_log(ByteSpan file, const PeerId& owner) {
    const auto version = check_file_header(file, owner);
    if (!version) return std::unexpected(version.error());
    LogContents contents;
    contents.version = *version;
    std::size_t at = file_header_bytes;
    while (at < file.size()) {
        const auto header = read_frame_header(file.subspan(at));
        const std::size_t rest = file.size() - at - std::min(file.size() - at, frame_header_bytes);
        const bool whole = header && header->content_bytes <= rest &&
                           checksum(file.subspan(at + frame_header_bytes, header->content_bytes)) ==
                               header->content_checksum;
        if (!whole && was_never_finished(file, at, header, contents.next_sequence)) break;
        const std::string where = "at byte " + std::to_string(at);
        if (!whole) return failure("the checksum of the entry " + where + " does not fit");
        if (header->sequence != contents.next_sequence)
            return failure("the entry " + where + " has number " + std::to_string(header->sequence) +
                           " instead of " + std::to_string(contents.next_sequence));
        if (auto read = read_content(file.subspan(at + frame_header_bytes, header->content_bytes), contents);
            !read)
            return failure("the entry " + where + " cannot be used: " + read.error().message);
        ++contents.next_sequence;
        at += frame_header_bytes + header->content_bytes;
    }
    contents.whole_bytes = at;
    return contents;
}

}  // namespace parley::daemon
