#!/usr/bin/env bash
# What `cmake --install` puts down works away from the build tree: executables find their kernels, the unit and the
# example config are there. usage: install_check.sh CMAKE BUILD_DIRECTORY
set -euo pipefail
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
"$1" --install "$2" --prefix "$root/usr" >"$root/log" || { cat "$root/log"; exit 1; }
cd "$root/usr"
if readelf -d bin/parleyd | grep -E 'R(UN)?PATH' | grep -qv '\[\$ORIGIN/../lib/parley\]'; then
    echo "parleyd looks for its libraries outside the installation:"
    readelf -d bin/parleyd | grep -E 'R(UN)?PATH'
    exit 1
fi
mkdir "$root/state"
bin/parleyd --version
bin/parley init --cluster check --directory "$root/state" --seed 127.0.0.1:7700
bin/parley config check "$root/state/parley.toml"
libraries=$(LD_DEBUG=libs bin/parleyd --version 2>&1 | grep -c "calling init: .*/lib/parley/.*libparley_kernels.so" || true)
if ((libraries != 1)); then
    echo "the kernels of the installation were not loaded"
    exit 1
fi
test -s lib/systemd/system/parleyd.service
test -s share/doc/parley/parley.toml
echo "installed and used"
