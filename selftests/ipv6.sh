#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IPv6 as IPv4: HTTP through address translation, direct delivery, tunnels of either family, echo,
# a refusal, a long upload whose path takes less, and yard0.
#
#                                                                 /-- veth --- server1 fd00:2:1::2
#     client fd00:1::2 --- A [wire 0] B -- fd00:9::9, yard0 fd00:9::1 -- veth --- server2 fd00:2:2::2
#                                          switch

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/six.sh"

YARD=fd00:9::1
SERVICE="[$VIP6]:80"

# fetch6 COUNT: so many requests of the IPv6 service.
fetch6() {
	# By a name, since curl would take the address's brackets for those of a range.
	in_client curl -6 --resolve "service:80:$VIP6" -sS --max-time $((20 * SLOW)) --connect-timeout $((5 * SLOW)) \
		-H 'Connection: close' "http://service/who?[1-$1]"
}

# Whether 200 kB from the client come to server 2 as they were sent, on port 81.
upload() {
	rm -f "$work/sink"
	in_server 2 sh -c "timeout $((30 * SLOW)) nc -6 -l -p 81 >$work/sink" </dev/null &
	local sink=$!
	slowwait 5 listening 2 tcp 81
	in_client sh -c "timeout $((25 * SLOW)) nc -6 -N -w 20 $VIP6 81 <$work/blob" || return 1
	wait "$sink"
	cmp "$work/blob" "$work/sink"
}

need nginx curl cmp nc modprobe
work_dir
topology veth veth
expect "everybody speaks IPv6" topology6
head -c 200000 /dev/urandom >"$work/blob"
for n in 1 2; do
	expect "server $n listens" web "$n"
done

expect "the module loads" load
expect "yard0 has an address" yard6 "$YARD"
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 10s
expect "a service is made" yardctl service add tcp "$SERVICE" -s rr \
	-d "[fd00:2:1::2]:80" -d "[fd00:2:2::2]:80"

expect "twenty requests are answered" eval 'fetch6 20 >"$work/answers"'
equal "each server has answered ten" "$(tally "$work/answers")" "server1=10 server2=10"
equal "the servers see the client's own address" \
	"$(awk '{ print $2 }' "$work/answers" | sort -u)" "$CLIENT6"
equal "the connections are listed" "$(yardctl --json connections | jq \
	'[.[] | select(.client_address == "fd00:1::2" and .service_address == "fd00:9::9")] | length')" 20
expect "the service's address answers a ping" in_client ping -6 -q -c 2 -W 2 "$VIP6"
expect "a wrong port is refused" eval \
	'! in_client curl -6 -g -sS --max-time $((5 * SLOW)) "http://[$VIP6]:81/" && [ "$(dropped reset-sent)" = 1 ]'
expect "yard0 answers a ping" in_client ping -6 -q -c 2 -W 2 "$YARD"

for n in 1 2; do
	in_server "$n" ip addr add "$VIP6/128" dev lo nodad
	in_server "$n" ip link set lo up
done
modprobe -a ip6_tunnel
in_server 2 ip link add six type ip6tnl mode any local fd00:2:2::2 remote ::
in_server 2 ip link set six up
expect "one server is reached directly, the other by a tunnel" eval \
	'yardctl destination set tcp "$SERVICE" "[fd00:2:1::2]:80" --forwarding direct &&
		yardctl destination set tcp "$SERVICE" "[fd00:2:2::2]:80" --forwarding tunnel'
expect "twenty requests are answered so" eval 'fetch6 20 >"$work/answers"'
equal "each server has answered ten so" "$(tally "$work/answers")" "server1=10 server2=10"
expect "a service for what is sent is made" yardctl service add tcp "[$VIP6]:81" \
	-d "fd00:2:2::2,forwarding=tunnel"
expect "200 kB come to a server whole through the tunnel" upload
expect "the client was told what the tunnel takes" at_least 1 dropped too-big
finish
