#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Memory runs out: each allocation of each request fails in its turn.  What is asked for is
# refused and all is as it was, or it is done in full; giving back and unloading cannot
# fail.  Takes a kernel with fault injection, such as that of "make check-debug".  The
# module's loading, the switches of name spaces and packets have scenarios of their own:
# allocation-loading.sh, allocation-namespace.sh, starvation.sh.
#
#     switch: back1 10.2.1.1, yard0 10.9.9.1 --- veth --- server1 10.2.1.2

# shellcheck disable=SC2016 # text for eval

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

[ -e /sys/kernel/debug/failslab/require-start ] || skip_all "this kernel has no fault injection"

walk() {
	python3 "$HERE/lib/allocation.py" "$@"
}

# What is sent from yard0's address goes by yard0.
yard_address() {
	ip addr add "$YARD/32" dev yard0 && ip link set yard0 up &&
		ip route add default dev yard0 table 100 && defer ip route flush table 100 &&
		ip rule add from "$YARD" lookup 100 && defer ip rule del from "$YARD" lookup 100
}

YARD=10.9.9.1

need python3 ping
topology veth
expect "the module loads" load
expect "yard0 gets an address" yard_address
relay "the requests were gone through" walk requests "${back[1]}" "$YARD" 10.2.1.2
relay "the unloading was gone through" walk unload "${back[1]}"
finish
