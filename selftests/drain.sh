#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a destination is given: nothing new while it drains, nothing at all once its
# deadline has passed, no more than its limits; and who takes over when it is down.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:53, :54, :7 -+- veth --- server1 10.2.1.2
#                                              switch            \- veth --- server2 10.2.2.2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

SERVICE=$VIP:53
FEW=$VIP:54
LONG=$VIP:7
one=(udp "$SERVICE" 10.2.1.2:53)

# answers FIRST COUNT FILE: who answers from these ports.
answers() {
	ask 53 "$1" "$2" | awk '{ print $1, $2 }' >"$work/$3"
}

# by FILE N: how many answers are server N's.
by() {
	grep -c "server$2" "$work/$1"
}

# echoes TEXT: whether the long connection brings it back.
echoes() {
	local word
	# Bash takes them back when the other end is gone.
	[ -n "${long[1]:-}" ] || return 1
	echo "$1" >&"${long[1]}"
	read -r -t 3 word <&"${long[0]}" && [ "$word" = "$1" ]
}

# told EVENT ADDRESS: whether the monitor was told so.
told() {
	jq -es --arg e "$1" --arg a "$2" 'any(.event == $e and .destination.address == $a)' \
		"$work/events" >/dev/null 2>&1
}

# connections_by FILTER...: how many connections there are of those.
connections_by() {
	yardctl --json connections "$@" | jq length
}

need socat jq
work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" echo_server "$n" 53
done
expect "server 1 listens for a few" echo_server 1 54
background ip netns exec "${server[1]}" socat TCP-LISTEN:7,fork,reuseaddr EXEC:cat
expect "and for a long connection" slowwait 5 listening 1 tcp 7
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 1s
expect "a service is made" yardctl service add udp "$SERVICE" -s rr -d 10.2.1.2:53 -d 10.2.2.2:53
yardctl --json monitor >"$work/events" 2>"$work/monitor.log" &
defer quit $!
expect "a monitor listens" slowwait 5 grep -q listening "$work/monitor.log"

# Draining, and back.
answers 20000 20 first
equal "both have their turns" "$(by first 1) $(by first 2)" "10 10"
equal "as flows that are active" "$(of_destination udp "$SERVICE" 10.2.1.2 \
	'"\(.active_connections) \(.inactive_connections)"')" "10 0"
expect "server 1 is drained" yardctl destination drain "${one[@]}"
answers 20000 20 again
expect "the flows that there are go on" cmp "$work/first" "$work/again"
answers 21000 10 drained
equal "new ones go to the other" "$(by drained 2)" 10
equal "what is left is told" "$(of_destination udp "$SERVICE" 10.2.1.2 .active_connections)" 10
equal "to filters as well" "$(connections_by --service udp "$SERVICE" --destination 10.2.1.2)" 10
equal "also by client" "$(connections_by --client 10.0.1.0/24 --destination 10.2.1.2:53 --state udp)" 10
equal "and by nobody's" "$(connections_by --client 10.0.2.0/24)" 0
expect "server 1 is up" yardctl destination up "${one[@]}"
answers 21100 10 up
equal "it has its turns again" "$(by up 1)" 5

# Down: nobody stays.
expect "server 1 is down" yardctl destination down "${one[@]}"
answers 20000 20 down
equal "its flows have chosen again" "$(by down 2)" 20
expect "it has no connection left but those that did not speak" slowwait 5 is 5 \
	of_destination udp "$SERVICE" 10.2.1.2 .active_connections
answers 21100 10 down
equal "nor when these have spoken" "$(by down 2)" 10
expect "so it has drained, as is told" slowwait 10 told drained 10.2.1.2
expect "server 1 is up" yardctl destination up "${one[@]}"

# Removed: the same for flows.
answers 22000 20 before
equal "both have their turns" "$(by before 1) $(by before 2)" "10 10"
packets=$(of_service udp "$SERVICE" .stats.packets_in)
expect "server 1 is removed" yardctl destination del "${one[@]}"
answers 22000 20 removed
equal "its flows have chosen again" "$(by removed 2)" 20
equal "its packets still count for the service" "$(of_service udp "$SERVICE" .stats.packets_in)" \
	$((packets + 20))
# Within two rounds of the switch's housekeeping nothing is left of it.
sleep 3
equal "also when it is gone for good" "$(of_service udp "$SERVICE" .stats.packets_in)" $((packets + 20))
expect "it is put back" yardctl destination add "${one[@]}"
equal "and has nothing" "$(of_destination udp "$SERVICE" 10.2.1.2 .active_connections)" 0
equal "the switch knows two destinations" "$(yardctl --json show | jq .destinations)" 2
expect "rates are told of what has been" slowwait 5 at_least 1 \
	of_service udp "$SERVICE" .stats.packets_in_rate
packets=$(of_service udp "$SERVICE" .stats.packets_in)
expect "a change is made" yardctl service set udp "$SERVICE" --timeout 2m
equal "the counts have survived it" "$(of_service udp "$SERVICE" .stats.packets_in)" "$packets"

# Clients keep their server, but not one that drains.
expect "clients have affinity" yardctl service set udp "$SERVICE" --affinity 1m
answers 23000 10 affine
equal "one client has one server" "$(sort -u -k2,2 "$work/affine" | wc -l)" 1
mine=$(awk 'NR == 1 { sub("server", "", $2); print $2 }' "$work/affine")
expect "which is drained" yardctl destination drain udp "$SERVICE" "10.2.$mine.2:53"
answers 23100 10 moved
equal "the client has the other one now" "$(by moved $((3 - mine)))" 10
expect "that is the end of it" yardctl service set udp "$SERVICE" --affinity 0
expect "and of the draining" yardctl destination up udp "$SERVICE" "10.2.$mine.2:53"

# Limits.
expect "a service of few is made" yardctl service add udp "$FEW" -d 10.2.1.2:54,upper-limit=5,lower-limit=3
equal "five get through" "$(ask 54 24000 6 --patience 0.7 | grep -c "server1")" 5
between "the sixth was dropped for that" "$(of_service udp "$FEW" \
	'.drops[] | select(.reason == "connection-limit") | .packets')" 1 3
equal "the destination is full" "$(of_destination udp "$FEW" 10.2.1.2 .overloaded)" true
equal "two connections are ended" "$(yardctl disconnect --client 10.0.1.2:24000
	yardctl disconnect --client 10.0.1.2:24001)" $'1 connections ended\n1 connections ended'
equal "it is still full above its lower limit" "$(of_destination udp "$FEW" 10.2.1.2 .overloaded)" true
equal "one more" "$(yardctl disconnect --client 10.0.1.2:24002)" "1 connections ended"
equal "and it has room" "$(of_destination udp "$FEW" 10.2.1.2 .overloaded)" false
equal "for the next" "$(ask 54 24010 1 | grep -c "server1")" 1

# A deadline.
expect "a service for the long connection is made" yardctl service add tcp "$LONG" -d 10.2.1.2:7
coproc long { exec ip netns exec "$client" socat - "TCP:$LONG"; }
# shellcheck disable=SC2154 # made by coproc
defer quit "$long_PID"
expect "it works" echoes before
equal "and is active" "$(of_destination tcp "$LONG" 10.2.1.2 .active_connections)" 1
expect "its server drains" yardctl destination drain tcp "$LONG" 10.2.1.2:7 --deadline 3s
expect "it works still" echoes draining
between "and has some seconds left" "$(of_destination tcp "$LONG" 10.2.1.2 .drain_remaining)" 1 3
expect "it is ended at the deadline" slowwait 15 is 0 connections_by --service tcp "$LONG"
expect "as is told" slowwait 5 told deadline 10.2.1.2
refuse "it works no more" echoes after
equal "all that is left can be ended" "$(yardctl --json disconnect --all | jq '.ended > 20')" true
equal "and was" "$(connection_count)" 0
finish
