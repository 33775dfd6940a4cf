#!/usr/bin/env bash
# Every scenario in order; the tables go to cluster.md in the build directory, and to standard output. Takes about an hour.
# What a scenario needs and the host lacks (root, iproute2, nftables, serf) is skipped, and the table says so. Fails if a
# claim did not hold or a scenario could not end.
# usage: run_all.sh [--quick] [--build DIR] [--parleyd FILE]
#   --quick     each scenario once, and the long ones shorter: about a quarter of an hour
#   --build     where cluster_trial was built; default: build/release
#   --parleyd   the daemon to try, with parley beside it; default: the build's
set -euo pipefail
export LC_ALL=C
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=$root/build/release
quick=0
arguments=()
while (($# > 0)); do
    case $1 in
        --quick) quick=1 ;;
        --build) build=$(cd "$2" && pwd) && shift ;;
        --parleyd) arguments+=(--parleyd "$(realpath "$2")") && shift ;;
        *) sed -n '/^# usage/,/^set/{/^set/!s/^# \{0,1\}//p}' "$0" >&2 && exit 2 ;;
    esac
    shift
done
trial=$build/tests/cluster_trial
if [[ ! -x $trial ]]; then
    echo "run_all.sh: there is no $trial; build it: cmake --build $build --target cluster_trial parleyd parley" >&2
    exit 2
fi
result=$build/cluster.md
failed=()

# try FULL-OPTIONS QUICK-OPTIONS SCENARIO
try() {
    local options=$1 status=0
    if ((quick)); then options=$2; fi
    echo "=== $3 $options" >&2
    # shellcheck disable=SC2086  # options are words
    "$trial" "$3" --markdown $options "${arguments[@]}" | tee -a "$result" || status=$?
    ((status == 0)) || failed+=("$3 ($status)")
}

{
    echo "Host: $(nproc) cores, $(uname -r); load before: $(cut -d' ' -f1-3 /proc/loadavg)"
    echo
} | tee "$result"
try "" "" smoke
try "--times 5" "" kill
try "--times 5" "" serf-kill
try "" "--seconds 4 --seconds 60" freeze
try "--times 3" "" restart
try "" "" all
try "" "--seconds 60" partition
try "" "--seconds 30" minority
try "" "--seconds 45" one-way
try "" "--seconds 45" udp-blocked
try "--minutes 10" "--minutes 2" soak
try "--times 10" "--times 1" lifeguard-cycle
try "--times 10" "--times 1" serf-cycle

if ((${#failed[@]} > 0)); then
    echo "Failed (1: a claim does not hold, 3: it could not end): ${failed[*]}" | tee -a "$result"
    exit 1
fi
echo "All claims hold." | tee -a "$result"
