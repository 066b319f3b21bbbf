#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh [OPTIONS] CASE...: what a bench does in its machine.  Prints a line for
# each measurement,
#     reading CASE ROUND PACKETS NANOSECONDS...
#     memory CASE BYTES CONNECTIONS
#     skipped CASE WHY
# and stops at the first thing that is not as it should be.
#
#   --rounds N     how often each case is set up anew and measured (2)
#   --large N      the same for the cases of a million flows (1)
#   --repeat N     measurements in a round (1)
#   --packets N    packets of a measurement, and so new flows of a "-new" case (40000)
#   --pace N       a set of flows is made at N packets a second (as fast as may be)
#   --settle TIME  before a measurement, for what the kernel has put off (3)
#   --patience TIME  for a sample to arrive (600: a clock that counts instructions runs
#                  ahead while the machine waits for its disk or its files)
#   --profile      no measurement: one case's packets, for the plugin profile/counter.c
#
# CASE is a file of cases/, with a 6 for IPv6 and with its flows if it is not to be
# measured with all that it can: ipvs-nat, ipvs-nat6, ipvs-nat6-64k.
#
#   pktgen --> g0 ==veth== g1 [the case: from here to o0] o0 ==veth== o1 --> drop
#
# There is one CPU, so that what pktgen takes for its packets is what was done for
# them, all the way to the drop: instructions where the machine's clock counts these,
# else nanoseconds.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

sample=16		# looked at one by one
flows_64k_6=64499	# there is one IPv6 address to send from
router_mac=02:00:00:00:01:01 sender_mac=02:00:00:00:01:00
out_mac=02:00:00:00:02:00 server_mac=02:00:00:00:02:01

die() {
	echo "bench: $*" >&2
	exit 1
}

# Both wires, the drop behind the second one, and a router between them.
topology() {
	local dev
	modprobe -a veth pktgen cls_matchall sch_ingress act_gact act_mirred
	sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.default.disable_ipv6=1 \
		net.ipv6.conf.all.forwarding=1 net.ipv6.conf.default.accept_dad=0
	ip link add g0 address $sender_mac type veth peer name g1 address $router_mac
	ip link add o0 address $out_mac type veth peer name o1 address $server_mac
	sysctl -qw net.ipv6.conf.g1.disable_ipv6=0 net.ipv6.conf.o0.disable_ipv6=0
	for dev in g0 g1 o0 o1; do
		ip link set $dev up
	done
	ip addr add 10.1.0.1/16 dev g1
	ip addr add fd00:1::1/64 dev g1 nodad
	ip addr add 10.2.0.1/24 dev o0
	ip addr add fd00:2::1/64 dev o0 nodad
	ip neigh replace 10.2.0.2 lladdr $server_mac dev o0 nud permanent
	ip neigh replace fd00:2::2 lladdr $server_mac dev o0 nud permanent
	# So that the sample has checksums that somebody must have kept right.
	ethtool -K g0 tx off >/dev/null
	tc qdisc add dev g1 clsact
	tc qdisc add dev o1 clsact
	tc filter add dev o1 ingress matchall action drop
	# What IPv6 says of itself on a new link is said by then.
	sleep 4
}

# The addresses of a family, as plain ones and with their ports.
addresses() {
	# shellcheck disable=SC2034 # for the cases
	if [ "$family" = 6 ]; then
		vip_address=fd00:9::9 server_address=fd00:2::2
		vip=[$vip_address]:9000 server=[$server_address]:9001
	else
		vip_address=10.9.9.9 server_address=10.2.0.2
		vip=$vip_address:9000 server=$server_address:9001
	fi
}

# The N-th address to send from.  Where several are used they are 16 in a row.
from_address() {
	if [ "$family" = 6 ]; then
		printf 'fd00:1::2:%x\n' "$1"
	else
		printf '10.1.%d.0\n' "$1"
	fi
}

# send COUNT FLOWS N [LINE...]: sends COUNT packets from the N-th address: from one port
# (known), from another port each time (new), in turn through all flows of a set (64k,
# 1m), or through such a set at random (64k-random, 1m-random).
send() {
	local count=$1 flows=$2 from first=1024 last=1024 addresses=1 line lines=()
	from=$(from_address "$3")
	shift 3
	case $flows in
	new) last=65535 ;;
	# The counters of addresses and ports go up together.  They meet in all pairs
	# because their numbers, that of ports a prime, have no common divisor.
	64k*) last=$((first + 32771)) addresses=2 ;;
	1m*) last=$((first + 62501)) addresses=16 ;;
	esac
	if [ "$family" = 6 ] && [ "$addresses" -gt 1 ]; then
		last=$((first + flows_64k_6)) addresses=1
	fi
	[ "${flows#*-}" != random ] || lines+=("flag UDPSRC_RND")
	# Of ports the last is never used.
	lines+=("udp_src_min $first" "udp_src_max $last"
		"udp_dst_min ${destination##*:}" "udp_dst_max ${destination##*:}")
	if [ "$family" = 6 ]; then
		lines+=("src6 $from" "dst6 $destination_address" "flag UDPCSUM")
	else
		lines+=("src_min $from" "dst_min $destination_address" "dst_max $destination_address")
		# Of addresses the last is used in turn, but not at random.
		if [ "$addresses" -gt 1 ] && [[ $flows == *-random ]]; then
			lines+=("src_max ${from%.0}.$addresses" "flag IPSRC_RND")
		else
			lines+=("src_max ${from%.0}.$((addresses - 1))")
		fi
	fi
	echo reset >/proc/net/pktgen/pgctrl
	echo "add_device g0" >/proc/net/pktgen/kpktgend_0
	# A packet is nobody else's, as it is when a driver hands it over: pktgen usually keeps hold of
	# it, and then everybody but mirred has to make a copy first.
	for line in "count $count" "pkt_size 60" "delay 0" "dst_mac $router_mac" "flag !SHARED" \
		"${lines[@]}" "$@"; do
		echo "$line" >/proc/net/pktgen/g0
	done
	echo start >/proc/net/pktgen/pgctrl
	grep -q "^Result: OK: .* $count (60byte" /proc/net/pktgen/g0 ||
		die "the generator failed: $(cat /proc/net/pktgen/g0)"
}

# How many flows a set has.
flows_of() {
	case $1 in
	known) echo 1 ;;
	new) echo "$packets" ;;
	64k) echo $((family == 6 ? flows_64k_6 : 2 * 32771)) ;;
	1m) echo $((16 * 62501)) ;;
	esac
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

# deliver COUNT FLOWS N: sends, and insists that all has come out at the other end.
deliver() {
	local before
	before=$(dropped)
	send "$@"
	before=$(($(dropped) - before))
	if [ "$before" -ne "$1" ]; then
		trouble
		die "$name: $before of $1 packets were delivered"
	fi
}

# Each of a few packets must arrive as the case says: to the right addresses and port,
# whole, with right checksums, as many flows as were sent.
check_sample() {
	local flows=known wanted=1 pid
	if [ "$kind" = new ]; then
		flows=new wanted=$sample
	fi
	# What the last one said must not be taken for this one's word.
	rm -f /tmp/sample
	python3 "$here/sample.py" "$sink" "$sample" --flows "$wanted" \
		--link-source "$expect_source" --link-destination "$expect_mac" \
		--source "$(from_address 1)" --destination "$expect_to" --ttl "$expect_ttl" \
		--tunnel "$expect_tunnel" --timeout "$patience" >/tmp/sample 2>&1 &
	pid=$!
	until grep -q listening /tmp/sample 2>/dev/null; do
		kill -0 $pid 2>/dev/null || die "$name: $(cat /tmp/sample)"
		sleep 0.01
	done
	send "$sample" "$flows" 1 "flag UDPCSUM"
	wait $pid || die "$name: $(cat /tmp/sample)"
	[ "$round" -gt 1 ] || sed -n "s/^first: /sample $name /p" /tmp/sample
}

# fill FLOWS: makes a set of flows.  Once more, if a table did not grow as fast as they
# came, which is said.
fill() {
	local pass before
	for pass in 1 2 3; do
		before=$(dropped)
		send "$1" "$kind" 2 "${pace[@]}"
		before=$(($(dropped) - before))
		[ "$before" -ne "$1" ] || return 0
		echo "note $name: $(($1 - before)) of $1 packets were lost while their flows were made (pass $pass)"
		sleep "$settle"
	done
	trouble
	die "$name: $before of $1 packets were delivered"
}

# Bytes of memory that nobody uses.
free_memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	sleep "$settle"
	awk '$1 == "MemFree:" { print $2 * 1024 }' /proc/meminfo
}

# measure: one kind of flows.
measure() {
	local repetition before made flows next=2 times=''
	flows=$(flows_of "$kind")
	check_sample
	# Once without being measured: memory that was never used, tables that grow, and
	# of known flows their first packets.
	made=$(connections)
	case $kind in
	known) deliver "$packets" known 2 ;;
	new) deliver "$packets" new 2 ;;
	*) fill "$flows" ;;
	esac
	made=$(($(connections) - made))
	if $tracks && [ "$made" -ne "$flows" ]; then
		trouble
		die "$name: $made connections were made for $flows flows"
	fi
	if $tracks && [ "$kind" = 1m ]; then
		echo "memory $name $((memory - $(free_memory))) $flows"
	fi
	# Then work put off until later has its time.
	sleep "$settle"
	made=$(connections) before=$(dropped)
	for ((repetition = 0; repetition < repeat; repetition++)); do
		case $kind in
		known) send "$packets" known 2 ;;
		new) next=$((next + 1)) && send "$packets" new $next ;;
		*) send "$packets" "$kind-random" 2 ;;
		esac
		times+=" $(elapsed)"
	done
	before=$(($(dropped) - before)) made=$(($(connections) - made))
	if [ "$before" -ne $((repeat * packets)) ]; then
		trouble
		die "$name: $before of $((repeat * packets)) packets were delivered"
	fi
	[ "$kind" != new ] || made=$((made - repeat * packets))
	! $tracks || [ "$made" -eq 0 ] || die "$name: $made connections too many were made"
	echo "reading $name $round $packets$times"
}

# The case's own words, over what holds for most.
load() {
	addresses
	modes=known destination=$server sink=o1 tracks=false skip=''
	expect_source=$out_mac expect_mac=$server_mac expect_to=$server expect_ttl=31
	expect_tunnel=none
	setup() { :; }
	teardown() { :; }
	connections() { echo 0; }
	trouble() { :; }
	# shellcheck source=/dev/null
	. "$here/cases/$case.sh"
	destination_address=${destination%:*}
	destination_address=${destination_address//[\[\]]/}
}

# Splits NAME into the case's file, the family, and the kind of flows if it is given.
parse() {
	case=$1 kind='' family=4
	case $case in
	*-known | *-new | *-64k | *-1m) kind=${case##*-} case=${case%-*} ;;
	esac
	case $case in
	*6) family=6 case=${case%6} ;;
	esac
	[ -f "$here/cases/$case.sh" ] || die "there is no case $1"
}

# with_case ACTION: sets the case up, does it, takes the case down.
with_case() {
	name=$case${family#4}
	[ "$kind" = plain ] || name+=-$kind
	if [ "$kind" = 1m ] && [ "$family" = 6 ]; then
		[ "$round" -gt 1 ] || echo "skipped $name the generator cannot vary IPv6 sources"
		return
	fi
	load
	[ "$kind" != plain ] || kind=known
	memory=$([ "$kind" != 1m ] || free_memory)
	if [ "$round" = 1 ] && [[ $printed != *" $case$family "* ]]; then
		printed+=" $case$family "
		echo "set-up of $case$family: $(declare -f setup | sed '1,2d;$d' | tr -s ' \n' ' ')"
	fi
	setup
	if [ -n "$skip" ]; then
		[ "$round" -gt 1 ] || echo "skipped $name $skip"
	else
		"$1"
	fi
	teardown
}

# The kernel's functions, for those who have counted by address.
symbols() {
	echo "symbols $(grep -i ' [tw] ' /proc/kallsyms | gzip -1 | base64 -w 0)"
}

# profile: has the packets' instructions counted.
profile() {
	check_sample
	deliver "$packets" known 2
	case $kind in
	new) deliver "$packets" new 3 ;;
	64k | 1m) deliver "$(flows_of "$kind")" "$kind" 2 ;;
	esac
	sleep "$settle"
	symbols
	python3 "$here/mark.py" pktgen_alloc_skb
	# The plugin stops at its number of packets.
	case $kind in
	known) deliver 3000 known 2 ;;
	new) deliver 3000 new 4 ;;
	*) deliver 3000 "$kind-random" 2 ;;
	esac
}

# The functions above are of use to others, too.
[ "${BASH_SOURCE[0]}" = "$0" ] || return 0

rounds=2 large=1 repeat=1 packets=40000 pace=() settle=3 patience=600 action=measure printed=''
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) rounds=$2 && shift 2 ;;
	--large) large=$2 && shift 2 ;;
	--repeat) repeat=$2 && shift 2 ;;
	--pace) pace=("ratep $2") && shift 2 ;;
	--packets) packets=$2 && shift 2 ;;
	--settle) settle=$2 && shift 2 ;;
	--patience) patience=$2 && shift 2 ;;
	--profile) action=profile rounds=1 && shift ;;
	-*) die "what is $1?" ;;
	*) break ;;
	esac
done
topology
echo "kernel $(uname -r)"
for ((round = 1; round <= rounds; round++)); do
	for argument in "$@"; do
		parse "$argument"
		if [ -n "$kind" ]; then
			kinds=$kind
		else
			load
			kinds=$modes
		fi
		for kind in $kinds; do
			[ "$kind" != 1m ] || [ "$round" -le "$large" ] || continue
			with_case "$action"
		done
	done
done
