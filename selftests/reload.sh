#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The module comes and goes fifty times, each time with claims, services, connections
# and packets on their way, and each time is unloaded without anything having been
# released.  No memory, thread, device or handler stays behind.  The stage is drawn in
# lib/stage.sh.
#
#     client --[igb wire 0]-- switch --[veth]-- server
#
# The kernel's own counts of memory waver: caches, per-CPU lists.  Three measures do
# not, and catch what leaks with each round: the module's vmalloc areas by their
# caller, the threads by their names, and the growth of slab, percpu and vmalloc memory
# from the middle of the rounds to their end, once the caches are warm.  A leak of one
# connection table (megabytes), per-CPU area (kilobytes) or snapshot (hundreds of
# bytes, twenty-five times) would have to hide below the bound of the last.

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

ROUNDS=50
# Kilobytes by which the memory may have grown over the second half of the rounds.
BOUND=${SWITCHYARD_RELOAD_BOUND:-512}

# memory: kilobytes that the kernel holds for itself, after what is waiting to be freed
# has been.
memory() {
	echo 2 >/proc/sys/vm/drop_caches
	awk '/^(SUnreclaim|Percpu|VmallocUsed|KernelStack):/ { sum += $2 } END { print sum }' /proc/meminfo
}

# objects CACHE: objects in use of a slab cache, for the report.
measures() {
	awk '/^(SUnreclaim|Percpu|VmallocUsed|KernelStack):/ { printf "%s %d  ", $1, $2 }' /proc/meminfo
	echo
}

round() {
	load && ip addr add "$VIP/32" dev yard0 && ip link set yard0 up &&
		yardctl claim "$B" --cpus 1,2 --policy adaptive &&
		yardctl claim near0 --cpus 1 --policy adaptive &&
		stage_services &&
		flows 2 &&
		[ "$(yardctl --json connections | jq length)" -ge 1 ] &&
		unload && ! loaded &&
		[ ! -e /sys/class/net/yard0 ] && [ -z "$(leftovers)" ]
}

# leftovers: threads and memory areas that bear our name.
leftovers() {
	ps -e -o comm= | grep '^switchyard'
	grep -i 'switchyard' /proc/vmallocinfo
	return 0
}

rounds() {
	local i
	for ((i = 0; i < $1; i++)); do
		if ! round; then
			echo "round $i; left: $(leftovers)"
			return 1
		fi
	done
}

expect "the stage is set" stage
expect "the module is unloaded to begin with" unload
traffic
start=$SECONDS
expect "the module comes and goes $((ROUNDS / 2)) times" rounds $((ROUNDS / 2))
between_first=$(memory)
echo "# $(measures)"
expect "and as often again" rounds $((ROUNDS - ROUNDS / 2))
between_last=$(memory)
echo "# $(measures)"
echo "# $((SECONDS - start)) s, $((between_last - between_first)) kB more than in the middle"
between "no memory has been left behind" $((between_last - between_first)) -100000 "$BOUND"
no_traffic
equal "nothing else either" "$(leftovers)" ""
expect "the devices work without the module" reachable
expect "the module loads once more" load
finish
