#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Sockets behind yard0 (Fig. 8): a server on a control CPU is reached through the queues
# of a switching CPU, an outgoing connection goes the same way, and the tools for
# interfaces show yard0 like any other.
#
#     client 10.0.1.2 --- A [wire 0] B (CPU 1) switch (CPU 0) yard0 10.7.0.1 --- sockets

# shellcheck disable=SC2016,SC2119 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/site.sh"

YARD=10.7.0.1

serve_yard() {
	site 80 "client_max_body_size 100m; dav_methods PUT;
		location /who { return 200 \"\$server_addr \$remote_addr\n\"; }
		location / { root $work/site; }" "$YARD"
}

# What sockets of yard0's address send takes yard0 as its way out, by a rule.
policy_route() {
	ip route add default dev yard0 table 100 && defer ip route flush table 100
	ip rule add from "$YARD" lookup 100 && defer ip rule del from "$YARD" lookup 100
}

download() {
	in_client curl -sS --max-time $((60 * SLOW)) -o "$work/got" "http://$YARD/blob" &&
		cmp "$work/blob" "$work/got"
}

# One connection that carries the file to a socket here, and the sum back.
upload() {
	local sum
	sum=$(sha256sum <"$work/blob")
	background taskset -c 0 socat -t 20 "TCP-LISTEN:9000,bind=$YARD,reuseaddr" \
		SYSTEM:sha256sum
	slowwait 5 eval '[ -n "$(ss -Hltn "src = $YARD:9000")" ]'
	# shellcheck disable=SC2016 # not for this shell
	in_client timeout $((60 * SLOW)) sh -c 'socat -t 20 - TCP:$0:9000 <$1' "$YARD" "$work/blob" >"$work/sum"
	[ "$(cat "$work/sum")" = "$sum" ]
}

# Whether the dump of yard0 has a packet from $1 to $2.
dumped() {
	tcpdump -nr "$work/dump.pcap" "src $1 and dst $2" 2>/dev/null | grep -q .
}

need tcpdump nginx curl socat sha256sum taskset
work_dir
topology
mkdir "$work/site"
head -c 4000000 /dev/urandom >"$work/blob"
cp "$work/blob" "$work/site/blob"
expect "the module loads" load
ip addr add "$YARD/32" dev yard0
ip link set yard0 up
expect "what yard0's address sends is routed by yard0" policy_route
expect "a server listens at yard0's address" serve_yard
expect "the client's wire is claimed for CPU 1" yardctl claim "$front" --cpus 1 --idle-timeout 1s
expect "the switching CPU polls all queues" warm

tcpdump -i yard0 -n -U --immediate-mode -s 60 -w "$work/dump.pcap" tcp 2>"$work/tcpdump.log" &
dump=$!
defer quit "$dump"
expect "yard0 is listened to" slowwait 10 grep -q "listening on" "$work/tcpdump.log"
equal "the client reaches the server" \
	"$(in_client curl -sS --max-time $((10 * SLOW)) "http://$YARD/who")" "$YARD $CLIENT"
expect "tcpdump on yard0 shows what came in" slowwait 5 dumped "$CLIENT" "$YARD"
expect "and what went out" slowwait 5 dumped "$YARD" "$CLIENT"
quit "$dump"
equal "with nobody's checksum wrong" "$(tcpdump -vnr "$work/dump.pcap" \
	"src $CLIENT" 2>/dev/null | grep -c 'bad cksum')" 0

expect "a file of 4 MB comes through whole" download
expect "and goes through whole" upload

# A packet is up to 64 kB each way.
between "packets went through the ring towards yard0" "$(counted local_in)" 120 20000
between "and through the ring from yard0" "$(counted local_out)" 100 20000
yardctl --json stats >"$work/stats"
between "those that came in went through the switching CPU" \
	"$(jq '.cpus[] | select(.cpu == 1) | .local_in' "$work/stats")" 110 20000
equal "none was lost" "$(jq '[.drops[].packets] | add' "$work/stats")" 0

ip -s -j link show yard0 >"$work/link"
between "ip -s link counts what came in" "$(jq '.[0].stats64.rx.packets' "$work/link")" 120 20000
between "its bytes" "$(jq '.[0].stats64.rx.bytes' "$work/link")" 4000000 6000000
between "and what went out" "$(jq '.[0].stats64.tx.bytes' "$work/link")" 4000000 6000000
equal "ethtool -i knows the driver" "$(ethtool -i yard0 | sed -n 's/^driver: //p')" switchyard

# Outwards: a socket of yard0's address to a server behind the wire.
name=$client
# shellcheck disable=SC2034 # web looks it up
server[1]=$name
expect "a server listens behind the wire" web 1 "$work"
equal "a socket of yard0's address reaches it" \
	"$(curl -sS --max-time $((10 * SLOW)) --interface "$YARD" "http://$CLIENT/who")" "server1 $YARD"
equal "a socket bound to yard0 itself, too" \
	"$(curl -sS --max-time $((10 * SLOW)) --interface "if!yard0" "http://$CLIENT/who")" "server1 $YARD"
taskset -c 0 curl -sS --max-time $((30 * SLOW)) --interface "$YARD" -o "$work/got" "http://$CLIENT/file/blob"
expect "a file of 4 MB comes in whole" cmp "$work/blob" "$work/got"

# What sleeps must not hold on to our own output: whoever reads that waits for its end.
background in_client socat TCP-LISTEN:9100,reuseaddr SYSTEM:'exec sleep 4 2>/dev/null'
slowwait 5 eval '[ -n "$(in_client ss -Hltn "sport = :9100")" ]'
background socat "TCP:$CLIENT:9100,bind=$YARD" SYSTEM:'exec sleep 4 2>/dev/null'
expect "ss shows an open connection of yard0's address" \
	slowwait 5 eval 'ss -Htn state established "src $YARD" | grep -q "$CLIENT:9100"'

expect "without claims, too," yardctl release "$front"
equal "the server is reached" "$(in_client curl -sS --max-time $((10 * SLOW)) "http://$YARD/who")" "$YARD $CLIENT"
ip link set yard0 down
finish
