#include "tests/sim/transcript.hpp"

#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace parley::sim {

namespace {

constexpr std::size_t tail_lines = 120;
constexpr std::size_t wrap_column = 120;
constexpr const char* time_format = "%4lld.%06lld ";
using Line = std::array<char, 512>;

std::uint64_t scrambled(std::uint64_t value) {  // splitmix64
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

unsigned long long number(std::uint64_t value) { return value; }

double in_seconds(Instant instant) { return static_cast<double>(instant.time_since_epoch().count()) / 1e6; }

std::string set_text(const Average& average) {
    std::string text;
    for (const Share& share : average.balancing_set)
        text += (text.empty() ? "n" : ",n") + std::to_string(host_of(share.member));
    return text;
}

// Everything that a message says, in one number.
struct Fingerprint {
    static std::uint64_t of(std::initializer_list<std::uint64_t> numbers) {
        std::uint64_t result = 0;
        for (const std::uint64_t each : numbers) result = scrambled(result ^ each);
        return result;
    }
    static std::uint64_t of(const ModelHash& hash) {
        std::uint64_t word = 0;
        std::memcpy(&word, hash.bytes.data(), sizeof word);
        return word;
    }
    static std::uint64_t of(const std::vector<Allowance>& allowances) {
        std::uint64_t all = 0;
        for (const Allowance& allowance : allowances) all = of({all, host_of(allowance.member), std::bit_cast<std::uint64_t>(allowance.share)});
        return all;
    }
    static std::uint64_t of(const Record& record) {
        const Average* average = record.average();
        if (const Members* change = record.members())
            return of({record.term.value, static_cast<std::uint64_t>(change->change), host_of(change->member)});
        if (const Slack* slack = record.slack()) return of({record.term.value, slack->round.sequence, of(slack->allowances)});
        if (average == nullptr) return of({record.term.value});
        std::uint64_t members = 0;
        for (const Share& share : average->balancing_set) members |= std::uint64_t{1} << host_of(share.member);
        return of({record.term.value, average->round.sequence, average->violations, of(average->hash), members});
    }

    std::uint64_t operator()(const RequestVote& m) const {
        return of({1, m.term.value, m.last_index.value, m.last_term.value, m.is_transfer});
    }
    std::uint64_t operator()(const VoteReply& m) const { return of({2, m.term.value, m.granted}); }
    std::uint64_t operator()(const Append& m) const {
        std::uint64_t records = 0;
        for (const Record& record : m.records) records = scrambled(records ^ of(record));
        return of({3, m.term.value, m.previous_index.value, m.previous_term.value, m.commit.value, m.reference.value, of(m.reference_hash), records});
    }
    std::uint64_t operator()(const AppendReply& m) const { return of({4, m.term.value, m.accepted, m.match.value}); }
    std::uint64_t operator()(const ViolationNotice& m) const {
        return of({5, m.applied.value, std::bit_cast<std::uint64_t>(m.squared_distance)});
    }
    std::uint64_t operator()(const Query& m) const {
        return of({6, m.term.value, m.round.term.value, m.round.sequence, m.base.value});
    }
    std::uint64_t operator()(const Abort& m) const {
        return of({7, m.term.value, m.round.term.value, m.round.sequence});
    }
    std::uint64_t operator()(const Distance& m) const {
        return of({40, m.term.value, m.round.term.value, m.round.sequence, std::bit_cast<std::uint64_t>(m.squared_distance)});
    }
    std::uint64_t operator()(const Ready& m) const {
        return of({8, m.term.value, m.round.term.value, m.round.sequence});
    }
    std::uint64_t operator()(const FetchBlob& m) const { return of({9, of(m.hash)}); }
    std::uint64_t operator()(const BlobMissing& m) const { return of({10, of(m.hash)}); }
    std::uint64_t operator()(const Contribution& m) const {
        return of({11, m.term.value, m.round.term.value, m.round.sequence, of(hash_of(*m.model))});
    }
    std::uint64_t operator()(const Blob& m) const {
        return of({12, m.term.value, m.round.term.value, m.round.sequence, of(m.hash)});
    }
    std::uint64_t operator()(const Heartbeat& m) const {
        return of({13, m.applied.value, m.reference.value, of(m.reference_hash)});
    }
    std::uint64_t operator()(const PreVote& m) const {
        return of({14, m.term.value, m.last_index.value, m.last_term.value});
    }
    std::uint64_t operator()(const PreVoteReply& m) const { return of({15, m.term.value, m.granted}); }
    std::uint64_t operator()(const TimeoutNow& m) const { return of({16, m.term.value}); }
    std::uint64_t operator()(const Snapshot& m) const {
        return of({19, m.term.value, m.history.index.value, m.history.term.value, of(m.history.reference_hash)});
    }
    std::uint64_t operator()(const ChangeMembers& m) const {
        return of({17, static_cast<std::uint64_t>(m.wanted.change), host_of(m.wanted.member), m.known.value});
    }
    std::uint64_t operator()(const FetchLeaves& m) const { return of({28, of(m.hash)}); }
    std::uint64_t operator()(const BlobLeaves& m) const { return of({29, of(m.hash), m.leaves.size()}); }
    std::uint64_t operator()(const FetchLeaf& m) const { return of({30, of(m.hash), m.leaf}); }
    std::uint64_t operator()(const BlobBusy& m) const {
        std::uint64_t holders = 0;
        for (const PeerId& id : m.holders) holders |= std::uint64_t{1} << host_of(id);
        return of({31, of(m.hash), holders});
    }
    std::uint64_t operator()(const BlobLeaf& m) const { return of({32, of(m.hash), m.leaf, of(m.content)}); }
};

struct Describe {
    std::string operator()(const ChangeMembers& message) const {
        return text_of("change_members %s n%zu", change_name(message.wanted.change), host_of(message.wanted.member));
    }
    std::string operator()(const PreVote& message) const {
        return text_of("pre_vote term=%llu last=%llu/%llu", number(message.term.value),
                       number(message.last_index.value), number(message.last_term.value));
    }
    std::string operator()(const PreVoteReply& message) const {
        return text_of("pre_vote_reply term=%llu granted=%d", number(message.term.value), message.granted);
    }
    std::string operator()(const TimeoutNow& message) const {
        return text_of("timeout_now term=%llu", number(message.term.value));
    }
    std::string operator()(const Snapshot& message) const {
        return text_of("snapshot term=%llu base=%llu/%llu reference=%llu", number(message.term.value),
                       number(message.history.index.value), number(message.history.term.value),
                       number(message.history.reference.value));
    }
    std::string operator()(const RequestVote& message) const {
        return text_of("request_vote term=%llu last=%llu/%llu%s", number(message.term.value),
                       number(message.last_index.value), number(message.last_term.value),
                       message.is_transfer ? " transfer" : "");
    }
    std::string operator()(const VoteReply& message) const {
        return text_of("vote_reply term=%llu granted=%d", number(message.term.value), message.granted);
    }
    std::string operator()(const Append& message) const {
        std::string text = text_of("append term=%llu previous=%llu/%llu commit=%llu", number(message.term.value),
                                   number(message.previous_index.value), number(message.previous_term.value),
                                   number(message.commit.value));
        for (const Record& record : message.records) text += " [" + describe(record) + "]";
        return text;
    }
    std::string operator()(const AppendReply& message) const {
        return text_of("append_reply term=%llu accepted=%d match=%llu", number(message.term.value), message.accepted,
                       number(message.match.value));
    }
    std::string operator()(const ViolationNotice& message) const {
        return text_of("violation applied=%llu distance=%.4f", number(message.applied.value),
                       message.squared_distance);
    }
    std::string operator()(const Query& message) const {
        return text_of("query term=%llu round=%s base=%llu", number(message.term.value),
                       describe(message.round).c_str(), number(message.base.value));
    }
    std::string operator()(const Abort& message) const {
        return text_of("abort term=%llu round=%s", number(message.term.value), describe(message.round).c_str());
    }
    std::string operator()(const Distance& message) const {
        return text_of("distance term=%llu round=%s %.4f", number(message.term.value), describe(message.round).c_str(), message.squared_distance);
    }
    std::string operator()(const Ready& message) const {
        return text_of("ready term=%llu round=%s", number(message.term.value), describe(message.round).c_str());
    }
    std::string operator()(const FetchBlob& message) const {
        return "fetch_blob " + message.hash.text().substr(0, 8);
    }
    std::string operator()(const BlobMissing& message) const {
        return "blob_missing " + message.hash.text().substr(0, 8);
    }
    std::string operator()(const FetchLeaves& message) const {
        return "fetch_leaves " + message.hash.text().substr(0, 8);
    }
    std::string operator()(const BlobLeaves& message) const {
        return text_of("blob_leaves %s, %zu", message.hash.text().substr(0, 8).c_str(), message.leaves.size());
    }
    std::string operator()(const FetchLeaf& message) const {
        return text_of("fetch_leaf %s %u", message.hash.text().substr(0, 8).c_str(), message.leaf);
    }
    std::string operator()(const BlobBusy& message) const {
        return text_of("blob_busy %s, %zu others", message.hash.text().substr(0, 8).c_str(), message.holders.size());
    }
    std::string operator()(const BlobLeaf& message) const {
        return text_of("blob_leaf %s %u", message.hash.text().substr(0, 8).c_str(), message.leaf);
    }
    std::string operator()(const Contribution& message) const {
        return text_of("contribution term=%llu round=%s", number(message.term.value),
                       describe(message.round).c_str());
    }
    std::string operator()(const Blob& message) const {
        return text_of("blob term=%llu round=%s %s", number(message.term.value), describe(message.round).c_str(),
                       message.hash.text().substr(0, 8).c_str());
    }
    std::string operator()(const Heartbeat& message) const {
        return text_of("heartbeat applied=%llu reference=%llu", number(message.applied.value),
                       number(message.reference.value));
    }
};

}  // namespace

void Transcript::line(Instant now, const char* format, ...) {
    Line buffer;
    const long long microseconds = now.time_since_epoch().count();
    const int head = std::snprintf(buffer.data(), buffer.size(), time_format, microseconds / 1'000'000,
                                   microseconds % 1'000'000);
    const auto offset = static_cast<std::size_t>(head);
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer.data() + offset, buffer.size() - offset, format, arguments);
    va_end(arguments);
    for (const char* next = buffer.data(); *next != 0; ++next)
        hash_ = (hash_ ^ static_cast<unsigned char>(*next)) * 0x100000001b3U;
    if (verbose_) std::puts(buffer.data());
    keep(std::string(buffer.data()));
}

void Transcript::received(Instant now, const SharedParcel& parcel) {
    const auto* message = std::get_if<Message>(&parcel->content());
    mix(static_cast<std::uint64_t>(now.time_since_epoch().count()));
    mix((parcel->from() << 16U) + (parcel->to() << 8U) + static_cast<std::uint64_t>(parcel->lane()));
    mix(message != nullptr ? std::visit(Fingerprint{}, *message) : parcel->bytes());
    if (message == nullptr || std::holds_alternative<Heartbeat>(*message)) return;
    keep(Received{now, parcel});
    if (verbose_) std::puts(text(tail_.back()).c_str());
}

void Transcript::keep(Entry entry) {
    if (tail_.size() == tail_lines) tail_.pop_front();
    tail_.push_back(std::move(entry));
}

std::string Transcript::text(const Entry& entry) {
    if (const auto* line = std::get_if<std::string>(&entry)) return *line;
    const auto& [when, parcel] = std::get<Received>(entry);
    const long long microseconds = when.time_since_epoch().count();
    return text_of(time_format, microseconds / 1'000'000, microseconds % 1'000'000) +
           text_of("n%zu <- n%zu ", parcel->to(), parcel->from()) + describe(std::get<Message>(parcel->content()));
}

std::vector<std::string> Transcript::tail() const {
    std::vector<std::string> lines;
    for (const Entry& entry : tail_) lines.push_back(text(entry));
    return lines;
}

void Transcript::fault(Instant now, const std::string& what) {
    line(now, "FAULT %s", what.c_str());
    faults_.push_back(text_of("%.3f %s", in_seconds(now), what.c_str()));
}

std::string Transcript::faults_text() const {
    std::string text;
    std::size_t column = wrap_column;
    for (const std::string& fault : faults_) {
        if (column + fault.size() + 2 > wrap_column) {
            text += "\n   ";
            column = 3;
        }
        text += " " + fault + ";";
        column += fault.size() + 2;
    }
    return text;
}

void Transcript::mix(std::uint64_t value) { hash_ = scrambled(hash_ ^ value); }

std::string text_of(const char* format, ...) {
    Line buffer;
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer.data(), buffer.size(), format, arguments);
    va_end(arguments);
    return buffer.data();
}

std::string describe(const Message& message) { return std::visit(Describe{}, message); }

std::string describe(const RoundId& round) {
    if (round.is_none()) return "none";
    return text_of("%llu.%llu", number(round.term.value), number(round.sequence));
}

std::string describe(const Record& record) {
    const Average* average = record.average();
    if (const Members* change = record.members())
        return text_of("t%llu %s n%zu", number(record.term.value), change_name(change->change), host_of(change->member));
    if (const Slack* slack = record.slack()) {
        std::string shares;
        for (const Allowance& each : slack->allowances) shares += text_of(" n%zu:%.3f", host_of(each.member), each.share);
        return text_of("t%llu slack %s%s", number(record.term.value), describe(slack->round).c_str(), shares.c_str());
    }
    if (average == nullptr) return text_of("t%llu noop", number(record.term.value));
    return text_of("t%llu %s %s v=%u {%s} %s", number(record.term.value),
                   record.is_reference() ? "reference" : "balance", describe(average->round).c_str(),
                   average->violations, set_text(*average).c_str(), average->hash.text().substr(0, 8).c_str());
}

PeerId make_id(std::uint64_t seed, std::size_t host) {
    PeerId id;
    const std::uint64_t word = scrambled(seed * 31 + host);
    std::memcpy(id.bytes.data(), &word, sizeof word);
    id.bytes.back() = static_cast<std::uint8_t>(host);
    return id;
}

ModelHash hash_of(std::span<const float> parameters) {
    std::array<std::uint64_t, 4> lanes{1, 2, 3, 4};
    for (const float parameter : parameters)
        for (std::uint64_t& lane : lanes) lane = scrambled(lane ^ std::bit_cast<std::uint32_t>(parameter));
    ModelHash hash;
    std::memcpy(hash.bytes.data(), lanes.data(), hash.bytes.size());
    return hash;
}

ModelHash node_hash_of(std::uint64_t bytes, const ModelHash& left, const ModelHash& right) {
    std::array<std::uint64_t, 4> lanes{5, 6, 7, 8};
    for (const ModelHash* child : {&left, &right})
        for (const std::uint8_t byte : child->bytes)
            for (std::uint64_t& lane : lanes) lane = scrambled(lane ^ byte ^ bytes << 8U);
    ModelHash hash;
    std::memcpy(hash.bytes.data(), lanes.data(), hash.bytes.size());
    return hash;
}

}  // namespace parley::sim
