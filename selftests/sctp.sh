#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Associations of SCTP between the kernel's own sockets, over IPv4 and IPv6, with its checksum made by
# devices and by the sender; and what a destination is given, with these: nothing with weight 0, no
# more than its limits, nothing new while it drains, and nothing at all after its deadline.
#
#     client 10.0.1.2, fd00:1::2 --- peer0 [veth] front0 -- switch --+- veth --- server1 10.2.1.2, fd00:2:1::2
#                                       10.9.9.9:7, [fd00:9::9]:7    \- veth --- server2 10.2.2.2, fd00:2:2::2

# shellcheck disable=SC2016,SC2154 # text for eval; topology sets variables
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/dual.sh"

FRONT_WIRE=veth

# for_family 4|6: the service, its servers and the client from now on.
for_family() {
	if [ "$1" = 4 ]; then
		vip=$VIP service=$VIP:7 from=$CLIENT servers=(none 10.2.1.2 10.2.2.2)
	else
		vip=$VIP6 service="[$VIP6]:7" from=$CLIENT6 servers=(none fd00:2:1::2 fd00:2:2::2)
	fi
	[ "$1" = 4 ] && host=$from || host="[$from]"
	port=$((20000 + $1 * 1000))
	one=$(at 1)
}

# at N: server N, as a destination.
at() {
	[[ ${servers[$1]} == *:* ]] && echo "[${servers[$1]}]:7" || echo "${servers[$1]}:7"
}

# tell WORD...: what the client answers to that.
tell() {
	local answer
	echo "$*" >&"${ASK[1]}"
	read -r -t $((20 * SLOW)) answer <&"${ASK[0]}" || answer=silence
	echo "$answer"
}

# begin KEY...: begins an association of each name, from ports one after the other; which servers have them,
# in turn, in $met.
begin() {
	local key answer
	met=
	for key in "$@"; do
		port=$((port + 1))
		answer=$(tell open "$key" "$vip" 7 "$from" "$port")
		port_of[$key]=$port
		met+="${answer%% *} "
		seen_as=${answer#* }
	done
	met=${met% }
}

# of_one FIELD: what is known of server 1 as a destination.
of_one() {
	of_destination sctp "$service" "${servers[1]}" "$1"
}

# left_of N: how many associations there are with server N.
left_of() {
	yardctl --json connections --service sctp "$service" --destination "${servers[$1]}" | jq length
}

# established: how many associations are.
established() {
	yardctl --json connections --service sctp "$service" --state established | jq length
}

# told EVENT ADDRESS: whether the monitor was told so.
told() {
	jq -es --arg e "$1" --arg a "$2" 'any(.event == $e and .destination.address == $a)' \
		"$work/events" >/dev/null 2>&1
}

# by_devices STATE: whether devices make SCTP's checksum, on or off.
by_devices() {
	in_client ethtool -K peer0 tx-checksum-sctp "$1" >/dev/null &&
		in_server 1 ethtool -K peer1 tx-checksum-sctp "$1" >/dev/null &&
		in_server 2 ethtool -K peer2 tx-checksum-sctp "$1" >/dev/null
}

need python3 ethtool jq
modprobe sctp 2>/dev/null || [ -e /proc/net/sctp ] || skip_all "the kernel lacks SCTP"
work_dir
topology veth veth
expect "everybody speaks IPv6" dual_stack
for n in 1 2; do
	background ip netns exec "${server[n]}" "$HERE/lib/sctp.py" serve "server$n" 7 \
		"10.2.$n.2" "fd00:2:$n::2"
done
coproc ASK { exec ip netns exec "$client" "$HERE/lib/sctp.py" talk; }
defer quit "$ASK_PID"
declare -A port_of=()
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 1s
expect "services are made" yardctl batch - <<-EOF
	service add sctp $VIP:7 -s rr -d 10.2.1.2:7 -d 10.2.2.2:7
	service add sctp [$VIP6]:7 -s rr -d [fd00:2:1::2]:7 -d [fd00:2:2::2]:7
EOF
for n in 1 2; do
	expect "server $n listens" slowwait 10 eval \
		'[ "$(in_server "$n" awk "NR > 1" /proc/net/sctp/eps | wc -l)" -ge 2 ]'
done
yardctl --json monitor >"$work/events" 2>"$work/monitor.log" &
defer quit $!
expect "a monitor listens" slowwait 5 grep -q listening "$work/monitor.log"

for family in 4 6; do
	for_family "$family"
	echo "# IPv$family"
	begin a b
	equal "two associations have two servers" "$met" "server1 server2"
	equal "which see the client's own address" "$seen_as" "$from"
	equal "they are listed as established" "$(yardctl --json connections --service sctp "$service" |
		jq -r '[.[].state] | unique | join(" ")')" established
	for state in on off; do
		expect "checksums are made by devices: $state" by_devices "$state"
		for size in 1 1400 60000; do
			equal "a message of $size bytes comes whole" "$(tell say a "$size")" "server1 $from"
		done
		begin "c$state"
		equal "another association has its server" "${met/%[12]/N}" serverN
		equal "and ends" "$(tell close "c$state")" closed
	done
	expect "those that ended are no longer active" slowwait 5 is 2 established

	# Weight.
	expect "server 1 has no weight" yardctl destination set sctp "$service" "$one" --weight 0
	begin d e
	equal "new ones go to the other" "$met" "server2 server2"
	equal "its own goes on" "$(tell say a 100)" "server1 $from"
	expect "it has weight" yardctl destination set sctp "$service" "$one" --weight 1

	# Limits.
	expect "what has ended is forgotten" yardctl disconnect --client "$host:${port_of[con]}"
	yardctl disconnect --client "$host:${port_of[coff]}" >/dev/null
	had=$(left_of 1)
	expect "server 1 may have two more" yardctl destination set sctp "$service" "$one" \
		--upper-limit $((had + 2)) --lower-limit $((had + 1))
	begin f g h i j k
	equal "which it gets" "$(tr ' ' '\n' <<<"$met" | grep -c server1)" 2
	equal "the others go to the other" "$(tr ' ' '\n' <<<"$met" | grep -c server2)" 4
	equal "it is full" "$(of_one .overloaded)" true
	mine=()
	for key in f g h i j k; do
		[[ $(tell say "$key" 10) != server1* ]] || mine+=("$key")
	done
	equal "one of its is ended" "$(yardctl disconnect --client "$host:${port_of[${mine[0]}]}")" \
		"1 connections ended"
	equal "it is still full at its lower limit" "$(of_one .overloaded)" true
	equal "one more" "$(yardctl disconnect --client "$host:${port_of[${mine[1]}]}")" \
		"1 connections ended"
	equal "it has room below that" "$(of_one .overloaded)" false
	expect "limits are taken away" yardctl destination set sctp "$service" "$one" \
		--upper-limit 0 --lower-limit 0

	# A deadline.
	count=$(of_one .active_connections)
	between "associations are left with server 1" "$count" 1 6
	expect "it drains" yardctl destination drain sctp "$service" "$one" --deadline $((4 * SLOW))s
	begin l m
	equal "new ones go to the other" "$met" "server2 server2"
	equal "its own goes on" "$(tell say a 100)" "server1 $from"
	equal "as many are left as were there" "$(of_one .active_connections)" "$count"
	between "with some seconds left" "$(of_one .drain_remaining)" 1 $((4 * SLOW))
	expect "these are ended at the deadline" slowwait 15 is 0 left_of 1
	expect "which is told" slowwait 5 told deadline "${servers[1]}"
	expect "server 1 is up" yardctl destination up sctp "$service" "$one"
	expect "the rest is ended" yardctl disconnect --all
done
equal "no checksum was wrong" "$(cat <(in_client cat /proc/net/sctp/snmp) \
	<(in_server 1 cat /proc/net/sctp/snmp) <(in_server 2 cat /proc/net/sctp/snmp) |
	awk '/ChecksumErrors/ { n += $2 } END { print n }')" 0
finish
