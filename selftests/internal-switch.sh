#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The patent's first embodiment (Fig. 7): the control processor has a network interface of its own
# at the internal switch, and clients reach it by a virtual address.  What comes for that is
# rewritten to the interface's real address and goes out to the internal switch, where the
# interface receives it; its answers take the same way back.  All of it is one machine, in one
# name space: the packets go by the wire nevertheless.  Both families.
#
#     client 10.0.1.2 -- A0 [wire 0] B0 -- switching CPU 1 -- B1 10.2.1.1 --+
#            fd00:1::2   (external   virtual 10.9.9.9,        fd00:2:1::1   | [wire 1]
#                         switch)    fd00:9::9                              | (internal switch)
#                             control CPU 0: sockets --- A1 10.2.1.2 -------+
#                                            (interface 37)  fd00:2:1::2

# shellcheck disable=SC2016,SC2034,SC2119 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/site.sh"
. "$HERE/lib/six.sh"

REAL=10.2.1.2
REAL6=fd00:2:1::2

# internal: wire 1 joins two cards of this name space. The kernel takes what comes by one of its
# cards with the address of another for forged, and no address of its own for a gateway: so each
# card is told the other's link-layer address, and the switch's is a gateway's (.254) as well.
# Answers leave by the card of their own address.
internal() {
	wire 1
	inside=$B control=$A
	local device
	for device in "$inside" "$control"; do
		defer disconnect "$device"
		sysctl -qw "net.ipv6.conf.$device.disable_ipv6=0" "net.ipv6.conf.$device.accept_dad=0"
		defer sysctl -qw "net.ipv6.conf.$device.disable_ipv6=1"
	done
	ip -batch - <<-END
		addr add 10.2.1.1/24 dev $inside
		addr add fd00:2:1::1/64 dev $inside nodad
		addr add $REAL/24 dev $control
		addr add $REAL6/64 dev $control nodad
		link set $inside up
		link set $control up
	END
	neighbours "$inside" "$control" $REAL $REAL6 || return 1
	neighbours "$control" "$inside" 10.2.1.254 fd00:2:1::254 || return 1
	ip -batch - <<-END || return 1
		route add default via 10.2.1.254 dev $control table 101
		rule add from $REAL lookup 101
	END
	ip -6 -batch - <<-END || return 1
		route add default via fd00:2:1::254 dev $control table 101
		rule add from $REAL6 lookup 101
	END
	defer ip rule del from $REAL lookup 101
	defer ip -6 rule del from $REAL6 lookup 101
	defer ip route flush table 101
	defer ip -6 route flush table 101
}

# neighbours DEVICE OTHER ADDRESS...: who has these addresses, as seen from DEVICE.
neighbours() {
	local device=$1 other=$2 address link
	shift 2
	read -r link <"/sys/class/net/$other/address"
	for address; do
		ip neigh replace "$address" lladdr "$link" dev "$device" nud permanent || return 1
	done
}

# serve_here: an HTTP server on the control CPU, at the interface's real addresses.
serve_here() {
	mkdir "$work/site"
	cp "$work/blob" "$work/site/blob"
	site 8080 "location /who { return 200 \"\$server_addr \$remote_addr\n\"; }
		location /file/ { alias $work/site/; }" "$REAL" "[$REAL6]"
}

# get FAMILY PATH [CURL OPTION...]: from the virtual address of that family.
get() {
	local family=$1 path=$2
	shift 2
	in_client curl "-$family" --resolve "name:80:$([ "$family" = 4 ] && echo $VIP || echo $VIP6)" \
		-sS --max-time $((20 * SLOW)) --connect-timeout $((5 * SLOW)) "$@" "http://name$path"
}

# sent DEVICE, received DEVICE: packets by the card's own count.
sent() {
	echo "$(<"/sys/class/net/$1/statistics/tx_packets")"
}

received() {
	echo "$(<"/sys/class/net/$1/statistics/rx_packets")"
}

need nginx curl cmp taskset
work_dir
topology
expect "everybody speaks IPv6" topology6
expect "an interface of the control CPU's is at the internal switch" internal
head -c 2000000 /dev/urandom >"$work/blob"
expect "it is listened at its real addresses" serve_here
expect "the module loads" load
for device in "$front" "$inside"; do
	expect "$device is claimed, for CPU 1" yardctl claim "$device" --cpus 1 --idle-timeout 2s
done
expect "the virtual addresses are services" yardctl batch - <<-END
	service add tcp $VIP:80 -d $REAL:8080
	service add tcp [$VIP6]:80 -d [$REAL6]:8080
END

for family in 4 6; do
	inside_sent=$(sent "$inside") control_received=$(received "$control")
	control_sent=$(sent "$control") inside_received=$(received "$inside")
	real=$REAL from=$CLIENT
	[ "$family" = 4 ] || real=$REAL6 from=$CLIENT6
	equal "a client of IPv$family reaches the control CPU by the virtual address" \
		"$(get "$family" /who)" "$real $from"
	expect "a file of 2 MB comes whole" eval \
		'get "$family" /file/blob -o "$work/got" && cmp "$work/blob" "$work/got"'
	between "the requests have gone out to the internal switch" \
		$(($(sent "$inside") - inside_sent)) 20 10000
	between "and into the interface" $(($(received "$control") - control_received)) 20 10000
	between "the answers have gone out by the interface" $(($(sent "$control") - control_sent)) 20 10000
	between "and come from the internal switch" $(($(received "$inside") - inside_received)) 20 10000
done
equal "the connections are translated ones" "$(yardctl --json connections |
	jq -r '[.[].forwarding] | unique | join(" ")')" nat
equal "from and to where they should" "$(yardctl --json connections | jq -r \
	'[.[] | "\(.service_address) \(.destination_address)"] | unique | join(", ")')" \
	"$VIP $REAL, $VIP6 $REAL6"
# After two seconds of rest a queue's first packets come by interrupt, to whichever CPU that goes.
expect "most has gone by the filter of the switching CPU" eval \
	'yardctl --json stats | jq -e "[.cpus[] | select(.cpu == 1).forwarded, -.forwarded / 2] | add > 0"'
equal "nothing was dropped" "$(yardctl --json stats | jq '[.drops[].packets] | add')" 0

# What the control CPU has nobody for, its own stack refuses, over the same way.
expect "a port that nobody listens at is a service" yardctl service add tcp "$VIP:81" -d "$REAL:8081"
status=0
in_client curl -sS --max-time $((5 * SLOW)) "http://$VIP:81/" 2>/dev/null || status=$?
equal "it is refused" "$status" 7
equal "by the control CPU, not by the switch" "$(dropped reset-sent)" 0
finish
