# Breaking one rule at a time, for the scripts */mutants/run.sh. Not a program: they source it, define
#   build     builds what is needed in $copy/build, quietly; false when it does not build
#   noticed   true when something notices the broken rule, and prints what; false when everything is green
# and call   run_mutants TABLE [NAME...]   whose lines are: name | file | sed expression, which must change the file.
# shellcheck shell=bash

mutants_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$mutants_root" && tar cf - --exclude=./build --exclude=./.git .) | tar xf - -C "$copy"
export CCACHE_BASEDIR=$copy CCACHE_NOHASHDIR=1

run_mutants() {
    local table=$1 survivors=0 line name rest file expression result
    shift
    if ! cmake -S "$copy" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo >"$copy/build.log" 2>&1 || ! build; then
        tail -20 "$copy/build.log"
        exit 2
    fi
    if result=$(noticed); then
        echo "the unchanged tree is red already: $result"
        exit 2
    fi
    while IFS= read -r line; do
        # Only the first two bars separate: expressions hold some of their own.
        name=${line%%|*} rest=${line#*|}
        file=${rest%%|*} expression=${rest#*|}
        name=${name// /} file=${file// /}
        case $name in '' | \#*) continue ;; esac
        if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
        cp "$copy/$file" "$copy/original"
        sed -i "$expression" "$copy/$file"
        survivors=$((survivors + 1))
        if cmp -s "$copy/$file" "$copy/original"; then
            result="PATTERN DOES NOT MATCH"
        elif ! build; then
            result="DOES NOT BUILD"
        elif result=$(noticed); then
            result="killed: $result"
            survivors=$((survivors - 1))
        else
            result=survived
        fi
        cp "$copy/original" "$copy/$file"
        touch "$copy/$file"
        printf '%-34s %s\n' "$name" "$result"
    done <"$table"
    exit $((survivors > 0))
}
