# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # set for, and by, others
#
# The switch between a client and servers, for the scenarios of the data path.
#
#     client 10.0.1.2 --- A [wire 0] B 10.0.1.1 -- switch -- 10.2.N.1 --- 10.2.N.2 serverN
#
# Each server has a name space of its own; between it and the switch is a veth pair or,
# for one of them, wire 1.  The service's address is nobody's: the client reaches it by
# its default route, the servers answer by theirs.

VIP=10.9.9.9
GATEWAY=10.0.1.1
CLIENT=10.0.1.2

# The wire between client and switch, or "veth".
FRONT_WIRE=0

# How many connections may wait for an HTTP server, and be half open there.
WEB_BACKLOG=511

# topology KIND...: the client, and a server for each KIND, "veth" or "igb".  Sets
# front (the switch's device on the client's side), back[N] (on server N's side),
# front_peer and back_peer[N] (the other ends) and server[N] (name spaces).
topology() {
	local n=0 kind
	back=() back_peer=() server=()
	need ip ethtool jq ping
	if [ "$FRONT_WIRE" = veth ]; then
		front=front0 front_peer=peer0
		ip link add front0 type veth peer name peer0
		defer ip link del front0
		ethtool -K front0 gro on
	else
		wire "$FRONT_WIRE"
		front=$B front_peer=$A
	fi
	forwarding_on
	name_space client
	connect "$front" "$front_peer" "$client" 10.0.1
	for kind in "$@"; do
		n=$((n + 1))
		name_space "server$n"
		local -n space=server$n
		server[n]=$space
		case $kind in
		igb)
			wire 1
			back[n]=$B back_peer[n]=$A
			;;
		veth)
			back[n]=back$n back_peer[n]=peer$n
			ip link add "back$n" type veth peer name "peer$n"
			defer ip link del "back$n"
			# Without GRO a veth has no NAPI instance that could be polled.
			ethtool -K "back$n" gro on
			;;
		esac
		connect "${back[n]}" "${back_peer[n]}" "$space" "10.2.$n"
	done
	expect "the client and every server reach the switch" everybody_there
}

# name_space NAME: a name space that speaks IPv4 alone.
name_space() {
	setup_ns "$1"
	local -n made=$1
	# shellcheck disable=SC2016 # expanded there
	nsenter --net="/run/netns/$made" bash -c \
		'for all in /proc/sys/net/ipv6/conf/{all,default}/disable_ipv6; do echo 1 >"$all"; done'
}

forwarding_on() {
	local before
	read -r before </proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv4/ip_forward
	defer eval "echo $before >/proc/sys/net/ipv4/ip_forward"
}

# connect DEVICE PEER NAMESPACE NETWORK: DEVICE stays here as NETWORK.1, PEER goes into
# the name space as NETWORK.2, with its default route by NETWORK.1.
connect() {
	place "$2" "$3"
	defer disconnect "$1"
	echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
	ip -batch - <<-EOF
		addr add $4.1/24 dev $1
		link set $1 up
	EOF
	ip -n "$3" -batch - <<-EOF
		addr add $4.2/24 dev $2
		link set $2 up
		route add default via $4.1
	EOF
}

disconnect() {
	ip -batch - <<-EOF
		addr flush dev $1
		link set $1 down
	EOF
}

everybody_there() {
	local n
	slowwait 15 in_client ping -q -c 1 -W 1 "$GATEWAY" || return 1
	for n in "${!server[@]}"; do
		slowwait 15 in_server "$n" ping -q -c 1 -W 1 "10.2.$n.1" || return 1
	done
}

# in_client COMMAND..., in_server N COMMAND...: there.
in_client() {
	ip netns exec "$client" "$@"
}

in_server() {
	local n=$1
	shift
	ip netns exec "${server[n]}" "$@"
}

# claim_all [OPTION...]: every device of the topology, with these options of "claim".
claim_all() {
	local device
	for device in "$front" "${back[@]}"; do
		yardctl claim "$device" "$@" || return 1
	done
}

# warm: sends to the switch from the client until each queue of the client's wire is
# polled.
warm() {
	slowwait 10 all_polled
}

all_polled() {
	# Refused connections from ports that fall to all queues.
	# shellcheck disable=SC2016 # not for this shell
	in_client bash -c 'for i in {1..24}; do : <"/dev/tcp/$0/9"; done' "$GATEWAY" 2>/dev/null
	[ "$(yardctl --json claims | jq -r --arg d "$front" \
		'[.[] | select(.ifname == $d) | .state] | unique | join(" ")')" = polled ]
}

# work_dir: a folder for the scenario, in the variable work.
work_dir() {
	work=$(mktemp -d)
	chmod 755 "$work"
	defer rm -rf "$work"
}

# background COMMAND...: ends with the scenario; its process is $!.
background() {
	"$@" </dev/null >/dev/null 2>&1 &
	defer quit $!
}

# quit PID: ends a process that may have ended.
quit() {
	! kill "$1" 2>/dev/null || wait "$1" || true
}

# web N [DIRECTORY]: an HTTP server in server N, port 80.  /who answers with "serverN"
# and the client's address as the server sees it, /file/ is the directory.
web() {
	local n=$1 dir=${2:-/nonexistent}
	need nginx curl
	cat >"$work/nginx$n.conf" <<-EOF
		daemon off;
		pid $work/nginx$n.pid;
		error_log $work/error$n.log;
		events { worker_connections 512; }
		http {
			access_log $work/access$n.log;
			client_body_temp_path $work/body$n;
			proxy_temp_path $work/proxy$n;
			fastcgi_temp_path $work/fastcgi$n;
			uwsgi_temp_path $work/uwsgi$n;
			scgi_temp_path $work/scgi$n;
			server {
				listen 80 backlog=$WEB_BACKLOG;
				listen [::]:80 backlog=$WEB_BACKLOG;
				location /who { return 200 "server$n \$remote_addr\n"; }
				location /file/ { alias $dir/; }
			}
		}
	EOF
	# shellcheck disable=SC2154 # set by topology
	background ip netns exec "${server[n]}" nginx -c "$work/nginx$n.conf"
	slowwait 10 listening "$n" tcp 80
}

# listening N PROTOCOL PORT: whether somebody listens there in server N.
listening() {
	[ -n "$(in_server "$1" ss -Hln "--$2" "sport = :$3")" ]
}

# fetch COUNT [CURL OPTION...]: so many requests for /who of the service, a connection
# each, one after the other; what came back on standard output.
fetch() {
	local count=$1
	shift
	in_client curl -sS --max-time $((20 * SLOW)) --connect-timeout $((5 * SLOW)) -H 'Connection: close' "$@" \
		"http://$VIP/who?[1-$count]"
}

# tally FILE: how often each server answered, as "server1=N server2=N".
tally() {
	awk '{ n[$1]++ } END { for (s in n) print s "=" n[s] }' "$1" | sort | paste -sd ' '
}

# of_destination PROTOCOL SERVICE ADDRESS FIELD: a value of "destination list"; FIELD is
# a jq path such as .stats.connections.
of_destination() {
	yardctl --json destination list "$1" "$2" |
		jq -r --arg a "$3" ".[] | select(.address == \$a) | $4"
}

# of_service PROTOCOL SERVICE FIELD
of_service() {
	yardctl --json service list "$1" "$2" | jq -r ".[] | $3"
}

# dropped REASON: packets dropped for it since the module was loaded.
dropped() {
	yardctl --json stats | jq --arg r "$1" '.drops[] | select(.reason == $r) | .packets'
}

# counted FIELD: the sum of a counter over all CPUs.
counted() {
	yardctl --json stats | jq "[.cpus[].$1] | add"
}

# queue_sum DEVICE FIELD: the sum of a counter over the claimed queues of a device.
queue_sum() {
	yardctl --json claims | jq --arg d "$1" "[.[] | select(.ifname == \$d) | .$2] | add"
}

# connection_count: how many connections the switch has.
connection_count() {
	yardctl --json show | jq .connections
}

# is WANTED COMMAND...: whether COMMAND prints that; for slowwait.
is() {
	local wanted=$1
	shift
	[ "$("$@")" = "$wanted" ]
}

# at_least WANTED COMMAND...: whether COMMAND prints that number or more.
at_least() {
	local wanted=$1
	shift
	[ "$("$@")" -ge "$wanted" ]
}

# relay TEXT COMMAND...: a result for each line "ok ..." or "not ok ..." that COMMAND
# prints; other lines are comments.  One more, TEXT: that it came to its end.
relay() {
	local text=$1 line
	shift
	while IFS= read -r line; do
		case $line in
		"ok "*) ktap_test_pass "${line#ok }" ;;
		"not ok "*) ktap_test_fail "${line#not ok }" ;;
		*) echo "# $line" ;;
		esac
	done < <("$@" 2>&1 && echo "ok $text" || echo "not ok $text")
}

# echo_server N PORT [OPTION...]: a UDP server in server N that answers with its name.
echo_server() {
	local n=$1 port=$2
	shift 2
	need python3
	background ip netns exec "${server[n]}" python3 "$HERE/lib/udp.py" echo "server$n" "$port" "$@"
	slowwait 10 listening "$n" udp "$port"
}

# ask PORT FIRST COUNT [OPTION...]: UDP from COUNT ports of the client to the service's
# address; see lib/udp.py.
ask() {
	in_client python3 "$HERE/lib/udp.py" ask "$VIP" "$@"
}
