#!/usr/bin/env bash
# Breaks one rule of the election, the log or the handover at a time and expects a test or a schedule to notice. Not part of
# ctest: it compiles.
#   tests/protocol/mutants/run.sh [NAME...]        BUILD_WRAPPER="..." goes before every build command
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
tests="raft handover peer participant compaction schedules"
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$root" && tar cf - --exclude=./build --exclude=./.git .) | tar xf - -C "$copy"
export CCACHE_BASEDIR=$copy CCACHE_NOHASHDIR=1
build() {
    # shellcheck disable=SC2086,SC2046
    ${BUILD_WRAPPER:-} cmake --build "$copy/build" --target $(printf 'protocol_%s_test ' $tests) >"$copy/build.log" 2>&1
}
# Prints what the first red test says; true when all are green.
green() {
    local test output
    for test in $tests; do
        if ! output=$(timeout 60 "$copy/build/tests/protocol_${test}_test" --color_output=no 2>&1); then
            { grep -aoE '[a-z0-9_]+\.txt, line [0-9]+' <<<"$output" || grep -aoE 'in "[a-z0-9_]+"' <<<"$output" ||
                echo "$test"; } | head -1
            return 1
        fi
    done
}
if ! cmake -S "$copy" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >"$copy/build.log" 2>&1 || ! build; then
    tail -20 "$copy/build.log"
    exit 2
fi
if ! green; then
    echo "the unchanged tree is red already"
    exit 2
fi
survivors=0
while IFS= read -r line; do
    # Only the first two bars separate: expressions hold some of their own.
    name=${line%%|*} rest=${line#*|}
    file=${rest%%|*} expression=${rest#*|}
    name=${name// /} file=${file// /}
    case $name in '' | \#*) continue ;; esac
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    cp "$copy/$file" "$copy/original"
    sed -i "$expression" "$copy/$file"
    if cmp -s "$copy/$file" "$copy/original"; then
        result="PATTERN DOES NOT MATCH"
        survivors=$((survivors + 1))
    elif ! build; then
        result="DOES NOT BUILD"
        survivors=$((survivors + 1))
    elif output=$(green); then
        result=survived
        survivors=$((survivors + 1))
    else
        result="killed: $output"
    fi
    cp "$copy/original" "$copy/$file"
    touch "$copy/$file"
    printf '%-32s %s\n' "$name" "$result"
done <"$here/table.txt"
exit $((survivors > 0))
