# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # set by setup_ns and wire
#
# Two wires for the tables of packets (packets/README.md).  Nobody on them answers: what is
# sent there is seen by packets.py alone.
#
#     client --- A [wire 2] B 10.0.1.1, 2001:db8:1::1 -- switch
#                             10.2.1.1, 2001:db8:2::1 -- near9 [veth] far9 --- server

# play TOPIC...: plays tables.
play() {
	local device side host before
	need ip ethtool python3
	# Of virtio-net, which sends what it is given; the emulated igb swallows bad headers.
	wire 2
	setup_ns client server || return 1
	before=$(sysctl -n net.ipv4.ip_forward)
	sysctl -qw net.ipv4.ip_forward=0
	defer sysctl -qw "net.ipv4.ip_forward=$before"
	for side in "$client" "$server"; do
		ip netns exec "$side" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 \
			net.ipv6.conf.default.disable_ipv6=1
	done
	place "$A" "$client"
	ip link add near9 type veth peer name far9 netns "$server"
	defer ip link del near9
	# Without GRO a veth has no NAPI instance that could be polled.
	ethtool -K near9 gro on
	quiet near9 "$B"
	for device in "$A" far9; do
		side=$client
		[ "$device" = "$A" ] || side=$server
		ip -n "$side" link set "$device" arp off promisc on up
	done
	defer ip -n "$client" link set "$A" arp on promisc off down
	address_of "$B" 10.0.1 2001:db8:1
	address_of near9 10.2.1 2001:db8:2
	# What the stack is left with ends there, and is not answered.
	ip -6 route add blackhole default metric 1
	defer ip -6 route del blackhole default metric 1
	for host in 77 98 99; do
		neighbour "$B" "10.0.1.$host" "2001:db8:1::$host" "01:$host"
		neighbour near9 "10.2.1.$host" "2001:db8:2::$host" "02:$host"
	done
	expect "the module loads" load
	expect "the client's wire is claimed" yardctl claim "$B" --cpus 1 --idle-timeout 2s
	expect "the server's wire is claimed" yardctl claim near9 --cpus 1 --idle-timeout 2s
	cat "/sys/class/net/$B/address" /sys/class/net/near9/address >"$scratch.ends"
	defer rm -f "$scratch.ends"
	relay "all tables were played" python3 "$HERE/lib/packets.py" "$scratch.ends" \
		"$client" "$A" "$server" far9 "$@"
}

# quiet INTERFACE...: sends nothing by itself, and forwards nothing.
quiet() {
	local interface
	for interface in "$@"; do
		sysctl -qw "net.ipv4.conf.$interface.forwarding=0" \
			"net.ipv6.conf.$interface.forwarding=0" \
			"net.ipv6.conf.$interface.accept_dad=0" \
			"net.ipv6.conf.$interface.accept_ra=0" \
			"net.ipv6.conf.$interface.router_solicitations=0" \
			"net.ipv6.conf.$interface.disable_ipv6=0"
	done
}

# address_of DEVICE NETWORK4 NETWORK6: its addresses.
address_of() {
	defer ip link set "$1" down
	defer ip addr flush dev "$1"
	ip link set "$1" up
	ip addr add "$2.1/24" dev "$1"
	ip addr add "$3::1/48" dev "$1" nodad
}

# neighbour DEVICE ADDRESS4 ADDRESS6 NUMBER: somebody who is not there.
neighbour() {
	ip neigh replace "$2" lladdr "02:00:00:00:$4" dev "$1" nud permanent
	ip neigh replace "$3" lladdr "02:00:00:00:$4" dev "$1" nud permanent
}
