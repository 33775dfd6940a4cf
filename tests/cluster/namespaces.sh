#!/usr/bin/env bash
# Peers in network namespaces of their own, each with one cable to a bridge; needs root, iproute2 and nftables.
# `cluster_trial` calls it. PARLEY_TRIAL is the beginning of the namespaces' names; the bridges are in a namespace too,
# so that nothing of the host's network is touched.
#
#   namespaces.sh check              why it cannot be done here, or nothing
#   namespaces.sh up N | down        peers 1 to N with the addresses 10.77.0.1 to 10.77.0.N
#   namespaces.sh split N | heal N   the upper half of the peers on another bridge, and back
#   namespaces.sh drop I FROM udp|all   what FROM sends is lost at I; FROM "any": what anybody sends
#   namespaces.sh pass I             nothing is lost at I any more
#   namespaces.sh --config FILE      becomes $PARLEY_TRIAL_PARLEYD --config FILE in the namespace of the peer whose
#                                    directory, peer-I, holds FILE
set -euo pipefail

network=10.77.0
trial=${PARLEY_TRIAL:-parley-trial}
hub=$trial-hub

check() {
    local name=$trial-check-$$
    ((EUID == 0)) || { echo "network namespaces need root"; return; }
    for program in ip nft; do
        command -v "$program" >/dev/null || { echo "there is no $program: install iproute2 and nftables"; return; }
    done
    if ! ip netns add "$name" 2>/dev/null; then
        echo "this host allows no network namespaces"
        return
    fi
    ip -n "$name" link add name left type bridge 2>/dev/null || echo "this host has no bridges"
    ip netns exec "$name" nft add table inet parley 2>/dev/null || echo "this host has no nftables"
    ip netns del "$name"
}

up() {
    local i
    ip netns add "$hub"
    ip -n "$hub" link add name left type bridge
    ip -n "$hub" link add name right type bridge
    ip -n "$hub" link set left up
    ip -n "$hub" link set right up
    for ((i = 1; i <= $1; i++)); do
        ip netns add "$trial-$i"
        ip -n "$trial-$i" link add name eth0 type veth peer name "port$i" netns "$hub"
        ip -n "$hub" link set "port$i" master left up
        ip -n "$trial-$i" address add "$network.$i/24" dev eth0
        ip -n "$trial-$i" link set lo up
        ip -n "$trial-$i" link set eth0 up
    done
}

down() {
    local name
    for name in $(ip netns list | awk -v trial="$trial-" 'index($1, trial) == 1 { print $1 }'); do
        ip netns del "$name" || true
    done
}

# BRIDGE N: where the upper half is.
connect_upper_half() {
    local i
    for ((i = $2 / 2 + 1; i <= $2; i++)); do
        ip -n "$hub" link set "port$i" master "$1"
    done
}

drop() {
    local match=()
    if [[ $2 != any ]]; then match+=(ip saddr "$network.$2"); fi
    if [[ $3 == udp ]]; then match+=(meta l4proto udp); fi
    ip netns exec "$trial-$1" nft add table inet parley
    ip netns exec "$trial-$1" nft add chain inet parley input '{ type filter hook input priority 0; }'
    ip netns exec "$trial-$1" nft add rule inet parley input "${match[@]}" drop
}

case ${1:-} in
    check) check ;;
    up) up "$2" ;;
    down) down ;;
    split) connect_upper_half right "$2" ;;
    heal) connect_upper_half left "$2" ;;
    drop) drop "$2" "$3" "$4" ;;
    pass) ip netns exec "$trial-$2" nft delete table inet parley ;;
    --config)
        directory=$(basename "$(dirname "$2")")
        exec ip netns exec "$trial-${directory#peer-}" "$PARLEY_TRIAL_PARLEYD" --config "$2"
        ;;
    *)
        sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
