#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# VLANs: devices of VLANs on claimed devices; tags for which there is no device, which stay on their
# packets; each with the tag beside the packet and in it. And VXLAN, whose packets come with checksums
# over all of them (CHECKSUM_COMPLETE).
#
#     client --- peer0 [veth] front0 -- switch -- back1 [veth] peer1 --- server1
#        10.0.10.2 .10           .10             .20           .20 10.2.20.2
#        10.0.30.2 .30                                         .30
#        10.0.70.2 vxlan       vxlan

# shellcheck disable=SC2016,SC2154 # text for eval; lib/bulk.sh sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/dual.sh"
. "$HERE/lib/bulk.sh"

FRONT_WIRE=veth
TAGGED=10.9.9.30
OVER=10.9.9.70
TRACING=/sys/kernel/tracing

# mac DEVICE [NAMESPACE]
mac() {
	${2:+ip netns exec "$2"} cat "/sys/class/net/$1/address"
}

# tags on|off: cards put them into packets, and take them out, or do not.
tags() {
	local device
	for device in front0 back1; do
		ethtool -K "$device" txvlan "$1" rxvlan "$1" >/dev/null || return 1
	done
	in_client ethtool -K peer0 txvlan "$1" rxvlan "$1" >/dev/null &&
		in_server 1 ethtool -K peer1 txvlan "$1" rxvlan "$1" >/dev/null
}

# VLANs 10 and 20, with devices at both ends.
vlan_devices() {
	ip -batch - <<-EOF &&
		link add link front0 name front0.10 type vlan id 10
		link add link back1 name back1.20 type vlan id 20
		addr add 10.0.10.1/24 dev front0.10
		addr add 10.2.20.1/24 dev back1.20
		link set front0.10 up
		link set back1.20 up
	EOF
		ip -n "$client" -batch - <<-EOF2 && ip -n "${server[1]}" -batch - <<-EOF3
			link add link peer0 name peer0.10 type vlan id 10
			addr add 10.0.10.2/24 dev peer0.10
			link set peer0.10 up
			route add $VIP via 10.0.10.1
		EOF2
			link add link peer1 name peer1.20 type vlan id 20
			addr add 10.2.20.2/24 dev peer1.20
			link set peer1.20 up
			route add 10.0.10.0/24 via 10.2.20.1
		EOF3
}

# VLAN 30, of which the switch knows nothing but the addresses.
vlan_unknown() {
	local here there
	here=$(mac peer0 "$client") there=$(mac peer1 "${server[1]}")
	ip -batch - <<-EOF &&
		route add 10.0.30.2 dev front0
		neigh add 10.0.30.2 lladdr $here dev front0
		neigh replace 10.2.1.2 lladdr $there dev back1
	EOF
		ip -n "$client" -batch - <<-EOF2 && ip -n "${server[1]}" -batch - <<-EOF3
			link add link peer0 name peer0.30 type vlan id 30
			addr add 10.0.30.2/24 dev peer0.30
			link set peer0.30 up
			neigh add 10.0.30.1 lladdr $(mac front0) dev peer0.30
			route add $TAGGED via 10.0.30.1
		EOF2
			link add link peer1 name peer1.30 type vlan id 30
			addr add 10.2.30.2/24 dev peer1.30
			link set peer1.30 up
			neigh add 10.2.30.1 lladdr $(mac back1) dev peer1.30
			route add 10.0.30.0/24 via 10.2.30.1
		EOF3
}

# A VXLAN between client and switch, of which checksums are verified in software.
vxlan() {
	modprobe vxlan || return 1
	ip -batch - <<-EOF && ip -n "$client" -batch - <<-EOF2
		link add over0 type vxlan id 7 local 10.0.1.1 remote 10.0.1.2 dstport 4789 udpcsum dev front0
		addr add 10.0.70.1/24 dev over0
		link set over0 up
	EOF
		link add over1 type vxlan id 7 local 10.0.1.2 remote 10.0.1.1 dstport 4789 udpcsum dev peer0
		addr add 10.0.70.2/24 dev over1
		link set over1 up
		route add $OVER via 10.0.70.1
	EOF2
	in_client ethtool -K peer0 tx off >/dev/null &&
		in_client ethtool -K over1 tx off >/dev/null &&
		in_server 1 ethtool -K peer1 rx off >/dev/null &&
		ethtool -K front0 rx off gro off >/dev/null &&
		ethtool -K over0 gro off >/dev/null
}

# watch ''|!: counts the packets that come by over0 by the states of their checksums, or no more.
watch() {
	echo "$1"'hist:keys=ip_summed if name == "over0" && len > 500' \
		>"$TRACING/events/net/netif_rx_entry/trigger"
}

# by ADDRESS WAY: 4 MB by the service there.
by() {
	VIP=$1 bulk "$2" nat 4 4
}

# refused_at ADDRESS: whether a port without a service is refused at once.
refused_at() {
	local start=$EPOCHSECONDS
	! in_client timeout 5 bash -c ': <"/dev/tcp/$0/5009"' "$1" 2>/dev/null &&
		[ $((EPOCHSECONDS - start)) -lt 4 ]
}

need python3 ethtool modprobe jq tcpdump
modprobe -a 8021q vxlan 2>/dev/null || skip_all "the kernel has no VLANs"
work_dir
topology veth
expect "everybody speaks IPv6" dual_stack
expect "there are VLANs 10 and 20" vlan_devices
expect "the server takes bulk data" bulk_server
bulk_client
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 10s
for device in front0.10 back1.20; do
	expect "and $device" yardctl claim "$device" --policy interrupt
done
expect "services are made" yardctl batch - <<-EOF
	service add tcp $VIP:5001 -d 10.2.20.2:5001
	service add tcp $TAGGED:5001 -d 10.2.1.2:5001
	service add tcp $OVER:5001 -d 10.2.1.2:5001
EOF

expect "there is a VLAN 30, but not here" vlan_unknown
for state in on off; do
	expect "cards do tags: $state" tags "$state"
	for way in up down; do
		expect "4 MB $way between VLANs" by "$VIP" "$way"
		expect "4 MB $way in a VLAN without a device" by "$TAGGED" "$way"
	done
	expect "a wrong port is refused between VLANs" refused_at "$VIP"
	expect "and in a VLAN without a device" refused_at "$TAGGED"
done
in_server 1 tcpdump -i peer1 -nn -e -c 1 "vlan 30 and tcp" >"$work/tag" 2>"$work/dump" &
dump=$!
defer quit "$dump"
slowwait 10 grep -q "listening on" "$work/dump"
expect "once more" by "$TAGGED" up
wait "$dump"
expect "the tag is there" grep -q "vlan 30, .*10.0.30.2.* > 10.2.1.2.5001" "$work/tag"
expect "cards do tags" tags on

expect "there is a VXLAN" vxlan
expect "its device is claimed" yardctl claim over0 --policy interrupt
if [ -e "$TRACING/events/net/netif_rx_entry/hist" ]; then
	expect "what comes by it is watched" watch ''
	defer watch '!'
fi
expect "4 MB up by it" by "$OVER" up
expect "4 MB down by it" by "$OVER" down
if [ -e "$TRACING/events/net/netif_rx_entry/hist" ]; then
	# CHECKSUM_COMPLETE is 2.
	sed -n 's/^{ ip_summed: *\([0-9]*\) } hitcount: *\([0-9]*\).*/\1 \2/p' \
		"$TRACING/events/net/netif_rx_entry/hist" | sort -k 2n >"$work/states"
	equal "most of it came with a checksum over all" "$(tail -n 1 "$work/states" | cut -d ' ' -f 1)" 2
fi
ip link del over0
equal "nothing was refused by the way out" "$(dropped transmit)" 0
finish
