# What daemon/demo.sh and tests/run.sh share: packages and the build's configuration. To be sourced by bash.
# shellcheck shell=bash
#
#   parley_install KIND...          installs the packages of these kinds (tests/packages.txt) that are missing
#   parley_configure PRESET [ARG..] cmake --preset, with what this machine needs
#   parley_jobs                     how many compilers to run at once
#
# PARLEY_SKIP_SETUP=1 installs nothing, for systems that have everything under other names.

parley_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

parley_install() {
    [[ ${PARLEY_SKIP_SETUP:-} == 1 ]] && return 0
    local kinds=" $* " kind package wanted=() missing=()
    while read -r kind package; do
        [[ -n $package && $kinds == *" $kind "* ]] && wanted+=("$package")
    done < <(sed 's/#.*//' "$parley_root/tests/packages.txt")

    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        {
            echo "This is neither Debian nor Ubuntu, so nothing can be installed here. Parley needs what these packages hold:"
            printf '  %s\n' "${wanted[@]}"
            echo "Install them by your system's means, then run this again with PARLEY_SKIP_SETUP=1."
        } >&2
        return 1
    fi
    for package in "${wanted[@]}"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    ((${#missing[@]} == 0)) && return 0

    local as_root=()
    if ((EUID != 0)); then
        if ! command -v sudo >/dev/null; then
            {
                echo "Missing packages, and neither root nor sudo to install them. As root run:"
                echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
            } >&2
            return 1
        fi
        as_root=(sudo)
    fi
    echo "Installing: ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q)
    # A source that cannot be reached is no reason to stop while the others have the packages.
    "${apt[@]}" update </dev/null || echo "apt-get update failed; trying with the lists there are" >&2
    if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null; then
        echo "apt-get could not install: ${missing[*]}" >&2
        echo "Parley builds on Debian 12, Ubuntu 24.04 and newer." >&2
        return 1
    fi
}

# The compilers take up to 1.5 GB each.
parley_jobs() {
    local jobs memory
    jobs=$(nproc)
    memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo 2>/dev/null || true)
    if [[ -n $memory ]] && ((memory < jobs)); then jobs=$((memory > 0 ? memory : 1)); fi
    echo "$jobs"
}

parley_configure() {
    local preset=$1 cache arguments=()
    shift
    cache=$parley_root/build/$preset/CMakeCache.txt
    # A build directory that came here with a copied checkout belongs to the old place.
    if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$parley_root" "$cache"; then
        arguments+=(--fresh)
    fi
    # Warnings are errors with the compiler they were looked at with; another one may know more of them.
    [[ $("${CXX:-c++}" -dumpversion) == 12* ]] || arguments+=(-DPARLEY_WERROR=OFF)
    cmake -S "$parley_root" --preset "$preset" "${arguments[@]}" "$@"
}
