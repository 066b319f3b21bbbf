#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# UDP through the switch: both directions, with and without checksums, and what of a
# server's belongs to no connection.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:53 -- veth --- server1 10.2.1.2:5353

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

# listen_in NAMESPACE DEVICE: what is seen there; seen() tells what there was.
listen_in() {
	ip netns exec "$1" tcpdump -i "$2" -n -U --immediate-mode -w "$work/$2.pcap" udp \
		2>"$work/$2.log" &
	defer quit $!
	slowwait 10 grep -q "listening on" "$work/$2.log"
}

# seen DEVICE FILTER: how many such packets.
seen() {
	tcpdump -nr "$work/$1.pcap" "$2" 2>/dev/null | wc -l
}

connections_of() {
	yardctl --json connections | jq -r ".[] | select(.client_port == $1) | $2"
}

need tcpdump
work_dir
topology veth
expect "a server listens" echo_server 1 5353
expect "another without checksums" echo_server 1 5354 --no-checksum
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2
expect "a service is made" yardctl service add udp "$VIP:53" -d 10.2.1.2:5353
expect "and one for the other" yardctl service add udp "$VIP:54" -d 10.2.1.2:5354
expect "the server's wire is listened to" listen_in "${server[1]}" "${back_peer[1]}"
expect "the client's wire is listened to" listen_in "$client" "$front_peer"

equal "a question is answered by the service" \
	"$(ask 53 40000 1)" "40000 server1 $CLIENT 40000 hello"
equal "the connection is listed" "$(connections_of 40000 \
	'[.protocol, .service_port, .destination_address, .destination_port, .state] | join(" ")')" \
	"udp 53 10.2.1.2 5353 udp"
between "its time is 300 s by default" "$(connections_of 40000 .expires)" 280000 300000
equal "forty more are" "$(ask 53 40001 40 | grep -c "server1 $CLIENT")" 40
equal "each is a connection" "$(of_service udp "$VIP:53" .stats.connections)" 41
equal "packets come and go alike" "$(of_service udp "$VIP:53" .stats.packets_out)" \
	"$(of_service udp "$VIP:53" .stats.packets_in)"

# The checksum is at offset 6 of the header.
equal "without checksum, too" "$(ask 54 41000 5 --no-checksum | grep -c "server1 $CLIENT")" 5
at_least 5 seen "${back_peer[1]}" "dst port 5354" || slowwait 3 at_least 5 seen "${back_peer[1]}" "dst port 5354"
between "these have reached the server" "$(seen "${back_peer[1]}" "dst port 5354")" 5 15
equal "none with a checksum" "$(seen "${back_peer[1]}" "dst port 5354 and udp[6:2] != 0")" 0
between "and the client" "$(seen "$front_peer" "src host $VIP and src port 54")" 5 15
equal "none with a checksum" "$(seen "$front_peer" "src port 54 and udp[6:2] != 0")" 0
equal "while the others had one" "$(seen "$front_peer" "src port 53 and udp[6:2] == 0")" 0
equal "and a right one" "$(tcpdump -vnr "$work/$front_peer.pcap" "src port 53" 2>/dev/null |
	grep -c 'bad udp')" 0

# A datagram of the server's that answers nobody is the stack's, which forwards it.
passed=$(counted passed)
in_server 1 bash -c 'echo stray >/dev/udp/10.0.1.2/6000'
expect "a server's datagram of no connection passes" slowwait 5 at_least 1 seen "$front_peer" \
	"src host 10.2.1.2 and dst port 6000"
between "and is counted so" $(($(counted passed) - passed)) 1 20
equal "nothing was dropped" "$(yardctl --json stats | jq '[.drops[].packets] | add')" 0
finish
