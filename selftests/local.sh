#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# This machine's own sockets as a destination, and as the answer of last resort: both families,
# through yard0, TCP and UDP.
#
#                                 switch (CPU 1, 2) --- veth --- server1 10.2.1.2, fd00:2:1::2
#     client 10.0.1.2 --- A [wire 0] B       \
#            fd00:1::2                        yard0 10.9.9.9, fd00:9::9 --- sockets (CPU 0)

# shellcheck disable=SC2016,SC2034,SC2119 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/site.sh"
. "$HERE/lib/six.sh"

# serve_here: an HTTP server of this machine's own, at the services' addresses.
serve_here() {
	mkdir "$work/site"
	cp "$work/blob" "$work/site/blob"
	site 80 "location /who { return 200 \"here \$remote_addr\n\"; }
		location /file/ { alias $work/site/; }" "$VIP" "[$VIP6]"
}

# who FAMILY COUNT: who has answered so many requests of the service of that family.
who() {
	in_client curl "-$1" --resolve "four:80:$VIP" --resolve "six:80:$VIP6" -sS --max-time $((20 * SLOW)) \
		--connect-timeout $((5 * SLOW)) -H 'Connection: close' \
		"http://$([ "$1" = 4 ] && echo four || echo six)/who?[1-$2]" >"$work/answers"
	tally "$work/answers"
}

# blob FAMILY: whether a file of 2 MB comes whole.
blob() {
	in_client curl "-$1" --resolve "four:80:$VIP" --resolve "six:80:$VIP6" -sS --max-time $((20 * SLOW)) \
		-o "$work/got" "http://$([ "$1" = 4 ] && echo four || echo six)/file/blob" &&
		cmp "$work/blob" "$work/got"
}

# traffic SERVICE: packets and bytes that have come from its clients.
traffic() {
	of_service tcp "$1" '"\(.stats.packets_in) \(.stats.bytes_in)"'
}

need nginx curl cmp taskset socat
work_dir
topology veth
expect "everybody speaks IPv6" topology6
head -c 2000000 /dev/urandom >"$work/blob"
expect "server 1 listens" web 1
expect "the module loads" load
expect "yard0 has the services' addresses" yard6 "$VIP" "$VIP6"
expect "this machine listens" serve_here
background taskset -c 0 socat -T 5 UDP4-RECVFROM:53,bind="$VIP",fork SYSTEM:'read -r x; echo "here $x"'
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 2s
expect "services are made" yardctl batch - <<-EOF2
	service add tcp $VIP:80 -d local
	service add tcp [$VIP6]:80 -d local
	service add udp $VIP:53 -d local
EOF2

# As a destination.
for family in 4 6; do
	equal "ten requests of IPv$family are answered here" "$(who "$family" 10)" "here=10"
	equal "the client's own address is seen" "$(awk '{ print $2 }' "$work/answers" | sort -u)" \
		"$([ "$family" = 4 ] && echo "$CLIENT" || echo "$CLIENT6")"
	expect "a file of 2 MB comes whole" blob "$family"
done
equal "UDP is answered here as well" \
	"$(echo hello | in_client timeout 5 socat -t 2 - "UDP4:$VIP:53,sp=40000")" "here hello"
equal "the connections say so" "$(yardctl --json connections |
	jq -r '[.[].forwarding] | unique | join(" ")')" local
equal "of either family, and of UDP" "$(yardctl --json connections |
	jq -c '[[.[] | select(.protocol == "tcp" and (.client_address | contains(":") | not))],
		[.[] | select(.client_address | contains(":"))],
		[.[] | select(.protocol == "udp")]] | map(length)')" "[11,11,1]"
equal "each was one for the service" "$(of_service tcp "$VIP:80" .stats.connections)" 11
between "what came in went to yard0 by the switching CPUs" "$(yardctl --json stats |
	jq '[.cpus[] | select(.cpu == 1 or .cpu == 2) | .local_in] | add')" 100 20000
equal "nothing was dropped" "$(yardctl --json stats | jq '[.drops[].packets] | add')" 0
expect "explain says where a packet would go" eval \
	'yardctl explain tcp "$CLIENT:999" "$VIP:80" --syn | grep -q local'
# At its last hop: it is not sent on.
equal "what has one hop left is delivered" "$(in_client sh -c \
	"echo hop | timeout 5 socat -t 2 - UDP4:$VIP:53,sp=40001,ttl=1")" "here hop"

# Beside a server, by turns.
expect "server 1 has its share" yardctl batch - <<-EOF2
	service set tcp $VIP:80 -s rr
	service set tcp [$VIP6]:80 -s rr
	destination add tcp $VIP:80 10.2.1.2:80
	destination add tcp [$VIP6]:80 [fd00:2:1::2]:80
EOF2
for family in 4 6; do
	equal "both answer IPv$family by turns" "$(who "$family" 10)" "here=5 server1=5"
done

# The last resort.
expect "this machine is the last resort" yardctl batch - <<-EOF2
	destination del tcp $VIP:80 local
	destination del tcp [$VIP6]:80 local
	service set tcp $VIP:80 --fallback local
	service set tcp [$VIP6]:80 --fallback local
EOF2
for family in 4 6; do
	equal "the server answers while it is there (IPv$family)" "$(who "$family" 4)" "server1=4"
done
expect "the server is down" yardctl batch - <<-EOF2
	destination set tcp $VIP:80 10.2.1.2:80 --state down
	destination set tcp [$VIP6]:80 [fd00:2:1::2]:80 --state down
EOF2
for family in 4 6; do
	service=$([ "$family" = 4 ] && echo "$VIP:80" || echo "[$VIP6]:80")
	read -r packets bytes < <(traffic "$service")
	equal "this machine answers then (IPv$family)" "$(who "$family" 4)" "here=4"
	read -r more_packets more_bytes < <(traffic "$service")
	# A SYN, an acknowledgment, a request and an end each, and what is acknowledged between.
	between "the service counts what came for it" $((more_packets - packets)) 16 60
	between "and its bytes" $((more_bytes - bytes)) $((4 * 250)) $((60 * 300))
	expect "and sends a file of 2 MB whole" blob "$family"
done
expect "the server is up" yardctl batch - <<-EOF2
	destination set tcp $VIP:80 10.2.1.2:80 --state active
	destination set tcp [$VIP6]:80 [fd00:2:1::2]:80 --state active --upper-limit 1
EOF2
equal "it answers again" "$(who 4 4)" "server1=4"
expect "all connections are ended" yardctl disconnect --all
coproc held { exec ip netns exec "$client" socat - "TCP6:[$VIP6]:80"; }
# shellcheck disable=SC2154 # made by coproc
defer quit "$held_PID"
expect "a connection takes what the server may have" slowwait 5 is true of_destination tcp \
	"[$VIP6]:80" fd00:2:1::2 .overloaded
equal "beyond its limit, this machine answers" "$(who 6 4)" "here=4"

# Without yard0 there is nobody.
ip link set yard0 down
before=$(dropped no-local)
expect "the server is down" yardctl destination set tcp "$VIP:80" 10.2.1.2:80 --state down
refuse "with yard0 down nobody answers" \
	in_client curl -sS --connect-timeout 1 -o /dev/null "http://$VIP/who"
expect "which is a counted drop" eval '[ "$(dropped no-local)" -gt "$before" ]'
finish
