#!/usr/bin/env bash
# Which folder may include what: the layers of the README. Prints FILE:LINE of every violation and fails.
# usage: includes.sh [ROOT]
set -euo pipefail
export LC_ALL=C
root=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
cd "$root"

mapfile -t files < <(find protocol learner net daemon -type f \( -name '*.hpp' -o -name '*.cpp' -o -name '*.h' \) | sort)
if ((${#files[@]} == 0)); then
    echo "includes.sh: no sources under $root"
    exit 2
fi

awk '
function refuse(why) { printf "%s:%d: %s: %s\n", FILENAME, FNR, $0, why; violations++ }
function wants(pattern) { return header ~ ("^(" pattern ")$") }

/^[ \t]*#[ \t]*include/ {
    folder = FILENAME; sub(/\/.*/, "", folder)
    own = /include[ \t]*"/
    header = $0; sub(/^[^"<]*["<]/, "", header); sub(/[">].*/, "", header)
    if (own) {
        target = header; sub(/\/.*/, "", target)
        if (header !~ /\//) refuse("includes are written from the root of the repository")
        else if (target == "tests" || target == "configs") refuse("nothing includes " target "/")
        else if (folder == "protocol" && target != "protocol") refuse("protocol/ includes only itself")
        else if (folder == "learner" && target != "learner") refuse("learner/ includes only itself")
        else if (folder == "net" && target != "net" && header != "protocol/types.hpp")
            refuse("of the others net/ includes protocol/types.hpp alone")
        else if (header == "protocol/msgpack_fields.hpp" && FILENAME !~ /^protocol\/((bulk_|record_)?codec|membership\/swim_codec)\.cpp$/ && FILENAME != "protocol/record_codec.hpp")
            refuse("only the codecs know msgpack")
        else if (folder == "daemon" && target !~ /^(daemon|net|learner|protocol)$/)
            refuse("there is no such folder")
        next
    }
    if (folder == "protocol") {
        if (wants("boost/.*|sodium.*|asio.*")) refuse("protocol/ does no I/O and needs no library for it")
        if (wants("thread|mutex|shared_mutex|condition_variable|future|semaphore|stop_token|latch|barrier|atomic"))
            refuse("protocol/ has no threads")
        if (wants("fstream|filesystem|iostream|ostream|istream|ctime|time\\.h|unistd\\.h|fcntl\\.h|poll\\.h|pthread\\.h|sys/.*|netinet/.*|arpa/.*"))
            refuse("protocol/ has no files, no clock, no sockets")
        if (wants("msgpack.*") && FILENAME != "protocol/msgpack_fields.hpp")
            refuse("msgpack belongs to protocol/msgpack_fields.hpp alone")
        if (wants("Eigen/.*") && FILENAME !~ /^protocol\/averaging\//) refuse("Eigen belongs to the arithmetic")
    }
    if (folder == "learner" && wants("boost/.*|sodium.*|msgpack.*|sys/socket\\.h|netinet/.*"))
        refuse("learner/ has no network")
    if (wants("boost/asio\\.hpp")) refuse("include the narrow headers of Asio")
}
# Comments are not looked at: a word in one is no use.
/random_device|system_clock::now|steady_clock::now/ {
    code = $0; sub(/\/\/.*/, "", code)
    if (FILENAME ~ /^protocol\// && code ~ /random_device|_clock::now/) refuse("protocol/ takes time and randomness as arguments")
}
END { exit violations > 0 }
' "${files[@]}" && echo "includes.sh: ${#files[@]} files, no violation"
