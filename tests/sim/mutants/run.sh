#!/usr/bin/env bash
# Breaks one rule of the protocol at a time and expects the simulator to notice. Not part of ctest: it compiles.
#   tests/sim/mutants/run.sh [--seeds N] [NAME...]        BUILD_WRAPPER="..." goes before every build command
set -u
here=$(cd "$(dirname "$0")" && pwd)
seeds=100
if [ "${1:-}" = --seeds ]; then seeds=$2; shift 2; fi
# shellcheck source=tests/support/mutants.sh
source "$here/../../support/mutants.sh"
build() { ${BUILD_WRAPPER:-} cmake --build "$copy/build" --target sim_run >"$copy/build.log" 2>&1; }
noticed() {
    local output
    output=$(timeout 600 "$copy/build/tests/sim_run" --seeds "1..$seeds" --both --first-only 2>&1) && return 1
    grep -ao -m1 'VIOLATION.*' <<<"$output" | cut -c1-90
    return 0
}
run_mutants "$here/table.txt" "$@"
