#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Batches of changes: all of one or nothing of it, and no packet is caught in between.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1 10.2.1.2
#                                          switch      \-- veth --- server2 10.2.2.2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/requests.sh"

SERVICE=$VIP:80

configuration() {
	yardctl --json service list | jq -S 'map(del(.stats))'
	yardctl --json destination list | jq -S 'map(del(.stats, .active_connections))'
}

generation() {
	yardctl --json show | jq .generation
}

# A batch of 200 services with two destinations each, and one line more.
batch() {
	local n
	for n in {1..200}; do
		echo "service add tcp 10.8.0.1:$n"
		echo "destination add tcp 10.8.0.1:$n 10.2.1.2:80"
		echo "destination add tcp 10.8.0.1:$n 10.2.2.2:80 --weight 3"
	done
	echo "$1"
}

need nginx curl
work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" web "$n"
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 100ms
expect "a service is made" yardctl service add tcp "$SERVICE" -s rr -d 10.2.1.2:80 -d 10.2.2.2:80

configuration >"$work/before"
before=$(generation)
batch "destination add tcp $VIP:81 10.2.1.2:80" >"$work/bad"
refuse "a batch whose last line names no service is refused" yardctl batch "$work/bad"
configuration >"$work/after"
expect "nothing has changed" cmp "$work/before" "$work/after"
equal "no configuration was swapped in" "$(generation)" "$before"
batch "service add tcp $SERVICE" >"$work/bad"
refuse "one that adds what there is, too" yardctl batch "$work/bad"
configuration >"$work/after"
expect "nothing has changed by that" cmp "$work/before" "$work/after"

load_on
expect "requests are answered" answers_more 10
before=$(generation) from=$(answers)
batch "service set tcp $SERVICE -s maglev" >"$work/good"
expect "a batch of 601 changes is applied" yardctl batch "$work/good"
equal "at once" "$(generation)" $((before + 1))
equal "all of it" "$(yardctl --json show | jq -r '[.services, .destinations] | join(" ")')" "201 402"
# The whole configuration anew, with another server each time: there is no moment
# without the service.
for round in {1..25}; do
	cat >"$work/whole" <<-EOF
		flush
		service add tcp $SERVICE -s rr
		destination add tcp $SERVICE 10.2.$((round % 2 + 1)).2:80
	EOF
	yardctl batch "$work/whole" || break
	yardctl destination add tcp "$SERVICE" "10.2.$(((round + 1) % 2 + 1)).2:80" --weight "$round" || break
done
equal "the configuration was swapped again and again" "$(generation)" $((before + 51))
expect "requests were answered meanwhile" slowwait 20 at_least $((from + 20)) answers
expect "the load ends" load_off
equal "no request has failed" "$(cat "$work"/answers?.errors)" ""
equal "the last configuration holds" "$(yardctl --json show |
	jq -r '[.services, .destinations] | join(" ")')" "1 2"
finish
