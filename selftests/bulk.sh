#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Bulk data by TCP, and datagrams that are parted later, come through the switch byte for byte, their
# hash taken at both ends, with offloads on, off and mixed, by address translation and tunnels, IPv4
# and IPv6; merged segments stay merged and checksums that are still to be worked out stay so.
#
#     client 10.0.1.2, fd00:1::2 --- peer0 [veth] front0 -- switch -- back1 [veth] peer1 --- server1
#
# SWITCHYARD_BULK=MEGABYTES is how much goes by with offloads on (200); otherwise it is 24 at most:
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
BULK=${SWITCHYARD_BULK:-200}
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
echo "# $total MB in all"
finish
