#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Path-MTU discovery with segments that were merged or are still to be cut: the client is told what
# the way to the server takes, less what a tunnel puts before it, to the byte; what it then sends
# gets there, and tracepath finds the same. A server's route that says how long its clients' segments
# may be spares it that.
#
#     client 10.0.1.2, fd00:1::2 --- peer0 [veth] front0 -- switch -- back1 [veth, 1400] peer1 --- server1

# shellcheck disable=SC2016,SC2154 # text for eval; lib/bulk.sh sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/dual.sh"
. "$HERE/lib/bulk.sh"

FRONT_WIRE=veth

# forget: the client knows nothing of paths.
forget() {
	in_client ip route flush cache
	in_client ip -6 route flush cache
}

# path_mtu ADDRESS: what the client believes.
path_mtu() {
	local mtu
	mtu=$(in_client ip -json route get "$1" | jq '.[0].metrics[0].mtu // 1500')
	echo "$mtu"
}

# told METHOD FAMILY MTU: a transfer begins with packets that are too long, and goes on.
told() {
	local method=$1 family=$2 address=$VIP before
	[ "$family" = 4 ] || address=$VIP6
	forget
	before=$(dropped too-big)
	expect "2 MB up by $method, IPv$family" bulk up "$method" "$family" 2
	between "too long ones were sent back" "$(($(dropped too-big) - before))" 1 100
	equal "the client was told" "$(path_mtu "$address")" "$3"
}

need python3 ethtool modprobe jq tracepath
work_dir
topology veth
expect "everybody speaks IPv6" dual_stack
ip link set back1 mtu 1400
in_server 1 ip link set peer1 mtu 1400
expect "the server takes bulk data" bulk_server
bulk_client
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 10s
expect "services are made" bulk_services

told ipip 4 1380
told gue 4 1372
told ipip 6 1360
told gue 6 1352
# A server whose link takes less says so in its SYN, and clients that heed it send nothing too long.
# Where it is another link on the way, it does not.
in_server 1 ip link set peer1 mtu 1500
told nat 4 1400
told nat 6 1400

# Whole packets instead of segments.
in_client ethtool -K peer0 tso off gso off >/dev/null
told nat 4 1400
told gue 6 1352
in_client ethtool -K peer0 tso on gso on >/dev/null

expect "a service of UDP, for tracepath" eval 'yardctl service add udp "$VIP:*" -d 10.2.1.2 &&
	yardctl service add udp "[$VIP6]:*" -d "[fd00:2:1::2]"'
forget
expect "tracepath finds it over IPv4" eval 'in_client timeout $((20 * SLOW)) tracepath -n -m 4 "$VIP" >"$work/path4" &&
	grep -q "pmtu 1400" "$work/path4"' || sed 's/^/#   /' "$work/path4"
expect "and over IPv6" eval 'in_client timeout $((20 * SLOW)) tracepath -6 -n -m 4 "$VIP6" >"$work/path6" &&
	grep -q "pmtu 1400" "$work/path6"' || sed 's/^/#   /' "$work/path6"

# A client that leaves cutting packets to others: its segments, merged or not, travel in fragments.
in_client sysctl -qw net.ipv4.ip_no_pmtu_disc=1
before=$(dropped too-big)
for segments in off on; do
	in_client ethtool -K peer0 tso "$segments" gso "$segments" >/dev/null
	for method in nat ipip gue; do
		forget
		expect "2 MB up by $method in fragments, segmentation $segments" bulk up "$method" 4 2
	done
done
equal "none was sent back" "$(dropped too-big)" "$before"
in_client sysctl -qw net.ipv4.ip_no_pmtu_disc=0

# The guide's advice for servers behind tunnels.
forget
expect "the server's route says how long segments may be" eval \
	'in_server 1 ip route change default via 10.2.1.1 advmss 1320 &&
		in_server 1 ip -6 route change default via fd00:2:1::1 advmss 1280'
before=$(dropped too-big)
for family in 4 6; do
	for method in ipip gue; do
		expect "2 MB up by $method, IPv$family, so" bulk up "$method" "$family" 2
	done
done
equal "none was too long" "$(dropped too-big)" "$before"
finish
