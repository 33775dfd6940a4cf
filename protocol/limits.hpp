// Every bound of the protocol, in one place, with what happens at it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace parley::limits {

constexpr std::size_t members_max = 64;              // larger groups are refused by the config
constexpr std::size_t departed_max = 1024;          // removed and revoked keys that strangers may be added to
constexpr std::size_t name_bytes_max = 64;           // of a peer; longer ones are refused
constexpr std::size_t address_bytes_max = 256;       // "host:port"
constexpr std::size_t record_bytes_max = 4096;       // of an encoded log record
constexpr std::size_t records_per_append = 64;       // a follower further behind gets the rest after its reply
constexpr std::size_t log_records_kept = 1024;       // of those applied; older ones are compacted. A day of a round a minute or
constexpr std::size_t log_bytes_kept = std::size_t{1} << 20U;  // so; at 64 members 1 MiB is 370 of them
constexpr std::size_t control_message_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t parameters_max = std::size_t{1} << 30U;  // 4 GiB of floats
constexpr std::size_t leaf_bytes = std::size_t{1} << 20U;      // of a model; the last leaf may be shorter
constexpr std::size_t leaves_max = parameters_max * 4 / leaf_bytes;  // of a model
constexpr std::size_t pulled_from_max = 4;           // holders that one model is pulled from at once
constexpr std::size_t pullers_max = 4;               // that are served at once; the next is told who else holds the model
constexpr std::size_t model_header_bytes_max = 1024;
constexpr std::size_t shared_settings_max = 32;      // named in a hello
constexpr std::size_t description_bytes_max = 512;   // texts of a peer that we show
constexpr std::size_t rounds_remembered = 100;       // for `parley explain`; older ones are forgotten

// msgpack: passed to every unpack, for five hostile bytes can ask for gigabytes otherwise.
constexpr std::size_t msgpack_array_max = 4096;
constexpr std::size_t msgpack_map_max = 64;
constexpr std::size_t msgpack_string_max = 1024;
constexpr std::size_t msgpack_binary_max = 65536;
constexpr std::size_t msgpack_depth_max = 8;

}  // namespace parley::limits
