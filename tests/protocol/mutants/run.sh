#!/usr/bin/env bash
# Breaks one rule of the election, the log, the committee, the handover or of pulling models at a time and expects a test or a schedule to
# notice. Not part of ctest: it compiles.
#   tests/protocol/mutants/run.sh [NAME...]            table.txt
#   tests/protocol/mutants/run.sh --models [NAME...]   models.txt: encodings and aggregation
#                                                  BUILD_WRAPPER="..." goes before every build command
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/support/mutants.sh
source "$here/../../support/mutants.sh"
table=$here/table.txt
tests="raft handover peer participant balancer balancer_committee slack blob_pull hash_tree compaction committee schedules"
chosen=()
if [ "${1:-}" = --models ]; then
    shift
    table=$here/models.txt
    tests="difference difference_decoder aggregators"
    chosen=('--run_test=!the_b*')  # without the cases that compare bytes and bits with those written down: they notice anything
fi
build() {
    # shellcheck disable=SC2086,SC2046
    ${BUILD_WRAPPER:-} cmake --build "$copy/build" --target $(printf 'protocol_%s_test ' $tests) >"$copy/build.log" 2>&1
}
noticed() {
    local test output
    for test in $tests; do
        output=$(timeout 60 "$copy/build/tests/protocol_${test}_test" --color_output=no "${chosen[@]}" 2>&1) && continue
        { grep -aoE '[a-z0-9_]+\.txt, line [0-9]+' <<<"$output" || grep -aoE 'in "[a-z0-9_]+"' <<<"$output" ||
            echo "$test"; } | head -1
        return 0
    done
    return 1
}
run_mutants "$table" "$@"
