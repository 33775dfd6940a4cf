// Random schedules that Parley's Raft and etcd's run alike. One line an operation; README.md beside says what each means.
#pragma once

#include <cstdint>
#include <string>

namespace parley::etcd {

// "group 3", operations, "settle" after which the two are compared; the same number, the same text.
std::string write_script(std::uint64_t number);

// What Parley's machines have come to at every "settle", one line each.
std::string run_script(const std::string& script);

}  // namespace parley::etcd
