#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# IPVS and the switch do the same: the same services are set up with one and then with the other, the same
# clients do the same things, and see the same, or what Documentation/coming-from-ipvs.md says.
#
#                                                        /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- peer0 [veth] front0 -- balancer
#                                            10.9.9.9    \-- veth --- server2 10.2.2.2

# shellcheck disable=SC2154 # topology sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

FRONT_WIRE=veth
declare -A SEEN=()

# What differs, as IPVS / the switch; the reasons are in that page.
declare -A DIFFERS=(
	["UDP to a port without a service"]="refused / silence"
	["no server for UDP"]="refused / silence"
	["from the balancer itself"]="server / refused"
	["its server is removed: the connection"]="silence / server1"
	["its server is removed: UDP"]="silence / server2"
	["the service is removed: the connection"]="silence / server2"
	["one-packet scheduling from one port"]="silence=10 / server1=5 server2=5"
)

# --- both balancers in the same words: PROTOCOL is tcp or udp; N a server; METHOD nat, direct or tunnel

ipvs_service() { # PROTOCOL PORT SCHEDULER [OPTION...]
	local flag=-${1:0:1} port=$2 scheduler=$3 option options=()
	shift 3
	for option in "$@"; do
		case $option in
		affinity) options+=(-p 300) ;;
		one-packet) options+=(-o) ;;
		esac
	done
	ipvsadm -A "$flag" "$VIP:$port" -s "$scheduler" "${options[@]}"
}

ipvs_destination() { # PROTOCOL PORT N WEIGHT METHOD [LIMIT [PORT]]
	local flag=-${1:0:1} method=-m
	case $5 in
	direct) method=-g ;;
	tunnel) method=-i ;;
	esac
	ipvsadm -a "$flag" "$VIP:$2" -r "10.2.$3.2:${7:-$2}" "$method" -w "$4" ${6:+-x "$6"}
}

ipvs_weight() { # PROTOCOL PORT N WEIGHT
	ipvsadm -e "-${1:0:1}" "$VIP:$2" -r "10.2.$3.2:$2" -m -w "$4"
}

ipvs_remove() { # PROTOCOL PORT N
	ipvsadm -d "-${1:0:1}" "$VIP:$2" -r "10.2.$3.2:$2"
}

ipvs_end() { # PROTOCOL PORT
	ipvsadm -D "-${1:0:1}" "$VIP:$2"
}

ipvs_clear() {
	ipvsadm -C
}

switch_service() {
	local protocol=$1 port=$2 scheduler=$3 option options=()
	shift 3
	for option in "$@"; do
		case $option in
		affinity) options+=(--affinity 300s) ;;
		one-packet) options+=(--one-packet) ;;
		esac
	done
	yardctl service add "$protocol" "$VIP:$port" -s "$scheduler" "${options[@]}"
}

switch_destination() {
	local port=:${7:-$2}
	[ "$5" = nat ] || port=
	yardctl destination add "$1" "$VIP:$2" "10.2.$3.2$port" --weight "$4" --forwarding "$5" \
		${6:+--upper-limit "$6"}
}

switch_weight() {
	yardctl destination set "$1" "$VIP:$2" "10.2.$3.2:$2" --weight "$4"
}

switch_remove() {
	yardctl destination del "$1" "$VIP:$2" "10.2.$3.2:$2"
}

switch_end() {
	yardctl service del "$1" "$VIP:$2"
}

switch_clear() {
	# So that no connection of the last part is known in the next one.
	yardctl flush && yardctl disconnect --client 10.0.0.0/8 >/dev/null
}

# both NAME ARGUMENT...: the balancer's.
set_up() {
	local what=$1
	shift
	"${balancer}_$what" "$@"
}

# does ACTION...: what the client sees of it.
does() {
	local answer
	echo "$*" >&"$act_to"
	read -r -t $((30 * SLOW)) answer <&"$act_from" || answer=nothing
	echo "$answer"
}

# any ACTION...: the same, whichever server it was.
any() {
	does "$@" | sed 's/server[12]/server/g'
}

# see NAME VALUE: remembers what was seen.
see() {
	SEEN[$balancer:$1]=$2
	[ "$balancer" != ipvs ] || order+=("$1")
}

# What a client on the balancer sees.
from_here() {
	# shellcheck disable=SC2016 # not for this shell
	timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/80" && echo >&3 && head -c 6 <&3' "$VIP" 2>/dev/null ||
		echo refused
}

# The path MTU that the client has learned.
learned() {
	in_client ip -json route get "$VIP" | jq '.[0].metrics[0].mtu // 1500'
}

# --- what is compared

play() {
	# TCP and UDP by address translation.
	set_up service tcp 80 rr
	set_up destination tcp 80 1 1 nat
	set_up destination tcp 80 2 1 nat
	set_up service udp 53 rr
	set_up destination udp 53 1 1 nat
	set_up destination udp 53 2 1 nat
	see "ten connections" "$(does tcp 10)"
	see "the client's address at the server" "$(does seen)"
	see "ten questions by UDP" "$(does udp 10)"
	see "ten questions from one port" "$(any udp-same 10)"
	see "TCP to a port without a service" "$(does try 81)"
	see "UDP to a port without a service" "$(does try-udp 54)"
	see "a segment of no connection" "$(does stray)"
	see "two connections from one port" "$(does again)"
	see "a packet at its last hop" "$(does hops 1)"
	see "a question in fragments" "$(does long 4000)"
	see "ping" "$(in_client ping -q -c 2 -i 0.2 -W 1 "$VIP" | grep -o '[0-9]* received')"
	set_up service udp 55 rr
	set_up destination udp 55 1 1 nat
	see "UDP to a port that is closed at the server" "$(does try-udp 55)"
	set_up service tcp 82 rr
	set_up destination tcp 82 1 1 nat
	see "TCP to a port that is closed at the server" "$(does try 82)"
	see "from the balancer itself" "$(from_here)"

	# Weights, removal.
	see "one opens" "$(any open a)"
	set_up weight tcp 80 1 0
	set_up weight tcp 80 2 0
	see "weight 0: it goes on" "$(any talk a)"
	see "weight 0 for all: a new connection" "$(does try 80)"
	set_up weight tcp 80 2 1
	see "weight 0 for one: new connections" "$(does tcp 4)"
	set_up weight tcp 80 1 1
	does close a >/dev/null
	set_up weight tcp 80 2 0
	see "one opens to the first" "$(does open b)"
	see "the same by UDP" "$(set_up weight udp 53 2 0; does stay)"
	set_up weight tcp 80 2 1
	set_up weight udp 53 2 1
	set_up remove tcp 80 1
	set_up remove udp 53 1
	see "its server is removed: the connection" "$(does talk b)"
	see "its server is removed: UDP" "$(does stay-on)"
	see "a server is removed: new connections" "$(does tcp 4)"
	see "one opens to the second" "$(does open c)"
	set_up end tcp 80
	see "the service is removed: the connection" "$(does talk c)"
	see "the service is removed: a new one" "$(does try 80)"
	set_up weight udp 53 2 0
	see "no server for UDP" "$(does try-udp 53)"
	set_up clear

	set_up service tcp 80 rr affinity
	set_up destination tcp 80 1 1 nat
	set_up destination tcp 80 2 1 nat
	see "persistence" "$(any tcp 6)"
	set_up clear
	set_up service tcp 80 wrr
	set_up destination tcp 80 1 3 nat
	set_up destination tcp 80 2 1 nat
	see "weights 3 and 1" "$(does tcp 12)"
	set_up clear
	set_up service udp 53 rr one-packet
	set_up destination udp 53 1 1 nat
	set_up destination udp 53 2 1 nat
	see "one-packet scheduling from one port" "$(does udp-same 10)"
	set_up clear
	# By a port of its own, as IPVS counts connections of a service that is gone.
	set_up service tcp 83 rr
	set_up destination tcp 83 1 1 nat 1 80
	see "an upper limit of one: the first" "$(does open d 83)"
	see "an upper limit of one: the second" "$(does try 83)"
	does close d >/dev/null
	set_up clear

	# Direct routing and tunnels: the servers have the address, too.
	ip -n "${server[1]}" addr add "$VIP/32" dev lo
	ip -n "${server[2]}" addr add "$VIP/32" dev lo
	set_up service tcp 80 rr
	set_up destination tcp 80 1 1 direct
	see "direct" "$(does tcp 3)"
	set_up clear
	set_up service tcp 80 rr
	set_up destination tcp 80 2 1 tunnel
	see "tunnel" "$(does tcp 3)"
	set_up clear
	ip -n "${server[1]}" addr del "$VIP/32" dev lo
	ip -n "${server[2]}" addr del "$VIP/32" dev lo

	# The way to the server takes less than what comes.
	ip link set back1 mtu 1300
	set_up service udp 53 rr
	set_up destination udp 53 1 1 nat
	see "a question too long for the way" "$(does long 1400)"
	see "the path MTU that was learned" "$(learned)"
	see "the question again" "$(does long 1400)"
	ip link set back1 mtu 1500
	in_client ip route flush cache
	set_up clear
}

servers() {
	local n
	modprobe ipip || return 1
	for n in 1 2; do
		ip -n "${server[n]}" -batch - <<-EOF || return 1
			link set lo up
			link add tunnel type ipip local 10.2.$n.2 remote any
			link set tunnel up
		EOF
		background ip netns exec "${server[n]}" "$HERE/lib/actions.py" serve "server$n"
	done
	for n in 1 2; do
		slowwait 20 listening "$n" tcp 80 || return 1
		# What servers answer directly comes by here, from an address that is ours.
		echo 1 >"/proc/sys/net/ipv4/conf/back$n/accept_local"
		echo 0 >"/proc/sys/net/ipv4/conf/back$n/rp_filter"
		in_server "$n" sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.tunnel.rp_filter=0
	done
}

ipvs_up() {
	modprobe -a ip_vs ip_vs_rr ip_vs_wrr && ip addr add "$VIP/32" dev lo
}

ipvs_down() {
	ipvsadm -C
	ip addr del "$VIP/32" dev lo
	modprobe -r ip_vs_rr ip_vs_wrr ip_vs
}

switch_up() {
	# shellcheck disable=SC2119 # no parameters
	load && ip addr add "$VIP/32" dev yard0 && ip link set yard0 up &&
		claim_all --policy interrupt
}

need ipvsadm modprobe python3 jq
modprobe -n ip_vs 2>/dev/null || skip_all "the kernel has no IPVS"
topology veth veth
expect "the servers listen" servers
coproc ACT { exec ip netns exec "$client" "$HERE/lib/actions.py" act "$VIP"; }
defer quit "$ACT_PID"
# Descriptors that subshells have, too.
exec {act_to}>&"${ACT[1]}" {act_from}<&"${ACT[0]}"

order=()
balancer=ipvs
expect "IPVS is there" ipvs_up
play
expect "IPVS is gone" ipvs_down
balancer=switch
expect "the switch is there" switch_up
play

for name in "${order[@]}"; do
	seen="${SEEN[ipvs:$name]} / ${SEEN[switch:$name]}"
	if [ -n "${DIFFERS[$name]:-}" ]; then
		equal "$name: as documented" "$seen" "${DIFFERS[$name]}"
	else
		equal "$name: ${SEEN[ipvs:$name]}" "${SEEN[switch:$name]}" "${SEEN[ipvs:$name]}"
	fi
done
# What is alike because nothing works shows nothing.
refuse "the clients were answered" grep -qE '^(nothing|not open|silence=3)$' <(printf '%s\n' "${SEEN[@]}")
finish
