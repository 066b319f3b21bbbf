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
# What is left behind shows in three ways.  Areas and threads bear our name.  The kernel
# traces what is allocated and freed by kmalloc(), and a caller in a module that is gone
# has an address for a name: there must be none whose object has not been freed.  And
# the sum of slab, percpu and vmalloc memory does not grow in the second half of the
# rounds that are not traced, when all caches are warm.

# shellcheck disable=SC2119 # no parameters

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

# In all; some of them are traced.
ROUNDS=${SWITCHYARD_ROUNDS:-50}
TRACED=4
HALF=$(((ROUNDS - TRACED) / 2))
# Kilobytes by which the sum may waver.
BOUND=512
TRACING=/sys/kernel/tracing

yard_up="addr add $VIP/32 dev yard0
link set yard0 up"

# settle: what is waiting to be freed is freed.
settle() {
	ip netns add settle && ip netns del settle
	echo 2 >/proc/sys/vm/drop_caches
}

# memory: kilobytes that the kernel holds for itself.
memory() {
	awk '/^(SUnreclaim|Percpu|VmallocUsed|KernelStack):/ { sum += $2 } END { print sum }' /proc/meminfo
}

# trace WHAT: "start" or "stop" to follow kmalloc() and kfree().
trace() {
	local event value=0
	[ "$1" = stop ] || value=1
	if [ "$1" = start ]; then
		echo 16384 >"$TRACING/buffer_size_kb"
		echo >"$TRACING/trace"
	fi
	for event in kmalloc kfree; do
		echo "$value" >"$TRACING/events/kmem/$event/enable"
	done
}

end_trace() {
	trace stop
	echo >"$TRACING/trace"
	echo 7 >"$TRACING/buffer_size_kb"
}

# unfreed FILTER: caller and size of objects whose caller matches the regular expression,
# and that have not been freed, with their number.
unfreed() {
	awk -v wanted="$1" '
		function value(name) {
			match($0, name "=[^ ]*")
			return substr($0, RSTART + length(name) + 1, RLENGTH - length(name) - 1)
		}
		/ kmalloc: / {
			if (value("call_site") ~ wanted) {
				seen++
				object[value("ptr")] = value("call_site") " bytes " value("bytes_alloc")
			}
		}
		/ kfree: / { delete object[value("ptr")] }
		END {
			for (ptr in object) count[object[ptr]]++
			for (who in count) print count[who], who
			print "of", seen + 0
		}' "$TRACING/trace"
}

# all_at_once: addresses, claims and services, which do not wait for each other.
all_at_once() {
	local first second third
	ip -batch - <<<"$yard_up" &
	third=$!
	yardctl claim "$B" --cpus 1,2 --policy adaptive &
	first=$!
	yardctl claim near0 --cpus 1 --policy adaptive &
	second=$!
	stage_services && wait "$first" && wait "$second" && wait "$third"
}

round() {
	load &&
		all_at_once &&
		flows 1 &&
		{ ((i % 4)) || [[ $(yardctl --json connections) == *'"client_address"'* ]]; } &&
		unload && ! loaded &&
		[ ! -e /sys/class/net/yard0 ]
}

# leftovers: threads and memory areas that bear our name.
leftovers() {
	threads
	local areas
	areas=$(</proc/vmallocinfo)
	[[ $areas != *switchyard* ]] || grep switchyard <<<"$areas"
}

rounds() {
	local i
	for ((i = 0; i < $1; i++)); do
		# To look through all threads takes as long as much of a round.
		if ! round || { ((i % 8 == 7)) && [ -n "$(leftovers)" ]; }; then
			echo "round $i; left: $(leftovers)"
			return 1
		fi
	done
}

# Grace periods are most of what a round takes; hurried ones leave nothing else behind.
unhurry() {
	echo 0 >/sys/kernel/rcu_expedited
}
echo 1 >/sys/kernel/rcu_expedited
defer unhurry

expect "the stage is set" stage
expect "the module is unloaded to begin with" unload
traffic
start=$SECONDS
expect "the module comes and goes $HALF times" rounds "$HALF"
settle
middle=$(memory)
expect "and as often again" rounds "$HALF"
settle
end=$(memory)
echo "# $((SECONDS - start)) s; $((end - middle)) kB more than in the middle"
# KASAN keeps what was freed for a while, and stacks for good; kmemleak looks through memory there.
if [ -e /sys/kernel/debug/kmemleak ]; then
	ktap_test_skip "no memory has been left behind: kmemleak tells at the machine's end"
else
	between "no memory has been left behind" $((end - middle)) -100000 "$BOUND"
fi

defer end_trace
trace start
expect "$TRACED times it is watched" rounds "$TRACED"
settle
trace stop
equal "nothing of it was missed" "$(cat "$TRACING"/per_cpu/cpu*/stats | grep -c '^overrun: [^0]')" 0
# Ours are the callers without a name, as the module is gone.
found=$(unfreed '^0x')
if [ -e /sys/kernel/debug/kmemleak ]; then
	ktap_test_skip "what it allocated was freed: on this kernel callers are not told by the trace"
else
	between "it allocated objects" "${found##*of }" $((20 * TRACED)) 100000000
	equal "and freed all of them" "${found%of *}" ""
fi
no_traffic
equal "nothing else either" "$(leftovers)" ""
expect "the devices work without the module" reachable
expect "the module loads once more" load
finish
