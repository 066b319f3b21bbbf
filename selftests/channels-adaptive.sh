#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A device claimed with the adaptive policy changes its number of queues while packets
# flow.  Queues that go are absent; queues that come back are had again.  The stage is
# drawn in lib/stage.sh.
#
#     client --[igb wire 0]-- switch --[veth]-- server
#                 4, 2, 4 queues

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"
# shellcheck source=lib/channels.sh
. "$HERE/lib/channels.sh"

set_stage
change_channels adaptive
expect "igb is released" timeout $((10 * SLOW)) yardctl release "$B"

# Queues that come after the claim are left to their interrupts.
expect "igb has two queues" channels 2
expect "it is claimed with these" yardctl claim "$B" --cpus 1 --policy adaptive
equal "two are claimed" "$(claims '.ifname != "near0"')" 2
expect "igb has four queues" channels 4
equal "two are claimed as before" "$(claims '.ifname != "near0"')" 2
expect "packets flow" flows 20
leave_stage
finish
