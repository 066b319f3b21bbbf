#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# tcp.sh: the TCP benches, in the machine whose clock counts instructions.  Prints lines
# like guest.sh's.
#
#   client 10.1.0.2 ==veth== r0 [the case] r1 ==veth== server 10.2.0.2
#
# tcp-open-CASE     a connection opened, answered once, closed
# tcp-bulk-CASE     a megabyte in one connection, segments left whole (TSO, GRO)
# request-plain     a request to a socket on this machine by its device's address
# request-yard0     the same by yard0, the device being claimed
#
# Both ends' work is counted, too: "forward", without a balancer, is the floor.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
vip=10.9.9.9 server=10.2.0.2 port=9000 yard=10.7.0.1
settle=3 rounds=2 servers=''

die() {
	echo "bench: $*" >&2
	exit 1
}

topology() {
	sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.disable_ipv6=1
	end client c0 r0 10.1.0
	end server s0 r1 10.2.0
	# For direct routing; it answers nobody's question for it.
	ip -n server addr add "$vip/32" dev lo
	# With a director that is the gateway, too, replies have an address of its own.
	sysctl -qw net.ipv4.conf.all.accept_local=1
}

# end NAMESPACE DEVICE OURS NETWORK
end() {
	ip netns add "$1"
	ip link add "$3" type veth peer name "$2" netns "$1"
	ip addr add "$4.1/24" dev "$3"
	ip -n "$1" addr add "$4.2/24" dev "$2"
	ip link set "$3" up
	ip -n "$1" link set "$2" up
	ip -n "$1" link set lo up
	ip -n "$1" route add default via "$4.1"
	ethtool -K "$3" gro on
	ip netns exec "$1" ethtool -K "$2" gro on
}

# serve NAMESPACE|-: a server, each time at another port: connections of before that the kernel still remembers would make new ones wait.
serve() {
	local in=(ip netns exec "$1")
	[ "$1" != - ] || in=()
	port=$((port + 1))
	rm -f /tmp/serving
	"${in[@]}" python3 "$here/tcp.py" server 0.0.0.0 "$port" >/tmp/serving 2>&1 &
	servers+=" $!"
	until grep -q listening /tmp/serving 2>/dev/null; do
		kill -0 $! 2>/dev/null || die "no server: $(cat /tmp/serving)"
		sleep 0.01
	done
}

unserve() {
	# shellcheck disable=SC2086 # several
	kill $servers
	servers=''
}

client() {
	ip netns exec client python3 "$here/tcp.py" "$@"
}

# packets and bytes that r1 has sent.
sent() {
	cat /sys/class/net/r1/statistics/tx_{packets,bytes} | paste -s -d ' '
}

# measure NAME KIND ADDRESS COUNT
measure() {
	local name=$1 kind=$2 address=$3 count=$4 packets bytes now
	client "$kind" "$address" "$port" $((count / 4)) >/dev/null || die "$name: warming up failed"
	sleep "$settle"
	read -r packets bytes < <(sent)
	now=$(client "$kind" "$address" "$port" "$count") || die "$name failed"
	if [ "$kind" = bulk ] && [ "$address" != "$yard" ]; then
		read -r now_packets now_bytes < <(sent)
		packets=$((now_packets - packets)) bytes=$((now_bytes - bytes))
		[ $((bytes / packets)) -ge 8000 ] ||
			die "$name: segments were split: $bytes bytes in $packets packets"
		[ "$round" -gt 1 ] || echo "note $name $((bytes / packets)) bytes a packet"
	fi
	echo "reading $name $round $count $now"
}

nft_up() {
	modprobe -a nft_chain_nat nft_nat
	nft "table ip bench { chain pre { type nat hook prerouting priority dstnat;
		ip daddr $vip tcp dport $port dnat to $server:$port; }; }"
}

nft_down() {
	nft flush ruleset
	modprobe -r nft_nat nft_chain_nat nf_nat nf_conntrack_netlink nf_conntrack || true
}

# ipvs_up OPTION
ipvs_up() {
	modprobe ip_vs conn_tab_bits=20
	modprobe ip_vs_rr
	ip addr add "$vip" dev lo
	sysctl -qw net.ipv4.vs.conntrack=0
	ipvsadm -A -t "$vip:$port" -s rr
	ipvsadm -a -t "$vip:$port" -r "$server" "$1"
}

ipvs_down() {
	ipvsadm -C
	ip addr flush dev lo to "$vip"
	modprobe -r ip_vs_rr ip_vs
}

# switchyard_up METHOD; fails if it has no such method.
switchyard_up() {
	insmod "$here/switchyard.ko"
	"$here/yardctl" claim r0 --policy interrupt
	"$here/yardctl" claim r1 --policy interrupt
	"$here/yardctl" service add tcp "$vip:$port"
	"$here/yardctl" destination add tcp "$vip:$port" "$server:$port" --forwarding "$1" \
		2>/tmp/refusal
}

# both CASE ADDRESS
both() {
	measure "tcp-open-$1" open "$2" 2000
	measure "tcp-bulk-$1" bulk "$2" 64
}

requests() {
	serve -
	insmod "$here/switchyard.ko"
	measure request-plain request 10.1.0.1 4000
	ip addr add "$yard/32" dev yard0
	ip link set yard0 up
	ip route add default dev yard0 table 100
	ip rule add from "$yard" lookup 100
	"$here/yardctl" claim r0 --policy interrupt
	before=$("$here/yardctl" --json stats | jq '[.cpus[].local_in] | add')
	measure request-yard0 request "$yard" 4000
	before=$(($("$here/yardctl" --json stats | jq '[.cpus[].local_in] | add') - before))
	[ "$before" -ge 5000 ] || die "request-yard0: only $before packets went by yard0's ring"
	"$here/yardctl" release r0
	ip rule del from "$yard"
	ip link set yard0 down
	# Their sockets keep the addresses, not the device.
	rmmod switchyard
}

topology
echo "kernel $(uname -r)"
for ((round = 1; round <= rounds; round++)); do
	serve server
	both forward "$server"
	serve server
	nft_up
	both nft-dnat "$vip"
	nft_down
	unserve
	for method in nat:-m dr:-g; do
		serve server
		ipvs_up "${method#*:}"
		both "ipvs-${method%:*}" "$vip"
		ipvs_down
		unserve
	done
	for method in nat:nat dr:direct; do
		serve server
		if switchyard_up "${method#*:}"; then
			both "switchyard-${method%:*}" "$vip"
		elif [ "$round" = 1 ]; then
			echo "skipped tcp-open-switchyard-${method%:*} yardctl: $(head -n 1 /tmp/refusal)"
		fi
		rmmod switchyard
		unserve
	done
	requests
	unserve
done
