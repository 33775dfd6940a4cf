// Types that every layer shares: identities, terms, time, errors. No I/O, no clock.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley {

// --- our own bugs -----------------------------------------------------------------------------------

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

// An invariant of ours, on in every build. A failure aborts: never use it on what a peer, a user or the
// environment can cause.
#define CHECK(condition) \
    ((condition) ? static_cast<void>(0) : ::parley::check_failed(#condition, __FILE__, __LINE__))

// --- errors of peers, users and the environment --------------------------------------------------------

struct Error {
    std::string message;  // one line: what is wrong, where, and what to do about it
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(std::string message) {
    return std::unexpected<Error>(Error{std::move(message)});
}

// --- time -------------------------------------------------------------------------------------------

// Time enters the protocol as an argument only: this clock has no now(). An Instant counts from an arbitrary
// origin (the driver's start) and never goes back; it says nothing about the time of day.
struct ProtocolClock {
    using duration = std::chrono::microseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<ProtocolClock>;
    static constexpr bool is_steady = true;
};
using Instant = ProtocolClock::time_point;
using Duration = ProtocolClock::duration;
using namespace std::chrono_literals;
constexpr Instant never = Instant::max();

// --- numbers that must not be swapped -------------------------------------------------------------------

template <class Tag>
struct Number {
    std::uint64_t value = 0;
    constexpr auto operator<=>(const Number&) const = default;
    constexpr Number next() const { return Number{value + 1}; }
};
using Term = Number<struct TermTag>;            // of a coordinator; 0 = before the first election
using LogIndex = Number<struct LogIndexTag>;    // place of a record in the log; 0 = the group's beginning
using Incarnation = Number<struct IncarnationTag>;
using DiskId = Number<struct DiskTag>;          // drawn when a state directory is made; 0 = none. COORDINATOR.md, FENCED

// A balancing round: numbered within its coordinator's term. {0, 0} = none.
struct RoundId {
    Term term;
    std::uint64_t sequence = 0;
    constexpr auto operator<=>(const RoundId&) const = default;
    constexpr bool is_none() const { return term.value == 0 && sequence == 0; }
};

// --- 32 random bytes ------------------------------------------------------------------------------------

using Bytes32 = std::array<std::uint8_t, 32>;

// Lexicographic. Ids and hashes are keys everywhere, and nearly always the first eight bytes tell two of them apart.
inline std::strong_ordering compare(const Bytes32& left, const Bytes32& right) {
    std::uint64_t first_left = 0, first_right = 0;
    std::memcpy(&first_left, left.data(), sizeof first_left);
    std::memcpy(&first_right, right.data(), sizeof first_right);
    if (first_left == first_right) return left <=> right;
    if constexpr (std::endian::native == std::endian::little) {
        first_left = std::byteswap(first_left);
        first_right = std::byteswap(first_right);
    }
    return first_left <=> first_right;
}

// --- identity ---------------------------------------------------------------------------------------

// A peer is its X25519 static public key. Shown as 52 characters of lower-case RFC 4648 base32 without padding.
struct PeerId {
    Bytes32 bytes{};

    bool operator==(const PeerId&) const = default;
    std::strong_ordering operator<=>(const PeerId& other) const { return compare(bytes, other.bytes); }
    std::string text() const;
    std::string short_text() const;  // its first 8 characters, for people
    static Result<PeerId> parse(std::string_view text);
};

// --- models -----------------------------------------------------------------------------------------

// A model is one flat block of parameters. Shared and immutable once it is handed over.
using Parameters = std::vector<float>;
using SharedModel = std::shared_ptr<const Parameters>;

// The name of a model: the root of the tree of BLAKE2b-256 over its little-endian floats (protocol/hash_tree.hpp). All
// zero = no model.
struct ModelHash {
    Bytes32 bytes{};

    bool operator==(const ModelHash&) const = default;
    std::strong_ordering operator<=>(const ModelHash& other) const { return compare(bytes, other.bytes); }
    bool is_none() const { return *this == ModelHash{}; }
    std::string text() const;  // 64 hexadecimal digits
};

// The hashes come from the driver (libsodium), so that protocol/ needs no cryptographic library: of a leaf of a model, and
// of a node with so many bytes of the model under it.
using HashFunction = ModelHash (*)(std::span<const float>);
using NodeHashFunction = ModelHash (*)(std::uint64_t bytes, const ModelHash& left, const ModelHash& right);

}  // namespace parley
