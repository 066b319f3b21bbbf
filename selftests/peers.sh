#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Real programs through the switch, over IPv4 and IPv6: curl, wrk and nginx; iperf3; dig and dnsperf
# with nsd, also answers in fragments and by TCP; ping, traceroute.
#
#                                                      /-- veth --- server1 10.2.1.2, fd00:2:1::2
#     client 10.0.1.2, fd00:1::2 --- A [wire 0] B -- switch
#                                  10.9.9.9, fd00:9::9 \-- veth --- server2 10.2.2.2, fd00:2:2::2

# shellcheck disable=SC2016,SC2154 # text for eval; topology sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/dual.sh"

CAME=/sys/kernel/tracing/events/net/napi_gro_receive_entry

# name_server N: nsd on server N; "big" has an answer of 3,000 bytes.
name_server() {
	local n=$1 dir=$work/nsd$1 i
	mkdir "$dir"
	{
		printf '$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\n'
		printf 'ns A 10.2.%s.2\nwho TXT "server%s"\n' "$n" "$n"
		for ((i = 0; i < 50; i++)); do
			printf 'host%s A 192.0.2.%s\nhost%s AAAA 2001:db8::%s\n' $i $i $i $i
		done
		for ((i = 0; i < 15; i++)); do
			printf 'big TXT "%0200d"\n' $i
		done
	} >"$dir/example.zone"
	cat >"$dir/nsd.conf" <<-EOF
		server:
			ip-address: 0.0.0.0
			ip-address: ::0
			username: ""
			zonesdir: "$dir"
			pidfile: "$dir/pid"
			xfrdfile: ""
			zonelistfile: "$dir/list"
			ipv4-edns-size: 4096
			ipv6-edns-size: 4096
			rrl-ratelimit: 0
		remote-control:
			control-enable: no
		zone:
			name: "example"
			zonefile: "example.zone"
	EOF
	background ip netns exec "${server[n]}" nsd -d -c "$dir/nsd.conf"
	slowwait 20 listening "$n" udp 53
}

# iperf FAMILY [OPTION...]: a second of it; how many bytes came is in $bytes.
iperf() {
	local address=$VIP
	[ "$1" = 4 ] || address=$VIP6
	shift
	in_client timeout $((30 * SLOW)) iperf3 -c "$address" -t 1 -J "$@" >"$work/iperf.json" || {
		jq -r .error "$work/iperf.json"
		return 1
	}
	bytes=$(jq '.end | (.sum_received // .sum).bytes' "$work/iperf.json")
	echo "# $(jq '.end | (.sum_received // .sum).bits_per_second / 1e6 | floor' "$work/iperf.json") Mbit/s"
	[ "$bytes" -gt 100000 ]
}

# watch ''|!: counts the packets that come by the card by the states of their checksums, or no more.
watch() {
	[ ! -e "$CAME/hist" ] ||
		echo "$1hist:keys=ip_summed if name == \"$front\" && len > 500" >"$CAME/trigger"
}

# load_of URL: wrk, with neither errors of sockets nor answers other than 200.
load_of() {
	in_client timeout $((30 * SLOW)) wrk -t 1 -c 8 -d 1 "$1" >"$work/wrk" 2>&1 || return 1
	cat "$work/wrk"
	! grep -qE 'Socket errors|Non-2xx' "$work/wrk" &&
		[ "$(awk '/requests in/ { print $1 }' "$work/wrk")" -gt 20 ]
}

# dns OPTION...: dig, at the service.
dns() {
	in_client dig +tries=2 +time=3 "$@"
}

# perf_of ADDRESS: dnsperf; no query is lost.
perf_of() {
	in_client timeout $((30 * SLOW)) dnsperf -s "$1" -d "$work/queries" -l 1 -c 4 -q 8 -t 5 >"$work/dnsperf" 2>&1
	cat "$work/dnsperf"
	awk '/Queries lost:/ { lost = $3 } /Queries completed:/ { done = $3 }
		/Response codes:/ { right = $4 } END { exit !(lost == 0 && done > 50 && right == done) }' "$work/dnsperf"
}

# hops ADDRESS OPTION...: who traceroute meets, a line each.
hops() {
	in_client timeout $((20 * SLOW)) traceroute -n -q 1 -w 2 -m 4 "${@:2}" "$1" 2>&1 |
		awk 'NR > 1 { print $2 }' | paste -sd ' '
}

need nginx curl wrk iperf3 dig dnsperf nsd traceroute ping jq
work_dir
topology veth veth
expect "everybody speaks IPv6" dual_stack
head -c 300000 /dev/urandom >"$work/blob"
for n in 1 2; do
	expect "server $n has nginx" web "$n" "$work"
	expect "server $n has nsd" name_server "$n"
done
background ip netns exec "${server[1]}" iperf3 -s
expect "server 1 has iperf3" slowwait 10 listening 1 tcp 5201
expect "the module loads" load
expect "the service's addresses are on yard0" eval 'ip addr add "$VIP/32" dev yard0 &&
	ip addr add "$VIP6/128" dev yard0 nodad && ip link set yard0 up'
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 1s
{
	for address in "$VIP" "[$VIP6]"; do
		if [ "$address" = "$VIP" ]; then
			one=10.2.1.2 two=10.2.2.2
		else
			one="[fd00:2:1::2]" two="[fd00:2:2::2]"
		fi
		echo "service add tcp $address:80 -s rr -d $one:80 -d $two:80"
		echo "service add udp $address:53 -s rr -d $one:53 -d $two:53"
		echo "service add tcp $address:53 -s rr -d $one:53 -d $two:53"
		echo "service add tcp $address:5201 -d $one:5201"
		echo "service add udp $address:5201 -d $one:5201"
		echo "service add udp $address:33434-33534 -d $one"
	done
} >"$work/services"
expect "services are made" yardctl batch "$work/services"

yardctl --json stats | jq '[.drops[].packets] | add' >"$work/drops"
expect "curl fetches twenty times by one connection" eval 'in_client curl -sS --max-time $((20 * SLOW)) \
	"http://$VIP/who?[1-20]" >"$work/answers" && [ "$(sort -u "$work/answers" | wc -l)" = 1 ] &&
	[ "$(wc -l <"$work/answers")" = 20 ]'
expect "and from both servers by twenty" eval 'fetch 20 >"$work/answers" &&
	[ "$(tally "$work/answers")" = "server1=10 server2=10" ]'
expect "a file over IPv6" eval 'in_client curl -sS --max-time $((20 * SLOW)) --resolve "s:80:$VIP6" \
	-o "$work/copy" "http://s/file/blob" && cmp "$work/blob" "$work/copy"'
expect "wrk over IPv4" load_of "http://$VIP/who"
expect "wrk over IPv6" load_of "http://[$VIP6]/who"

watch ''
expect "iperf3 by TCP, both ways" iperf 4 --bidir
if [ -e "$CAME/hist" ]; then
	# CHECKSUM_UNNECESSARY is 1.
	equal "the card has looked at the checksums of what came" \
		"$(awk '/^{ ip_summed:/ { if ($NF > most) { most = $NF; state = $3 } } END { print state }' "$CAME/hist")" 1
fi
watch '!'
expect "iperf3 by TCP over IPv6" iperf 6
expect "iperf3 by UDP over IPv6" iperf 6 -u -b 20M
echo "# $(jq '.end.sum.lost_packets' "$work/iperf.json") were lost, as the receiver was too slow or otherwise"

for address in "$VIP" "$VIP6"; do
	expect "dig asks $address" eval '[ "$(dns +short "@$address" host7.example A)" = 192.0.2.7 ]'
	expect "by TCP" eval '[ "$(dns +short +tcp "@$address" host7.example AAAA)" = 2001:db8::7 ]'
	expect "an answer that is too long comes by TCP then" eval \
		'dns +bufsize=1232 "@$address" big.example TXT >"$work/dig" && grep -q "(TCP)" "$work/dig" &&
			[ "$(grep -c "IN.TXT.*0000" "$work/dig")" = 15 ]'
	expect "and in fragments if it may" eval \
		'dns +bufsize=4096 +ignore "@$address" big.example TXT >"$work/dig" && grep -q "(UDP)" "$work/dig" &&
			[ "$(grep -c "IN.TXT.*0000" "$work/dig")" = 15 ]'
done
expect "both name servers answer" eval '[ "$(for i in 1 2 3 4; do dns +short "@$VIP" who.example TXT; done |
	sort | uniq -c | awk "{ print \$1, \$2 }" | paste -sd " ")" = "2 \"server1\" 2 \"server2\"" ]'
for ((i = 0; i < 50; i++)); do
	echo "host$i.example A"
done >"$work/queries"
expect "dnsperf loses no query" perf_of "$VIP"
expect "nor over IPv6" perf_of "$VIP6"

equal "nothing of all that was dropped here" "$(yardctl --json stats | jq '[.drops[].packets] | add')" \
	"$(<"$work/drops")"
expect "ping" in_client ping -q -c 5 -i 0.2 -W 2 "$VIP"
expect "ping in fragments" in_client ping -q -c 3 -i 0.2 -W 2 -s 4000 "$VIP"
expect "ping over IPv6" in_client ping -6 -q -c 5 -i 0.2 -W 2 "$VIP6"
equal "traceroute meets the switch and the service" "$(hops "$VIP")" "$GATEWAY $VIP"
equal "by TCP, too" "$(hops "$VIP" -T -p 80)" "$GATEWAY $VIP"
equal "and over IPv6" "$(hops "$VIP6" -6)" "fd00:1::1 $VIP6"
finish
