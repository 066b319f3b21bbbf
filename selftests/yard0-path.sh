#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Sockets behind yard0 in both families: a queue for each switching CPU, checksum and segmentation
# offload on and off on either side of the switch, a wire that takes less than yard0 does, of which
# the sockets are told, and statistics that add up.
#
#     client 10.0.1.2 --- A [wire 0] B (CPU 1, 2) switch yard0 10.7.0.1, fd00:7::1 --- sockets (CPU 0)
#            fd00:1::2     mtu 1500  mtu 1500, then 1400       mtu 1500

# shellcheck disable=SC2016,SC2034,SC2119 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/site.sh"
. "$HERE/lib/six.sh"

YARD=10.7.0.1
YARD6=fd00:7::1

serve_yard() {
	mkdir "$work/site"
	cp "$work/blob" "$work/site/blob"
	site 80 "client_max_body_size 100m; location / { root $work/site; }" "$YARD" "[$YARD6]"
}

# What sockets of yard0's addresses send takes yard0 as its way out.
policy_route() {
	local family
	for family in 4 6; do
		ip "-$family" route add default dev yard0 table 100 || return 1
		defer ip "-$family" route flush table 100
	done
	ip rule add from "$YARD" lookup 100 && defer ip rule del from "$YARD" lookup 100
	ip -6 rule add from "$YARD6" lookup 100 && defer ip -6 rule del from "$YARD6" lookup 100
}

# download FAMILY: whether 2 MB come to the client as they are.
download() {
	in_client curl "-$1" -g -sS --max-time $((15 * SLOW)) -o "$work/got" \
		"http://$([ "$1" = 4 ] && echo "$YARD" || echo "[$YARD6]")/blob" &&
		cmp "$work/blob" "$work/got"
}

# upload FAMILY: whether they come from the client as they are.
upload() {
	local address=$YARD sink
	[ "$1" = 4 ] || address=$YARD6
	taskset -c 0 timeout $((15 * SLOW)) nc "-$1" -l "$address" 9000 >"$work/sink" </dev/null &
	sink=$!
	slowwait 5 eval '[ -n "$(ss -Hltn "sport = :9000")" ]'
	in_client sh -c "timeout $((15 * SLOW)) nc -$1 -N -w 10 $address 9000 <$work/blob" || return 1
	wait "$sink"
	cmp "$work/blob" "$work/sink"
}

# to_client: whether they come to it over IPv4 from a socket that is made now.
to_client() {
	taskset -c 0 timeout $((15 * SLOW)) nc -4 -N -l "$YARD" 9001 <"$work/blob" &
	local source=$!
	slowwait 5 eval '[ -n "$(ss -Hltn "sport = :9001")" ]'
	in_client sh -c "timeout $((15 * SLOW)) nc -4 -w 10 $YARD 9001 </dev/null >$work/got" || return 1
	wait "$source"
	cmp "$work/blob" "$work/got"
}

# both_ways: yard0's bytes a packet, of data alone, are in `sent` and `came` then: how many
# acknowledgements go the other way is another matter.
both_ways() {
	local family
	mark
	for family in 4 6; do
		download "$family" || return 1
	done
	sent=$(mean tx)
	mark
	for family in 4 6; do
		upload "$family" || return 1
	done
	came=$(mean rx)
}

# count NAME: one of yard0's statistics.
count() {
	echo "$(<"/sys/class/net/yard0/statistics/$1")"
}

# mark: mean counts from here.
mark() {
	marked=("$(count rx_bytes)" "$(count rx_packets)" "$(count tx_bytes)" "$(count tx_packets)")
}

# mean DIRECTION: bytes of a packet on yard0, rx or tx, since then.
mean() {
	local first=0
	[ "$1" = rx ] || first=2
	echo $((($(count "$1_bytes") - marked[first]) / ($(count "$1_packets") - marked[first + 1])))
}

queues() {
	local names=(/sys/class/net/yard0/queues/*)
	echo "${names[*]##*/}"
}

combined() {
	ethtool -l yard0 | awk '/^Combined:/ { print $2 }' | paste -sd ' '
}

# add_up: whether yard0 has counted as many packets as the switch.
add_up() {
	local in out lost
	read -r in out lost < <(yardctl --json stats | jq -r \
		'"\([.cpus[].local_in] | add) \([.cpus[].local_out] | add) \([.drops[].packets] | add)"')
	echo "in $(count rx_packets) of $in, out $(count tx_packets) of $out and $lost dropped"
	[ "$(count rx_packets)" = "$in" ] && [ "$(count tx_packets)" = $((out + lost)) ]
}

# learns FROM TO: what a datagram socket of yard0's comes to know of its path.
learns() {
	python3 "$HERE/lib/path.py" "$1" "$2" 9 1500
}

# fragments TO SIZE: how many bytes come of a datagram of so many that may be fragmented.
fragments() {
	in_client timeout $((10 * SLOW)) socat -u -b 4096 "UDP4-RECVFROM:9200,bind=$1" - >"$work/datagram" &
	local receiver=$!
	slowwait 5 eval '[ -n "$(in_client ss -Hlun "sport = :9200")" ]'
	head -c "$2" "$work/blob" | socat -u -b 4096 - "UDP4:$1:9200,bind=$YARD,setsockopt-int=0:10:0"
	wait "$receiver"
	wc -c <"$work/datagram"
}

need nginx curl nc socat cmp ethtool taskset
work_dir
topology
expect "everybody speaks IPv6" topology6
head -c 2000000 /dev/urandom >"$work/blob"
expect "the module loads" load
expect "yard0 has addresses of both families" yard6 "$YARD" "$YARD6"
expect "what they send is routed by yard0" policy_route
expect "a server listens at them" serve_yard

# Queues.
equal "without a switching CPU there is one queue" "$(queues)" "rx-0 tx-0"
expect "the client's wire is claimed for three CPUs" yardctl claim "$front" --cpus 1,2,3
equal "there are three queues" "$(queues)" "rx-0 rx-1 rx-2 tx-0 tx-1 tx-2"
yardctl release "$front"
equal "the wire is released, and there is one again" "$(queues)" "rx-0 tx-0"
expect "it is claimed for two" yardctl claim "$front" --cpus 1,2 --idle-timeout 1s
equal "there are two queues" "$(queues)" "rx-0 rx-1 tx-0 tx-1"
equal "as ethtool says" "$(combined)" "$(nproc) 2"

# Offloads.
equal "yard0 offers checksums and segmentation" "$(ethtool -k yard0 | awk \
	'/^(tx-checksumming|tcp-segmentation-offload|generic-segmentation-offload|rx-checksumming):/ { print $2 }' |
	sort -u)" on
expect "2 MB come whole both ways, in both families" both_ways
between "what goes out is segmented by others" "$sent" 5000 70000
between "what comes in is merged" "$came" 2000 70000
in_client curl -sS --max-time $((10 * SLOW)) -H 'Connection: close' -o /dev/null "http://$YARD/none?[1-12]"
between "both CPUs have sent" "$(yardctl --json stats |
	jq '[.cpus[] | select((.cpu == 1 or .cpu == 2) and .local_out > 0)] | length')" 2 2
expect "yard0 does without" ethtool -K yard0 tx off tso off gso off sg off
expect "2 MB come whole both ways without" both_ways
between "in packets of the wire's size" "$sent" 800 1514
expect "yard0 does with, the wire without" eval \
	'ethtool -K yard0 tx on sg on tso on gso on && ethtool -K "$front" tx off tso off gso off'
defer ethtool -K "$front" tx on tso on gso on
expect "2 MB come whole both ways over that" both_ways
between "still segmented by others" "$sent" 5000 70000
ethtool -K "$front" tx on tso on gso on
equal "nothing was lost" "$(yardctl --json stats |
	jq '[.drops[] | select(.reason != "no-route").packets] | add')" 0
expect "the statistics add up" slowwait 3 add_up

# A narrow wire.
ip link set "$front" mtu 1400
defer ip link set "$front" mtu 1500
# The card was down for that.
expect "the narrow wire works" slowwait 10 in_client ping -q -c 1 -W 1 "$GATEWAY"
for family in 4 6; do
	told=$(dropped too-big)
	expect "2 MB come whole over the narrow wire (IPv$family)" download "$family"
	expect "as the socket was told what it takes" eval '[ "$(dropped too-big)" -gt "$told" ]'
	expect "and what came is whole, too" upload "$family"
done
expect "the kernel remembers it for IPv4" eval \
	'ip route get "$CLIENT" from "$YARD" | grep -q "mtu 1400"'
expect "and for IPv6" eval 'ip -6 route get "$CLIENT6" from "$YARD6" | grep -q "mtu 1400"'
# Addresses of which the kernel knows nothing yet.
expect "the client has more addresses" eval 'in_client ip -batch - <<-END
	addr add 10.0.1.3/24 dev $front_peer
	addr add 10.0.1.4/24 dev $front_peer
	addr add 10.0.1.5/24 dev $front_peer
	addr add fd00:1::3/64 dev $front_peer nodad
	addr add fd00:1::4/64 dev $front_peer nodad
END'
equal "a UDP socket learns what its path takes" "$(learns "$YARD" 10.0.1.3)" 1400
equal "one of IPv6 as well" "$(learns "$YARD6" fd00:1::3)" 1400
equal "what may be fragmented is, by the socket that knows" "$(fragments 10.0.1.3 2000)" 2000
equal "or by the switch, if it does not" "$(fragments 10.0.1.5 1440)" 1440
# Sockets that leave cutting packets to others, and have their segments cut by devices: these are too
# long for the wire, and travel in fragments.
sysctl -qw net.ipv4.ip_no_pmtu_disc=1
defer sysctl -qw net.ipv4.ip_no_pmtu_disc=0
ip -4 route flush cache
told=$(dropped too-big) made=$(in_client awk '/^Ip: [0-9]/ { print $16 }' /proc/net/snmp)
expect "2 MB come whole in fragments of segments" to_client
equal "nobody was told that they are too long" "$(dropped too-big)" "$told"
between "the client has put them together" \
	$(($(in_client awk '/^Ip: [0-9]/ { print $16 }' /proc/net/snmp) - made)) 500 4000
sysctl -qw net.ipv4.ip_no_pmtu_disc=0
expect "without claims," yardctl release "$front"
equal "UDP learns it" "$(learns "$YARD" 10.0.1.4)" 1400
equal "in IPv6, too" "$(learns "$YARD6" fd00:1::4)" 1400
ip -4 route flush cache
told=$(dropped too-big)
expect "and TCP" download 4
expect "which was told as well" eval '[ "$(dropped too-big)" -gt "$told" ]'
expect "the statistics add up after all" slowwait 3 add_up
equal "no ring was full" "$(dropped ring-full)" 0
finish
