// One death: a group that decides rounds, a peer that dies at a point, the survivors, the return of the dead.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/kill_matrix/group.hpp"

namespace parley::kill_matrix {

struct Point {
    const char* name;  // as the hook has it; "none": nobody dies, for comparison
    const char* what;
    // Rounds that must be decided after the death: two where the successor may decide the dead coordinator's
    // own.
    std::uint64_t rounds_needed = 1;
    bool is_coordinator() const;
    bool kills() const;
};
const std::vector<Point>& points();

struct Outcome {
    std::string role;                   // of the dead
    bool is_reached = false;            // somebody died there in time
    std::optional<double> coordinator;  // seconds from the death; for coordinators alone
    std::optional<double> round;        // until the needed rounds are in the weights of all survivors
    double pause = 0;                   // longest time in which one survivor trained no batch
    double open = 0;                    // longest time for which a survivor had the same round open
    double handover = 0;                // longest time for which a survivor was handing over in one term
    std::optional<double> back;         // seconds from the restart until all five agree
    std::vector<std::string> failures;  // what did not hold
};

Outcome try_point(Group& group, const Point& point);

}  // namespace parley::kill_matrix
