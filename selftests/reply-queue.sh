#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Several receive queues on several switching CPUs: a connection's replies come by
# another queue, on another CPU, than its requests, and are translated all the same.  What a CPU sends
# leaves by a queue of its own, that no other CPU writes to.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 -- B [wire 1] A --- server1 10.2.1.2
#                              4 queues,  CPUs 1 and 2   4 queues

# shellcheck disable=SC2016 # text for eval
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

# used DEVICE: how many of its queues the engines have taken packets from.
used() {
	yardctl --json claims | jq --arg d "$1" '[.[] | select(.ifname == $d and .packets > 0)] | length'
}

# on_cpu DEVICE: the CPUs that its queues are spread over.
on_cpu() {
	yardctl --json claims | jq -r --arg d "$1" \
		'[.[] | select(.ifname == $d) | .cpu] | group_by(.) | map("\(.[0]):\(length)") | join(" ")'
}

# sent DEVICE: what has left by each of its queues.
sent() {
	ethtool -S "$1" | awk -F '[ :]+' '$2 ~ /^tx_queue_[0-9]+_packets$/ { printf "%s ", $3 }'
}

need nginx curl ethtool
work_dir
topology igb
expect "a server listens" web 1
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 1s
for device in "$front" "${back[1]}"; do
	equal "the queues of $device are spread" "$(on_cpu "$device")" "1:2 2:2"
done
expect "the client's queues are polled" warm
expect "a service is made" yardctl service add tcp "$VIP:80" -d 10.2.1.2:80

read -ra before < <(sent "${back[1]}")
expect "eighty requests are answered" eval 'fetch 80 -Z --parallel-max 8 >"$work/answers"'
equal "every one" "$(tally "$work/answers")" server1=80
equal "each was a connection" "$(of_service tcp "$VIP:80" .stats.connections)" 80
between "requests came by several queues" "$(used "$front")" 3 4
between "replies came by several queues" "$(used "${back[1]}")" 3 4 || yardctl claims | sed 's/^/# /'
read -ra after < <(sent "${back[1]}")
equal "the server's device has four queues to send by" "${#after[@]}" 4
for cpu in 1 2; do
	between "CPU $cpu has sent by queue $cpu" $((after[cpu] - before[cpu])) 50 100000
done
# Of this machine's own there is ARP, and what IPv6 says of itself on a new link; by a hash it would
# be half of some five hundred packets.
between "next to nobody has sent by another" $((after[0] + after[3] - before[0] - before[3])) 0 40
yardctl --json stats >"$work/stats"
for cpu in 1 2; do
	between "CPU $cpu has forwarded" \
		"$(jq ".cpus[] | select(.cpu == $cpu) | .forwarded" "$work/stats")" 50 100000
	between "CPU $cpu has made connections" \
		"$(jq ".cpus[] | select(.cpu == $cpu) | .connections" "$work/stats")" 5 75
done
equal "nothing was dropped" "$(jq '[.drops[].packets] | add' "$work/stats")" 0
equal "all connections have ended as both sides saw it" "$(yardctl --json connections |
	jq -r '[.[].state] | unique | join(" ")')" time-wait
finish
