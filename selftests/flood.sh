#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A flood of forged SYNs, in either family: the switch remembers no more of them than it is told to,
# and no more memory goes; connections that are known keep their service, and real clients that
# come during the flood get in, and keep their server when it is over.
#
#     client  10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 --- veth --- server1 10.2.1.2, fd00:2:1::2
#     forged  10.66.x.x    switch          fd00:9::9:80 \- veth --- server2 10.2.2.2, fd00:2:2::2
#             fd00:66::x

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/six.sh"

# On a slow kernel fewer half-open connections and SYNs a second: each is answered and sent again, and more
# would leave no time for anybody else, not even for the answers to ARP.
HALF_OPEN=$((SLOW > 1 ? 100 : 300))
RATE=$((SLOW > 1 ? 20 : 1000))
CLIENTS=5
# How long an engine looks for more before it rests: on a slow kernel two that never rest would take half
# of the machine from clients and servers.
IDLE=$([ "$SLOW" -gt 1 ] && echo 1ms || echo 1s)
# Of each server.
WEB_BACKLOG=65535
# The known download's kilobytes a second: it is to go on until the flood has come.
KNOWN=$((SLOW > 1 ? 50 : 500))

# get FAMILY PATH [CURL OPTION...]
get() {
	local family=$1 path=$2
	shift 2
	in_client curl "-$family" --resolve "name:80:$([ "$family" = 4 ] && echo $VIP || echo $VIP6)" \
		-sS --max-time $((20 * SLOW)) --connect-timeout $((10 * SLOW)) "$@" "http://name$path"
}

# flood FAMILY SECONDS: in the background; how many were sent goes to a file.
flood() {
	local source=10.66.0.0 target=$VIP link
	[ "$1" = 4 ] || source=fd00:66:: target=$VIP6
	read -r link <"/sys/class/net/$front/address"
	# No function: what is ended is to be the program itself.
	ip netns exec "$client" python3 "$HERE/lib/flood.py" "$front_peer" "$link" "$source" "$target" 80 \
		"$RATE" "$2" >"$work/flood$1" 2>&1 &
	flood=$!
	defer quit "$flood"
}

# state: what the switch has, as variables half_open, connections, table_bytes.
state() {
	read -r half_open connections table_bytes < <(yardctl --json show |
		jq -r '"\(.half_open) \(.connections) \(.table_bytes)"')
}

half_open() {
	state
	echo "$half_open"
}

# at_rest: whether nothing grows any more.
at_rest() {
	state
	local before=$table_bytes
	nap 0.5
	state
	[ "$table_bytes" = "$before" ]
}

# most_during PID: looks at the switch as long as a process lives; the most that there was, in
# most_half_open, most_connections and most_bytes.
most_during() {
	most_half_open=0 most_connections=0 most_bytes=0
	while kill -0 "$1" 2>/dev/null; do
		state
		[ "$half_open" -le "$most_half_open" ] || most_half_open=$half_open
		[ "$connections" -le "$most_connections" ] || most_connections=$connections
		[ "$table_bytes" -le "$most_bytes" ] || most_bytes=$table_bytes
		nap 0.2
	done
	wait "$1"
}

# room: the servers take any number of SYNs, without cookies, which not every kernel has: with neither, a
# server is full after some hundred.  A forged client is soon given up.
room() {
	local n
	for n in "${!server[@]}"; do
		in_server "$n" sysctl -qw net.core.somaxconn=65535 net.ipv4.tcp_max_syn_backlog=1048576 \
			net.ipv4.tcp_synack_retries=1 || return 1
		# Not on each kernel.
		in_server "$n" sysctl -qwe net.ipv4.tcp_syncookies=0
	done
}

# turned_away: SYNs, and connections, that the servers themselves had no room for.
turned_away() {
	local n
	for n in "${!server[@]}"; do
		in_server "$n" cat /proc/net/netstat
	done | awk '/^TcpExt: [A-Z]/ { split($0, name) }
		/^TcpExt: [0-9]/ { for (i in name) if (name[i] == "ListenDrops") n += $i }
		END { print n + 0 }'
}

# CLIENTS real clients, one after the other, and then the flood ends: for each, its milliseconds,
# and who answered.
clients() {
	local begin i
	for ((i = 0; i < CLIENTS; i++)); do
		begin=$(timestamp_ms)
		answer=$(get "$1" /who -H 'Connection: close' 2>&1)
		echo "$(($(timestamp_ms) - begin)) ${answer:-nobody}"
	done
	kill "$flood"
}

need nginx curl cmp python3
work_dir
topology veth veth
expect "everybody speaks IPv6" topology6
head -c 2000000 /dev/urandom >"$work/blob"
mkdir "$work/site"
cp "$work/blob" "$work/site/"
expect "the servers have room for a flood" room
# What is sent to forged addresses ends there, and is not sent back by the client's default route.
expect "the client forwards nothing" in_client sysctl -qw net.ipv4.ip_forward=0
for n in 1 2; do
	expect "server $n listens" web "$n" "$work/site"
done
# Where the answers to forged addresses go, and end.
ip route add 10.66.0.0/16 via "$CLIENT" dev "$front"
ip -6 route add fd00:66::/32 via "$CLIENT6" dev "$front"
expect "the module loads" load connection_limit=65536
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout "$IDLE"
expect "services are made" yardctl batch - <<-END
	service add tcp $VIP:80 -d 10.2.1.2:80 -d 10.2.2.2:80
	service add tcp [$VIP6]:80 -d [fd00:2:1::2]:80 -d [fd00:2:2::2]:80
END
expect "the number of half-open connections is bounded" yardctl set --half-open-limit "$HALF_OPEN" \
	--timeout "syn-received=$((60 * SLOW))s"

# What is kept free is there once a family has a connection.
for family in 4 6; do
	equal "a client of IPv$family is served" "$(get "$family" /who | grep -c server)" 1
done
expect "the tables come to rest" slowwait 8 at_rest

for family in 4 6; do
	get "$family" /file/blob --limit-rate "${KNOWN}k" -o "$work/known" 2>"$work/known.log" &
	known=$!
	expect "a download has begun (IPv$family)" slowwait 5 at_least 100000 stat -c %s "$work/known"
	# The family may have been without a connection for a while, and what is kept free is back then.
	expect "its table comes to rest" slowwait 8 at_rest
	state
	bytes=$table_bytes before=$connections
	flood "$family" $((40 * SLOW))
	expect "the flood has come" slowwait 20 at_least $((HALF_OPEN - 1)) half_open
	clients "$family" >"$work/clients" &
	real=$!
	most_during "$flood"
	wait "$real"
	sent=$(<"$work/flood$family")
	served=$(grep -c " server" "$work/clients")
	echo "# $sent SYNs; at most $most_half_open half open, $most_connections connections," \
		"$most_bytes bytes (before: $bytes); $served clients: $(sort -n "$work/clients" |
			awk '{ t[NR] = $1 } END { print t[1], t[int((NR + 1) / 2)], t[NR] }') ms"
	# But for those of whom they heard that they cannot be reached.
	between "the servers have turned next to nobody away" "$(turned_away)" 0 50
	between "many more SYNs were sent than are remembered" "$sent" $((HALF_OPEN * 2)) 100000
	# Each CPU may be in the middle of one more.
	between "no more are half open than may be" "$most_half_open" $((HALF_OPEN - 1)) $((HALF_OPEN + 4))
	between "nor are there more connections than these and the real ones" "$most_connections" \
		"$HALF_OPEN" $((before + HALF_OPEN + served + 4))
	equal "no memory goes for the flood" $((most_bytes > bytes ? most_bytes - bytes : 0)) 0
	equal "every real client got in meanwhile" "$served" "$CLIENTS" ||
		{
			grep -v " server" "$work/clients"
			# A card that nobody looks after for a while misses packets of some flows and not of others.
			in_client ethtool -S "$front_peer" | grep -E "(missed|no_buffer|drops|hang|errors): [1-9]"
			for n in "${!server[@]}"; do
				in_server "$n" nstat -asz | grep -E '(Listen|ReqQ|Drop).* [1-9]'
			done
			yardctl --json stats | jq -c '[.drops[] | select(.packets > 0)]'
		} | sed 's/^/#   /'
	# Of what is lost on a crowded machine, one repetition makes up for.
	between "most of them within a moment" "$(sort -n "$work/clients" |
		awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }')" 1 $((3000 * SLOW))
	expect "the download has come to its end" wait "$known"
	expect "with every byte" cmp "$work/blob" "$work/known"
	expect "a client whose SYN nobody remembered downloads whole" eval \
		'get "$family" /file/blob -o "$work/got" && cmp "$work/blob" "$work/got"'
	expect "what is half open can be ended" yardctl disconnect --state syn-received
	equal "none is left" "$(half_open)" 0
done
equal "nothing was dropped for the bound" "$(dropped half-open)" 0
equal "nor for want of room" "$(dropped table-full)" 0
finish
