#!/usr/bin/env bash
# Breaks one rule of the gossip membership at a time and expects a test to notice: the unit tests, else the simulator.
# Not part of ctest: it compiles.    tests/sim/membership/mutants/run.sh [NAME...]    BUILD_WRAPPER="..." as in ../../mutants
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$root" && tar cf - --exclude=./build --exclude=./.git .) | tar xf - -C "$copy"
build() { ${BUILD_WRAPPER:-} cmake --build "$copy/build" -j "${JOBS:-2}" --target "$@" >"$copy/build.log" 2>&1; }
units="protocol_swim_parts_test protocol_swim_test protocol_swim_tables_test"
# The first test that fails, or nothing.
failing() {
    local test
    for test in $units sim_membership_test; do
        build "$test" || { echo "DOES NOT BUILD"; return; }
        if ! timeout 120 "$copy/build/tests/$test" >"$copy/test.log" 2>&1; then
            echo "killed by $test: $(grep -ao -m1 'error: in "[a-z0-9_]*' "$copy/test.log" | cut -d'"' -f2)"
            return
        fi
    done
}
if ! cmake -S "$copy" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DPARLEY_TESTS=ON \
    >"$copy/build.log" 2>&1 || [ -n "$(failing)" ]; then
    echo "the unchanged tree is red already"
    tail -20 "$copy/build.log"
    exit 2
fi
survivors=0
while IFS= read -r line; do
    # Only the first two bars separate: expressions hold some of their own.
    name=${line%%|*} rest=${line#*|}
    file=${rest%%|*} expression=${rest#*|}
    name=${name// /} file=protocol/membership/${file// /}
    case $name in '' | \#*) continue ;; esac
    if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
    cp "$copy/$file" "$copy/original"
    sed -i "$expression" "$copy/$file"
    if cmp -s "$copy/$file" "$copy/original"; then result="PATTERN DOES NOT MATCH"; else result=$(failing); fi
    case $result in killed*) ;; *) survivors=$((survivors + 1)) ;; esac
    cp "$copy/original" "$copy/$file"
    touch "$copy/$file"
    printf '%-26s %s\n' "$name" "${result:-survived}"
done <"$here/table.txt"
exit $((survivors > 0))
