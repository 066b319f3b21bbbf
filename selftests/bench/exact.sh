#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# exact.sh swap|scale: packets one by one, under the plugin profile/counter.c: from the
# module's receive handler to the driver that sends, windows with an interrupt left out.
#
# swap   as in guest.sh, a known flow; a first run in quiet, a second one while a
#        thousand services come and go, again and again
# scale  flows over four receive queues of an igb, polled by one, two and four CPUs
#
#   CPU 5 --> A ==igb== B [queues on CPUs 1 to 4] C ==igb== D --> drop

# shellcheck disable=SC2034 # for guest.sh
set -euo pipefail
. "$(dirname "$0")/guest.sh"

handler='*rx_handler8callback'
settle=3 patience=600 round=1 sink=o1 packets=40000 printed=''

mark() {
	python3 "$here/mark.py" "$handler" "$1" irq_enter_rcu
}

unmark() {
	python3 "$here/mark.py"
}

# The services as changes that add them and remove them again.
changes() {
	local n
	for ((n = 0; n < 1000; n++)); do
		echo "service add udp 10.8.$((n / 250)).$((n % 250 + 1)):53 -d 10.2.0.2:53" >&3
		echo "service del udp 10.8.$((n / 250)).$((n % 250 + 1)):53" >&4
	done 3>/tmp/add 4>/tmp/del
}

swap() {
	local pid swaps=0 before now files=(/tmp/add /tmp/del)
	topology
	parse switchyard-nat-known
	name=swap
	load
	setup
	check_sample
	deliver "$packets" known 2
	changes
	before=$(date +%s%N)
	"$here/yardctl" batch /tmp/add
	now=$(date +%s%N)
	echo "reading swap-alone 1 1 $((now - before))"
	"$here/yardctl" batch /tmp/del
	sleep "$settle"
	mark veth_xmit
	deliver 1000000 known 2
	mark veth_xmit
	# In the background: it ends with an error if one packet is missing.
	(deliver 1000000 known 2) &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		"$here/yardctl" batch "${files[swaps % 2]}"
		swaps=$((swaps + 1))
	done
	wait $pid
	unmark
	[ "$swaps" -ge 3 ] || die "there were only $swaps swaps"
	echo "note swap $swaps swaps of 1,000 services in 1,000,000 packets, all delivered"
	teardown
}

# igb LETTER MAC: names the card.
igb() {
	local dev
	for dev in /sys/class/net/*; do
		if [ "$(cat "$dev/address")" = "$2" ]; then
			ip link set "${dev##*/}" name "$1"
			return
		fi
	done
	die "there is no card $2"
}

scale() {
	local dev cpus line queue
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.default.disable_ipv6=1 \
		net.ipv6.conf.all.disable_ipv6=1
	modprobe -a pktgen cls_matchall sch_ingress act_gact
	igb g0 52:54:00:57:00:0a
	igb g1 52:54:00:57:00:0b
	igb o0 52:54:00:57:01:0a
	igb o1 52:54:00:57:01:0b
	for dev in g0 g1 o0 o1; do
		ip link set $dev up
	done
	ip addr add 10.1.0.1/16 dev g1
	ip addr add 10.2.0.1/24 dev o0
	ip neigh replace 10.2.0.2 lladdr 52:54:00:57:01:0b dev o0 nud permanent
	tc qdisc add dev o1 clsact
	tc filter add dev o1 ingress matchall action drop
	until [ "$(cat /sys/class/net/{g0,g1,o0,o1}/carrier | paste -s -d '')" = 1111 ]; do
		sleep 0.1
	done
	# Each CPU looks after what it has sent itself: after queue N, by which it sends.
	for line in $(sed -n 's/^ *\([0-9]*\):.* o0-TxRx-\([0-9]*\)$/\1:\2/p' /proc/interrupts); do
		queue=${line#*:}
		echo $((queue ? queue : 4)) >"/proc/irq/${line%:*}/smp_affinity_list"
	done
	insmod "$here/switchyard.ko"
	symbols
	"$here/yardctl" service add udp 10.9.9.9:9000 -d 10.2.0.2:9001
	for cpus in 1 1,2 1,2,3,4; do
		"$here/yardctl" claim g1 --cpus "$cpus" --policy busy
		flood 2000
		mark igb_xmit_frame
		echo "run scale-${cpus//,/}"
		flood 10000
		unmark
		"$here/yardctl" stats --cpu
		"$here/yardctl" release g1
	done
}

# flood COUNT: from 64 addresses at random.  CPUs of a busy host may be late, and then the emulated
# card loses what they have not taken; that is not what is measured.
flood() {
	local line before now last
	before=$(dropped)
	echo reset >/proc/net/pktgen/pgctrl
	echo "add_device g0" >/proc/net/pktgen/kpktgend_5
	for line in "count $1" "pkt_size 60" "ratep 1000" "dst_mac 52:54:00:57:00:0b" \
		"src_min 10.1.1.0" "src_max 10.1.1.64" "flag IPSRC_RND" \
		"dst_min 10.9.9.9" "dst_max 10.9.9.9" \
		"udp_src_min 1024" "udp_src_max 1024" "udp_dst_min 9000" "udp_dst_max 9000"; do
		echo "$line" >/proc/net/pktgen/g0
	done
	echo start >/proc/net/pktgen/pgctrl
	now=$(dropped) last=-1
	until [ "$now" -eq "$last" ]; do
		sleep 2
		last=$now now=$(dropped)
	done
	now=$((now - before))
	echo "note scale $now of $1 packets arrived"
	[ "$now" -ge $(($1 / 2)) ] || die "scale: only $now of $1 packets arrived"
}

echo "kernel $(uname -r)"
"$1"
