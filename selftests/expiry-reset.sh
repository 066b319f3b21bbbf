#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Resets at expiry: both ends of a TCP connection that has been idle for too long are told, in
# either family, if the service wants that; and nobody is if it does not.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:7, fd00:9::9:7 -- veth --- server1 10.2.1.2
#            fd00:1::2                       switch                           fd00:2:1::2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/six.sh"

# waits NAME ADDRESS PORT: a client in the background; what it comes to know is in that file.
waits() {
	in_client timeout $((30 * SLOW)) python3 "$HERE/lib/tcp.py" wait "$2" "$3" >"$work/$1" 2>&1 &
	defer quit $!
}

# is_ready NAME...: whether all of these have their connection.
is_ready() {
	local name
	for name; do
		grep -qs ready "$work/$name" || return 1
	done
}

# after FILE: after how many milliseconds there was a reset; -1 if there was none.
after() {
	slowwait 10 grep -q "reset after" "$work/$1"
	awk '/^reset after/ { n = $3 } END { print n ? n : -1 }' "$work/$1"
}

active() {
	yardctl --json destination list | jq '[.[].active_connections] | add'
}

resets_told() {
	grep -c "^reset" "$work/server"
}

# Seconds: all three clients have to come before the first one's are over.
IDLE=$((2 * SLOW))

work_dir
topology veth
expect "everybody speaks IPv6" topology6
in_server 1 python3 "$HERE/lib/tcp.py" serve server1 7 >"$work/server" 2>&1 </dev/null &
defer quit $!
expect "a server listens" slowwait 10 listening 1 tcp 7
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 200ms
expect "services are made" yardctl batch - <<-END
	service add tcp $VIP:7 --timeout $IDLE --reset-at-expiry -d 10.2.1.2:7
	service add tcp [$VIP6]:7 --timeout $IDLE --reset-at-expiry -d [fd00:2:1::2]:7
	service add tcp $VIP:8 --timeout $IDLE -d 10.2.1.2:7
END

waits four "$VIP" 7
waits six "$VIP6" 7
waits none "$VIP" 8
expect "clients of both families connect, and one of a service without resets" \
	slowwait 10 is_ready four six none
equal "three are active" "$(active)" 3
# From the last packet on, and until the collector comes by.
between "the client of IPv4 is told after $IDLE seconds" "$(after four)" $((IDLE * 1000 - 500)) $((4000 * SLOW))
between "that of IPv6 as well" "$(after six)" $((IDLE * 1000 - 500)) $((4000 * SLOW))
expect "so is the server, of both" slowwait 5 is 2 resets_told
expect "the third connection is forgotten" slowwait 8 is 0 active
between "the switch has sent as many" "$(counted expiry_resets)" 4 8
equal "nobody told the third client" "$(cat "$work/none")" ready
equal "nothing counts as active" "$(active)" 0
expect "what is left is called expired" eval \
	'[ "$(yardctl --json connections | jq -r "[.[].state] | unique | join(\" \")")" = expired ]'
expect "soon nothing is left" slowwait 15 is 0 connection_count
equal "nor counted" "$(yardctl --json destination list |
	jq '[.[].active_connections, .[].inactive_connections] | add')" 0

# The ports of an expired connection serve at once.
expect "expired ones are remembered for long" yardctl set --timeout expired=5m
waits more "$VIP" 7
expect "a connection is made" slowwait 10 is_ready more
expect "it expires" slowwait 10 is expired eval \
	'yardctl --json connections --state expired | jq -r "[.[].state] | unique[]"'
port=$(yardctl --json connections --state expired | jq -r '.[0].client_port')
in_client timeout $((20 * SLOW)) python3 "$HERE/lib/tcp.py" again "$VIP" 7 "$port" 3 server >"$work/again"
equal "another one on the same port is served" "$(awk '{ print $2 }' "$work/again" | paste -sd ' ')" \
	"server1 server1 server1"
between "at once" "$(sort -n "$work/again" | awk 'END { print $1 }')" 0 $((700 * SLOW))
finish
