#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Forwarding methods with real servers: direct, and tunnels by IPIP and GUE.  The servers have the
# service's address themselves and answer the client directly; what the client sends is longer than
# a tunnel takes until its path MTU is told.
#
#                                                      /-- veth --- server1 10.2.1.2, direct
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server2 10.2.2.2, IPIP
#                                          switch      \-- veth --- server3 10.2.3.2, GUE

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

SERVICE=$VIP:80

# has_address N: server N has the service's address, for itself alone.
has_address() {
	in_server "$1" ip addr add "$VIP/32" dev lo &&
		in_server "$1" ip link set lo up &&
		in_server "$1" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
}

# opens N [GUE-PORT]: server N takes packets out of IPIP, and out of GUE.
opens() {
	if [ -n "${2:-}" ]; then
		modprobe -a fou || return 1
		in_server "$1" ip fou add port "$2" gue || return 1
	fi
	in_server "$1" ip link add tunnel type ipip local "10.2.$1.2" remote any &&
		in_server "$1" sysctl -qw net.ipv4.conf.tunnel.rp_filter=0 &&
		in_server "$1" ip link set tunnel up
}

# Whether 200 kB from the client come to server N as they were sent, on port 81.
upload() {
	local n=$1 sink
	rm -f "$work/sink$n"
	in_server "$n" sh -c "timeout $((30 * SLOW)) nc -l -p 81 >$work/sink$n" </dev/null &
	sink=$!
	slowwait 5 listening "$n" tcp 81
	in_client sh -c "timeout $((25 * SLOW)) nc -N -w 20 $VIP 81 <$work/blob" || return 1
	wait "$sink"
	cmp "$work/blob" "$work/sink$n"
}

need nginx curl cmp nc modprobe
modprobe -a ipip 2>/dev/null || skip_all "the kernel has no ipip"
work_dir
topology veth veth veth
head -c 200000 /dev/urandom >"$work/blob"
for n in 1 2 3; do
	expect "server $n has the service's address" has_address "$n"
	expect "server $n listens" web "$n"
done
expect "server 2 opens IPIP" opens 2
expect "server 3 opens GUE" opens 3 6080

expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 10s
expect "a service is made" yardctl service add tcp "$SERVICE" -s wrr \
	-d 10.2.1.2,forwarding=direct -d 10.2.2.2,forwarding=tunnel
expect "a destination is reached by GUE" yardctl destination add tcp "$SERVICE" 10.2.3.2 \
	--forwarding tunnel --encapsulation gue --encapsulation-port 6080

expect "thirty requests are answered" eval 'fetch 30 >"$work/answers"'
equal "each server has answered ten" "$(tally "$work/answers")" "server1=10 server2=10 server3=10"
equal "the servers see the client's own address" \
	"$(awk '{ print $2 }' "$work/answers" | sort -u)" "$CLIENT"
equal "the connections tell how they are forwarded" \
	"$(yardctl --json connections | jq -r '[.[].forwarding] | unique | join(" ")')" "direct tunnel"

expect "a service for what is sent is made" yardctl service add tcp "$VIP:81" \
	-d 10.2.2.2,forwarding=tunnel
expect "200 kB come to a server whole through IPIP" upload 2
expect "the client was told what the tunnel takes" at_least 1 dropped too-big
expect "and knows it now" eval \
	'in_client ip route get "$VIP" | grep -q "mtu 1480"'
expect "the other server takes over" eval \
	'yardctl destination del tcp "$VIP:81" 10.2.2.2 &&
		yardctl destination add tcp "$VIP:81" 10.2.3.2 --forwarding tunnel \
			--encapsulation gue --encapsulation-port 6080'
expect "200 kB come to a server whole through GUE" upload 3
expect "a server answers a ping to the service's address, or the switch for it" \
	in_client ping -q -c 2 -W 2 "$VIP"
finish
