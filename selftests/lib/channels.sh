# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2016,SC2154 # text for eval; the stage sets them
#
# A claimed igb changes its number of queues; the stage is drawn in stage.sh.

channels() {
	timeout $((20 * SLOW)) ethtool -L "$B" combined "$1"
}

# set_stage: with traffic, and four queues at B, as many as the machine has CPUs.
set_stage() {
	expect "the stage is set" stage
	expect "there are services" stage_services
	equal "igb has four queues" \
		"$(ethtool -l "$B" | awk '/^Combined:/ { n = $2 } END { print n }')" 4
	defer channels 4
	# Replies are to be translated, too: the switch has to see them.
	expect "veth is claimed" yardctl claim near0
	traffic
}

# change_channels POLICY: from four to two and back, under a claim of that policy.
change_channels() {
	expect "igb is claimed, $1" yardctl claim "$B" --cpus 1,2 --policy "$1"
	expect "packets flow" flows
	expect "two queues" channels 2
	expect "the other two are absent" \
		wait_for 3000 claims_are 2 '.ifname != "near0" and .queue >= 2 and .state == "absent"'
	expect "packets flow by two" flows
	expect "four queues" channels 4
	expect "packets flow by four" flows
	if [ "$1" = busy ]; then
		expect "all four are polled again" wait_for 3000 claims_are 4 '.state == "polled"'
	else
		expect "none stays absent" wait_for 3000 claims_are 0 '.state == "absent"'
	fi
}

# leave_stage: all is as it was.
leave_stage() {
	expect "both are released" eval 'yardctl release near0 && yardctl release "$B"'
	no_traffic
	expect "both devices work" wait_for 10000 reachable
	equal "no engine is left" "$(engines)" ""
}
