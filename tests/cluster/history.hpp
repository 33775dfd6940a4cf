// Who saw whom change, and when, from two sources: answers to GET /peers, and log lines. Either alone misses
// some: a change that lasts shorter than the time between two answers, or a line that the daemon's limiter
// left out. All times are seconds of the system clock since its epoch, because log lines have those.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::cluster {

double now();

enum class State { unknown, alive, suspect, dead, left };
std::optional<State> state_named(std::string_view name);  // as GET /peers has it

struct Sighting {
    std::size_t observer = 0;
    std::size_t member = 0;
    State state = State::unknown;
    double at = 0;
    bool is_logged = false;
};

class History {
public:
    // `observer` answered that `member` is in this state since then.
    void polled(std::size_t observer, std::size_t member, State state, double since);
    void logged(std::size_t observer, std::size_t member, State state, double at);
    // A new process of the observer: its times begin anew.
    void forget(std::size_t observer);

    const std::vector<Sighting>& sightings() const { return sightings_; }

private:
    struct Known {
        State state = State::unknown;
        double since = 0;
    };
    Sighting* similar(const Sighting& sighting);

    std::vector<Sighting> sightings_;  // each change once, whichever source told of it
    std::map<std::pair<std::size_t, std::size_t>, Known> known_;
};

using Members = std::vector<std::size_t>;
bool is_among(const Members& members, std::size_t member);

struct Interval {
    double from = 0;
    double until = 0;
};

// Seconds after `from` until each of `members` was in this state at the first, and at all, of `observers`.
// Who was not seen so everywhere is counted as missing.
struct Spread {
    std::vector<double> first;
    std::vector<double> all;
    std::size_t missing = 0;
};
Spread spread_of(const std::vector<Sighting>& sightings, const Members& members, const Members& observers,
                 State state, Interval interval);

// How often `members` were in this state at anybody. What several observers saw of one member at about the
// same time is one incident.
struct Incidents {
    std::size_t incidents = 0;
    std::size_t sightings = 0;
    std::size_t members = 0;  // different ones
};
Incidents incidents_of(const std::vector<Sighting>& sightings, const Members& members,
                       const Members& observers, State state, Interval interval);

// NaN for none.
double median(std::vector<double> values);
double largest(const std::vector<double>& values);

}  // namespace parley::cluster
