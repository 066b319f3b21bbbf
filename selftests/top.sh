#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The screen of yardctl: what is on it under load, with yardmaster and without, in a terminal
# and in a pipe, and that it gives the terminal back.
#
#     client --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1, yard-agent
#                          switch, yardmaster \-- veth --- server2, yard-agent

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/requests.sh"
. "$HERE/lib/master.sh"

SERVICE=$VIP:80

need nginx curl jq python3 socat
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"
work_dir

# Without the module it says so, in a terminal as well.
status=0
yardctl top >"$work/out" 2>"$work/error" || status=$?
equal "without the module its status is 3" "$status" 3
expect "and it says why" grep -q 'module is not loaded' "$work/error"

topology veth veth
expect "keys are made" keys server1 server2
for n in 1 2; do
	expect "server $n listens" web "$n"
	agent "$n"
done
expect "the module loads" load
expect "all devices are claimed" claim_all --policy interrupt
expect "a service is made" yardctl service add tcp "$SERVICE" -d 10.2.1.2:80 -d 10.2.2.2:80
expect "and another" yardctl service add udp "$VIP:53" -d 10.2.1.2:53
load_on
expect "requests are answered" answers_more 10
expect "datagrams go where no service is" in_client bash -c \
	"for i in {1..20}; do echo x >/dev/udp/$VIP/99; done"

# Nobody runs yardmaster.
yardctl top --once --interval 500ms --socket "$work/yardmaster.sock" >"$work/screen"
expect "a pipe gets the screen once" grep -q "^tcp $SERVICE " "$work/screen"
expect "the master is not running" grep -q '^yardmaster: not running' "$work/screen"
expect "reasons of drops are there" grep -qE 'no-service +[0-9.]+ +20$' "$work/screen"
expect "and every CPU" [ "$(grep -cE '^ +[0-9]+ +(control|switching)' "$work/screen")" = 4 ]

configure even 2 'slow-start = "0s"'
expect "yardmaster runs" master
for n in 1 2; do
	expect "server $n tells its load" wait_for 5000 eval \
		"echo '80 utilisation=0.$((n * 3)) in_flight=$n' | socat - UNIX-SENDTO:$work/socket$n"
done
expect "the master knows" slowwait 10 is reporting decided 2 .state
# The kernel's counters are signs of life, beside reports and checks.
expect "and sees connections itself" slowwait 15 lives 1
explained
yardctl top --socket "$work/yardmaster.sock" >"$work/screen"
sed 's/^/# /' "$work/screen"
expect "loads are on the screen" grep -qE '^10.2.2.2:80 .* [56][0-9]\.[0-9]% ' "$work/screen"
expect "and what the master makes of them" grep -q ' reporting ' "$work/screen"
expect "and how" grep -qE "^tcp $SERVICE .* 2/2 maglev +even " "$work/screen"
yardctl top --json --interval 500ms --socket "$work/yardmaster.sock" >"$work/json"
equal "JSON has all destinations" \
	"$(jq -r '[.services[].members[].destination] | sort | join(" ")' "$work/json")" \
	"10.2.1.2:53 10.2.1.2:80 10.2.2.2:80"
rates() {
	[ "$(yardctl top --json --interval 500ms --socket "$work/yardmaster.sock" |
		jq ".services[] | select(.service == \"tcp $SERVICE\") | .rates.connections > $ALIVE")" = true ]
}
expect "and the rates of the service" slowwait 5 rates

relay "the terminal was tried" python3 "$HERE/lib/terminal.py" "$SERVICE" \
	yardctl top --interval 300ms --socket "$work/yardmaster.sock"
expect "the load ends" load_off
equal "no request has failed" "$(cat "$work"/answers?.errors)" ""
finish
