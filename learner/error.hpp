// Errors and assertions of the learner. It stands alone (no protocol/, no net/), so it has its own.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace parley::learner {

struct Error {
    std::string message;  // one line: what is wrong, where, and what to do about it
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> failure(std::string message) {
    return std::unexpected<Error>(Error{std::move(message)});
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace parley::learner

// An invariant of ours, on in every build. A failure aborts: never use it on what a file or a user can cause.
#define LEARNER_CHECK(condition) \
    ((condition) ? static_cast<void>(0) : ::parley::learner::check_failed(#condition, __FILE__, __LINE__))
