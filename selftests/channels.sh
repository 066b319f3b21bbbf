#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A device claimed with the busy policy changes its number of queues while packets
# flow.  Queues that go are absent; queues that come back are polled again.  The stage is
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
change_channels busy
expect "two queues as it is released" channels 2
leave_stage
finish
