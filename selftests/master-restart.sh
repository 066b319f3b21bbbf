#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# yardmaster is killed and started again under load: the kernel goes on with the weights
# it has, the new one begins with these, and no request fails.  It is not deaf to what
# others do meanwhile.
#
#     client --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1
#                          switch, yardmaster \-- veth --- server2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/requests.sh"
. "$HERE/lib/master.sh"

SERVICE=$VIP:80

need nginx curl jq
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"
work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" web "$n"
done
expect "keys are made" keys server1 server2
expect "the module loads" load
expect "all devices are claimed" claim_all --policy interrupt
expect "a service is made" yardctl service add tcp "$SERVICE" \
	-d 10.2.1.2:80,weight=700 -d 10.2.2.2:80,weight=1300
# Nobody reports; that is no reason to do anything for a minute.
configure even 2 'silent-after = "60s"'
load_on
expect "requests are answered" answers_more 10
generation=$(yardctl --json show | jq .generation)
for round in 1 2 3; do
	expect "yardmaster runs ($round)" master
	kill -KILL "$master"
	wait "$master"
	expect "requests are answered without it" answers_more 10
	equal "the weights are what they were" "$(weights)" "700 1300"
done
equal "no configuration was swapped in" "$(yardctl --json show | jq .generation)" "$generation"

# What others set is set right, what others take away is no trouble.
expect "yardmaster runs" master
expect "somebody sets a weight" yardctl destination set tcp "$SERVICE" 10.2.1.2:80 --weight 9
expect "it is set back" slowwait 5 is "700 1300" weights
expect "somebody takes a server away" yardctl destination del tcp "$SERVICE" 10.2.2.2:80
absent() {
	[ "$(decided 2 .written)" = null ]
}
expect "which is seen" slowwait 5 absent
expect "and brings it back" yardctl destination add tcp "$SERVICE" 10.2.2.2:80 --weight 1
expect "it gets its weight" slowwait 5 is "700 1300" weights
expect "the load ends" load_off
equal "no request has failed" "$(cat "$work"/answers?.errors)" ""
equal "all that yardmaster says is well" "$(grep -cE 'ERROR|panicked' "$work/yardmaster.log")" 0
resident=$(awk '/^VmRSS:/ { print $2 }' "/proc/$master/status")
between "its resident memory, KiB" "$resident" 1000 51200
echo "# $resident KiB"
expect "it ends when it is told to" kill -TERM "$master"
wait "$master"
equal "with status 0" "$?" 0
equal "and leaves the weights" "$(weights)" "700 1300"
finish
