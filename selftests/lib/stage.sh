# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2009,SC2034,SC2154
#
# The stage on which claims and life cycles are played: a client behind an igb card,
# a server behind a veth pair, the switch between them.
#
#     client           |             switch              |        server
#     $A 10.31.1.2 --[wire 0]-- $B 10.31.1.1             |
#                      |        near0 10.31.2.1 --[veth]-- far0 10.31.2.2, .3
#                      |        yard0 10.31.9.9          |
#
# TCP port 80 of the server answers "served"; UDP port 9 echoes.

VIP=10.31.9.9
SWITCH=10.31.1.1

# background COMMAND...: starts it; it ends with the scenario.
background() {
	"$@" </dev/null &>/dev/null &
	defer kill_quietly $!
}

kill_quietly() {
	kill "$1" 2>/dev/null && wait "$1" 2>/dev/null
	return 0
}

# pair: the veth pair, with its NAPI instances on.  What a peer that can segment TCP by
# itself sends does not come by NAPI, but straight through the backlog.
pair() {
	ip link add near0 type veth peer name far0 netns "$server" &&
		ethtool -K near0 gro on &&
		nsenter --net="/run/netns/$server" ethtool -K far0 tso off &&
		ip -batch - <<-EOF && ip -n "$server" -batch - <<-EOF2
			addr add 10.31.2.1/24 dev near0
			link set near0 up
		EOF
			addr add 10.31.2.2/24 dev far0
			addr add 10.31.2.3/24 dev far0
			link set far0 up
			route replace default via 10.31.2.1
		EOF2
}

# plug: the ends of wire 0, with addresses.
plug() {
	ip -batch - <<-EOF && ip -n "$client" -batch - <<-EOF2
		addr replace $SWITCH/24 dev $B
		link set $B up
	EOF
		addr replace 10.31.1.2/24 dev $A
		link set $A up
		route replace default via $SWITCH
	EOF2
}

unplug() {
	ip addr flush dev "$B"
	ip link set "$B" down
}

# stage: all of it, with the module, yard0's address and forwarding, but no claim and
# no service.
stage() {
	local forward
	need ethtool jq socat ping
	wire 0
	setup_ns client server || return 1
	load || return 1
	read -r forward </proc/sys/net/ipv4/ip_forward
	echo 1 >/proc/sys/net/ipv4/ip_forward
	defer eval "echo $forward >/proc/sys/net/ipv4/ip_forward"
	place "$A" "$client" && pair || return 1
	defer ip link del near0
	plug || return 1
	defer unplug
	ip addr add "$VIP/32" dev yard0 && ip link set yard0 up || return 1
	background ip netns exec "$server" socat TCP4-LISTEN:80,fork,reuseaddr \
		SYSTEM:'read -r line; echo served'
	background ip netns exec "$server" python3 -c '
import socket
echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
echo.bind(("", 9))
while True:
    try:
        echo.sendto(*echo.recvfrom(64))
    except OSError:
        pass'
	wait_for 10000 reachable
}

# stage_services: both services, by way of the claimed devices.
stage_services() {
	yardctl batch - <<-EOF
		service add tcp $VIP:80 -d 10.31.2.2:80
		service add udp $VIP:9 -d 10.31.2.2:9
	EOF
}

# reachable: the client gets an answer from the switch's own address, and the server too.
reachable() {
	ip netns exec "$client" ping -c 1 -W 1 -q "$SWITCH" &&
		ip netns exec "$server" ping -c 1 -W 1 -q 10.31.2.1
}

# serves: the TCP service answers the client.
serves() {
	[ "$(echo | ip netns exec "$client" timeout 3 socat -t 2 - "TCP4:$VIP:80,connect-timeout=2" \
		2>/dev/null)" = served ]
}

# traffic: one datagram after the other to the UDP service, from now to the end of the
# scenario or to "no_traffic".  How many were answered is in $answers.
traffic() {
	answers=$(mktemp)
	defer rm -f "$answers"
	# shellcheck disable=SC2016 # expanded by that shell
	ip netns exec "$client" bash -c '
		exec 2>/dev/null 3<>"/dev/udp/$1/9" 4<> <(:)
		count=0
		while :; do
			# A hundred a second: at full speed it would take the host from all else.
			read -r -t 0.005 -u 4
			echo >&3
			if read -r -t 0.1 -u 3; then
				count=$((count + 1))
				echo "$count" >"$2"
			fi
		done' traffic "$VIP" "$answers" </dev/null &>/dev/null &
	traffic_pid=$!
	defer kill_quietly "$traffic_pid"
}

no_traffic() {
	kill_quietly "$traffic_pid"
}

# answered: how many datagrams have been answered.
answered() {
	local count
	read -r count <"$answers"
	echo "${count:-0}"
}

# flows [N]: whether N (5) more datagrams get their answer before long.
flows() {
	local from
	from=$(answered)
	# shellcheck disable=SC2317 # called through wait_for
	more() { [ "$(answered)" -ge $((from + ${1:-5})) ]; }
	wait_for 6000 more "${1:-5}"
}

# claims [FILTER]: how many claimed queues there are, of those that the jq filter selects.
claims() {
	yardctl --json claims | jq "[.[] | select(${1:-true})] | length"
}

# claims_are N [FILTER]: whether there are so many.
claims_are() {
	[ "$(claims "${2:-true}")" = "$1" ]
}

# polled_packets: how many packets the engines have taken from the claimed queues.
polled_packets() {
	yardctl --json claims | jq 'map(.packets) | add // 0'
}

# threads: the names of the kernel's threads that bear ours.
threads() {
	local file name
	for file in /proc/[0-9]*/comm; do
		if read -r name 2>/dev/null <"$file" && [[ $name == switchyard* ]]; then
			echo "$name"
		fi
	done
}

# engines: the names of the engines' threads.
engines() {
	threads | grep '^switchyard/[0-9]' | sort
}

# refused TEXT WORDS COMMAND...: COMMAND, a claim, ends with status 1 and says WORDS;
# afterwards nothing is claimed and no engine runs.
refused() {
	local text=$1 words=$2 status=0 out
	shift 2
	out=$("$@" 2>&1) || status=$?
	if [ "$status" -eq 1 ] && [[ $out == *"$words"* ]] && claims_are 0 && [ -z "$(engines)" ]; then
		ktap_test_pass "$text"
		return 0
	fi
	ktap_test_fail "$text"
	echo "#   status $status, wanted 1 and \"$words\": $*"
	echo "#   said: $out"
	echo "#   $(claims) queues claimed, engines: $(engines | tr '\n' ' ')"
	return 1
}
