#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest.sh: the demonstration itself, as root of the virtual machine.  Ends with
# "demo: ok" and 0, or tells what was not as expected.  See topology.sh for the network.

set -u
here=$(cd "$(dirname "$0")" && pwd)
PATH=$here:$PATH
. "$here/lib.sh"
. "$here/topology.sh"

requests=300 quick=100
cpus=2,3
# An emulated machine is slow: in the 10 ms of the default it would often seem idle.
idle=200ms

# browse COUNT FILE [PARALLEL]: the client asks the service COUNT times, each time over
# a new connection.  A line in FILE for each: who answered, and the HTTP status.
browse() {
	ip netns exec client curl -sS -Z --parallel-max "${3:-4}" --max-time 10 \
		-H 'Connection: close' -o /dev/null -w '%header{Served-By} %{http_code}\n' "http://$service/[1-$1]" \
		>"$2" 2>"$2.errors"
}

# press: asks on and on, until the file "enough" is there.  All answers are in "load".
press() {
	: >"$run/load"
	: >"$run/load.errors"
	while [ ! -e "$run/enough" ]; do
		browse 60 "$run/part"
		cat "$run/part" >>"$run/load"
		cat "$run/part.errors" >>"$run/load.errors"
		echo 60 >>"$run/asked"
	done
}

# share FILE NAME: requests that NAME answered.
share() {
	grep -c "^$2 200\$" "$1"
}

# tally FILE: who answered how often.
tally() {
	sort "$1" | uniq -c | awk '{
		bar = sprintf("%*s", $1 / 5, ""); gsub(/ /, "#", bar)
		printf "     %-6s HTTP %s %5d  %s\n", $2, $3, $1, bar
	}'
	sort "$1.errors" | uniq -c | sed 's/^/     /'
}

# unanswered FILE COUNT: how many of COUNT requests did not end well.
unanswered() {
	echo $(($2 - $(grep -c '^web[0-9] 200$' "$1")))
}

# interrupts DEVICE...: what these cards' receive queues have ever asked for.
interrupts() {
	local names
	names=$(IFS='|' && echo "$*")
	awk -v queue="^($names)-(rx|TxRx)-[0-9]+\$" '$NF ~ queue {
		for (i = 2; $i ~ /^[0-9]+$/; i++) sum += $i
	} END { print sum + 0 }' /proc/interrupts
}

# sum COUNTER [CPU]: of what the CPUs, or one of them, have counted.
sum() {
	yardctl --json stats --cpu |
		jq --arg name "$1" --arg cpu "${2:-}" '[.cpus[] |
			select($cpu == "" or (.cpu | tostring) == $cpu) | .[$name]] | add // 0'
}

# drops REASON
drops() {
	yardctl --json stats | jq --arg reason "$1" '[.drops[] | select(.reason == $reason) | .packets] | add // 0'
}

# polled_packets: what the engines have taken off the queues.
polled_packets() {
	yardctl --json claims | jq '[.[].packets] | add // 0'
}

# received_packets: what both cards have received.
received_packets() {
	echo $(($(cat "/sys/class/net/$client_side/statistics/rx_packets") +
		$(cat "/sys/class/net/$server_side/statistics/rx_packets")))
}

all_polled() {
	yardctl --json claims | jq -e 'length > 0 and all(.state == "polled")'
}

none_polled() {
	yardctl --json claims | jq -e 'length > 0 and all(.state == "interrupt")'
}

# answered COUNT: whether the load has got so many answers.
answered() {
	[ "$(wc -l <"$run/load")" -ge "$1" ]
}

# idle NAME: whether no connection of this server is in use.
idle() {
	local list
	list=$(yardctl connections) && ! grep "${web_ip[$1]}:" <<<"$list" | grep -qE 'established|syn'
}

step "A switch between clients and three web servers, on Linux $(uname -r)"
make_network
for web in "${webs[@]}"; do
	expect "the client reaches $web through ordinary routing" wait_for 10 reachable "${web_ip[$web]}"
done

declare -A warm
for web in "${webs[@]}"; do
	warm[$web]=$(served "$web")
done

step "The module goes into the stock kernel"
show insmod "$here/switchyard.ko"
ip addr add ${service%:*}/32 dev yard0
ip addr add $local_ip/32 dev yard0
ip link set yard0 up
show ip -brief addr show dev yard0

step "Both sides' receive queues go to the switching CPUs $cpus"
show yardctl claim "$client_side" --cpus $cpus --idle-timeout $idle
show yardctl claim "$server_side" --cpus $cpus --idle-timeout $idle
show yardctl claims

step "A service with three destinations, by yardctl"
show yardctl service add tcp $service -s rr \
	-d "${web_ip[web1]}" -d "${web_ip[web2]}" -d "${web_ip[web3]}"
show yardctl destination list

step "$requests requests, each over a connection of its own"
switched=$(sum forwarded) polled=$(polled_packets)
browse $requests "$run/first"
tally "$run/first"
expect_equal "requests without an answer" "$(unanswered "$run/first" $requests)" 0
for web in "${webs[@]}"; do
	# A third each, give or take what round robin on two CPUs is apart.
	expect_between "the share of $web" "$(share "$run/first" "$web")" \
		$((requests * 30 / 100)) $((requests * 37 / 100))
	expect_equal "$web's own log says the same" \
		"$(($(served "$web") - warm[$web]))" "$(share "$run/first" "$web")"
done

step "Which CPU did what"
show yardctl stats --cpu
for cpu in ${cpus/,/ }; do
	expect "CPU $cpu, a switching one, sent on packets: $(sum forwarded "$cpu")" \
		[ "$(sum forwarded "$cpu")" -gt $requests ]
done
switched=$(($(sum forwarded) - switched)) polled=$(($(polled_packets) - polled))
expect "of $switched packets sent on, the engines took $polled off the queues themselves" \
	[ "$polled" -ge $((switched * 9 / 10)) ]

step "Interrupts stand still while packets flow"
say "The claims again, with the policy that never sleeps:"
show yardctl release "$client_side"
show yardctl release "$server_side"
show yardctl claim "$client_side" --cpus $cpus --policy busy
show yardctl claim "$server_side" --cpus $cpus --policy busy
expect "every queue is polled" wait_for 10 all_polled
sofar=$(interrupts "$client_side" "$server_side")
expect "there have been interrupts before: $sofar" [ "$sofar" -gt 0 ]
before=$(interrupts "$client_side" "$server_side") packets=$(received_packets)
browse $quick "$run/busy"
after=$(interrupts "$client_side" "$server_side") packets=$(($(received_packets) - packets))
expect_equal "requests without an answer" "$(unanswered "$run/busy" $quick)" 0
expect "the two cards received packets for them: $packets" [ "$packets" -gt $((quick * 8)) ]
expect_equal "interrupts of their queues meanwhile" "$((after - before))" 0
yardctl release "$client_side" && yardctl claim "$client_side" --cpus $cpus --idle-timeout $idle
yardctl release "$server_side" && yardctl claim "$server_side" --cpus $cpus --idle-timeout $idle
say "Back to the adaptive policy: queues without traffic go back to their interrupts."
expect "they do" wait_for 10 none_polled

step "A web server is taken out and put back under load"
press &
loader=$!
expect "the load runs" wait_for 30 answered 120
show yardctl destination set tcp $service "${web_ip[web2]}" --weight 0
expect "web2 has no connection left that it works on" wait_for 30 idle web2
say "web2 is shut down; the load goes on."
stop_web web2
out=$(served web2)
expect "the others go on answering" wait_for 30 answered $(($(wc -l <"$run/load") + 180))
expect_equal "requests that web2 has had meanwhile" "$(($(served web2) - out))" 0
say "web2 is started again and put back."
start_web web2 "${web_ip[web2]}" 80 ip netns exec web2
show yardctl destination set tcp $service "${web_ip[web2]}" --weight 1
expect "web2 answers again" wait_for 30 eval "[ \$(served web2) -ge $((out + 40)) ]"
touch "$run/enough"
wait $loader
load=$(awk '{ sum += $1 } END { print sum + 0 }' "$run/asked")
say "Over all of this, $load requests:"
tally "$run/load"
expect_equal "requests without an answer" "$(unanswered "$run/load" "$load")" 0
expect "web2 had less than the others" \
	[ "$(share "$run/load" web2)" -lt "$(share "$run/load" web1)" ]
show yardctl destination list

step "A web server of the switch itself, on a control CPU, through yard0"
start_web control $local_ip 80 taskset -c 0,1
local_in=$(sum local_in)
show ip netns exec client curl -sS --max-time 10 -w '%{http_code} from %{remote_ip}\n' \
	"http://$local_ip/"
expect_equal "requests that it answered" "$(served control)" 1
expect "packets went through yard0's rings: $(($(sum local_in) - local_in))" \
	[ "$(sum local_in)" -gt "$local_in" ]

step "A port that is no service"
resets=$(drops reset-sent)
say "\$ curl http://${service%:*}:81/"
answer=$(ip netns exec client curl -sS --max-time 5 "http://${service%:*}:81/" 2>&1)
status=$?
say "  $answer"
expect_equal "curl's status, 7 for a connection refused" $status 7
expect_equal "resets sent" "$(($(drops reset-sent) - resets))" 1

step "The module goes; the network stays"
show rmmod switchyard
expect "there is no yard0 any more" [ ! -e /sys/class/net/yard0 ]
for web in "${webs[@]}"; do
	expect "the client reaches $web through ordinary routing" wait_for 10 reachable "${web_ip[$web]}"
done
for web in control "${webs[@]}"; do
	stop_web "$web"
done
for name in client servers "${webs[@]}"; do
	ip netns del "$name"
done

echo
if [ "$failures" -gt 0 ]; then
	echo "demo: $failures expectations were not met"
	exit 1
fi
echo "demo: ok"
