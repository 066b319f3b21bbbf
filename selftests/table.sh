#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The connection table with many connections: it grows without losing a packet, finds all of
# them, respects its limit, and gives its memory back.
#
#     pktgen --> g0 ==veth== g1 [switch] o0 ==veth== o1 --> counted and dropped

. "$(dirname "$0")/lib.sh"

VIP=10.9.9.9 VIP6=fd09::9
SERVER=10.2.0.2 SERVER6=fd02::2
router_mac=02:00:00:00:01:01 server_mac=02:00:00:00:02:01
# Ports of a client, and so connections.
PORTS=60000
# What CPU 1 sends, interrupts on CPU 1 receive.
SENDER=1

topology() {
	ip link add g0 type veth peer name g1 address $router_mac || return 1
	defer ip link del g0
	ip link add o0 type veth peer name o1 address $server_mac || return 1
	defer ip link del o0
	local dev
	for dev in g0 g1 o0 o1; do
		sysctl -qw "net.ipv6.conf.$dev.accept_dad=0"
		ip link set "$dev" up
	done
	ip addr add 10.1.0.1/24 dev g1
	ip addr add 10.2.0.1/24 dev o0
	ip addr add fd02::1/64 dev o0 nodad
	ip neigh replace $SERVER lladdr $server_mac dev o0 nud permanent
	ip neigh replace $SERVER6 lladdr $server_mac dev o0 nud permanent
	tc qdisc add dev o1 clsact
	tc filter add dev o1 ingress protocol ip pref 1 flower ip_proto udp action drop
	tc filter add dev o1 ingress protocol ipv6 pref 2 flower ip_proto udp action drop
}

# arrived: packets of both families that have come to the end.
arrived() {
	tc -s -j filter show dev o1 ingress |
		jq '[.[].options.actions[]?.stats.packets] | add'
}

say() {
	echo "$2" >"/proc/net/pktgen/$1"
}

# send LINE...: a packet from each port, the client's addresses as the lines say.
send() {
	local line
	say kpktgend_$SENDER rem_device_all
	say kpktgend_$SENDER "add_device g0"
	for line in "count $PORTS" "delay 0" "pkt_size 80" "dst_mac $router_mac" \
		"udp_src_min 1024" "udp_src_max $((1023 + PORTS))" \
		"udp_dst_min 9000" "udp_dst_max 9000" "$@"; do
		say g0 "$line"
	done
	say pgctrl start
	grep -q "^Result: OK" /proc/net/pktgen/g0
}

# from FIRST LAST: from these IPv4 clients, 10.1.0.N.
from() {
	local n
	for ((n = $1; n <= $2; n++)); do
		send "dst $VIP" "src_min 10.1.0.$n" "src_max 10.1.0.$n" || return 1
	done
}

# pktgen has no range of IPv6 clients but that of ports.
from6() {
	send "dst6 $VIP6" "src6 fd01::$1"
}

connections() {
	yardctl --json show | jq .connections
}

is() {
	local wanted=$1
	shift
	[ "$("$@")" = "$wanted" ]
}

of_service() {
	yardctl --json service list udp "$1:9000" | jq .[0].stats.connections
}

table_full() {
	yardctl --json stats | jq '.drops[] | select(.reason == "table-full") | .packets'
}

# available: kilobytes that programs could have.
available() {
	awk '/^MemAvailable:/ { print $2 }' /proc/meminfo
}

back() {
	[ "$(available)" -ge "$(($1 - 6144))" ]
}

# Connections idle for SECONDS are forgotten, the present ones as well.
timeout_of() {
	ynl --do switch-set --json "{\"timeout\": [{\"state\": \"udp\", \"milliseconds\": $1}]}"
}

limit_of() {
	ynl --do switch-set --json "{\"connection-limit\": $1}"
}

need tc jq python3
modprobe -a pktgen cls_flower sch_ingress act_gact || skip_all "no pktgen"
defer modprobe -r pktgen
expect "the wires are there" topology
expect "the module loads" load
expect "the first wire is claimed" yardctl claim g1 --policy interrupt
expect "a service is made" yardctl service add udp "$VIP:9000" -d "$SERVER:9001"
expect "and one of IPv6" yardctl service add udp "[$VIP6]:9000" -d "[$SERVER6]:9001"
empty=$(available)

expect "packets of 180000 connections are sent" from 11 13
equal "each has arrived" "$(arrived)" 180000
equal "each is a connection" "$(connections)" 180000
full=$(available)
# 64 bytes of each, and its share of the hash; and what is kept free.
between "they take less than 96 bytes each and 8 megabytes, in kB" "$((empty - full))" \
	8000 $((180000 * 96 / 1024 + 8192))
expect "they are sent again" from 11 13
equal "each has arrived again" "$(arrived)" 360000
equal "and none is new" "$(of_service "$VIP")" 180000

expect "packets of 60000 IPv6 connections are sent" from6 11
equal "each has arrived" "$(arrived)" 420000
equal "each is a connection" "$(of_service "[$VIP6]")" 60000
equal "both families are counted" "$(connections)" 240000

expect "the limit is set while it runs" limit_of 270000
expect "more are sent than there may be" from 14 14
equal "there are as many as there may be" "$(connections)" 270000
equal "the others are counted drops" "$(table_full)" 30000
equal "each that was not has arrived" "$(arrived)" 450000
expect "known ones are sent at the limit" from 11 12
equal "each has arrived" "$(arrived)" 570000

expect "the timeout is set while it runs" timeout_of 1000
expect "all connections are forgotten" slowwait 12 is 0 connections
expect "their memory is given back" slowwait 8 back "$empty"
expect "the timeout is set back" timeout_of 300000
expect "new ones are sent" from 15 15
equal "each has arrived" "$(arrived)" 630000
equal "each is a connection" "$(connections)" 60000
finish
