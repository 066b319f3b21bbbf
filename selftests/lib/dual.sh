# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of topology.sh
#
# IPv6 beside the IPv4 of topology.sh, on the same devices:
#
#     client fd00:1::2 --- A [wire 0] B fd00:1::1 -- switch -- fd00:2:N::1 --- fd00:2:N::2 serverN
#
# The service's address is fd00:9::9.

VIP6=fd00:9::9
CLIENT6=fd00:1::2

# dual_stack: after topology().
dual_stack() {
	local n before
	read -r before </proc/sys/net/ipv6/conf/all/forwarding
	echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
	defer eval "echo $before >/proc/sys/net/ipv6/conf/all/forwarding"
	dual_connect "$front" "$front_peer" "$client" fd00:1 || return 1
	for n in "${!server[@]}"; do
		dual_connect "${back[n]}" "${back_peer[n]}" "${server[n]}" "fd00:2:$n" || return 1
	done
	slowwait 10 in_client ping -6 -q -c 1 -W 1 fd00:1::1 || return 1
	for n in "${!server[@]}"; do
		slowwait 10 in_server "$n" ping -6 -q -c 1 -W 1 "fd00:2:$n::1" || return 1
	done
}

# dual_connect DEVICE PEER NAMESPACE NETWORK: as connect() of topology.sh.
dual_connect() {
	local conf=/proc/sys/net/ipv6/conf
	echo 0 >"$conf/$1/disable_ipv6"
	echo 0 >"$conf/$1/accept_dad"
	defer eval "echo 1 >$conf/$1/disable_ipv6"
	# shellcheck disable=SC2016 # expanded there
	nsenter --net="/run/netns/$3" bash -c '
		for all in /proc/sys/net/ipv6/conf/*; do
			echo 0 >"$all/disable_ipv6"
			echo 0 >"$all/accept_dad"
		done'
	ip addr add "$4::1/64" dev "$1" nodad || return 1
	ip -n "$3" -batch - <<-EOF
		addr add $4::2/64 dev $2 nodad
		route add default via $4::1
	EOF
}
