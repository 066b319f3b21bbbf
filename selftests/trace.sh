#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The trace points: what they say of connections that begin and end and of packets that are dropped,
# to tracefs, perf and bpftrace, for both families; and that a known connection's packets say nothing.
#
#     client 10.0.1.2, fd00:1::2 --- A [wire 0] B -- 10.9.9.9, fd00:9::9 -- veth --- server1
#                                               switch

# shellcheck disable=SC2016,SC2154 # text for eval and other programs; topology sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/dual.sh"

TRACING=/sys/kernel/tracing
EVENTS=$TRACING/events/switchyard
HTTP=$VIP:80
HTTP6="[$VIP6]:80"

# events NAME [WORDS]: how many events of that name were recorded whose text has the words.
events() {
	grep -c " $1: .*${2:-}" "$TRACING/trace"
}

# said NAME WORDS: one result: there is such an event, before long.
said() {
	if ! expect "$1 says: $2" slowwait 5 at_least 1 events "$1" "$2"; then
		grep " $1: " "$TRACING/trace" | tail -n 5 | sed 's/^/#   /'
	fi
}

forget() {
	: >"$TRACING/trace"
}

tracing_off() {
	[ ! -d "$EVENTS" ] || echo 0 >"$EVENTS/enable"
	forget
}

# get HOST ADDRESS PORT PATH [CURL-OPTION...]
get() {
	local address=$1 port=$2 path=$3
	shift 3
	in_client curl -sS --max-time $((10 * SLOW)) --resolve "service:$port:$address" -H 'Connection: close' \
		-o /dev/null "$@" "http://service:$port/$path"
}

need nginx curl perf bpftrace
[ -d "$TRACING/events" ] || skip_all "there is no tracefs"
work_dir
topology veth
expect "everybody speaks IPv6" dual_stack
head -c 1000000 /dev/urandom >"$work/blob"
expect "the server listens" web 1 "$work"

# Ports of the client's own are free as soon as a connection is over; a late FIN is then answered with RST.
in_client sysctl -qw net.ipv4.tcp_max_tw_buckets=0
expect "the module loads" load
for event in connection_new connection_expire packet_drop; do
	expect "there is a trace point $event" [ -f "$EVENTS/$event/format" ]
done
expect "all devices are claimed" claim_all --policy interrupt
expect "services are made" yardctl batch - <<-EOF
	service add tcp $HTTP -d 10.2.1.2:80
	service add tcp $HTTP6 -d [fd00:2:1::2]:80
	service add udp $VIP:9 --timeout 1s -d 10.2.1.2:9
	service add udp [$VIP6]:9 --timeout 1s -d [fd00:2:1::2]:9
EOF

# However long it takes to come to their being replaced or ended.
expect "closing connections are remembered for long" yardctl set --timeout closed=5m \
	--timeout time-wait=5m --timeout fin-wait=5m

expect "a request before anybody listens" get "$VIP" 80 who
equal "nothing is recorded" "$(events '[a-z]*_[a-z]*')" 0
defer tracing_off
expect "the trace points are turned on" eval 'echo 1 >"$EVENTS/enable"'

# A megabyte each way of the known connection's packets, and one event.
expect "a megabyte over IPv4" get "$VIP" 80 file/blob --local-port 2001
expect "a megabyte over IPv6" get "$VIP6" 80 file/blob --local-port 2002
said connection_new "protocol=6 client=\[::ffff:$CLIENT\]:2001 service=\[::ffff:$VIP\]:80 destination=\[::ffff:10.2.1.2\]:80 forwarding=nat state=syn-received"
said connection_new "protocol=6 client=\[$CLIENT6\]:2002 service=\[$VIP6\]:80 destination=\[fd00:2:1::2\]:80 forwarding=nat state=syn-received"
equal "each connection made one event, its packets none" "$(events '[a-z]*_[a-z]*')" 2

forget
expect "UDP of both families" in_client bash -c \
	'echo >"/dev/udp/$0/9"; echo >"/dev/udp/$1/9"; echo >"/dev/udp/$0/10"; echo >"/dev/udp/$1/10"' "$VIP" "$VIP6"
refuse "a wrong port of IPv4 is refused" get "$VIP" 81 who --local-port 2003
refuse "a wrong port of IPv6 is refused" get "$VIP6" 81 who --local-port 2004
read -r ifindex <"/sys/class/net/$front/ifindex"
said packet_drop "reason=no-service protocol=17 source=\[::ffff:$CLIENT\]:[0-9]* target=\[::ffff:$VIP\]:10 length=[0-9]* ifindex=$ifindex"
said packet_drop "reason=no-service protocol=17 source=\[$CLIENT6\]:[0-9]* target=\[$VIP6\]:10 length=[0-9]* ifindex=$ifindex"
said packet_drop "reason=reset-sent protocol=6 source=\[::ffff:$CLIENT\]:2003 target=\[::ffff:$VIP\]:81"
said packet_drop "reason=reset-sent protocol=6 source=\[$CLIENT6\]:2004 target=\[$VIP6\]:81"
# What is dropped on its way out, after the decision.
expect "a destination is out of reach" eval 'yardctl service add udp "$VIP:11" -d 10.77.77.77:9 &&
	ip route add unreachable 10.77.77.77'
defer ip route del unreachable 10.77.77.77
in_client bash -c 'echo >"/dev/udp/$0/11"' "$VIP"
said packet_drop "reason=no-route protocol=17 source=\[::ffff:$CLIENT\]:[0-9]* target=\[::ffff:$VIP\]:11 length=29"

said connection_expire "protocol=17 client=\[::ffff:$CLIENT\]:[0-9]* service=\[::ffff:$VIP\]:9 destination=\[::ffff:10.2.1.2\]:9 forwarding=nat state=udp cause=idle idle_ms=[1-9][0-9][0-9][0-9]"
said connection_expire "protocol=17 client=\[$CLIENT6\]:[0-9]* service=\[$VIP6\]:9 destination=\[fd00:2:1::2\]:9 forwarding=nat state=udp cause=idle idle_ms=[1-9][0-9][0-9][0-9]"
expect "ports of an ended connection are used again" get "$VIP" 80 who --local-port 2001
said connection_expire "client=\[::ffff:$CLIENT\]:2001 .*state=[a-z-]* cause=replaced"
expect "connections are ended" yardctl disconnect --client "$CLIENT6/128"
said connection_expire "client=\[$CLIENT6\]:2002 .* cause=ended"

# Fields by themselves.
forget
expect "a filter by port" eval 'echo "client_port == 2006" >"$EVENTS/connection_new/filter"'
expect "a request that it lets through" get "$VIP" 80 who --local-port 2006
expect "and one that it does not" get "$VIP" 80 who --local-port 2007
equal "one of them is told of" "$(events connection_new)" 1
echo 0 >"$EVENTS/connection_new/filter"
forget
echo 0 >"$EVENTS/enable"

expect "perf records" eval 'perf record -q -a -e "switchyard:*" -o "$work/perf.data" -- \
	ip netns exec "$client" curl -sS --local-port 2008 "http://$HTTP/who" >/dev/null 2>"$work/perf.log"'
expect "and tells it" eval 'perf script -i "$work/perf.data" 2>&1 |
	grep -q "switchyard:connection_new: protocol=6 client=\[::ffff:$CLIENT\]:2008"'
# The guide's. On a kernel without BTF, bpftrace would want headers.
if [ -e /sys/kernel/btf/vmlinux ]; then
	expect "bpftrace counts connections by client and service" eval 'timeout $((60 * SLOW)) bpftrace -q -e "
		tracepoint:switchyard:connection_new { @[ntop(args.client), args.service_port] = count(); }" \
		-c "/bin/ip netns exec $client curl -sS --local-port 2009 http://$HTTP/who" >"$work/bpf" 2>&1;
		grep -q "$CLIENT, 80\]: 1" "$work/bpf"' || sed 's/^/#   /' "$work/bpf"
fi
expect "the module leaves while somebody listens" eval 'echo 1 >"$EVENTS/enable" && unload'
finish
