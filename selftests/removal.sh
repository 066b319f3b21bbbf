#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Back-ends taken out and put back under load: nobody notices, and a connection that
# exists stays with its back-end.
#
#                                                      /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server2 10.2.2.2
#                                          switch      \-- veth --- server3 10.2.3.2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/requests.sh"

SERVICE=$VIP:80
LONG=$VIP:7

# Says a word on the long connection and hears it again.
echoes() {
	local word
	echo "$1" >&"${long[1]}"
	read -r -t 5 word <&"${long[0]}" && [ "$word" = "$1" ]
}

need nginx curl socat
work_dir
topology veth veth veth
for n in 1 2 3; do
	expect "server $n listens" web "$n"
	background ip netns exec "${server[n]}" socat TCP-LISTEN:7,fork,reuseaddr EXEC:cat
	slowwait 5 listening "$n" tcp 7
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 100ms
expect "a service is made" yardctl service add tcp "$SERVICE" -s rr \
	-d 10.2.1.2:80 -d 10.2.2.2:80 -d 10.2.3.2:80
expect "and one for the long connection" yardctl service add tcp "$LONG" -d 10.2.1.2:7
coproc long { exec ip netns exec "$client" socat - "TCP:$VIP:7"; }
# shellcheck disable=SC2154 # made by coproc
defer quit "$long_PID"
expect "a long connection to server 1 works" echoes before

load_on
expect "requests are answered" answers_more 20
between "by server 2, too" "$(answers_of 2)" 1 1000

expect "server 1 is taken out" eval 'yardctl destination del tcp "$SERVICE" 10.2.1.2:80 &&
	yardctl destination del tcp "$LONG" 10.2.1.2:7'
# Those that were under way.
answers_more 4
one=$(answers_of 1)
expect "the others answer" answers_more 20
equal "server 1 no more" "$(answers_of 1)" "$one"
expect "the long connection lives on" echoes removed
equal "new ones to its service are refused" \
	"$(in_client curl -sS --max-time $((5 * SLOW)) "http://$LONG/" >/dev/null 2>&1; echo $?)" 7

expect "server 1 is put back, server 2 gets the weight 0" eval '
	yardctl destination add tcp "$SERVICE" 10.2.1.2:80 &&
	yardctl destination set tcp "$SERVICE" 10.2.2.2:80 --weight 0'
answers_more 4
one=$(answers_of 1) two=$(answers_of 2)
expect "requests go on" answers_more 20
between "server 1 answers again" $(($(answers_of 1) - one)) 5 1000
equal "server 2 does not" "$(answers_of 2)" "$two"
expect "server 2 gets its weight back" yardctl destination set tcp "$SERVICE" 10.2.2.2:80 --weight 1
expect "and answers again" slowwait 20 eval "[ \$(answers_of 2) -gt $two ]"

expect "the load ends" load_off
equal "no request has failed" "$(cat "$work"/answers?.errors)" ""
expect "the long connection still works" echoes after
equal "it is listed with its back-end" "$(yardctl --json connections | jq -r \
	'.[] | select(.service_port == 7 and .state == "established") | .destination_address')" 10.2.1.2
finish
