#!/usr/bin/env bash
# parleyd has no trace of the fault hook, neither in its symbols nor in its strings; parleyd_faults, searched in the same
# way, has both.
# usage: absent.sh PARLEYD PARLEYD_FAULTS
set -euo pipefail
symbols='parley6daemon6faults'
strings='PARLEY_KILL_TOKEN|coordinator:warmup|member:contributed'

traces() {
    { nm -a "$1" 2>/dev/null | grep -E "$symbols" || true; grep -aoE "$strings" "$1" || true; } | sort -u
}

if [[ -n $(traces "$1") ]]; then
    echo "$1 has the fault hook:"
    traces "$1"
    exit 1
fi
for wanted in "$symbols" PARLEY_KILL_TOKEN; do
    if ! traces "$2" | grep -q "$wanted"; then
        echo "$2 has no $wanted: this search finds nothing where there is something"
        exit 1
    fi
done
