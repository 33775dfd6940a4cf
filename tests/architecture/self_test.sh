#!/usr/bin/env bash
# The checks must fail on the samples, line by line, and pass what is allowed: a check that cannot fail is none.
# usage: self_test.sh [C++ COMPILER]
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
compiler=${1:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

claim() { # DESCRIPTION COMMAND...
    local description=$1
    shift
    if "$@" >/dev/null 2>&1; then return; fi
    echo "self_test.sh: not true: $description"
    failed=1
}
# shellcheck disable=SC2317  # called through claim
refuses() { ! "$@"; }

# --- includes ---
found=$("$here/includes.sh" "$here/samples" || true)
claim "includes.sh fails on the samples" refuses "$here/includes.sh" "$here/samples"
for line in protocol/bad.cpp:{2..11} learner/bad.cpp:{1,2} net/bad.cpp:{2,3,4} daemon/bad.cpp:{2,3}; do
    claim "includes.sh reports $line" grep -q "^$line: " <<<"$found"
done
claim "includes.sh reports nothing else" test "$(wc -l <<<"$found")" -eq 17
mkdir -p "$work"/good/{protocol,learner,net,daemon}
cp "$here/samples/protocol/good.hpp" "$work/good/protocol/"
claim "includes.sh passes what is allowed" "$here/includes.sh" "$work/good"
mkdir -p "$work"/empty/{protocol,learner,net,daemon}
claim "includes.sh fails where there are no sources" refuses "$here/includes.sh" "$work/empty"

# --- symbols ---
for kind in bad good; do
    "$compiler" -std=c++20 -O1 -c "$here/samples/${kind}_symbols.cpp" -o "$work/$kind.o"
    ar rcs "$work/lib$kind.a" "$work/$kind.o"
done
found=$("$here/symbols.sh" "$work/libbad.a" || true)
claim "symbols.sh fails on the sample" refuses "$here/symbols.sh" "$work/libbad.a"
for symbol in 'steady_clock::now()' socket open 'std::basic_filebuf' 'std::thread::' 'std::random_device::'; do
    claim "symbols.sh reports $symbol" grep -qF ": $symbol" <<<"${found/std::chrono::_V2::/}"
done
claim "symbols.sh passes what is allowed" "$here/symbols.sh" "$work/libgood.a"
claim "symbols.sh fails on what is no library" refuses "$here/symbols.sh" "$here/self_test.sh"

# --- sizes ---
mkdir -p "$work"/sizes/{protocol,learner,net,daemon,tests}
seq 600 >"$work/sizes/net/long.cpp"
seq 100 >"$work/sizes/daemon/parleyd.cpp"
claim "sizes.sh passes 600 lines, and 100 of a main" "$here/sizes.sh" "$work/sizes"
seq 601 >"$work/sizes/net/long.cpp"
claim "sizes.sh fails at 601 lines" refuses "$here/sizes.sh" "$work/sizes"
seq 10 >"$work/sizes/net/long.cpp"
seq 101 >"$work/sizes/daemon/parleyd.cpp"
claim "sizes.sh fails at 101 lines of a main" refuses "$here/sizes.sh" "$work/sizes"

((failed == 0)) && echo "self_test.sh: every check fails where it must and passes where it may"
exit "$failed"
