#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# How the schedulers spread clients: Maglev evenly, by the client alone, and with few
# moves when a server goes; round robin in turn, by weight or not; by what the servers
# have to do; by the client's address; and none beyond its limit.
#
#                                                      /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:53 +--- veth --- server2 10.2.2.2
#                                          switch      \-- veth --- server3 10.2.3.2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

SERVICE=$VIP:53

# spread FILE: the answers by server, "server1=N server2=N".
spread() {
	awk '{ print $2 }' "$1" >"$work/names"
	tally "$work/names"
}

# overloaded: how many destinations are at their limits.
overloaded() {
	yardctl --json destination list | jq '[.[] | select(.overloaded)] | length'
}

# forget: no connection is left, so that each is chosen for anew.
forget() {
	yardctl disconnect --all >/dev/null && is 0 connection_count
}

# Asks from 240 ports.
ask_all() {
	expect "no connection is left" forget
	ask 53 20000 240 --together 24 | awk '{ print $1, $2 }' >"$work/$1"
	equal "all are answered ($1)" "$(grep -c server "$work/$1")" 240
}

work_dir
topology veth veth veth
for n in 1 2 3; do
	expect "server $n listens" echo_server "$n" 53
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 2s
expect "a service of the default scheduler is made" yardctl service add udp "$SERVICE" --timeout 20 \
	-d 10.2.1.2:53 -d 10.2.2.2:53 -d 10.2.3.2:53
equal "which is Maglev" "$(of_service udp "$SERVICE" .scheduler)" maglev

ask_all first
echo "# $(spread "$work/first")"
for n in 1 2 3; do
	# Five standard deviations of a fair choice around the mean.
	between "server $n has its share" "$(grep -c "server$n" "$work/first")" 44 116
done
ask_all again
expect "each client has met the same server" cmp "$work/first" "$work/again"

expect "server 3 is removed" yardctl destination del udp "$SERVICE" 10.2.3.2:53
ask_all without
equal "nobody meets it" "$(grep -c server3 "$work/without")" 0
moved=$(grep -v server3 "$work/first" | join - "$work/without" | awk '$2 != $3' | wc -l)
between "few of the others' clients have moved" "$moved" 0 16
expect "server 3 is put back" yardctl destination add udp "$SERVICE" 10.2.3.2:53
ask_all back
expect "everything is as before" cmp "$work/first" "$work/back"

expect "the scheduler is changed to weighted round robin" yardctl service set udp "$SERVICE" -s wrr
expect "with weights" yardctl destination set udp "$SERVICE" 10.2.1.2:53 -w 2
# The port of a datagram does not matter to its queue: all are counted on one CPU.
expect "the switching CPU polls all queues" warm
ask_all turns
equal "the shares are exact" "$(spread "$work/turns")" "server1=120 server2=60 server3=60"

expect "the scheduler is changed to round robin" yardctl service set udp "$SERVICE" -s rr
ask_all plain
equal "weights do not matter" "$(spread "$work/plain")" "server1=80 server2=80 server3=80"

expect "the scheduler is changed to least connections" yardctl service set udp "$SERVICE" -s lc
ask_all least
equal "least connections are even" "$(spread "$work/least")" "server1=80 server2=80 server3=80"
expect "the scheduler is changed to weighted least connections" \
	yardctl service set udp "$SERVICE" -s wlc
ask_all weighted
equal "which follow the weights" "$(spread "$work/weighted")" "server1=120 server2=60 server3=60"
expect "the scheduler is changed to shortest delay" yardctl service set udp "$SERVICE" -s sed
ask_all delay
equal "which does so, too" "$(spread "$work/delay")" "server1=120 server2=60 server3=60"
expect "the scheduler is changed to two choices" yardctl service set udp "$SERVICE" -s p2c
ask_all choices
for n in 1 2 3; do
	share=$((n == 1 ? 120 : 60))
	between "server $n has nearly its share" "$(grep -c "server$n" "$work/choices")" \
		$((share - 8)) $((share + 8))
done
expect "the scheduler is changed to source hashing" yardctl service set udp "$SERVICE" -s sh
ask_all source
equal "one client has one server" "$(spread "$work/source" | wc -w)" 1
one=$(head -n 1 "$work/source" | awk '{ print $2 }')

expect "no connection is left" forget
expect "its server may have 100 connections" yardctl destination set udp "$SERVICE" \
	"10.2.${one#server}.2:53" --upper-limit 100
ask_all limited
equal "and has no more" "$(grep -c "$one" "$work/limited")" 100
equal "it is full" "$(overloaded)" 1
expect "the connections are ended" forget
expect "it has room again when they are gone" slowwait 20 is 0 overloaded
finish
