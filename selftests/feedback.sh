#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Load comes in, distribution goes out: a server that is slowed gets less within three
# seconds and its share back afterwards; when its agent is killed it goes to its
# configured share in steps.
#
#     client --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1, yard-agent, a hog
#                          switch, yardmaster +--- veth --- server2, yard-agent
#                                              \-- veth --- server3, yard-agent

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/requests.sh"
. "$HERE/lib/master.sh"

SERVICE=$VIP:80

need curl jq python3 taskset
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"
work_dir
topology veth veth veth
expect "keys are made" keys server1 server2 server3
for n in 1 2 3; do
	agent "$n"
	expect "server $n listens" measured "$n" 1000 "$n"
done
expect "the module loads" load
expect "all devices are claimed" claim_all --policy interrupt
expect "a service is made" yardctl service add tcp "$SERVICE" \
	-d 10.2.1.2:80 -d 10.2.2.2:80 -d 10.2.3.2:80
# Smoothing, slew and rounds are the defaults; silence is shortened, as it is waited for.
configure capacity 3 "silent-after = \"${SLOW}s\"" "silent-step = \"$((600 * SLOW))ms\"" 'silent-steps = 5'
expect "weights are watched" watch_weights
expect "yardmaster runs" master
load_on
expect "requests are answered" answers_more 20
all_report() {
	local n
	for n in 1 2 3; do
		[ "$(decided "$n" .state)" = reporting ] || return 1
	done
}
expect "all servers report" slowwait 10 all_report
expect "as they do for some rounds" slowwait 10 at_least $(($(rounds) + 8)) rounds
before=$(share 1)
between "the first server's share, in thousandths" "$before" 150 550

# The hog has the same CPU, and most of it.
background nice -n -10 taskset -c 1 sh -c 'while :; do :; done'
hog=$!
begun=${EPOCHREALTIME/./}
expect "the share falls" slowwait 15 below $((before * 7 / 10)) share 1
explained
took=$(fell_after 1 "$begun" $((before * 7 / 10)))
between "within so many milliseconds" "$took" 0 $((3000 * SLOW))
echo "# after $took ms"
quit "$hog"
expect "and comes back" slowwait 20 at_least $((before * 8 / 10)) share 1

# Low again, and then silence.
background nice -n -10 taskset -c 1 sh -c 'while :; do :; done'
expect "it falls again" slowwait 10 below $((before / 2)) share 1
expect "to a weight from which there are steps to go" slowwait 10 below 600 decided 1 .weight
kill -KILL "${agent[1]}"
killed=${EPOCHREALTIME/./}
a_third() {
	local now
	now=$(share 1)
	[ "$(decided 1 .state)" = silent ] && [ "$now" -ge 310 ] && [ "$now" -le 350 ]
}
expect "silent, it gets its configured share" slowwait 15 a_third
# Its last report still counts for a second after it came, up to an interval before.
mapfile -t steps < <(rises 1 $((killed + 1000 * (1000 * SLOW - INTERVAL))))
echo "# weights: ${steps[*]}"
between "in so many steps" "${#steps[@]}" 4 7
expect "the load ends" load_off
equal "no request has failed" "$(cat "$work"/answers?.errors)" ""
finish
