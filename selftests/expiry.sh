#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Idle connections are forgotten after their service's time, and no earlier; busy ones
# are not.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9 -- veth --- server1 10.2.1.2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

active() {
	yardctl --json destination list | jq '[.[].active_connections] | add'
}

# gone_between LOWEST HIGHEST: milliseconds from $since until there is no connection.
gone_between() {
	local after
	slowwait $(($2 / 1000 + 5)) is 0 connection_count || return 1
	after=$(($(timestamp_ms) - since))
	echo "after $after ms"
	[ "$after" -ge "$1" ] && [ "$after" -le "$2" ]
}

say() {
	local word
	echo "$1" >&"${idle[1]}"
	read -r -t 5 word <&"${idle[0]}" && [ "$word" = "$1" ]
}

need socat
topology veth
expect "a UDP server listens" echo_server 1 53
background in_server 1 socat TCP-LISTEN:7,fork,reuseaddr EXEC:cat
expect "a TCP server listens" slowwait 10 listening 1 tcp 7
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1
expect "a UDP service of two seconds is made" yardctl service add udp "$VIP:53" --timeout 2 -d 10.2.1.2:53
expect "a TCP service of two seconds is made" yardctl service add tcp "$VIP:7" --timeout 2 -d 10.2.1.2:7

equal "three questions are answered" "$(ask 53 30000 3 | grep -c server1)" 3
since=$(timestamp_ms)
equal "three connections are there" "$(connection_count)" 3
equal "three are active" "$(active)" 3
# The last packet was a little before; counting and the collector's round take their time.
expect "they are gone after two seconds" gone_between 1200 6000
equal "none is listed" "$(yardctl --json connections | jq length)" 0
equal "none is active" "$(active)" 0

made=$(of_service udp "$VIP:53" .stats.connections)
equal "a port that asks every second is answered" \
	"$(ask 53 31000 1 --times 5 --pause 1 | grep -c server1)" 5
equal "all in one connection" $(($(of_service udp "$VIP:53" .stats.connections) - made)) 1

coproc idle { exec ip netns exec "$client" socat - "TCP:$VIP:7" 2>&1; }
# shellcheck disable=SC2154 # made by coproc
defer quit "$idle_PID"
expect "a TCP connection works" say hello
since=$(timestamp_ms)
equal "it is listed as established, its time running" "$(yardctl --json connections |
	jq -r '.[] | select(.state == "established" and .expires <= 2000) | .service_port')" 7
expect "it is gone after two seconds of silence" slowwait 8 eval '
	[ "$(yardctl --json connections | jq "[.[] | select(.protocol == \"tcp\")] | length")" = 0 ]'
between "not earlier" $(($(timestamp_ms) - since)) 1200 8000
expect "nothing is left" slowwait 8 is 0 connection_count
equal "nothing is active" "$(active)" 0
resets=$(dropped reset-sent)
refuse "when it speaks again it is answered no more" say again
equal "but reset" $(($(dropped reset-sent) - resets)) 1
finish
