#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A veth device has NAPI, and so can be polled, only while GRO is on: that it goes and
# comes again under a claim does no harm.  The stage is drawn in lib/stage.sh.
#
#     client --[igb wire 0]-- switch --[veth]-- server

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

expect "the stage is set" stage
expect "there are services" stage_services
expect "igb is claimed" yardctl claim "$B" --cpus 2 --policy adaptive
traffic
expect "veth is claimed to be polled" yardctl claim near0 --cpus 1 --policy busy
expect "packets flow" flows
expect "the engine takes them" wait_for 5000 eval '[ "$(yardctl --json claims |
	jq "[.[] | select(.ifname == \"near0\").packets] | add")" -gt 20 ]'
expect "packets flow" flows
expect "its NAPI instances go away" timeout $((20 * SLOW)) ethtool -K near0 gro off
expect "the queue is absent" wait_for 3000 claims_are 1 '.state == "absent"'
expect "packets flow, past NAPI" flows
expect "its NAPI instances come back" timeout $((20 * SLOW)) ethtool -K near0 gro on
expect "the queue is polled again" wait_for 3000 claims_are 1 '.state == "polled"'
expect "packets flow" flows
expect "both are released" eval 'yardctl release near0 && yardctl release "$B"'
no_traffic
expect "both devices work" wait_for 10000 reachable
equal "no engine is left" "$(engines)" ""
finish
