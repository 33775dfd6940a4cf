// One machine of a scripted schedule, whichever it is, and the disk it restarts from.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "protocol/messages.hpp"
#include "protocol/output.hpp"

namespace parley::schedules {

using Words = std::span<const std::string>;

// A line of a schedule that does not hold or cannot be read.
struct ScheduleError {
    std::string message;
};
[[noreturn]] inline void fail(std::string message) { throw ScheduleError{std::move(message)}; }

// What the schedule sees of a machine.
struct View {
    Term term;
    Role role = Role::follower;
    std::optional<PeerId> coordinator;
    LogIndex commit;
    std::vector<Record> records;  // after the base
    HistorySnapshot base;
};

class Node {
public:
    using SendFunction = std::function<void(const PeerId& to, Message message)>;

    virtual ~Node() = default;
    virtual void start(Instant now) = 0;
    virtual void crash() = 0;  // what is not on the disk is gone
    virtual void lose_disk() = 0;  // while it is down
    [[nodiscard]] virtual bool is_up() const = 0;
    virtual void step(Instant now, const PeerId& from, const Message& message) = 0;
    virtual void advance(Instant now) = 0;
    [[nodiscard]] virtual Instant next_deadline() const = 0;
    [[nodiscard]] virtual View view() const = 0;
    // Lines that concern this machine alone; `words` starts with the command. False: not one of its own.
    virtual bool command(Instant now, Words words) = 0;
    virtual bool expect(Words words) = 0;
};

// "A" .. "L" are peers 1 .. 12.
PeerId peer_of(const std::string& letter);
std::string letter_of(const PeerId& id);
std::string letters_of(const std::vector<PeerId>& ids);  // "-": nobody
std::uint64_t number_of(const std::string& text);
Duration duration_of(const std::string& text);  // "500ms", "3s"

// A log as a schedule writes it: a NOOP is its term, "2.7" a BALANCE of term 2 and sequence 7, "2.7!" a REFERENCE,
// "2.remove:B" MEMBERS.
Members change_of(const std::string& text);
Record record_of(const std::string& text);
std::string text_of(const Record& record);
std::string text_of(const std::vector<Record>& records);
std::string text_of(const Message& message);

}  // namespace parley::schedules
