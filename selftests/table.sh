#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The connection table with many connections: it grows without losing a packet or making one
# wait, finds all of them, respects its limit, and gives its memory back.  TABLE_CLIENTS in the
# environment, 3 unless it is set, says how many clients open 60,000 connections each (20,000 on
# a slow kernel); with TABLE_FAMILY=6 these are of IPv6, and a few others of IPv4.
#
#     pktgen --> g0 ==veth== g1 [switch] o0 ==veth== o1 --> counted and dropped
#     one flow -> p0 ==veth== p1 [switch] s0 ==veth== s1 --> timed

# shellcheck disable=SC2016 # text for eval
. "$(dirname "$0")/lib.sh"

VIP=10.9.9.9 VIP6=fd09::9
SERVER=10.2.0.2 SERVER6=fd02::2 PROBED=10.3.0.2
router_mac=02:00:00:00:01:01 server_mac=02:00:00:00:02:01
# Ports of a client, and so connections.
PORTS=$((SLOW > 1 ? 20000 : 60000))
HALF=$((PORTS / 2))
CLIENTS=${TABLE_CLIENTS:-3}
FAMILY=${TABLE_FAMILY:-4}
# Bytes of an entry, and the most that a connection may take with its part of the hash.
case $FAMILY in
4) ENTRY=64 MOST=96 THEIRS=$VIP OTHERS=[$VIP6] ;;
6) ENTRY=96 MOST=128 THEIRS=[$VIP6] OTHERS=$VIP ;;
esac
MANY=$((CLIENTS * PORTS))
LAST=$((10 + CLIENTS))
# Of very many, not all are sent again.
SOME=$((CLIENTS < 2 ? CLIENTS : 2))
FEW=$((SOME * PORTS))
# Microseconds that a packet may wait at most: what it shares the machine with takes most of that,
# and more where everything takes long.
LONGEST=$((SLOW > 1 ? 500000 : 250000))
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
	ip link add p0 type veth peer name p1 address $router_mac || return 1
	defer ip link del p0
	ip link add s0 type veth peer name s1 address $server_mac || return 1
	defer ip link del s0
	for dev in p0 p1 s0 s1; do
		echo 1 >"/proc/sys/net/ipv6/conf/$dev/disable_ipv6"
		ip link set "$dev" up
	done
	ip addr add 10.3.0.1/24 dev s0
	ip neigh replace $PROBED lladdr $server_mac dev s0 nud permanent
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

# send LINE...: a packet from each port, the client's addresses as the lines say.  (pktgen's
# udp_src_max is the first port that is not used.)
send() {
	local line
	for line in "count $PORTS" "delay 0" "pkt_size 80" "dst_mac $router_mac" \
		"udp_src_min 1024" "udp_src_max $((1024 + PORTS))" \
		"udp_dst_min 9000" "udp_dst_max 9000" "$@"; do
		say g0 "$line"
	done
	say pgctrl start
	# It waits for what has begun within an eighth of a second; where the CPU is busy, nothing has.
	slowwait 300 grep -q "^Result: OK: .* $PORTS (80byte" /proc/net/pktgen/g0
}

# from FIRST LAST: from these clients of the family.
from() {
	local n
	for ((n = $1; n <= $2; n++)); do
		"from$FAMILY" "$n" || return 1
	done
}

# from_other N: from a client of the other family.
from_other() {
	"from$((10 - FAMILY))" "$1"
}

# shellcheck disable=SC2317 # called by from and from_other
from4() {
	send "flag !IPV6" "dst $VIP" "src_min 10.1.0.$1" "src_max 10.1.0.$1"
}

# pktgen has no range of IPv6 clients but that of ports.
# shellcheck disable=SC2317 # called by from and from_other
from6() {
	send "flag IPV6" "dst6 $VIP6" "src6 fd01::$1"
}

# connections: how many there are, but for that of the probe.
connections() {
	yardctl --json show | jq ".connections - $probing"
}

is() {
	local wanted=$1
	shift
	[ "$("$@")" = "$wanted" ]
}

of_service() {
	yardctl --json service list udp "$1:${2:-9000}" | jq .[0].stats.connections
}

table_full() {
	yardctl --json stats | jq '[.drops[] | select(.reason == "table-full") | .packets] | add // 0'
}

# available: kilobytes that programs could have.
available() {
	awk '/^MemAvailable:/ { print $2 }' /proc/meminfo
}

# table_bytes: what entries and buckets of both families take.
table_bytes() {
	yardctl --json show | jq .table_bytes
}

# probe: sends a flow of its own all the time, one packet after the other.
probe() {
	python3 "$HERE/lib/pause.py" p0 $router_mac 10.1.0.2 $VIP 9100 s1 >"$pauses" &
	probe=$! probing=1
	defer quit $!
	slowwait 5 at_least 1 of_service "$VIP" 9100
}

at_least() {
	local wanted=$1
	shift
	[ "$("$@")" -ge "$wanted" ]
}

end_probe() {
	quit "$probe"
	probing=0
}

quit() {
	! kill "$1" 2>/dev/null || wait "$1" || true
}

# paused TEXT: what its packets have waited since the last call.
paused() {
	local lines count longest
	lines=$(wc -l <"$pauses")
	kill -USR1 "$probe"
	# shellcheck disable=SC2317 # called through slowwait
	told() { [ "$(wc -l <"$pauses")" -gt "$lines" ]; }
	slowwait 5 told
	echo "# $1: $(tail -n 1 "$pauses")"
	read -r count longest < <(tail -n 1 "$pauses" | awk '{ print $1, $(NF - 1) }')
	[ "$count" -gt 0 ] && between "no packet waits for long: $1" "$longest" 1 $((LONGEST * SLOW))
}

# has_grown: whether it is as large as it is to be for these connections, a larger array of
# buckets having taken the place of the former.
has_grown() {
	no_more_than $((empty_table + MANY * MOST + 65536 * ENTRY)) table_bytes && at_rest
}

# at_rest: whether nothing grows any more.
at_rest() {
	local before
	before=$(table_bytes)
	sleep 0.5
	[ "$(table_bytes)" = "$before" ]
}

no_more_than() {
	local most=$1
	shift
	[ "$("$@")" -le "$most" ]
}

back() {
	[ "$(available)" -ge "$(($1 - 6144))" ]
}

# timeout_of MILLISECONDS: connections idle for so long are forgotten, the present ones as well.
timeout_of() {
	yardctl set --timeout "udp=$1ms"
}

limit_of() {
	yardctl set --connection-limit "$1"
}

need tc jq python3
pauses=$(mktemp)
defer rm -f "$pauses"
probing=0
modprobe -a pktgen cls_flower sch_ingress act_gact || skip_all "no pktgen"
defer modprobe -r pktgen
expect "the wires are there" topology
# Once and for all: its thread takes devices away when it has the time.
expect "pktgen sends by the first wire" say kpktgend_$SENDER "add_device g0"
expect "the module loads" load connection_limit=33554432
expect "the first wire is claimed" yardctl claim g1 --policy interrupt
expect "a service is made" yardctl service add udp "$VIP:9000" -d "$SERVER:9001"
expect "and one of IPv6" yardctl service add udp "[$VIP6]:9000" -d "[$SERVER6]:9001"
expect "the other wire is claimed, for a service of its own" eval \
	'yardctl claim p1 --policy interrupt && yardctl service add udp "$VIP:9100" -d "$PROBED:9101"'
# Very many take longer to come than the first ones would be kept for.
expect "connections live for an hour" timeout_of 3600000
empty_table=$(table_bytes)
between "an empty table is small" "$empty_table" 1000000 8000000
expect "a flow of its own is sent and timed all the while" probe
nap 1
paused "nothing else to do"

expect "packets of $MANY connections are sent" from 11 $LAST
equal "each has arrived" "$(arrived)" $MANY
equal "each is a connection" "$(connections)" $MANY
expect "the table comes to rest" slowwait $((8 + CLIENTS / 2)) has_grown
paused "growth to $MANY connections"
each=$((($(table_bytes) - empty_table) / MANY))
equal "none found no room" "$(table_full)" 0
tenths=$((($(table_bytes) - empty_table) * 10 / MANY))
echo "# $((tenths / 10)).$((tenths % 10)) bytes a connection of IPv$FAMILY, $(table_bytes) in all"
# And what is kept free.
between "they take $ENTRY to $MOST bytes each" "$each" "$ENTRY" $((MOST + 65536 * ENTRY / MANY))
expect "$FEW of them are sent again" from $((LAST - SOME + 1)) $LAST
equal "each has arrived again" "$(arrived)" $((MANY + FEW))
equal "and none is new" "$(of_service "$THEIRS")" $MANY
paused "known connections"

expect "packets of $PORTS connections of the other family are sent" from_other 11
equal "each has arrived" "$(arrived)" $((MANY + FEW + PORTS))
equal "each is a connection" "$(of_service "$OTHERS")" $PORTS
equal "both families are counted" "$(connections)" $((MANY + PORTS))

expect "the limit is set while it runs" limit_of $((MANY + PORTS + HALF + probing))
expect "more are sent than there may be" from 4 4
equal "there are as many as there may be" "$(connections)" $((MANY + PORTS + HALF))
equal "the others are counted drops" "$(table_full)" $((PORTS - HALF))
equal "each that was not has arrived" "$(arrived)" $((MANY + FEW + PORTS + HALF))
expect "known ones are sent at the limit" from 11 12
equal "each has arrived" "$(arrived)" $((MANY + FEW + 3 * PORTS + HALF))

# Once more, now that the kernel has filled what caches it keeps for packets and pages: what is
# lost now is ours.
expect "the timeout is set while it runs" timeout_of 1000
expect "all connections are forgotten" slowwait $((20 + CLIENTS)) is 0 connections
expect "the table comes to rest" slowwait $((15 + CLIENTS)) at_rest
paused "shrinking"
expect "the timing ends" end_probe
expect "that connection is forgotten, too" slowwait 5 is 0 connections
expect "the table is as small as before" slowwait $((15 + CLIENTS)) no_more_than "$empty_table" table_bytes
expect "the timeout is set back" timeout_of 300000
expect "the limit is set back" limit_of 33554432
empty=$(available)
expect "new ones are sent" from 11 $((10 + SOME))
equal "each has arrived" "$(arrived)" $((MANY + 2 * FEW + 3 * PORTS + HALF))
equal "each is a connection" "$(connections)" $FEW
expect "the table comes to rest" slowwait 8 at_rest
taken=$((empty - $(available)))
echo "# $taken kB less available, of them $((($(table_bytes) - empty_table) / 1024)) the table's"
between "the machine has less memory by what the table says" \
	$((taken - ($(table_bytes) - empty_table) / 1024)) -6144 6144
expect "they are to be forgotten" timeout_of 1000
expect "the table is small again" slowwait 20 no_more_than "$empty_table" table_bytes
expect "the machine has its memory back" slowwait 8 back "$empty"
finish
