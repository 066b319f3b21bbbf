#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Packets while there is no memory: each one arrives or is a counted drop, those of new
# connections need none, and when there is memory again all is well.  Takes a kernel with
# fault injection, such as that of "make check-debug".
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:53 -- veth --- server1 10.2.1.2:5353

# shellcheck disable=SC2016 # text for eval, awk and other shells

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

[ -e /sys/kernel/debug/failslab/require-start ] || skip_all "this kernel has no fault injection"

PACKETS=200

# starve PERCENT: from now on that many allocations of the module fail, whoever makes them in
# its name; none with 0.  lib/faults.py is for one chosen allocation.
starve() {
	local kind
	for kind in failslab fail_page_alloc; do
		(
			cd "/sys/kernel/debug/$kind" && echo 0 >probability && echo 0 >verbose &&
				echo -1 >./times && echo N >task-filter && echo N >ignore-gfp-wait &&
				echo 32 >stacktrace-depth && echo "$code_first" >require-start &&
				echo "$code_last" >require-end && echo "$1" >probability
		) || return 1
	done
	(cd /sys/kernel/debug/fail_page_alloc && echo N >ignore-gfp-highmem && echo 0 >min-order)
}

# find_code: where the module's code begins and ends.
find_code() {
	read -r code_first code_last < <(awk '$4 == "[switchyard]" && $2 ~ /[tT]/ {
		if (first == "" || $1 < first) first = $1
		if ($1 > last) last = $1
	} END { print "0x" first, "0x" last }' /proc/kallsyms)
	[ "$code_last" != 0x ] || return 1
	# With the last function, which is no longer than a page.
	code_last=$(printf '%#x' $((code_last + 4096)))
}

# starving PERCENT COMMAND...: COMMAND meanwhile.
starving() {
	local status=0
	starve "$1" || return 1
	shift
	"$@" || status=$?
	starve 0
	return "$status"
}

# send FIRST [COUNT]: datagrams of new connections to the service.
send() {
	in_client python3 "$HERE/lib/udp.py" send "$VIP" 53 "$1" "${2:-$PACKETS}"
}

# arrived: datagrams that server 1 has got.
arrived() {
	in_server 1 awk '/^Udp: [0-9]/ { print $2 + $3 + $4 }' /proc/net/snmp
}

dropped_all() {
	yardctl --json stats | jq '[.drops[].packets] | add'
}

# mark: what has arrived and been dropped counts from here.
mark() {
	arrived_then=$(arrived) dropped_then=$(dropped_all)
}

# came COUNT: whether that many have arrived since then.
came() {
	[ $(($(arrived) - arrived_then)) -ge "$1" ]
}

# Whether each of the datagrams sent since then has arrived or been counted.
accounted() {
	[ $(($(arrived) - arrived_then + $(dropped_all) - dropped_then)) -eq "$PACKETS" ]
}

accounted_for() {
	expect "$1: each has arrived or is a counted drop" wait_for 5000 accounted
	echo "# $(($(arrived) - arrived_then)) arrived, $(($(dropped_all) - dropped_then)) dropped"
}

# kinds: packets of new connections to services of every kind, of which some take several
# packets, some are only a part, and some are answered by messages.
kinds() {
	in_client python3 "$HERE/lib/kinds.py" 10.0.1.2 "$VIP" 10.9.9.8
}

# balanced: whether each packet received has its end.
balanced() {
	yardctl --json stats | jq -e '([.cpus[].received] | add) ==
		([.cpus[] | .forwarded + .passed + .local_in] | add) + ([.drops[].packets] | add)' >/dev/null
}

# flood COUNT: as many datagrams of new connections to the service, by pktgen.
flood() {
	in_client bash -ec '
		dev=$0
		say() { echo "$2" >"/proc/net/pktgen/$1"; }
		say kpktgend_3 rem_device_all
		say kpktgend_3 "add_device $dev"
		for line in "count $1" "delay 20000" "pkt_size 60" "dst_mac $2" "dst $3" \
			"src_min 10.0.1.100" "src_max 10.0.1.103" "udp_dst_min 53" "udp_dst_max 53" \
			"udp_src_min 1024" "udp_src_max 60000"; do
			say "$dev" "$line"
		done
		say pgctrl start' "$front_peer" "$1" "$(cat "/sys/class/net/$front/address")" "$VIP" &&
		# It may come back before it has begun, where the CPU is busy.
		slowwait 300 in_client grep -q "^Result: OK: .* $1 (60byte" "/proc/net/pktgen/$front_peer"
}

# send_to_strangers FIRST: the same, to a server that has to be asked for.
send_to_strangers() {
	ip neigh flush dev "${back[1]}"
	send "$1"
}

# everything: packets, changes and claims, for a while, whether they succeed or not.
everything() {
	local end=$((SECONDS + 10 * SLOW)) first=27000
	while [ "$SECONDS" -lt "$end" ]; do
		first=$((first + 100))
		send "$first" 100
		yardctl service add udp "$VIP:54" -d 10.2.1.2:5353 -d 10.2.1.3:5353
		yardctl service set udp "$VIP:54" -s maglev
		yardctl release "${back[1]}"
		yardctl claim "${back[1]}" --cpus 1,2
		yardctl service del udp "$VIP:54"
		ping -I yard0 -c 1 -W 1 -q 10.2.1.2
	done
	return 0
}

need python3 jq ss ping
work_dir
topology veth
# With handlers in the drivers' interrupts, so that no allocation of a driver's
# is made in our name.
expect "the module loads" load connection_limit=131072
expect "its code is found" find_code
background in_server 1 socat -u UDP-RECV:5353 /dev/null
expect "a server listens" slowwait 10 listening 1 udp 5353
expect "all devices are claimed" claim_all
expect "a service is made" yardctl service add udp "$VIP:53" -d 10.2.1.2:5353
mark
expect "datagrams are sent" send 20000
expect "all arrive" wait_for 5000 came "$PACKETS"
mark
expect "and while there is no memory" starving 100 send 21000
accounted_for "without memory"
equal "new connections need none" $(($(arrived) - arrived_then)) "$PACKETS"

# A socket that has a hold of each packet's bytes, as it does not read: to change the
# packet takes a copy. It is one for all protocols, which are asked before the switch.
background python3 -c '
import socket, sys, time
tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
tap.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
tap.bind((sys.argv[1], 3))
time.sleep(3600)' "$front"
tap=$!
expect "the wire is listened to" slowwait 10 eval 'ss -0 -H | grep -q ":$front "'
mark
expect "datagrams are sent, of which there have to be copies" starving 100 send 22000
accounted_for "without memory for copies"
between "there was none for any" "$(dropped no-memory)" "$PACKETS" "$PACKETS"
mark
expect "half of the time there is" starving 50 send 23000
accounted_for "with memory for some"
between "which it was" $(($(arrived) - arrived_then)) 1 $((PACKETS - 1))
quit "$tap"

mark
expect "without neighbours and memory" starving 100 send_to_strangers 24000
accounted_for "without memory for neighbours"
mark
expect "with memory again" send 25000
accounted_for "afterwards"
between "packets arrive" $(($(arrived) - arrived_then)) $((PACKETS * 9 / 10)) "$PACKETS"

# What new connections and packets may take besides: affinity, tunnels, this machine's sockets as the
# last resort, fragments that wait, turns, messages, and trace points that are listened to.
expect "services of many kinds are made" eval 'ip addr add 10.9.9.8/32 dev yard0 && ip link set yard0 up &&
	yardctl set --fragment-timeout 500ms && yardctl batch -' <<-EOF
	service add udp $VIP:60 --affinity 1m -d 10.2.1.2:5353
	service add udp $VIP:61 -d 10.2.1.2,forwarding=tunnel
	service add udp $VIP:62 -d 10.2.1.2,forwarding=tunnel,encapsulation=gue
	service add udp $VIP:63 --one-packet -d 10.2.1.2:5353
	service add udp 10.9.9.8:64 --fallback local
	service add udp $VIP:65 -d 10.77.77.77:9
EOF
events=/sys/kernel/tracing/events/switchyard/enable
[ ! -e "$events" ] || echo 1 >"$events"
for percent in 100 50; do
	expect "packets of all kinds are sent, $percent % of allocations failing" starving "$percent" kinds
	expect "each is forwarded, delivered, or a counted drop" wait_for 8000 balanced
done
[ ! -e "$events" ] || echo 0 >"$events"
expect "and with memory" kinds
expect "each has its end" wait_for 8000 balanced
for port in 60 61 62 63; do
	expect "port $port of the service is served" at_least 10 of_service udp "$VIP:$port" .stats.packets_in
done
expect "the last resort as well" at_least 10 of_service udp 10.9.9.8:64 .stats.packets_in
expect "fragments were waited for in vain" at_least 1 dropped fragment-timeout

# More connections than there is room for, and no memory for more room.
modprobe pktgen
defer modprobe -r pktgen
ip neigh replace 10.2.1.2 lladdr "$(in_server 1 cat "/sys/class/net/${back_peer[1]}/address")" dev "${back[1]}"
before=$(dropped_all)
expect "too many connections come" starving 100 flood 90000
echo "# $(connection_count) connections; $(($(dropped_all) - before)) packets dropped"
equal "no packet is unaccounted for" "$(counted received)" \
	$(($(counted forwarded) + $(counted passed) + $(counted local_in) + $(dropped_all)))
mark
expect "with memory again" send 26000
expect "new ones come in" wait_for 5000 came 1

# All at once, now with engines.
expect "the devices are released" eval 'yardctl release "$front" && yardctl release "${back[1]}"'
expect "and claimed for engines" claim_all --cpus 1,2
expect "everything goes on while a third of all allocations fail" starving 33 everything
yardctl service del udp "$VIP:54" 2>/dev/null
yardctl claim "${back[1]}" --cpus 1,2 2>/dev/null
mark
expect "with memory again" send 40000
expect "packets arrive" wait_for 5000 came $((PACKETS * 9 / 10))
expect "the module unloads" unload
finish
