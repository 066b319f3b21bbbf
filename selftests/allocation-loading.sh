#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory runs out while the module is loaded: each allocation fails in its turn.  It is not
# loaded then and nothing is left of it, or it is in full.  Takes a kernel with fault
# injection, see allocation-failure.sh.

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

[ -e /sys/kernel/debug/failslab/require-start ] || skip_all "this kernel has no fault injection"
need python3
[ -f "$MODULE" ] || skip_all "$MODULE has not been built"
relay "the loading was gone through" python3 "$HERE/lib/allocation.py" load "$MODULE"
finish
