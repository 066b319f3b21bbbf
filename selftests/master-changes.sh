#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two hundred changes of weights a second, under load: no request fails, and no datagram
# of a flow is lost.
#
#     client --- A [wire 0] B -- 10.9.9.9 +--- veth --- server1
#                          switch          \-- veth --- server2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/requests.sh"

SERVICE=$VIP:80

need nginx curl jq python3
work_dir
topology veth veth
for n in 1 2; do
	expect "server $n listens" web "$n"
	expect "and echoes" echo_server "$n" 7
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 1ms
expect "a service is made" yardctl service add tcp "$SERVICE" -s wrr -d 10.2.1.2:80 -d 10.2.2.2:80
expect "and one of datagrams" yardctl service add udp "$VIP:7" -s wrr -d 10.2.1.2:7 -d 10.2.2.2:7
# How fast this machine is at this moment: an emulated one shares its host, and makes 600
# changes a second when it is left to itself.  Where each waited for a grace period, it made 12.
read -r count alone < <(python3 "$HERE/lib/changes.py" "$VIP" 1000 1 10.2.1.2 10.2.2.2)
between "a thousand changes without load, in milliseconds" "$alone" 0 $((20000 * SLOW))
# A machine that makes them three times as fast without load has the time for two hundred a
# second under load; of another one less is asked.
limit=5000
[ "$alone" -le 1700 ] || limit=$((alone * 6 > 7500 ? alone * 6 : 7500))
load_on
expect "requests are answered" answers_more 10
before=$(yardctl --json show | jq .generation) from=$(answers)
ask 7 20000 500 >"$work/datagrams" 2>&1 &
asking=$!
python3 "$HERE/lib/changes.py" "$VIP" 250 4 10.2.1.2 10.2.2.2 >"$work/changes" 2>&1
status=$?
sed 's/^/# /' "$work/changes"
equal "the changes are made" "$status" 0
read -r count took <"$work/changes"
equal "a thousand of them" "$count" 1000
echo "# $((count * 1000 / took)) changes a second under load, $((1000 * 1000 / alone)) without"
between "in so many milliseconds under load" "$took" 3900 $((limit * SLOW))
equal "each was swapped in" "$(yardctl --json show | jq .generation)" $((before + 1000))
wait "$asking"
equal "the datagrams end" "$?" 0
equal "all have been answered" "$(grep -c ' server[12] ' "$work/datagrams")" 500
# Who gets no answer asks again: nobody had to.
equal "by as many packets as there were questions" "$(of_service udp "$VIP:7" .stats.packets_in)" 500
equal "and answers" "$(of_service udp "$VIP:7" .stats.packets_out)" 500
expect "requests were answered meanwhile" slowwait 20 at_least $((from + 20)) answers
expect "the load ends" load_off
equal "no request has failed" "$(cat "$work"/answers?.errors)" ""
equal "nothing was dropped for want of a destination" "$(dropped no-destination)" 0
equal "or of a connection" "$(dropped no-connection)" 0
finish
