#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A claimed device changes its number of queues while packets flow.  Queues that go are
# absent; queues that come back are polled again.  The stage is drawn in lib/stage.sh.
#
#     client --[igb wire 0]-- switch --[veth]-- server
#                 4, 2, 4 queues

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

channels() {
	timeout 20 ethtool -L "$B" combined "$1"
}

expect "the stage is set" stage
expect "there are services" stage_services
# The igb driver starts with as many pairs of queues as the machine has CPUs.
equal "igb has four queues" "$(ethtool -l "$B" | awk '/^Combined:/ { n = $2 } END { print n }')" 4
defer channels 4
# Replies are to be translated, too: the switch has to see them.
expect "veth is claimed" yardctl claim near0
traffic

for policy in busy adaptive; do
	expect "$policy: igb is claimed" yardctl claim "$B" --cpus 1,2 --policy "$policy"
	expect "$policy: packets flow" flows
	expect "$policy: two queues" channels 2
	expect "$policy: the other two are absent" \
		wait_for 3000 claims_are 2 '.ifname != "near0" and .queue >= 2 and .state == "absent"'
	expect "$policy: packets flow" flows
	expect "$policy: four queues" channels 4
	expect "$policy: packets flow" flows
	if [ "$policy" = busy ]; then
		expect "$policy: all four are polled again" wait_for 3000 claims_are 4 '.state == "polled"'
	else
		expect "$policy: none stays absent" wait_for 3000 claims_are 0 '.state == "absent"'
	fi
	expect "$policy: two queues as it is released" channels 2
	expect "$policy: igb is released" timeout 10 yardctl release "$B"
	expect "$policy: four queues again" channels 4
done

# Queues that come after the claim are left to their interrupts.
expect "igb has two queues" channels 2
expect "it is claimed with these" yardctl claim "$B" --cpus 1 --policy adaptive
equal "two are claimed" "$(claims '.ifname != "near0"')" 2
expect "igb has four queues" channels 4
equal "two are claimed as before" "$(claims '.ifname != "near0"')" 2
expect "packets flow" flows 20

expect "both are released" eval 'yardctl release near0 && yardctl release "$B"'
no_traffic
expect "both devices work" wait_for 10000 reachable
equal "no engine is left" "$(engines)" ""
finish
