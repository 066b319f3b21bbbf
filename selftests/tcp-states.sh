#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# TCP connections: each state has its timeout, and a client that uses a closing connection's ports
# again is given a destination at once, with no segment lost and no second's delay.
#
#                                                      /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:7 -+
#                                          switch      \-- veth --- server2 10.2.2.2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

FIRST=50000
# Milliseconds by state, in the order of the ports.
declare -A timeout=([syn-received]=1000 [closed]=2000 [time-wait]=3000 [fin-wait]=4000 [established]=5000)
names=(syn-received established fin-wait time-wait closed)

# listed: the client's ports and states of the connections, a line for each.
listed() {
	yardctl --json connections | jq -r 'sort_by(.client_port)[] | "\(.client_port) \(.state)"'
}

# ends: when each of the connections has gone, in milliseconds from $since: the variable end.
ends() {
	local left port now
	end=()
	while [ ${#end[@]} -lt ${#names[@]} ]; do
		left=" $(yardctl --json connections | jq -r '[.[].client_port] | join(" ")') "
		now=$(($(timestamp_ms) - since))
		for port in "${!names[@]}"; do
			[[ -n ${end[port]:-} || $left == *" $((FIRST + port)) "* ]] || end[port]=$now
		done
		[ "$now" -lt $((20000 * SLOW)) ] || return 1
		nap 0.05
	done
}

# syns_again: how many SYNs the client had to repeat.
syns_again() {
	in_client awk '/^TcpExt:/ {
		if (!n) { for (i = 2; i <= NF; i++) if ($i == "TCPSynRetrans") n = i } else print $n
	}' /proc/net/netstat
}

# again HOW COUNT: connects from one port again and again, and looks at what that took.
again() {
	local how=$1 count=$2 resent
	resent=$(syns_again)
	in_client timeout $((20 * SLOW)) python3 "$HERE/lib/tcp.py" again "$VIP" 7 "$port" "$count" "$how" \
		>"$work/again" 2>"$work/again.log"
	port=$((port + 1))
	equal "each of $count connections on the same port has come about ($how)" \
		"$(wc -l <"$work/again")" "$count" || sed 's/^/#   /' "$work/again.log"
	# A lost SYN would be repeated after a second.
	between "the slowest within a moment" "$(sort -n "$work/again" | awk 'END { print $1 }')" 0 $((700 * SLOW))
	equal "with no SYN sent again" $(($(syns_again) - resent)) 0
	echo "# $(awk '{ print $2 }' "$work/again" | paste -sd ' ')"
}

work_dir
topology veth veth
for n in 1 2; do
	background in_server "$n" python3 "$HERE/lib/tcp.py" serve "server$n" 7
	expect "server $n listens" slowwait 10 listening "$n" tcp 7
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 1s
expect "services are made, of one server" yardctl batch - <<-END
	service add tcp $VIP:7 -d 10.2.1.2:7
	service add tcp $VIP:8 -d 10.2.1.99:7
END
long=() short=()
for state in "${!timeout[@]}"; do
	long+=(--timeout "$state=5m")
	short+=(--timeout "$state=${timeout[$state]}ms")
done
expect "each state lasts for long" yardctl set "${long[@]}"

in_client python3 "$HERE/lib/tcp.py" states "$VIP" 7 8 "$FIRST" >"$work/states" 2>&1 &
defer quit $!
expect "there is a connection in each state" slowwait 10 grep -q ready "$work/states"
since=$(timestamp_ms)
for i in "${!names[@]}"; do
	wanted+="$((FIRST + i)) ${names[i]}"$'\n'
done
equal "as is told" "$(listed)" "${wanted%$'\n'}"
equal "one is active" "$(of_destination tcp "$VIP:7" 10.2.1.2 .active_connections)" 1
# These are for connections that there are as well: however long it took to come here, they count
# from the last packet.
expect "each state has a timeout" yardctl set "${short[@]}"
expect "all are forgotten" ends
for i in "${!names[@]}"; do
	state=${names[i]}
	# From the last packet, which was a little before; the collector comes by every now and then.
	between "$state after ${timeout[$state]} ms" "${end[i]}" $((timeout[$state] - 900)) \
		$((timeout[$state] + 900 * SLOW))
done
equal "nothing is active" "$(of_destination tcp "$VIP:7" 10.2.1.2 .active_connections)" 0
equal "nor anything else" "$(of_destination tcp "$VIP:7" 10.2.1.2 .inactive_connections)" 0

# The same ports again.
expect "closing connections are remembered for long" yardctl set --timeout time-wait=5m \
	--timeout fin-wait=5m --timeout closed=5m --timeout established=5m
# So that the client can have the port again after it was the first to close.
in_client sysctl -qw net.ipv4.tcp_max_tw_buckets=0
port=51000
for how in server client reset; do
	again "$how" 20
	equal "all by the one server there is" "$(awk '{ print $2 }' "$work/again" | sort -u)" server1
done
between "each client's port has one connection" "$(connection_count)" 3 3
expect "a second server takes turns" eval 'yardctl service set tcp "$VIP:7" -s rr &&
	yardctl destination add tcp "$VIP:7" 10.2.2.2:7'
for how in server client reset; do
	again "$how" 20
	equal "chosen for anew each time" "$(awk '{ print $2 }' "$work/again" | sort | uniq -c | awk '{ print $1, $2 }' |
		paste -sd ' ')" "10 server1 10 server2"
done
equal "no segment was dropped" "$(yardctl --json stats |
	jq '[.drops[] | select(.reason != "no-neighbour").packets] | add')" 0
finish
