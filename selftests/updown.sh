#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A claimed device goes down and comes up twenty times while packets flow: its queues
# are absent, then polled again, and nothing hangs.  The stage is drawn in
# lib/stage.sh.
#
#     client --[igb wire 0]-- switch --[veth]-- server
#                       down, up

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

# down_and_up DEVICE TIMES: without pauses; an engine may be anywhere meanwhile.
down_and_up() {
	local i
	for ((i = 0; i < $2; i++)); do
		timeout $((10 * SLOW)) ip link set "$1" down && timeout $((10 * SLOW)) ip link set "$1" up || return 1
	done
}

# taken_over DEVICE: how often the engine has taken queues of the device over.
taken_over() {
	yardctl --json claims | jq "map(select(.ifname == \"$1\").handovers) | add"
}

expect "the stage is set" stage
expect "there are services" stage_services
traffic

for policy in busy adaptive; do
	expect "$policy: igb is claimed" yardctl claim "$B" --cpus 1 --policy "$policy"
	expect "$policy: veth is claimed" yardctl claim near0 --cpus 1 --policy "$policy"
	expect "$policy: packets flow" flows
	expect "$policy: igb goes down" ip link set "$B" down
	expect "$policy: its queues are absent" wait_for 3000 claims_are 4 '.ifname != "near0" and .state == "absent"'
	expect "$policy: igb comes up" ip link set "$B" up
	before=$(taken_over "$B")
	expect "$policy: packets flow again" flows
	expect "$policy: igb goes down and up" down_and_up "$B" 10
	expect "$policy: packets flow again" flows
	between "$policy: to the engine, that took the queues over again" \
		$(($(taken_over "$B") - before)) 1 100000
	expect "$policy: no queue stays absent" wait_for 3000 claims_are 0 '.state == "absent"'
	expect "$policy: veth goes down and up" down_and_up near0 10
	expect "$policy: packets flow again" flows
	# Down as it is released.
	ip link set "$B" down
	expect "$policy: igb is released while it is down" timeout $((10 * SLOW)) yardctl release "$B"
	ip link set "$B" up
	expect "$policy: veth is released" timeout $((10 * SLOW)) yardctl release near0
	expect "$policy: both devices work" wait_for 10000 reachable
	equal "$policy: no engine is left" "$(engines)" ""
done
no_traffic
finish
