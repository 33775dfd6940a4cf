#!/usr/bin/env bash
# The same random scripts through Parley's Raft and through etcd's: term, coordinator, commit and end of the log of every
# node must agree after every step.
# usage: compare.sh ETCD_SCRIPTS [COUNT]
set -euo pipefail
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
scripts=$1
count=${2:-1000}
sources=${PARLEY_GO_SOURCES:-/usr/share/gocode}
if ! command -v go >/dev/null; then
    echo "SKIPPED: there is no Go compiler on this machine (Debian: golang-go)"
    exit 0
fi
if [ ! -d "$sources/src/go.etcd.io/etcd/raft" ]; then
    echo "SKIPPED: there is no source of etcd's raft in $sources (Debian: golang-etcd-server-dev)"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/main.go" "$work/main.go"
if ! (cd "$work" && GOPATH=$sources GO111MODULE=off GOFLAGS= GOCACHE=$work/cache CGO_ENABLED=0 go build -o etcd main.go) \
    >"$work/build.log" 2>&1; then
    cat "$work/build.log"
    exit 1
fi
"$scripts" write "$count" "$work/scripts"
"$scripts" run "$work/scripts" >"$work/ours"
"$work/etcd" "$work/scripts" >"$work/theirs"
steps=$(grep -c '^1:' "$work/ours")
if cmp -s "$work/ours" "$work/theirs"; then
    echo "$count scripts, $steps comparisons, no difference"
    exit 0
fi
line=$({ cmp "$work/ours" "$work/theirs" || true; } | awk '{ print $NF }')
number=$(head -n "$line" "$work/ours" | grep '^script' | tail -1 | awk '{ print $2 }')
first=$(grep -n "^script $number\$" "$work/ours" | cut -d: -f1)
echo "script $number differs at its comparison $((line - first)) (term/coordinator/commit/last@term of each node):"
echo "  ours  $(sed -n "${line}p" "$work/ours")"
echo "  etcd  $(sed -n "${line}p" "$work/theirs")"
echo "  before $(sed -n "$((line - 1))p" "$work/ours")"
awk -v want="script $number" '/^script/ { on = $0 == want } on' "$work/scripts" | head -80
differing=$({ diff "$work/ours" "$work/theirs" || true; } | grep -c '^<' || true)
echo "$differing of $steps comparisons differ"
exit 1
