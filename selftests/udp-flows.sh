#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# UDP flows: each service has its own timeout; a flow whose destination goes away chooses again
# with its next packet, and none is lost; packets that are scheduled one by one leave nothing
# behind.
#
#                                                             /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:53 and on +
#                                          switch             \-- veth --- server2 10.2.2.2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

# of_port PORT: how many connections the service of that port has.
of_port() {
	yardctl --json connections --service udp "$VIP:$1" | jq length
}

# flow FILE: a question every tenth of a second from one port, twenty in all; who answered goes
# to the file.
flow() {
	ask 53 "$port" 1 --times 20 --pause 0.1 >"$work/$1" 2>&1 &
	flow=$!
	slowwait 5 at_least 5 grep -c server "$work/$1"
}

# settled FILE: whether all of them were answered, in time, by the server that was there at the
# end; which one that was is in $last.
settled() {
	wait "$flow"
	last=$(awk 'END { print $2 }' "$work/$1")
	echo "answers: $(awk '{ print $2 }' "$work/$1" | uniq -c | paste -sd ' ')"
	[ "$(grep -c server "$work/$1")" = 20 ] &&
		[ "$(awk '{ print $2 }' "$work/$1" | uniq | wc -l)" = 2 ]
}

# sent: how many datagrams the client has sent.
sent() {
	in_client awk '/^Udp: [0-9]/ { print $5 }' /proc/net/snmp
}

work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" echo_server "$n" 53
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 200ms
expect "services are made" yardctl batch - <<-END
	service add udp $VIP:53 -s rr -d 10.2.1.2:53 -d 10.2.2.2:53
	service add udp $VIP:54 --timeout 2 -d 10.2.1.2:53
	service add udp $VIP:55 --timeout 5 -d 10.2.1.2:53
	service add udp $VIP:56 -s rr --one-packet -d 10.2.1.2:53 -d 10.2.2.2:53
END

# Timeouts.
for p in 53 55 54; do
	# From another port each: the services have a server in common.
	equal "a question to port $p is answered" "$(ask "$p" "300$p" 1 | grep -c server)" 1
done
since=$(timestamp_ms)
equal "there are three flows" "$(connection_count)" 3
expect "that of the service of two seconds is forgotten" slowwait 8 is 0 of_port 54
between "after two seconds" $(($(timestamp_ms) - since)) 1200 $((3500 * SLOW))
equal "not that of five seconds" "$(of_port 55)" 1
expect "which is forgotten later" slowwait 8 is 0 of_port 55
between "after five" $(($(timestamp_ms) - since)) 3000 $((7000 * SLOW))
equal "the default is longer" "$(of_port 53)" 1
expect "a default is set while it runs" yardctl set --timeout udp=1s
expect "for flows that there are, too" slowwait 5 is 0 of_port 53
expect "it is set back" yardctl set --timeout udp=5m

# A destination goes away under a flow.
port=31000
for change in "down" "removed"; do
	port=$((port + 1))
	before=$(sent)
	expect "a flow has begun" flow "$change"
	first=$(awk 'NR == 1 { print $2 }' "$work/$change")
	gone=10.2.${first#server}.2:53
	case $change in
	down) expect "its server goes down" yardctl destination down udp "$VIP:53" "$gone" ;;
	removed) expect "its server is removed" yardctl destination del udp "$VIP:53" "$gone" ;;
	esac
	expect "the flow goes on with the other one" settled "$change"
	equal "which it is" "$last" "server$((3 - ${first#server}))"
	# A question without an answer would have been asked again.
	equal "nothing was asked twice ($change)" $(($(sent) - before)) 20
	case $change in
	down) yardctl destination up udp "$VIP:53" "$gone" ;;
	removed) yardctl destination add udp "$VIP:53" "$gone" ;;
	esac
done
port=$((port + 1))
expect "a flow has begun" flow drained
first=$(awk 'NR == 1 { print $2 }' "$work/drained")
expect "its server drains" yardctl destination drain udp "$VIP:53" "10.2.${first#server}.2:53"
wait "$flow"
equal "which does not disturb the flow" "$(awk '{ print $2 }' "$work/drained" | uniq -c | awk '{ print $1, $2 }')" \
	"20 $first"

# One packet after the other.
made=$(connection_count)
ask 56 32000 1 --times 20 >"$work/single"
equal "questions from one port are answered by turns" "$(awk '{ print $2 }' "$work/single" | sort | uniq -c |
	awk '{ print $1, $2 }' | paste -sd ' ')" "10 server1 10 server2"
equal "and leave nothing behind" "$(connection_count)" "$made"
equal "though each counts" "$(of_service udp "$VIP:56" .stats.packets_in)" 20
equal "and each answer" "$(of_service udp "$VIP:56" .stats.packets_out)" 20
expect "with Maglev" yardctl service set udp "$VIP:56" -s maglev
ask 56 32000 1 --times 10 >"$work/single"
equal "they have one server" "$(awk '{ print $2 }' "$work/single" | sort -u | wc -l)" 1
equal "and leave nothing either" "$(connection_count)" "$made"
equal "nothing was dropped" "$(yardctl --json stats | jq '[.drops[].packets] | add')" 0
finish
