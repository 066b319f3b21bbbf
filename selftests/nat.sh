#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# HTTP through the switch: contents, who sees which address, the servers' shares, the
# counters and the list of connections.
#
#                                                      /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server2 10.2.2.2
#                                          switch      \-- B [wire 1] A --- server3 10.2.3.2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

SERVICE=$VIP:80

same_content() {
	in_client curl -sS --max-time $((30 * SLOW)) -o "$work/copy" "http://$SERVICE/file/blob" &&
		cmp "$work/blob" "$work/copy"
}

# What the client's wire shows must be the service's address alone.
only_the_service() {
	kill "$dump"
	wait "$dump"
	tcpdump -nr "$work/wire.pcap" 2>/dev/null >"$work/wire.txt"
	grep -q "IP $VIP.80 > $CLIENT" "$work/wire.txt" && ! grep -q '10\.2\.' "$work/wire.txt"
}

need tcpdump nginx curl cmp
work_dir
topology veth veth igb
head -c 1500000 /dev/urandom >"$work/blob"
for n in 1 2 3; do
	expect "server $n listens" web "$n" "$work"
done

expect "the module loads" load
# Turns are exact whichever of the switching CPUs a connection comes by.
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 10s
expect "the switching CPU polls all queues of the client's wire" warm
expect "a service is made" yardctl service add tcp "$SERVICE" -s wrr \
	-d 10.2.1.2:80 -d 10.2.2.2:80 -d 10.2.3.2:80

in_client tcpdump -i "$front_peer" -U -w "$work/wire.pcap" tcp 2>"$work/tcpdump.log" &
dump=$!
defer quit "$dump"
expect "the wire is listened to" slowwait 10 grep -q "listening on" "$work/tcpdump.log"

expect "thirty requests are answered" eval 'fetch 30 >"$work/answers"'
equal "each server has answered ten" "$(tally "$work/answers")" "server1=10 server2=10 server3=10"
equal "the servers see the client's own address" \
	"$(awk '{ print $2 }' "$work/answers" | sort -u)" "$CLIENT"
expect "a file of 1.5 MB comes through whole" same_content
expect "the client meets the service's address alone" only_the_service

yardctl --json destination list tcp "$SERVICE" >"$work/destinations"
yardctl --json service list tcp "$SERVICE" >"$work/services"
equal "the connections are counted" "$(jq '.[0].stats.connections' "$work/services")" 31
for field in connections packets_in bytes_in packets_out bytes_out; do
	equal "the service's $field are the sum of its destinations'" \
		"$(jq ".[0].stats.$field" "$work/services")" \
		"$(jq "[.[].stats.$field] | add" "$work/destinations")"
done
# Bytes of the frames from the service that the wire has shown. Merged packets have fewer headers on
# one side. What is lost on the wire is not among them, but comes to be sent once more.
seen=$(tcpdump -enr "$work/wire.pcap" "src host $VIP" 2>/dev/null |
	awk 'match($0, /length [0-9]+:/) { sum += substr($0, RSTART + 7, RLENGTH - 8) } END { print sum + 0 }')
lost=0
for n in 1 2 3; do
	lost=$((lost + $(ip netns exec "${server[n]}" awk '$1 == "Tcp:" { sent = $13 } END { print sent }' \
		/proc/net/snmp)))
done
# Ten packets or so for each of the small ones; the file takes a thousand of 1,500.
between "packets are counted towards the servers" \
	"$(jq '.[0].stats.packets_in' "$work/services")" 150 3000
between "bytes are counted towards the client" \
	"$(jq '.[0].stats.bytes_out' "$work/services")" 1500000 \
	$((seen * 106 / 100 + lost * 1514))
equal "the client's wire has shown as many connections" \
	"$(grep -c 'Flags \[S\],' "$work/wire.txt")" 31
equal "nothing was dropped" "$(yardctl --json stats | jq '[.drops[].packets] | add')" 0
equal "every packet was forwarded once" "$(counted forwarded)" \
	"$(jq '.[0].stats | .packets_in + .packets_out' "$work/services")"

yardctl --json connections >"$work/connections"
equal "the connections are listed" "$(jq length "$work/connections")" 31
equal "they have ended" "$(jq -r '[.[].state] | unique | join(" ")' "$work/connections")" time-wait
equal "they are the client's" \
	"$(jq -r '[.[].client_address] | unique | join(" ")' "$work/connections")" "$CLIENT"

# A connection that is open.
background ip netns exec "$client" sh -c 'sleep 30 2>/dev/null | nc 10.9.9.9 80'
expect "an open connection is listed as established" \
	slowwait 5 is 1 eval 'yardctl --json connections | jq "[.[] | select(.state == \"established\")] | length"'
equal "and its destination as active" "$(yardctl --json destination list tcp "$SERVICE" |
	jq '[.[] | .active_connections + .inactive_connections] | add')" "$(connection_count)"

# Weights.
expect "weights are set" eval 'yardctl destination set tcp "$SERVICE" 10.2.1.2:80 -w 3 &&
	yardctl destination set tcp "$SERVICE" 10.2.2.2:80 -w 0'
expect "forty requests are answered" eval 'fetch 40 >"$work/answers"'
equal "three and one of four" "$(tally "$work/answers")" "server1=30 server3=10"
finish
