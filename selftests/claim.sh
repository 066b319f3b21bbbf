#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Receive queues are claimed and given back; a claim that cannot be is refused with a
# reason, and then nothing has changed.  The stage is drawn in lib/stage.sh; besides,
# there are a dummy, a bridge with a port, and the virtio-net cards of wire 2.
#
#     client --[igb wire 0]-- switch --[veth]-- server

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

ping_switch() {
	ip netns exec "$client" ping -c 2 -i 0.1 -W 2 -q "$SWITCH"
}

# Packets that follow each other sooner than the idle timeout.
stream() {
	ip netns exec "$1" ping -c 100 -i 0.002 -q "$2"
}

interrupts_of() {
	awk -v name="$1-" 'index($0, name) { for (i = 2; i <= 5; i++) sum += $i } END { print sum + 0 }' \
		/proc/interrupts
}

expect "the stage is set" stage

# What can be claimed.
expect "igb is claimed" yardctl claim "$B" --cpus 1,2 --policy adaptive
equal "with its four queues" "$(claims '.policy == "adaptive"')" 4
equal "which go round the CPUs" "$(yardctl --json claims | jq -c 'map([.queue, .cpu])')" \
	"[[0,1],[1,2],[2,1],[3,2]]"
equal "an engine runs for each CPU" "$(engines | tr '\n' ' ')" "switchyard/1 switchyard/2 "
expect "the device works" stream "$client" "$SWITCH"
between "its packets are polled" "$(polled_packets)" 20 100000
expect "an idle device is with its interrupts" wait_for 3000 claims_are 4 '.state == "interrupt"'
refuse "it is not claimed twice" yardctl claim "$B" --cpus 1
equal "the first claim is as it was" "$(claims '.cpu == 1')" 2
expect "igb is released" yardctl release "$B"
equal "no queue is claimed any more" "$(claims)" 0
equal "no engine is left" "$(engines)" ""
before=$(interrupts_of "$B")
expect "the device works as before" ping_switch
between "by its interrupts" "$(($(interrupts_of "$B") - before))" 1 100000
refused "it is not released twice" "the device is not claimed" yardctl release "$B"

expect "some queues are claimed" yardctl claim "$B" --queues 3,1 --cpus 3 --policy busy
equal "those and no others" "$(yardctl --json claims | jq -c 'map(.queue) | sort')" "[1,3]"
expect "they are polled" wait_for 3000 claims_are 2 '.state == "polled" and .irq > 0'
expect "the device works" ping_switch
expect "they are released" yardctl release "$B"

expect "igb is claimed without polling" yardctl claim "$B"
equal "by its interrupts" "$(claims '.policy == "interrupt" and .cpu == null')" 4
equal "which takes no engine" "$(engines)" ""
expect "the device works" ping_switch
expect "it is released" yardctl release "$B"

ethtool -K near0 gro off
refused "veth without NAPI is refused and the reason given" "ethtool -K DEVICE gro on" \
	yardctl claim near0 --cpus 1
ethtool -K near0 gro on
expect "veth is claimed" yardctl claim near0 --cpus 1
expect "the server gets answers" stream "$server" 10.31.2.1
between "by way of the engine" "$(polled_packets)" 20 100000
expect "veth is released" yardctl release near0
expect "the server gets answers as before" \
	ip netns exec "$server" ping -c 1 -W 2 -q 10.31.2.1

virtio=$(card 52:54:00:57:02:0b)
peer=$(card 52:54:00:57:02:0a)
if [ -n "$virtio" ]; then
	place "$peer" "$server"
	ip -n "$server" addr add 10.31.3.2/24 dev "$peer"
	ip -n "$server" link set "$peer" up
	ip addr add 10.31.3.1/24 dev "$virtio"
	ip link set "$virtio" up
	defer ip link set "$virtio" down
	defer ip addr flush dev "$virtio"
	expect "virtio-net is claimed" yardctl claim "$virtio" --cpus 2 --policy busy
	expect "it is polled" wait_for 3000 claims_are 1 '.state == "polled"'
	expect "it works" wait_for 5000 ip netns exec "$server" ping -c 1 -W 1 -q 10.31.3.1
	expect "by the engine" wait_for 3000 claims_are 1 '.packets > 0'
	expect "it is released" yardctl release "$virtio"
	expect "it works as before" ip netns exec "$server" ping -c 1 -W 2 -q 10.31.3.1
else
	ktap_test_skip "virtio-net: this machine has no wire 2"
fi

# What cannot.
refused "an absent device" "no such device" yardctl claim absent0 --cpus 1
refused "the loopback device" "only Ethernet" yardctl claim lo --cpus 1
refused "yard0" "yard0" yardctl claim yard0 --cpus 1
ip link add dummy7 type dummy
defer ip link del dummy7
ip link set dummy7 up
refused "a device without NAPI" "no NAPI instance" yardctl claim dummy7 --cpus 1
ip link add bridge7 type bridge
defer ip link del bridge7
ip link set near0 master bridge7
refused "a port of a bridge" "part of a bridge" yardctl claim near0 --cpus 1
ip link set near0 nomaster
refused "a queue that is not there" "no such receive queue" yardctl claim "$B" --queues 4 --cpus 1
refused "a CPU that is not there" "no such CPU" yardctl claim "$B" --cpus 1,77
refused "a CPU beyond all numbers" "no such CPU" yardctl claim "$B" --cpus 4294967295
refused "all CPUs" "control CPU" yardctl claim "$B" --cpus 0,1,2,3
refused "the busy policy without a CPU" "needs a CPU" yardctl claim "$B" --policy busy
refused "the interrupt policy with a CPU" "takes no CPU" \
	yardctl claim "$B" --policy interrupt --cpus 1
refused "a device for too long an idle timeout" "idle-timeout" \
	yardctl claim "$B" --cpus 1 --idle-timeout 11s
# yardctl does not let this through; the module must not either.
twice=$(ynl --no-schema --do claim-add --json "{\"ifname\": \"$B\", \"queue\": [1, 1], \"cpu\": [1]}" 2>&1)
equal "a queue named twice" "$(grep -c 'named twice.*bad-attr' <<<"$twice")" 1
equal "and nothing is claimed" "$(claims)" 0
if [ -w /sys/devices/system/cpu/cpu3/online ]; then
	echo 0 >/sys/devices/system/cpu/cpu3/online
	refused "a CPU that is offline" "offline" yardctl claim "$B" --cpus 3
	echo 1 >/sys/devices/system/cpu/cpu3/online
fi
ip link set near0 down
refused "a device that is down" "down" yardctl claim near0 --cpus 1
ip link set near0 up
ip -n "$server" route replace default via 10.31.2.1

# Devices together: what is left of the CPUs counts for all.
expect "one device takes two CPUs" yardctl claim "$B" --cpus 1,2
refuse "another cannot take the rest" yardctl claim near0 --cpus 3,0
expect "but one of them" yardctl claim near0 --cpus 3
equal "five queues are claimed" "$(claims)" 5
expect "both are released" eval 'yardctl release near0 && yardctl release "$B"'

expect "every device works in the end" wait_for 5000 reachable
equal "no engine is left in the end" "$(engines)" ""
finish
