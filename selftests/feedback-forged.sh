#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A report that is not from whom it says changes nothing: not with keys of another
# authority, not with another agent's.
#
#     client --- A [wire 0] B -- 10.9.9.9:80 +--- veth --- server1, a liar
#                          switch, yardmaster \-- veth --- server2, yard-agent

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/master.sh"

SERVICE=$VIP:80

need curl jq socat
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"
work_dir
topology veth veth
expect "keys are made" keys server1 server2
expect "and others by somebody else" yardmaster keys "$work/others" yardmaster server1
expect "the module loads" load
expect "a service is made" yardctl service add tcp "$SERVICE" -d 10.2.1.2:80 -d 10.2.2.2:80
configure even 2 'smoothing = "500ms"' 'slow-start = "0s"'

# tell N UTILISATION: what the application of server N has its agent report.
tell() {
	echo "80 utilisation=$2" | socat - "UNIX-SENDTO:$work/socket$1"
}

# ignored REASON: reports ignored for it.
ignored() {
	curl -s http://127.0.0.1:9750/metrics |
		awk -v r="yardmaster_reports_ignored_total{reason=\"$1\"}" '$1 == r { printf "%d\n", $2 }'
}

agent 2
agent 1 "$work/others"
expect "yardmaster runs" master
expect "the liar can be told what to report" wait_for 5000 tell 1 0.01
expect "as can the other" wait_for 5000 tell 2 0.9
expect "forged reports are counted" slowwait 10 at_least 3 ignored forged
expect "the honest one's are accepted" slowwait 5 is reporting decided 2 .state
equal "nothing is known of the other's load" "$(decided 1 .reported)" null
equal "the weights are what they were" "$(weights)" "1 1"

# Keys of the right authority, but another agent's.
quit "${agent[1]}"
cp "$work/keys/server2.pem" "$work/others/server1.pem"
cp "$work/keys/server2.key" "$work/others/server1.key"
cp "$work/keys/ca.pem" "$work/others/ca.pem"
before=$(ignored forged)
agent 1 "$work/others"
expect "it is told again" wait_for 5000 tell 1 0.01
expect "these are forged as well" slowwait 10 at_least $((before + 3)) ignored forged
equal "nothing is known of its load" "$(decided 1 .reported)" null
equal "and the weights are still the same" "$(weights)" "1 1"
expect "the log says so" grep -qi forged "$work/yardmaster.log"

# Its own keys are believed.
quit "${agent[1]}"
agent 1
expect "it is told once more" wait_for 5000 tell 1 0.01
expect "the weights follow" slowwait 10 at_least 600 share 1
finish
