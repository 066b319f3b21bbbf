#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Claimed devices disappear while packets flow: a veth pair is deleted, a device moves
# to another name space, a network card is pulled and plugged in again.  The switch lets
# go of each at once and carries on with the others.  The stage is drawn in
# lib/stage.sh.
#
#     client --[igb wire 0]-- switch --[veth]-- server
#                  pulled              deleted

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

# released: whether the notification said that a device has been released.
released() {
	jq -e -s "map(select(.event == \"claim\" and .removed and .claim.ifname == \"$1\")) | length == 1" \
		"$events"
}

# gone DEVICE: whether no queue of the device is claimed.
gone() {
	claims_are 0 ".ifname == \"$1\""
}

expect "the stage is set" stage
expect "there are services" stage_services
setup_ns elsewhere
events=$(mktemp)
defer rm -f "$events"
yardctl --json monitor >>"$events" 2>"$events.err" &
defer kill_quietly $!
defer rm -f "$events.err"
expect "somebody listens" wait_for 3000 grep -q listening "$events.err"
traffic

for policy in busy adaptive; do
	expect "$policy: igb is claimed" yardctl claim "$B" --cpus 1 --policy "$policy"
	expect "$policy: veth is claimed" yardctl claim near0 --cpus 2 --policy "$policy"
	expect "$policy: packets flow" flows
	: >"$events"
	expect "$policy: veth is deleted" timeout $((20 * SLOW)) ip link del near0
	expect "$policy: and not claimed any more" gone near0
	expect "$policy: which is told" wait_for 3000 released near0
	equal "$policy: igb is as it was" "$(claims)" 4
	equal "$policy: the engine that had nothing else is gone" "$(engines)" switchyard/1
	expect "$policy: there is a new pair" pair

	expect "$policy: the new one is claimed" yardctl claim near0 --cpus 2 --policy "$policy"
	expect "$policy: packets flow" flows
	: >"$events"
	expect "$policy: its other end is deleted" timeout $((20 * SLOW)) ip -n "$server" link del far0
	expect "$policy: and it is not claimed any more" gone near0
	expect "$policy: which is told" wait_for 3000 released near0
	expect "$policy: there is a new pair" pair

	expect "$policy: the newest is claimed" yardctl claim near0 --cpus 2 --policy "$policy"
	expect "$policy: packets flow" flows
	: >"$events"
	expect "$policy: it moves away" timeout $((20 * SLOW)) ip link set near0 netns "$elsewhere"
	expect "$policy: and is not claimed any more" gone near0
	expect "$policy: which is told" wait_for 3000 released near0
	expect "$policy: it works where it is" eval '
		ip -n "$elsewhere" addr add 10.31.2.1/24 dev near0 &&
		ip -n "$elsewhere" link set near0 up &&
		wait_for 5000 ip netns exec "$elsewhere" ping -c 1 -W 1 -q 10.31.2.2'
	expect "$policy: it comes back" ip -n "$elsewhere" link set near0 netns 1
	expect "$policy: and takes its place" eval '
		ip addr add 10.31.2.1/24 dev near0 && ip link set near0 up'
	expect "$policy: it is claimed once more" yardctl claim near0 --cpus 2 --policy "$policy"
	expect "$policy: packets flow" flows

	slot=$(basename "$(readlink -f "/sys/class/net/$B/device")")
	address=$(cat "/sys/class/net/$B/address")
	: >"$events"
	expect "$policy: the card is pulled" timeout $((20 * SLOW)) tee "/sys/bus/pci/devices/$slot/remove" <<<1
	equal "$policy: its queues are not claimed" "$(claims '.ifname != "near0"')" 0
	expect "$policy: which is told" wait_for 3000 released "$B"
	equal "$policy: its engine is gone" "$(engines)" switchyard/2
	expect "$policy: the card is plugged in" timeout $((20 * SLOW)) tee /sys/bus/pci/rescan <<<1
	expect "$policy: it is there" wait_for 10000 eval '[ -n "$(card "$address")" ]'
	ip link set "$(card "$address")" name "$B"
	expect "$policy: and has its place" plug
	expect "$policy: it is claimed once more" yardctl claim "$B" --cpus 1 --policy "$policy"
	expect "$policy: packets flow" wait_for 12000 flows
	expect "$policy: both are released" eval 'yardctl release near0 && yardctl release "$B"'
done
no_traffic
expect "both devices work" wait_for 10000 reachable
finish
