#include "tests/cluster/history.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace parley::cluster {
namespace {

// Two answers tell one start of a state with this much of a difference: how long they were on their way.
constexpr double same_start_seconds = 0.5;
// A line and an answer that tell of one change.
constexpr double same_change_seconds = 2;
// News of one change has reached everybody after this, the retransmissions of a loaded machine included.
constexpr double incident_seconds = 10;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::optional<State> state_named(std::string_view name) {
    if (name == "unknown") return State::unknown;
    if (name == "alive") return State::alive;
    if (name == "suspect") return State::suspect;
    if (name == "dead") return State::dead;
    if (name == "left") return State::left;
    return std::nullopt;
}

Sighting* History::similar(const Sighting& sighting) {
    for (auto one = sightings_.rbegin(); one != sightings_.rend(); ++one)
        if (one->observer == sighting.observer && one->member == sighting.member &&
            one->state == sighting.state && one->is_logged != sighting.is_logged &&
            std::abs(one->at - sighting.at) < same_change_seconds)
            return &*one;
    return nullptr;
}

void History::polled(std::size_t observer, std::size_t member, State state, double since) {
    Known& known = known_[{observer, member}];
    if (known.state == state && since < known.since + same_start_seconds) return;
    known = {state, since};
    const Sighting sighting{observer, member, state, since, false};
    if (similar(sighting) == nullptr) sightings_.push_back(sighting);
}

void History::logged(std::size_t observer, std::size_t member, State state, double at) {
    const Sighting sighting{observer, member, state, at, true};
    if (Sighting* known = similar(sighting)) {
        *known = sighting;
    } else {
        sightings_.push_back(sighting);
    }
}

void History::forget(std::size_t observer) {
    std::erase_if(known_, [&](const auto& entry) { return entry.first.first == observer; });
}

bool is_among(const Members& members, std::size_t member) {
    return std::find(members.begin(), members.end(), member) != members.end();
}

Spread spread_of(const std::vector<Sighting>& sightings, const Members& members, const Members& observers,
                 State state, Interval interval) {
    Spread spread;
    for (const std::size_t member : members) {
        std::map<std::size_t, double> seen;  // by observer
        for (const Sighting& one : sightings) {
            if (one.member != member || one.state != state || one.at < interval.from ||
                one.at > interval.until || one.observer == member || !is_among(observers, one.observer))
                continue;
            const auto [entry, is_new] = seen.try_emplace(one.observer, one.at);
            if (!is_new) entry->second = std::min(entry->second, one.at);
        }
        std::vector<double> times;
        for (const auto& [observer, at] : seen)
            times.push_back(at - interval.from);
        const std::size_t expected = observers.size() - (is_among(observers, member) ? 1 : 0);
        if (!times.empty()) spread.first.push_back(*std::min_element(times.begin(), times.end()));
        if (times.size() == expected) {
            spread.all.push_back(largest(times));
        } else {
            ++spread.missing;
        }
    }
    return spread;
}

Incidents incidents_of(const std::vector<Sighting>& sightings, const Members& members,
                       const Members& observers, State state, Interval interval) {
    Incidents result;
    for (const std::size_t member : members) {
        std::vector<double> times;
        for (const Sighting& one : sightings)
            if (one.member == member && one.state == state && one.at >= interval.from &&
                one.at <= interval.until && is_among(observers, one.observer))
                times.push_back(one.at);
        std::sort(times.begin(), times.end());
        result.sightings += times.size();
        result.members += times.empty() ? 0 : 1;
        for (std::size_t i = 0; i < times.size(); ++i)
            if (i == 0 || times[i] - times[i - 1] > incident_seconds) ++result.incidents;
    }
    return result;
}

double median(std::vector<double> values) {
    if (values.empty()) return not_a_number;
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double largest(const std::vector<double>& values) {
    return values.empty() ? not_a_number : *std::max_element(values.begin(), values.end());
}

}  // namespace parley::cluster
