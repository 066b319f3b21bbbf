#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A claimed queue's interrupt: it stands still while the engine polls and comes back
# with the release; the adaptive policy goes to and fro between the two.
#
#     client 10.0.1.2 --- A [wire 0] B 10.0.1.1 switch

# shellcheck disable=SC2016,SC2119 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

# How often the interrupts of the front device's queues came, all CPUs together.
interrupts() {
	awk -v device="$front" '$NF ~ "^" device "-(rx|TxRx)-" {
		for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i } END { print n + 0 }' /proc/interrupts
}

# Two hundred packets to the switch and back, over all queues.
traffic() {
	in_client ping -q -c 40 -i 0.005 "$GATEWAY" &&
		in_client bash -c 'for i in {1..40}; do : <"/dev/tcp/$0/9"; done' "$GATEWAY" 2>/dev/null
	return 0
}

states() {
	yardctl --json claims |
		jq -r --arg d "$front" '[.[] | select(.ifname == $d) | .state] | unique | join(" ")'
}

# The kernel's interrupt numbers of the claimed queues, as /proc/interrupts has them.
held() {
	yardctl --json claims | jq -r '[.[] | .irq] | unique | map(select(. > 0)) | length'
}

# Whether all queues rest on interrupts that are not held; prints how many handovers there
# were by then. In one look, as a stray packet may change it at any time.
resting() {
	local claims
	claims=$(yardctl --json claims)
	jq -e 'all(.[]; .state == "interrupt" and (.irq // 0) == 0)' >/dev/null <<<"$claims" || return 1
	jq '[.[].handovers] | add' <<<"$claims"
}

received() {
	queue_sum "$front" packets
}

handovers=0
topology
expect "the module loads" load

before=$(interrupts)
traffic
between "unclaimed, the interrupts come" $(($(interrupts) - before)) 1 100000

expect "the device is claimed, busy" yardctl claim "$front" --cpus 1 --policy busy
expect "all queues are polled" slowwait 5 is polled states
equal "the device has four queues with an interrupt each" "$(held)" 4
before=$(interrupts) packets=$(received)
traffic
between "the engine has taken the packets" $(($(received) - packets)) 80 100000
equal "meanwhile no interrupt has come" $(($(interrupts) - before)) 0
expect "the device is released" yardctl release "$front"
before=$(interrupts)
traffic
between "released, the interrupts come again" $(($(interrupts) - before)) 1 100000
expect "and the stack gets the packets" in_client ping -q -c 2 -i 0.1 "$GATEWAY"

expect "the device is claimed, adaptive" yardctl claim "$front" --cpus 2 --idle-timeout 600ms
expect "it rests on interrupts" eval 'handovers=$(slowwait 5 resting)'
expect "traffic has its queues polled" warm
between "the change is counted" $(($(queue_sum "$front" handovers) - handovers)) 4 1000
before=$(interrupts) packets=$(received)
# All of it goes to one queue, which never rests this long.
expect "a steady stream is answered" in_client ping -q -c 50 -i 0.02 "$GATEWAY"
between "by the engine" $(($(received) - packets)) 45 100000
# Other queues may have gone back and seen a stray packet, no more.
between "and hardly by interrupt" $(($(interrupts) - before)) 0 12
expect "left alone, the queues return to interrupts, which are not held" \
	eval 'handovers=$(slowwait 5 resting)'
before=$(interrupts)
expect "and are taken back with the next packet" warm
between "by an interrupt" $(($(interrupts) - before)) 1 100000
between "one handover a queue, or more" $(($(queue_sum "$front" handovers) - handovers)) 4 1000
expect "it is released while polled" yardctl release "$front"
before=$(interrupts)
traffic
between "and interrupts come" $(($(interrupts) - before)) 1 100000
equal "nothing is claimed" "$(yardctl --json claims | jq length)" 0
finish
