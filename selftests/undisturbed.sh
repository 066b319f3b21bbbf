#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is changed of some destinations is none of the others' business, nor of connections that
# there are: three long downloads go on, byte by byte, while destinations get other weights, drain,
# reach their limits, are removed, added and down, and while scheduler and options change.
#
#                                                      /-- veth --- server1 10.2.1.2
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server2 10.2.2.2
#                                          switch      \-- veth --- server3 10.2.3.2

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

SERVICE=$VIP:80
# Bytes: more than what buffers hold.
PART=130000

# download N: in the background; it goes on as far as it is read, a part after each change. By the
# order of turns each comes from another server.
download() {
	mkfifo "$work/pipe$1"
	in_client curl -sS --max-time $((60 * SLOW)) -D "$work/head$1" -o "$work/pipe$1" \
		"http://$VIP/file/blob" 2>"$work/log$1" &
	downloads[$1]=$!
	defer quit $!
	local descriptor
	exec {descriptor}<"$work/pipe$1"
	pipes[$1]=$descriptor
	read_on "$1"
}

# read_on N...: whether a part of each of these downloads comes, all of which the switch has to
# bring.
read_on() {
	local n files=() sizes
	for n; do
		timeout $((10 * SLOW)) head -c "$PART" <&"${pipes[n]}" >>"$work/got$n"
		files+=("$work/got$n")
		have[n]=$((${have[n]:-0} + PART))
		sizes+=${have[n]}$'\n'
	done
	[ "$(stat -c %s "${files[@]}")" = "${sizes%$'\n'}" ]
}

# ends N: whether the rest comes, and all is as it was.
ends() {
	timeout $((20 * SLOW)) cat <&"${pipes[$1]}" >>"$work/got$1"
	wait "${downloads[$1]}" && cmp "$work/site/blob" "$work/got$1"
}

# small_buffers NAMESPACE: of TCP, so that no more than a part lies in them.
small_buffers() {
	ip netns exec "$1" sysctl -qw net.ipv4.tcp_rmem="4096 32768 32768" net.ipv4.tcp_wmem="4096 32768 32768"
}

# servers: who has connections, and how many, as "1 1 1".
servers() {
	yardctl --json destination list tcp "$SERVICE" | jq -r '[sort_by(.address)[] | .active_connections] | join(" ")'
}

# going: whether all downloads go on.
going() {
	read_on 1 2 3
}

# meets COUNT: who has answered so many new requests.
meets() {
	fetch "$1" >"$work/answers" 2>&1
	tally "$work/answers"
}

# change TEXT LINE...: the lines are a batch of yardctl; the downloads go on.
change() {
	local text=$1
	shift
	expect "$text" yardctl batch - < <(printf '%s\n' "$@") && expect "the downloads go on" going
}

need nginx curl cmp
work_dir
topology veth veth veth
for space in "$client" "${server[@]}"; do
	small_buffers "$space"
done
mkdir "$work/site"
head -c 3500000 /dev/urandom >"$work/site/blob"
for n in 1 2 3; do
	expect "server $n listens" web "$n" "$work/site"
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 200ms
expect "a service is made" yardctl service add tcp "$SERVICE" -s rr \
	-d 10.2.1.2:80 -d 10.2.2.2:80 -d 10.2.3.2:80
downloads=() pipes=() have=()
for n in 1 2 3; do
	expect "download $n has begun" download "$n"
done
equal "each from another server" "$(servers)" "1 1 1"
begin=$(timestamp_ms)

one="tcp $SERVICE 10.2.1.2:80" two="tcp $SERVICE 10.2.2.2:80" three="tcp $SERVICE 10.2.3.2:80"
change "server 1 gets nothing new" "destination set $one --weight 0"
equal "new clients meet the others" "$(meets 4)" "server2=2 server3=2"
change "server 2 drains" "destination drain $two"
equal "new clients meet the third" "$(meets 2)" "server3=2"
change "server 3 may have two" "destination set $three --upper-limit 2 --lower-limit 1" \
	"destination set $one --weight 3"
equal "and meet it less" "$(meets 3 | grep -c server1)" 1
change "server 2 is removed" "destination del $two"
equal "it is not in the list" "$(yardctl --json destination list tcp "$SERVICE" | jq length)" 2
equal "but the connection to it is" "$(yardctl --json connections --destination 10.2.2.2 \
	--state established | jq length)" 1
change "it is added anew, with another weight" "destination add $two --weight 2"
change "weights count now" "service set tcp $SERVICE -s wrr" "destination set $three --upper-limit 0 --lower-limit 0"
equal "as they are" "$(meets 6)" "server1=3 server2=2 server3=1"
change "server 3 is down" "destination down $three"
equal "new clients meet the others" "$(meets 5)" "server1=3 server2=2"
change "the scheduler is another" "service set tcp $SERVICE -s maglev"
change "clients have affinity" "service set tcp $SERVICE --affinity 1m"
equal "and one server" "$(meets 5 | wc -w)" 1
change "they have not, and a timeout" "service set tcp $SERVICE --affinity 0 --timeout 5m"
change "another service comes" "service add tcp $VIP:81 -d 10.2.1.2:80"
change "and goes" "service del tcp $VIP:81"
change "everything of the service is made anew" "service del tcp $SERVICE" \
	"service add tcp $SERVICE -d 10.2.1.2:80"
equal "new clients meet whom there is" "$(meets 2)" "server1=2"
echo "# all that within $(($(timestamp_ms) - begin)) ms"
equal "each download has its connection" "$(yardctl --json connections --state established |
	jq -r '[.[].destination_address] | sort | join(" ")')" "10.2.1.2 10.2.2.2 10.2.3.2"
for n in 1 2 3; do
	expect "download $n comes to its end with every byte" ends "$n"
done
equal "in one connection each" "$(cat "$work"/head[123] | grep -c "^HTTP/1.1 200")" 3
equal "nothing was dropped" "$(yardctl --json stats | jq '[.drops[].packets] | add')" 0
finish
