#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Batches of changes: all of one or nothing of it, and no packet is caught in between.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1 10.2.1.2
#                                          switch      \-- veth --- server2 10.2.2.2

# shellcheck disable=SC2016 # text for eval and other shells
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

# counts: of every CPU and reason.
counts() {
	yardctl --json stats | jq -c '[[.cpus[] | [.cpu, .received, .forwarded, .passed, .resets]],
		[.drops[] | [.reason, .packets]]]'
}

# silent: whether nothing is counted for a moment.
silent() {
	counts >"$work/then"
	in_client sleep 0.3
	counts | cmp - "$work/then"
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

# Counts of CPUs and of reasons are the switch's, whatever is configured.
expect "datagrams go where no service is" in_client bash -c \
	'for i in {1..7}; do echo x >"/dev/udp/$0/99"; done' "$VIP"
expect "which are counted drops" slowwait 5 at_least 7 dropped no-service
expect "all is silent" slowwait 5 silent
counts >"$work/before"
yardctl batch "$work/whole" && yardctl service set tcp "$SERVICE" -s wlc
counts >"$work/after"
expect "counts of CPUs and reasons have survived a swap" cmp "$work/before" "$work/after"
expect "and the end of all services" eval 'yardctl flush && counts >"$work/after" &&
	cmp "$work/before" "$work/after"'
between "they count what has been" "$(jq '[.[0][] | .[1]] | add' "$work/after")" 200 10000000
finish
