#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh [CASE...]: what an instruction bench does in its virtual machine.  Prints
# one line for each measurement,
#     reading CASE ROUND NANOSECONDS PACKETS
# and stops at the first thing that is not as it should be.
#
#   pktgen --> g0 ==veth== g1 [the case: from here to o0] o0 ==veth== o1 --> drop
#
# There is one CPU, and its clock counts instructions: the nanoseconds that pktgen
# takes for its packets are what was executed for them, all the way to the drop.
# A case is measured in two rounds, each on a freshly loaded set-up.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

packets=40000		# per measurement, and so new flows of a "-new" case
sample=16		# looked at one by one
# shellcheck disable=SC2034 # for the cases
vip=10.9.9.9:9000 server=10.2.0.2:9001
router_mac=02:00:00:00:01:01 sender_mac=02:00:00:00:01:00
out_mac=02:00:00:00:02:00 server_mac=02:00:00:00:02:01
dump=/tmp/sample

die() {
	echo "bench: $*" >&2
	exit 1
}

# Both wires, the drop behind the second one, and a router between them.
topology() {
	local dev
	modprobe -a pktgen cls_matchall sch_ingress act_gact act_mirred
	sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.disable_ipv6=1
	ip link add g0 address $sender_mac type veth peer name g1 address $router_mac
	ip link add o0 address $out_mac type veth peer name o1 address $server_mac
	for dev in g0 g1 o0 o1; do
		ip link set $dev up
	done
	ip addr add 10.1.0.1/24 dev g1
	ip addr add 10.2.0.1/24 dev o0
	ip neigh replace ${server%:*} lladdr $server_mac dev o0 nud permanent
	# So that the sample has checksums that somebody must have kept right.
	ethtool -K g0 tx off >/dev/null
	tc qdisc add dev g1 clsact
	tc qdisc add dev o1 clsact
	tc filter add dev o1 ingress matchall action drop
}

# send DESTINATION COUNT FLOWS FROM [LINE...]: sends from the client address FROM, from
# one port or, if FLOWS is "new", from another port each time.
send() {
	local to=$1 count=$2 flows=$3 from=$4 last=1024 line
	shift 4
	[ "$flows" = known ] || last=65535
	echo reset >/proc/net/pktgen/pgctrl
	echo "add_device g0" >/proc/net/pktgen/kpktgend_0
	for line in "count $count" "pkt_size 60" "delay 0" "dst_mac $router_mac" \
		"src_min $from" "src_max $from" "udp_src_min 1024" "udp_src_max $last" \
		"dst_min ${to%:*}" "dst_max ${to%:*}" \
		"udp_dst_min ${to#*:}" "udp_dst_max ${to#*:}" "$@"; do
		echo "$line" >/proc/net/pktgen/g0
	done
	echo start >/proc/net/pktgen/pgctrl
	grep -q "^Result: OK: .* $count (60byte" /proc/net/pktgen/g0 ||
		die "the generator failed: $(cat /proc/net/pktgen/g0)"
}

# Nanoseconds that the last transmission took.
elapsed() {
	sed -n 's/^Result: OK: \([0-9]*\)(.*/\1000/p' /proc/net/pktgen/g0
}

# Packets that the drop has dropped.
dropped() {
	tc -s filter show dev "$sink" ingress |
		sed -n 's/.*Sent [0-9]* bytes \([0-9]*\) pkt.*/\1/p'
}

# check_sample FLOWS FROM: each of a few packets must arrive as the case says: to the
# right addresses and port, whole, with right checksums, as many flows as were sent.
check_sample() {
	local flows=$1 from=$2 pid wanted_flows=1 seen line
	[ "$flows" = known ] || wanted_flows=$sample
	tcpdump -i "$sink" -n -c "$sample" -U -w "$dump" udp >/tmp/tcpdump 2>&1 &
	pid=$!
	until grep -q 'listening on' /tmp/tcpdump; do
		kill -0 $pid || die "tcpdump: $(cat /tmp/tcpdump)"
		sleep 0.01
	done
	send "$destination" "$sample" "$flows" "$from" "flag UDPCSUM"
	timeout 5 tail --pid $pid -f /dev/null || kill $pid
	wait $pid || true
	tcpdump -r "$dump" -n -e -vv 2>/dev/null | paste - - >/tmp/packets
	echo "sample $case $flows: $(head -n 1 /tmp/packets | cut -d ' ' -f 2- | tr -s ' \t' ' ')"
	line="^[^ ]+ $expect_source > $expect_mac, .*ttl $expect_ttl, .*length 46\).*"
	line+="$from\.[0-9]+ > ${expect_to/:/.}: \[udp sum ok\] UDP, length 18$"
	seen=$(grep -vc 'bad cksum' <(grep -E "$line" /tmp/packets) || true)
	[ "$seen" -eq "$sample" ] ||
		die "$case: $seen of $sample sampled packets arrived as they should: $(head -n 3 /tmp/packets)"
	seen=$(grep -oE "$from\.[0-9]+ >" /tmp/packets | sort -u | wc -l)
	[ "$seen" -eq "$wanted_flows" ] || die "$case: the sample has $seen flows, not $wanted_flows"
}

# measure ROUND FLOWS
measure() {
	local round=$1 flows=$2 name=$case${3:-} from before made nanoseconds
	next=$((next + 2))
	from=10.1.0.$((next + 1))
	check_sample "$flows" 10.1.0.$next
	# Once without being measured: memory that was never used, tables that grow, and
	# of a known flow the first packet.  Then work put off until later has its time.
	case $flows in
	known) send "$destination" $packets known "$from" ;;
	new) send "$destination" $packets new 10.1.0.$next ;;
	esac
	sleep 3
	before=$(dropped) made=$(connections)
	send "$destination" $packets "$flows" "$from"
	nanoseconds=$(elapsed)
	before=$(($(dropped) - before)) made=$(($(connections) - made))
	if [ "$before" -ne $packets ]; then
		trouble
		die "$name: $before of $packets packets were delivered"
	fi
	case $flows:$made in
	known:0 | new:"$packets") ;;
	*) "$tracks" && die "$name: $made connections were made" ;;
	esac
	echo "reading $name $round $nanoseconds $packets"
}

# Every case: see cases/README for what a case file says.
run_case() {
	local round=$1 flows
	modes=known destination=$server sink=o1 tracks=false
	expect_source=$out_mac expect_mac=$server_mac expect_to=$server expect_ttl=31
	next=0
	setup() { :; }
	teardown() { :; }
	connections() { echo 0; }
	trouble() { :; }
	# shellcheck source=/dev/null
	. "$here/cases/$case.sh"
	setup
	for flows in $modes; do
		case $flows in
		plain) measure "$round" known ;;
		*) measure "$round" "$flows" "-$flows" ;;
		esac
	done
	teardown
}

topology
echo "kernel $(uname -r)"
cases=("$@")
for round in 1 2; do
	for case in "${cases[@]}"; do
		run_case "$round"
	done
done
