#!/usr/bin/env bash
# Breaks one rule of the election, the log, the committee, the handover or of pulling models at a time and expects a test or a schedule to
# notice. Not part of ctest: it compiles.
#   tests/protocol/mutants/run.sh [NAME...]        BUILD_WRAPPER="..." goes before every build command
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/mutants.sh
source "$here/../../support/mutants.sh"
tests="raft handover peer participant balancer blob_pull hash_tree compaction committee schedules"
build() {
    # shellcheck disable=SC2086,SC2046
    ${BUILD_WRAPPER:-} cmake --build "$copy/build" --target $(printf 'protocol_%s_test ' $tests) >"$copy/build.log" 2>&1
}
noticed() {
    local test output
    for test in $tests; do
        output=$(timeout 60 "$copy/build/tests/protocol_${test}_test" --color_output=no 2>&1) && continue
        { grep -aoE '[a-z0-9_]+\.txt, line [0-9]+' <<<"$output" || grep -aoE 'in "[a-z0-9_]+"' <<<"$output" ||
            echo "$test"; } | head -1
        return 0
    done
    return 1
}
run_mutants "$here/table.txt" "$@"
