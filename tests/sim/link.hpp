// One direction between two hosts: how long it takes, how much it carries, and what is broken about it.
#pragma once

#include <array>
#include <memory>
#include <variant>
#include <vector>

#include "protocol/membership/swim_messages.hpp"
#include "protocol/messages.hpp"
#include "tests/sim/settings.hpp"

namespace parley::sim {

// What shares a queue: each stream has its own connection, datagrams have none.
enum class Lane : std::uint8_t { control, bulk, datagram };

struct LaneState {
    Instant free_at{};                 // the last byte handed over has left the sender
    std::size_t bytes = 0;             // sent and not yet taken by the receiver
    std::size_t parcels = 0;
};

// Something on its way. Copies of it (duplicates) share it; it takes room in its lane until the first one is taken.
class Parcel {
public:
    using Content = std::variant<Message, swim::Packet>;

    Parcel(std::size_t from, std::size_t to, Lane lane, LaneState& room, std::size_t bytes, Content content)
        : from_(from), to_(to), lane_(lane), room_(&room), bytes_(bytes), content_(std::move(content)) {
        room_->bytes += bytes_;
        ++room_->parcels;
    }
    ~Parcel() { leave_lane(); }
    Parcel(const Parcel&) = delete;
    Parcel& operator=(const Parcel&) = delete;

    void leave_lane() {
        if (room_ == nullptr) return;
        room_->bytes -= bytes_;
        --room_->parcels;
        room_ = nullptr;
    }

    [[nodiscard]] std::size_t from() const { return from_; }
    [[nodiscard]] std::size_t to() const { return to_; }
    [[nodiscard]] Lane lane() const { return lane_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] const Content& content() const { return content_; }

private:
    std::size_t from_;
    std::size_t to_;
    Lane lane_;
    LaneState* room_;
    std::size_t bytes_;
    Content content_;
};
using SharedParcel = std::shared_ptr<Parcel>;

struct Link {
    // Drawn from the seed.
    Duration latency{};                // mean, beyond the least
    double bytes_per_second = 0;

    // Faults.
    bool blocked = false;              // swallows everything
    bool datagrams_blocked = false;
    bool clogged = false;              // keeps everything, then delivers it at once
    bool clogged_in_order = true;
    std::uint64_t clog_number = 0;

    // What the sending host believes of the other.
    bool session = false;              // connected
    bool seed = false;                 // its address is known by the config
    bool dialling = false;
    std::uint64_t session_number = 0;
    std::uint64_t overflowed = 0;      // the number of the last session that broke over a full queue

    std::array<LaneState, 3> lanes{};
    std::vector<SharedParcel> kept;    // by a clog. After `lanes`: parcels refer to them
};

// Bytes on the wire, without encoding. Of a model those that the settings pretend it has.
std::size_t wire_bytes(const Message& message, const Settings& settings);

}  // namespace parley::sim
