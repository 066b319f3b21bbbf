# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # set for, and by, others
#
# The topology of topology.sh in IPv6 as well: fd00:1::/64 on the client's wire, fd00:2:N::/64
# on server N's, ::1 being the switch and ::2 the other end.

VIP6=fd00:9::9
CLIENT6=fd00:1::2

# six DEVICE PEER NAMESPACE NETWORK: what connect() of topology.sh does, for IPv6.
six() {
	sysctl -qw "net.ipv6.conf.$1.disable_ipv6=0" "net.ipv6.conf.$1.accept_dad=0"
	ip netns exec "$3" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	ip addr add "$4::1/64" dev "$1" nodad
	defer sysctl -qw "net.ipv6.conf.$1.disable_ipv6=1"
	ip -n "$3" addr add "$4::2/64" dev "$2" nodad
	ip -n "$3" route add default via "$4::1"
}

# topology6: after topology, for all of its devices.
topology6() {
	local before n
	read -r before </proc/sys/net/ipv6/conf/all/forwarding
	sysctl -qw net.ipv6.conf.all.forwarding=1
	defer sysctl -qw "net.ipv6.conf.all.forwarding=$before"
	six "$front" "$front_peer" "$client" fd00:1 || return 1
	for n in "${!server[@]}"; do
		six "${back[n]}" "${back_peer[n]}" "${server[n]}" "fd00:2:$n" || return 1
	done
	slowwait 10 in_client ping -6 -q -c 1 -W 1 fd00:1::1 || return 1
	for n in "${!server[@]}"; do
		slowwait 10 in_server "$n" ping -6 -q -c 1 -W 1 "fd00:2:$n::1" || return 1
	done
}

# yard6 ADDRESS...: yard0 has these addresses, of either family, and is up.
yard6() {
	local address
	sysctl -qw net.ipv6.conf.yard0.accept_dad=0
	for address in "$@"; do
		case $address in
		*:*) ip addr add "$address/128" dev yard0 nodad || return 1 ;;
		*) ip addr add "$address/32" dev yard0 || return 1 ;;
		esac
	done
	ip link set yard0 up
}
