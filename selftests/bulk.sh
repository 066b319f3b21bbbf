#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bulk data by TCP, and datagrams that are parted later, come through the switch byte for byte, their
# hash taken at both ends, with offloads on, off and mixed, by address translation and tunnels, IPv4
# and IPv6; merged segments stay merged and checksums that are still to be worked out stay so.
#
#     client 10.0.1.2, fd00:1::2 --- peer0 [veth] front0 -- switch -- back1 [veth] peer1 --- server1
#
# SWITCHYARD_BULK=MEGABYTES is how much goes by with offloads on (200, on a slow kernel 16); otherwise it
# is 24 at most:
#
#     scripts/vm.sh --timeout 540 --wire igb:igb --wire igb:igb --wire virtio-net:virtio-net -- \
#         env SWITCHYARD_BULK=10240 ./run_kselftest.sh -o 500 -t switchyard:bulk.sh

# shellcheck disable=SC2154 # lib/bulk.sh sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/dual.sh"
. "$HERE/lib/bulk.sh"

FRONT_WIRE=veth
TRACING=/sys/kernel/tracing
BULK=${SWITCHYARD_BULK:-$((SLOW > 1 ? 16 : 200))}
total=0

# offloads STATE STATE STATE STATE: of peer0, front0, back1 and peer1, all on or all off.
offloads() {
	local device space
	for device in peer0 front0 back1 peer1; do
		case $device in
		peer0) space=$client ;;
		peer1) space=${server[1]} ;;
		*) space= ;;
		esac
		${space:+ip netns exec "$space"} ethtool -K "$device" rx "$1" tx "$1" sg "$1" tso "$1" \
			gso "$1" gro "$1" >/dev/null || return 1
		shift
	done
}

# watch on|off: counts, by device, what comes to front0 and what leaves by back1.
watch() {
	local event state=$1 bang=
	[ "$state" = on ] || bang='!'
	for event in netif_rx_entry napi_gro_receive_entry; do
		echo "${bang}hist:keys=ip_summed,gso_size if name == \"front0\" && len > 500" \
			>"$TRACING/events/net/$event/trigger" || return 1
	done
	echo "${bang}hist:keys=ip_summed,gso_size if name == \"back1\" && len > 500" \
		>"$TRACING/events/net/net_dev_start_xmit/trigger"
}

# seen EVENT...: how many packets there were by checksum state and kind, as "partial:many=N ...":
# of more than one segment (many), and long ones of one (one).
seen() {
	local event
	for event in "$@"; do
		cat "$TRACING/events/net/$event/hist"
	done | awk 'BEGIN { split("none unnecessary complete partial", name) }
		$2 == "ip_summed:" {
			kind = $5 == "0," || $5 == 0 ? "one" : "many"
			seen[name[$3 + 1] ":" kind] += $NF
		}
		END { for (kind in seen) print kind "=" seen[kind] }' | sort | paste -sd ' '
}

# watched NAME CAME LEFT: a megabyte, of which the most came as CAME, "partial:many" or the like, and left
# as LEFT.
watched() {
	local came left
	if [ ! -e "$TRACING/events/net/netif_rx_entry/hist" ]; then
		ktap_test_skip "$1: this kernel cannot count events"
		return
	fi
	watch on && bulk up nat 4 1 || return 1
	came=$(seen netif_rx_entry napi_gro_receive_entry)
	left=$(seen net_dev_start_xmit)
	watch off
	echo "# $1: came $came, left $left"
	equal "$1: came $2" "$(most "$came")" "$2"
	equal "$1: left $3" "$(most "$left")" "$3"
}

# most COUNTS: the kind of which there are most bytes: 40 segments are in one that was merged.
most() {
	tr ' ' '\n' <<<"$1" | awk -F= '{ n = $2 * ($1 ~ /many/ ? 20 : 1); if (n > max) { max = n; kind = $1 } }
		END { print kind }'
}

# transfers NAME MEGABYTES: both ways by every method and family, so much in all.
transfers() {
	local name=$1 part=$(($2 / 8)) family method transfer rates='' before
	[ "$part" -gt 0 ] || part=1
	before=$(dropped transmit)
	for family in 4 6; do
		for transfer in "up nat" "down nat" "up ipip" "up gue"; do
			# shellcheck disable=SC2086 # two words
			if expect "$name: $part MB $transfer, IPv$family" bulk $transfer "$family" "$part"; then
				total=$((total + part))
				rates+=" $rate"
			fi
		done
	done
	for method in nat ipip gue; do
		for family in 4 6; do
			expect "$name: 100 datagrams by $method, IPv$family" bulk datagrams "$method" "$family" 100
		done
	done
	echo "# $name: MB/s$rates"
	# Of what is lost TCP sends again, more slowly: that is not to be overlooked.
	equal "$name: the way out took every packet" "$(dropped transmit)" "$before"
}

# long_segments NAMESPACE DEVICE...: they take segments to be cut of 192 KB, and TCP there makes such.
long_segments() {
	while [ $# -gt 0 ]; do
		ip ${1:+-n "$1"} link set "$2" gso_max_size 196608 gso_ipv4_max_size 196608 || return 1
		# As if every path were short.
		${1:+ip netns exec "$1"} sysctl -qw net.ipv4.tcp_tso_rtt_log=20
		shift 2
	done
}

# watch_long on|off: counts packets that come to the switch and are longer than headers can say.
watch_long() {
	local bang=
	[ "$1" = on ] || bang='!'
	[ ! -e "$TRACING/events/net/netif_rx_entry/hist" ] ||
		echo "${bang}hist:keys=gso_size if name == \"front0\" && len > 65550" \
			>"$TRACING/events/net/netif_rx_entry/trigger"
}

# long_seen: how many there were; nothing if the kernel cannot count events.
long_seen() {
	[ ! -e "$TRACING/events/net/netif_rx_entry/hist" ] ||
		awk '$1 == "{" { seen += $NF } END { print seen + 0 }' "$TRACING/events/net/netif_rx_entry/hist"
}

need python3 ethtool modprobe
work_dir
topology veth
expect "everybody speaks IPv6" dual_stack
expect "the server takes bulk data" bulk_server
bulk_client
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 10s
expect "services are made" bulk_services

defer watch off
few=$((BULK / 8 < 24 ? BULK / 8 : 24))
transfers "offloads on" "$BULK"
watched "offloads on" partial:many partial:many
expect "offloads are turned off" offloads off off off off
transfers "offloads off" "$few"
watched "offloads off" none:one none:one
expect "on at the client's side" offloads on on off off
transfers "on at the client's side" "$few"
watched "on at the client's side" partial:many none:one
expect "on at the server's side, and to receive" offloads off on on on
transfers "on at the server's side" "$few"
watched "on at the server's side" none:one partial:many
expect "on at both ends, off here" offloads on off off on
transfers "on at both ends" "$few"
watched "on at both ends" partial:many none:one

# Segments that were merged to more than 64 KB, of which headers cannot say the length (BIG TCP): they
# are cut where a device does not take them, and before a tunnel.
expect "offloads are on" offloads on on on on
expect "both ends send more than 64 KB at once" long_segments "$client" peer0 "${server[1]}" peer1
watch_long on
transfers "more than 64 KB" "$few"
long=$(long_seen)
watch_long off
[ -z "$long" ] || between "packets were as long as that" "$long" 10 1000000
expect "and so do we" long_segments "" front0 "" back1
transfers "more than 64 KB all the way" "$few"
echo "# $total MB in all"
finish
