#!/usr/bin/env bash
# The units in configs/ as far as this machine can judge: systemd accepts them, and the sandbox stays tight.
# usage: unit_check.sh PARLEYD
set -euo pipefail
export LC_ALL=C
parleyd=${1:?usage: unit_check.sh PARLEYD}
configs=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../configs" && pwd)
exposure_max=20 # tenths; the unit has 1.4 with systemd 252, and later versions ask for more

if ! command -v systemd-analyze >/dev/null; then
    echo "SKIPPED: there is no systemd-analyze on this machine"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SYSTEMD_LOG_LEVEL=warning
for unit in "$configs"/*.service; do
    name=$(basename "$unit")
    # The path of the installed program, replaced by the one of this build.
    sed "s|^ExecStart=/usr/bin/parleyd |ExecStart=$parleyd |" "$unit" >"$work/$name"
    grep -q "^ExecStart=$parleyd " "$work/$name" || { echo "$name does not start /usr/bin/parleyd"; exit 1; }
    complaints=$(systemd-analyze verify --man=no "$work/$name" 2>&1) || { echo "$complaints"; exit 1; }
    # Unknown keys are warnings for systemd; here they are mistakes.
    if grep -F "$name" <<<"$complaints"; then exit 1; fi
    if ! report=$(systemd-analyze security --offline=yes --threshold="$exposure_max" "$work/$name" 2>&1); then
        if grep -qi 'unrecognized option' <<<"$report"; then
            echo "SKIPPED: this systemd-analyze cannot judge a unit offline"
            exit 0
        fi
        echo "$report"
        exit 1
    fi
    tail -n 1 <<<"$report"
done
