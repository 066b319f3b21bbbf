#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Signs of life in the kernel's counters, with no check and no agent: a server that answers
# no connection while another does gets next to nothing until it answers again.  What the
# switch has counted is among yardmaster's metrics.
#
#     client --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1
#                          switch, yardmaster \-- veth --- server2, whose answers get lost

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/master.sh"

SERVICE=$VIP:80

need nginx curl jq
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"
work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" web "$n"
done
expect "the module loads" load
expect "all devices are claimed" claim_all --policy interrupt
expect "a service is made" yardctl service add tcp "$SERVICE" -d 10.2.1.2:80 -d 10.2.2.2:80
cat >"$work/switchyard.toml" <<-END
	[yardmaster]
	socket = "$work/yardmaster.sock"
	metrics = "127.0.0.1:9750"
	[[service]]
	service = "tcp $SERVICE"
	policy = { algorithm = "static", suspect-after = "$((3 * SLOW))s" }
	[[service.destination]]
	address = "10.2.1.2:80"
	[[service.destination]]
	address = "10.2.2.2:80"
END
expect "yardmaster runs" master

# Some clients that do not wait for long; where each is dear there are fewer of them.
cat >"$work/client.sh" <<-EOF
	while [ ! -e "$work/stop" ]; do
		curl -s -m $SLOW -o /dev/null "http://$SERVICE/" || true
		sleep $((SLOW - 1)).1
	done
EOF
for _ in 1 2 3 4; do
	background ip netns exec "$client" bash "$work/client.sh"
done

# metric NAME: its value.
metric() {
	curl -s http://127.0.0.1:9750/metrics | awk -v name="$1 " 'index($0, name) == 1 { printf "%d\n", $NF }'
}

expect "the master sees connections to the first server" slowwait 15 lives 1
expect "and to the second" slowwait 15 lives 2
equal "the second one answers" "$(decided 2 .signs.unanswered)" null
equal "the weights are the configured ones" "$(weights)" "1 1"

expect "answers of the second one get lost" ip -n "${server[2]}" route del default
expect "it is suspected" slowwait 25 is suspect decided 2 .state
explained
between "its share, in thousandths" "$(share 2)" 1 60
equal "the first one is not" "$(decided 1 .state)" silent
between "for so many seconds it was unanswered" "$(decided 2 '.signs.unanswered | floor')" $((3 * SLOW)) $((20 * SLOW))
expect "more than two connections were" slowwait 10 at_least 3 decided 2 .signs.unanswered_connections
expect "as the metrics say" slowwait 5 at_least 3 \
	metric "yardmaster_destination_unanswered_seconds{service=\"tcp $SERVICE\",destination=\"10.2.2.2:80\"}"

expect "it answers again" ip -n "${server[2]}" route add default via 10.2.2.1
expect "and gets its share back" slowwait 40 is "1 1" weights
refuse "it is suspected no more" is suspect decided 2 .state

touch "$work/stop"
expect "packets are counted" at_least 50 metric 'yardmaster_switch_packets_total{direction="in"}'
equal "as yardctl has them" "$(metric 'yardmaster_switch_connections_made_total')" \
	"$(yardctl --json show | jq .stats.connections)"
expect "and those of each CPU" at_least 1 metric 'yardmaster_cpu_received_total{cpu="0"}'
finish
