#!/usr/bin/env bash
# Breaks one rule of the gossip membership at a time and expects a test to notice: the unit tests, else the simulator.
# Not part of ctest: it compiles.    tests/sim/membership/mutants/run.sh [NAME...]    BUILD_WRAPPER="..." as in ../../mutants
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/mutants.sh
source "$here/../../../support/mutants.sh"
tests="protocol_swim_parts_test protocol_swim_test protocol_swim_suspicion_test protocol_swim_tables_test"
tests+=" protocol_membership_test sim_membership_test"
build() {
    # shellcheck disable=SC2086
    ${BUILD_WRAPPER:-} cmake --build "$copy/build" --target $tests >"$copy/build.log" 2>&1
}
noticed() {
    local test output
    for test in $tests; do
        output=$(timeout 120 "$copy/build/tests/$test" --color_output=no 2>&1) && continue
        echo "$test: $(grep -ao -m1 'in "[a-z0-9_]*' <<<"$output" | cut -d'"' -f2)"
        return 0
    done
    return 1
}
run_mutants "$here/table.txt" "$@"
