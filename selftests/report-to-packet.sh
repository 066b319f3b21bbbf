#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# From a report to the first packet by the new weights it is at most a second: a server's
# agent says "drain" and then "ready" again, while datagrams are sent that are scheduled one
# by one.
#
#     client --- A [wire 0] B -- 10.9.9.9:5000 +--- veth --- server1, an agent for HAProxy
#                            switch, yardmaster \-- veth --- server2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/master.sh"

SERVICE=$VIP:5000

need jq python3
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"
work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" echo_server "$n" 5000
done
echo "up ready" >"$work/word"
background ip netns exec "${server[1]}" \
	python3 "$HERE/lib/agent_check.py" 7072 "$work/word" "$work/told"
expect "its agent listens" slowwait 10 listening 1 tcp 7072
expect "the module loads" load
expect "all devices are claimed" claim_all --policy interrupt
expect "a service is made" yardctl service add udp "$SERVICE" --one-packet --scheduler wrr \
	-d 10.2.1.2:5000 -d 10.2.2.2:5000
# Rounds and intervals are the defaults.
cat >"$work/switchyard.toml" <<-END
	[yardmaster]
	socket = "$work/yardmaster.sock"
	[[service]]
	service = "udp $SERVICE"
	policy = { algorithm = "static", slow-start = "0s" }
	[[service.destination]]
	address = "10.2.1.2:5000"
	source = { type = "haproxy" }
	[[service.destination]]
	address = "10.2.2.2:5000"
END
expect "yardmaster runs" master
in_client python3 "$HERE/lib/udp.py" watch "$VIP" 5000 --pause 0.01 --patience $((2 * SLOW)) >"$work/answers" &
defer quit $!

# answered N SINCE: so many datagrams more than SINCE have been answered by server N.
answered() {
	[ "$(grep -c " server$1 " "$work/answers")" -gt "$2" ]
}
count() {
	grep -c " server$1 " "$work/answers"
}

# told WORD: when the agent said so first, in microseconds since 1970.
told() {
	awk -v word="$1" '$2 == word { at = $1 } END { print at }' "$work/told"
}

# say WORD: has the agent say so, and waits until it has.
say() {
	local before
	before=$(grep -c "" "$work/told")
	echo "$1" >"$work/word"
	slowwait 5 at_least $((before + 1)) grep -c "" "$work/told"
}

expect "both servers answer" slowwait 10 answered 1 5
worst=0
for _ in 1 2 3 4 5; do
	say drain || break
	# Long enough for whatever is late.
	nap "$SLOW.5"
	out=$(awk -v from="$(told drain)" '$2 == "server1" && $1 > from { at = $1 - from }
		END { printf "%d\n", at / 1000 }' "$work/answers")
	had=$(count 1)
	say ready || break
	slowwait 5 answered 1 "$had" || break
	in=$(awk -v from="$(told ready)" '$2 == "server1" && $1 > from {
		printf "%d\n", ($1 - from) / 1000; exit }' "$work/answers")
	echo "# drained after $out ms, back after $in ms"
	for took in "$out" "$in"; do
		[ "$took" -le "$worst" ] || worst=$took
	done
done
equal "it was drained and came back five times" "$(grep -c drain "$work/told")" 5
between "from report to packet, milliseconds at most" "$worst" 1 $((1000 * SLOW))
equal "no datagram was left unanswered" "$(grep -c ' -$' "$work/answers")" 0
finish
