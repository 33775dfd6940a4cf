#!/usr/bin/env bash
# Breaks one rule of the protocol at a time and expects the simulator to notice. Not part of ctest: it compiles.
#   tests/sim/mutants/run.sh [--seeds N] [NAME...]        BUILD_WRAPPER="..." goes before every build command
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
seeds=100
if [ "${1:-}" = --seeds ]; then seeds=$2; shift 2; fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$root" && tar cf - --exclude=./build --exclude=./.git .) | tar xf - -C "$copy"
build() { ${BUILD_WRAPPER:-} cmake --build "$copy/build" --target sim_run >"$copy/build.log" 2>&1; }
if ! cmake -S "$copy" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >"$copy/build.log" 2>&1 || ! build; then
    tail -20 "$copy/build.log"
    exit 2
fi
if ! timeout 600 "$copy/build/tests/sim_run" --seeds "1..$seeds" --both >/dev/null 2>&1; then
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
    elif output=$(timeout 600 "$copy/build/tests/sim_run" --seeds "1..$seeds" --both --first-only 2>&1); then
        result=survived
        survivors=$((survivors + 1))
    else
        result="killed: $(grep -ao -m1 'VIOLATION.*' <<<"$output" | cut -c1-90)"
    fi
    cp "$copy/original" "$copy/$file"
    touch "$copy/$file"
    printf '%-28s %s\n' "$name" "$result"
done <"$here/table.txt"
exit $((survivors > 0))
