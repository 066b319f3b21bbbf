#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packets that lie, at every layer: each ends with the reason that it should, and a
# connection that exists does not notice.
#
#     client 10.0.1.2 --- A [wire 2] B -- 10.9.9.9 -- veth --- server1 10.2.1.2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

echoes() {
	local word
	echo "$1" >&"${long[1]}"
	read -r -t 5 word <&"${long[0]}" && [ "$word" = "$1" ]
}

need python3 socat
# Of virtio-net, which sends what it is given; the emulated igb swallows bad headers.
FRONT_WIRE=2
topology veth
background in_server 1 socat TCP-LISTEN:7,fork,reuseaddr EXEC:cat
expect "a server listens" slowwait 10 listening 1 tcp 7
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1 --idle-timeout 1s
expect "a service is made" yardctl service add tcp "$VIP:7" -d 10.2.1.2:7
# What these forward must not be answered: that would be counted, too.
ip neigh add 10.2.1.99 lladdr 02:00:00:00:00:99 dev "${back[1]}" nud permanent
expect "a service is made whose destination is silent" \
	yardctl service add tcp "$VIP:80" -d 10.2.1.99:80
expect "and one for UDP" yardctl service add udp "$VIP:53" -d 10.2.1.99:53
coproc long { exec ip netns exec "$client" socat - "TCP:$VIP:7"; }
# shellcheck disable=SC2154 # made by coproc
defer quit "$long_PID"
expect "a connection works" echoes before
relay "all packets were sent" \
	python3 "$HERE/lib/malformed.py" "$client" "$front_peer" "$(cat "/sys/class/net/$front/address")"
expect "the connection still works" echoes after
finish
