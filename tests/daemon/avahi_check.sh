#!/usr/bin/env bash
# Two peers without seeds find one another through real avahi-daemons: two network namespaces with a veth between them,
# each with a D-Bus, an avahi-daemon and a parleyd of its own. Then an avahi-daemon is stopped and comes back, and a peer
# stops, which withdraws its announcement.
# usage: avahi_check.sh PARLEYD PARLEY
set -euo pipefail
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
parleyd=${1:?usage: avahi_check.sh PARLEYD PARLEY}
parley=${2:?usage: avahi_check.sh PARLEYD PARLEY}

skip() { echo "SKIPPED: $1"; exit 0; }
if [[ ${PARLEY_AVAHI_INSIDE:-} != 1 ]]; then
    for program in avahi-daemon dbus-daemon ip unshare nsenter; do
        command -v "$program" >/dev/null || skip "there is no $program on this machine"
    done
    [[ $(id -u) == 0 ]] || skip "network namespaces need root"
    unshare --net --mount --pid --fork true 2>/dev/null || skip "this machine allows no network namespaces"
    # All processes live in one pid namespace and end with it; the first network namespace is one peer's.
    PARLEY_AVAHI_INSIDE=1 exec unshare --net --mount --pid --fork --kill-child --mount-proc "$0" "$@"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mount -t tmpfs tmpfs /run
unshare --net --mount tail -f /dev/null &
other=$!
tries_for() { # SECONDS DESCRIPTION COMMAND...: again and again until it succeeds
    local deadline=$((SECONDS + $1)) description=$2
    shift 2
    until "$@"; do
        if ((SECONDS >= deadline)); then
            echo "not in time: $description"
            tail -n 40 "$work"/*/*.log
            exit 1
        fi
        sleep 0.2
    done
}
become() { # HOST COMMAND...: in that host's namespaces, instead of this shell
    local host=$1
    shift
    export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$work/$host/bus
    if [[ $host == alpha ]]; then exec "$@"; else exec nsenter --target "$other" --net --mount -- "$@"; fi
}
on() { (become "$@"); }
is_elsewhere() { [[ $(readlink "/proc/$other/ns/net") != "$(readlink /proc/self/ns/net)" ]]; }
tries_for 5 "the second namespace" is_elsewhere
ip link add veth0 type veth peer name veth1 netns "$other" 2>/dev/null || skip "this machine has no veth"

start_avahi() { # HOST
    become "$1" avahi-daemon --no-drop-root --no-chroot --no-rlimits -f "$work/$1/avahi.conf" >>"$work/$1/avahi.log" 2>&1 &
    avahi[$1]=$!
}
declare -A avahi=() peer=()
start_host() { # HOST ADDRESS INTERFACE
    mkdir -p "$work/$1"
    on "$1" ip link set lo up
    on "$1" ip addr add "$2/24" dev "$3"
    on "$1" ip link set "$3" up
    on "$1" mount -t tmpfs tmpfs /run
    cat >"$work/$1/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=$work/$1/bus</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_type="method_return"/>
<allow receive_type="error"/></policy></busconfig>
END
    printf '[server]\nhost-name=%s\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=%s\n[publish]\npublish-workstation=no\n' \
        "$1" "$3" >"$work/$1/avahi.conf"
    become "$1" dbus-daemon --nofork --config-file="$work/$1/bus.conf" >"$work/$1/bus.log" 2>&1 &
    tries_for 5 "the bus of $1" test -S "$work/$1/bus"
}
start_host alpha 10.77.0.1 veth0
start_host beta 10.77.0.2 veth1

# --- two peers of one group, without seeds ---
for host in alpha beta; do
    "$parley" init --cluster lab --directory "$work/$host/state" --name "$host" \
        $([[ $host == beta ]] && echo --secret-file "$work/alpha/state/cluster.secret") >"$work/$host/init.log"
done
ids=$(sed -n "s/^This peer's id: //p" "$work"/*/init.log)
voters=$(printf '"%s", ' $ids)
for host in alpha beta; do
    sed -i "s/^voters = \[\]/voters = [${voters%, }]\nmdns = true/" "$work/$host/state/parley.toml"
    grep -q '^seeds = \[\]' "$work/$host/state/parley.toml"
    become "$host" "$parleyd" --config "$work/$host/state/parley.toml" >"$work/$host/parleyd.log" 2>&1 &
    peer[$host]=$!
done
shows() { # HOST PATTERN
    "$parley" peers --config "$work/$1/state/parley.toml" 2>/dev/null | grep -q "$2"
}
for host in alpha beta; do
    tries_for 15 "$host says that there is no Avahi" shows "$host" 'discovery .*avahi-daemon is not running (apt install'
done
start_avahi alpha
start_avahi beta
tries_for 30 "alpha sees beta" shows alpha 'beta  *alive'
tries_for 30 "beta sees alpha" shows beta 'alpha  *alive'
tries_for 30 "alpha is announced" shows alpha 'discovery .*announced as alpha; 1 of the group'
tries_for 30 "beta is announced" shows beta 'discovery .*announced as beta; 1 of the group'
"$parley" peers --config "$work/alpha/state/parley.toml"

# --- Avahi stops and comes back ---
kill "${avahi[alpha]}"
tries_for 15 "alpha notices that Avahi is gone" shows alpha 'discovery .*avahi-daemon is not running'
kill -0 "${peer[alpha]}"
tries_for 30 "beta notices that the announcement is gone" shows beta 'discovery .*; 0 of the group'
shows beta 'alpha  *alive' # they stay connected
start_avahi alpha
tries_for 30 "alpha is announced again" shows alpha 'discovery .*announced as alpha; 1 of the group'
tries_for 30 "beta finds it again" shows beta 'discovery .*; 1 of the group'
(($(grep -c 'avahi-daemon is not running' "$work/alpha/parleyd.log") <= 2)) # once for each time

# --- a stop withdraws the announcement ---
kill "${peer[beta]}"
wait "${peer[beta]}"
tries_for 15 "alpha notices that beta's announcement is withdrawn" shows alpha 'discovery .*; 0 of the group'
echo "two peers without seeds found one another through avahi-daemon $(avahi-daemon --version | awk '{print $2}')"
