#include "tests/sim/transcript.hpp"

#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace parley::sim {

namespace {

constexpr std::size_t tail_lines = 120;
using Line = std::array<char, 512>;

std::uint64_t scrambled(std::uint64_t value) {  // splitmix64
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

unsigned long long number(std::uint64_t value) { return value; }

std::string set_text(const Average& average) {
    std::string text;
    for (const Share& share : average.balancing_set)
        text += (text.empty() ? "n" : ",n") + std::to_string(host_of(share.member));
    return text;
}

struct Describe {
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
    std::string operator()(const Ready& message) const {
        return text_of("ready term=%llu round=%s", number(message.term.value), describe(message.round).c_str());
    }
    std::string operator()(const FetchBlob& message) const {
        return "fetch_blob " + message.hash.text().substr(0, 8);
    }
    std::string operator()(const BlobMissing& message) const {
        return "blob_missing " + message.hash.text().substr(0, 8);
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
        return text_of("heartbeat incarnation=%llu applied=%llu reference=%llu", number(message.incarnation.value),
                       number(message.applied.value), number(message.reference.value));
    }
};

}  // namespace

void Transcript::line(Instant now, const char* format, ...) {
    Line buffer;
    const int head = std::snprintf(buffer.data(), buffer.size(), "%11.6f ",
                                   static_cast<double>(now.time_since_epoch().count()) / 1e6);
    const auto offset = static_cast<std::size_t>(head);
    std::va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer.data() + offset, buffer.size() - offset, format, arguments);
    va_end(arguments);
    if (tail_.size() == tail_lines) {
        tail_.push_back(std::move(tail_.front()));  // its memory is used again
        tail_.pop_front();
        tail_.back().assign(buffer.data());
    } else {
        tail_.emplace_back(buffer.data());
    }
    for (const char character : tail_.back()) hash_ = (hash_ ^ static_cast<unsigned char>(character)) * 0x100000001b3U;
    if (verbose_) std::puts(buffer.data());
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

}  // namespace parley::sim
