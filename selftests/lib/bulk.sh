# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # of topology.sh and dual.sh
#
# Bulk data for the scenarios of offloads, VLANs and MTUs: server 1 has the service's addresses and
# takes packets out of all tunnels; services of both families, a port for each method.
#
#     5001 nat    5002 tunnel by IPIP    5003 tunnel by GUE

declare -A METHOD=([nat]=5001 [ipip]=5002 [gue]=5003)

# bulk_server: server 1 listens.
bulk_server() {
	modprobe -a ipip ip6_tunnel fou fou6 2>/dev/null || skip_all "the kernel lacks a tunnel"
	ip -n "${server[1]}" -batch - <<-EOF || return 1
		addr add $VIP/32 dev lo
		addr add $VIP6/128 dev lo nodad
		link set lo up
		fou add port 6080 gue
		link add four type ipip local 10.2.1.2 remote any
		link add six type ip6tnl mode any local fd00:2:1::2 remote ::
		link set four up
		link set six up
	EOF
	in_server 1 ip -6 fou add port 6080 gue || return 1
	in_server 1 sysctl -qw net.ipv4.conf.four.rp_filter=0
	background ip netns exec "${server[1]}" "$HERE/lib/bulk.py" serve "${METHOD[@]}"
	slowwait 20 listening 1 tcp 5001 && slowwait 5 listening 1 tcp 5003
}

# bulk_client: what asks, for many transfers one after the other.
bulk_client() {
	coproc ASK { exec ip netns exec "$client" "$HERE/lib/bulk.py" ask; }
	defer quit "$ASK_PID"
	ask_from=${ASK[0]} ask_to=${ASK[1]}
}

bulk_services() {
	local protocol
	for protocol in tcp udp; do
		cat <<-EOF
			service add $protocol $VIP:5001 -d 10.2.1.2:5001
			service add $protocol [$VIP6]:5001 -d [fd00:2:1::2]:5001
			service add $protocol $VIP:5002 -d 10.2.1.2,forwarding=tunnel
			service add $protocol [$VIP6]:5002 -d fd00:2:1::2,forwarding=tunnel
			service add $protocol $VIP:5003 -d 10.2.1.2,forwarding=tunnel,encapsulation=gue
			service add $protocol [$VIP6]:5003 -d fd00:2:1::2,forwarding=tunnel,encapsulation=gue
		EOF
	done | yardctl batch -
}

# bulk WAY METHOD FAMILY MEGABYTES: one transfer, up or down, by IPv4 or IPv6 (4 or 6); or "datagrams" and
# how many. What came of
# it is in $verdict and $rate, in MB/s.
bulk() {
	local address=$VIP
	[ "$3" = 4 ] || address=$VIP6
	echo "$1 $address ${METHOD[$2]} $4" >&"$ask_to"
	read -r -t $((200 * SLOW)) verdict bytes digest rate <&"$ask_from" || verdict=silence
	[ "$verdict" = same ] || echo "$verdict $bytes $digest $rate"
	[ "$verdict" = same ]
}
