#!/usr/bin/env bash
# No source file above 600 lines, no main above 100: split by concept. Prints the offenders and fails.
# usage: sizes.sh [ROOT]
set -euo pipefail
export LC_ALL=C
root=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
cd "$root"
mapfile -t files < <(find protocol learner net daemon tests -type f \
    \( -name '*.hpp' -o -name '*.cpp' -o -name '*.h' -o -name '*.sh' -o -name '*.py' \) | sort)
if ((${#files[@]} == 0)); then
    echo "sizes.sh: no sources under $root"
    exit 2
fi
awk '
function check() {
    if (name == "") return
    allowed = name ~ /^daemon\/(parley|parleyd|main|main_[a-z]+)\.cpp$/ ? 100 : 600
    if (lines > allowed) { printf "%s: %d lines, at most %d\n", name, lines, allowed; violations++ }
}
FNR == 1 { check(); name = FILENAME }
{ lines = FNR }
END { check(); exit violations > 0 }
' "${files[@]}" && echo "sizes.sh: ${#files[@]} files, none too long"
