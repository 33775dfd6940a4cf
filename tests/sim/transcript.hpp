// What happened in a run, line by line: hashed always, kept at the tail, printed when asked.
#pragma once

#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/types.hpp"
#include "tests/sim/link.hpp"

namespace parley::sim {

// An invariant is broken: the run ends here.
class Violation : public std::runtime_error {
public:
    Violation(const std::string& invariant, const std::string& what_happened)
        : std::runtime_error(invariant + ": " + what_happened) {}
};

class Transcript {
public:
    explicit Transcript(bool verbose) : verbose_(verbose) {}

    [[gnu::format(printf, 3, 4)]] void line(Instant now, const char* format, ...);
    // A line that is kept to the end: what was broken or repaired, in a few words.
    void fault(Instant now, const std::string& what);
    // A message is taken. Its text is made only when somebody reads it; what would drown the lines (heartbeats, packets of
    // the gossip) goes into the hash alone.
    void received(Instant now, const SharedParcel& parcel);
    void mix(std::uint64_t value);

    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    [[nodiscard]] std::vector<std::string> tail() const;
    // All faults with their times in seconds, wrapped: "12.345 crash n1 (fault); 13.002 heal; ..."
    [[nodiscard]] std::string faults_text() const;

private:
    struct Received {
        Instant when;
        SharedParcel parcel;
    };
    using Entry = std::variant<std::string, Received>;
    static std::string text(const Entry& entry);
    void keep(Entry entry);

    bool verbose_;
    std::uint64_t hash_ = 0xcbf29ce484222325U;
    std::deque<Entry> tail_;
    std::vector<std::string> faults_;
};

[[gnu::format(printf, 1, 2)]] std::string text_of(const char* format, ...);
std::string describe(const Message& message);
std::string describe(const Record& record);
std::string describe(const RoundId& round);

// Ids of the simulated group: the host's number is in the last byte, the order of the ids is another one.
PeerId make_id(std::uint64_t seed, std::size_t host);
inline std::size_t host_of(const PeerId& id) { return id.bytes.back(); }

// A quick stand-in for BLAKE2b: four 64-bit lanes over the bits of the floats.
ModelHash hash_of(std::span<const float> parameters);
ModelHash node_hash_of(std::uint64_t bytes, const ModelHash& left, const ModelHash& right);

}  // namespace parley::sim
