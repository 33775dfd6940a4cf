// Waiting in a trial of real processes, which must clean up after itself whatever happens.
#pragma once

#include <chrono>
#include <stdexcept>

namespace parley::cluster {

// The trial cannot go on: a peer does not start, somebody pressed Ctrl-C. Ends it through all destructors.
struct TrialError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// From here on SIGINT, SIGTERM and SIGHUP end the trial at the next wait.
void catch_interrupts();
// Between two looks at processes that run by themselves. Throws when interrupted.
void rest(std::chrono::milliseconds time);

}  // namespace parley::cluster
