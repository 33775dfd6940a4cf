#!/usr/bin/env bash
# Everything from a fresh Debian or Ubuntu to a running group of peers: installs what is missing, builds, runs
# `parley demo`. Arguments are passed on; `daemon/demo.sh --help` lists them.
set -euo pipefail
# shellcheck source=daemon/setup.sh
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

parley_install build

# The tests need more packages; a build directory of theirs stays as it is.
arguments=()
[[ -f $parley_root/build/release/CMakeCache.txt ]] || arguments=(-DPARLEY_TESTS=OFF)
if ! output=$(parley_configure release "${arguments[@]}" 2>&1); then
    printf '%s\n' "$output" >&2
    exit 1
fi
# Ninja shows its progress; the current directory stays the caller's, so relative paths in the arguments hold.
cmake --build "$parley_root/build/release" --parallel "$(parley_jobs)" --target parleyd parley
exec "$parley_root/build/release/bin/parley" demo "$@"
