#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory runs out while a name space gets its switch, with the first service that is added
# there: each allocation fails in its turn.  There is no switch then and nothing is left of
# it, or there is one.  Takes a kernel with fault injection, see allocation-failure.sh.

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

[ -e /sys/kernel/debug/failslab/require-start ] || skip_all "this kernel has no fault injection"
need python3
expect "the module loads, with a small table" load connection_limit=8192
relay "the making of a switch was gone through" python3 "$HERE/lib/allocation.py" switches
finish
