// Runs one scripted schedule: a text file whose lines are commands and expectations (README.md has the language). What must
// hold always is checked after every input: one coordinator a term, one vote a term, committed records stay.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/protocol/schedules/network.hpp"
#include "tests/protocol/schedules/node.hpp"

namespace parley::schedules {

class Schedule {
public:
    // Nothing when every line holds; else which does not, and why. `transcript` tells what happened.
    std::optional<std::string> run(const std::string& text);
    [[nodiscard]] const std::string& transcript() const { return transcript_; }

private:
    struct Place {
        std::unique_ptr<Node> node;
        Duration clock_ahead{};  // every host has a clock of its own; a schedule moves one at a time
    };

    void line(const std::string& text);
    void command(const std::vector<std::string>& words);
    bool time_command(Words words);
    bool network_command(Words words);
    bool host_command(Words words);
    void create(Words words);
    void expect(Words words);
    void expect_one(const PeerId& id, Words words);
    void expect_link(const std::string& link, Words kinds);

    Place& place(const std::string& letter);
    Node& running(const std::string& letter);
    [[nodiscard]] Instant local(const Place& place) const { return now_ + place.clock_ahead; }
    void fire(const PeerId& id);
    void time_out(const std::string& letter);
    void deliver(Network::Letter letter);
    void deliver_all();
    void pass(Duration duration);
    void sent(const PeerId& from, const PeerId& to, Message message);
    void check_always();
    void tell(const std::string& text) { transcript_ += text + "\n"; }

    std::map<PeerId, Place> places_;
    Network network_;
    Instant now_{};
    std::map<Term, PeerId> coordinators_;
    std::map<std::pair<PeerId, Term>, PeerId> votes_;
    std::map<std::uint64_t, Record> committed_;
    std::map<LogIndex, HistorySnapshot> bases_;
    std::map<PeerId, std::string> roles_;  // as told last
    std::string transcript_;
};

}  // namespace parley::schedules
