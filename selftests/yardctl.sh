#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The operator's tool against the module: every command, its JSON, its exit status, what
# it says when the module refuses, and what a monitor sees of it all.
#
#     yardctl --netlink--> switch of name space "yard": yard0, claim0 --[veth]-- claim1

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"

need jq ethtool setpriv

# y WORDS...: yardctl in our name space; its status is in $status, its output in $out.
y() {
	status=0
	out=$(yardctl --netns "$yard" "$@" 2>&1) || status=$?
}

# gives TEXT FILTER WANTED WORDS...: the JSON, seen through a jq filter.
gives() {
	local text=$1 filter=$2 wanted=$3
	shift 3
	equal "$text" "$(yardctl --netns "$yard" --json "$@" | jq -c "$filter")" "$wanted"
}

# ends TEXT STATUS SAID WORDS...: exit status, and words that it says.
ends() {
	local text=$1 wanted=$2 said=$3
	shift 3
	y "$@"
	if [ "$status" = "$wanted" ] && [[ $out == *"$said"* ]]; then
		ktap_test_pass "$text"
	else
		ktap_test_fail "$text"
		echo "#   status $status, wanted $wanted and \"$said\"; said: $out"
	fi
}

setup_ns yard
ends "without the module the status is 3" 3 "" show
ends "for changes, too" 3 "" service add tcp 10.0.0.1:80
expect "the module loads" load
ip -n "$yard" link add claim0 type veth peer name claim1
ip netns exec "$yard" ethtool -K claim0 gro on
ip -n "$yard" link set claim0 up
ip -n "$yard" link set claim1 up

events=$(mktemp)
defer rm -f "$events" "$events.err"
yardctl --netns "$yard" --json monitor >"$events" 2>"$events.err" &
monitor=$!
defer kill "$monitor"
expect "a monitor listens" wait_for 3000 grep -q listening "$events.err"

# Services and destinations.
ends "a service is added" 0 "" service add tcp 10.0.0.1:80 -s rr --timeout 15m -d 10.1.0.1:8080,weight=3
ends "and another, in the other spelling" 0 "" service add udp://10.0.0.1:53
gives "both are listed" 'map([.protocol, .address, .port, .scheduler, .timeout, .destinations])' \
	'[["tcp","10.0.0.1",80,"rr",900,1],["udp","10.0.0.1",53,"maglev",0,0]]' service list
gives "one is shown" 'map(.port)' '[53]' service list udp 10.0.0.1:53
ends "its settings are changed" 0 "" service set udp 10.0.0.1:53 --scheduler rr
gives "and no others" '.[0] | [.scheduler, .timeout]' '["rr",0]' service list udp 10.0.0.1:53
ends "a destination is added" 0 "" destination add tcp 10.0.0.1:80 10.1.0.2
ends "and changed" 0 "" dest set tcp 10.0.0.1:80 10.1.0.2 --weight 7 --forwarding nat
gives "both are listed" 'map([.address, .port, .weight, .forwarding, .active_connections])' \
	'[["10.1.0.1",8080,3,"nat",0],["10.1.0.2",80,7,"nat",0]]' destination list tcp 10.0.0.1:80
ends "one is removed" 0 "" dest del tcp 10.0.0.1:80 10.1.0.1:8080
ends "the rest, too" 0 "" dest flush tcp 10.0.0.1:80
gives "none is left" length 0 dest list
ends "a service is removed" 0 "" service del udp 10.0.0.1:53
gives "the switch tells of it" '[.services, .destinations, .connections]' '[1,0,0]' show

# Refusals have the module's words.
ends "what is there already is refused" 1 "already" service add tcp 10.0.0.1:80
ends "what is not there is refused" 1 "no such service" service del tcp 10.0.0.1:81
ends "a destination of no service is refused" 1 "no such service" dest add tcp 10.0.0.9:80 10.1.0.1
ends "a service with a bad destination is not half made" 1 "" \
	service add tcp 10.0.0.2:80 -d 10.1.0.1:80 -d 10.1.0.1:80
gives "indeed" 'map(.address)' '["10.0.0.1"]' service list
ends "IPv6 makes no sense" 2 "IPv6" service add tcp '[::1]:80'
ends "nor do other words" 2 "" frobnicate
ends "nor a batch of them" 2 "line 2" apply <(printf 'flush\nservice add\n')
ends "a weight too large is refused" 1 "weight" dest add tcp 10.0.0.1:80 10.1.0.1 --weight 65536
status=0
yardctl --netns absent-ns show &>/dev/null || status=$?
equal "an absent name space is an error" "$status" 1
ends "an absent file is, too" 1 "" apply /nonexistent/file
status=0
setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$HERE/bin/yardctl" flush &>/dev/null || status=$?
equal "without CAP_NET_ADMIN the status is 4" "$status" 4

# Batches.
batch=$(mktemp)
defer rm -f "$batch"
printf '%s\n' "flush # first" "" "service add tcp 10.0.0.3:80" \
	"destination add tcp 10.0.0.3:80 10.1.0.3 --weight 2" \
	"destination add tcp 10.0.0.4:80 10.1.0.3" >"$batch"
ends "a batch names the line that is refused" 1 "line 5: there is no such service" apply "$batch"
gives "and nothing of it is done" 'map(.address)' '["10.0.0.1"]' service list
sed -i '$d' "$batch"
ends "a good one is done" 0 "" apply "$batch"
gives "all of it" 'map([.service.address, .address, .weight])' '[["10.0.0.3","10.1.0.3",2]]' dest list
ends "from standard input, too" 0 "" apply - < <(echo flush)
gives "an empty switch" length 0 service list

# Claims.
ends "a device is claimed" 0 "" claim claim0 --cpus 2 --queues 0 --idle-timeout 5ms
gives "and listed" 'map([.ifname, .queue, .cpu, .policy, .idle_timeout])' \
	'[["claim0",0,2,"adaptive",5000]]' claims
gives "its CPU switches" '.cpus | map(select(.switching) | [.cpu, .queues])' '[[2,1]]' stats
ends "it is not claimed twice" 1 "claimed already" claim claim0 --cpus 2
ends "it is released" 0 "" release claim0
ends "but once" 1 "not claimed" release claim0
gives "no connection is there" length 0 connections
gives "no packet was dropped" '.drops | map(.packets) | add' 0 stats
for words in show "service list" "dest list" claims connections stats "stats --cpu"; do
	# shellcheck disable=SC2086 # words
	ends "\"$words\" prints a table" 0 "" $words
done
for shell in bash zsh fish; do
	ends "completions for $shell" 0 "yardctl" completions "$shell"
done
expect "bash takes them" bash -n <(yardctl completions bash)
ends "the manual page" 0 ".TH yardctl" man

# What the monitor saw.
ends "a device is claimed again" 0 "" claim claim0 --cpus 2
expect "and deleted" ip -n "$yard" link del claim0
sees() {
	[ "$(jq -s "[.[] | select($1)] | length" "$events" 2>/dev/null)" -ge "$2" ]
}
expect "the monitor saw services come" wait_for 3000 sees '.event == "service" and (.removed | not)' 3
expect "and go" wait_for 3000 sees '.event == "service" and .removed' 3
expect "destinations come and change" \
	wait_for 3000 sees '.event == "destination" and (.removed | not) and .destination.weight == 7' 1
expect "and go" wait_for 3000 sees '.event == "destination" and .removed' 3
expect "claims come" wait_for 3000 sees '.event == "claim" and (.removed | not)' 2
expect "and go, with the device, too" \
	wait_for 3000 sees '.event == "claim" and .removed and .claim.ifname == "claim0"' 2
ends "a monitor that waits in vain says so" 1 "0 of 1" monitor --count 1 --timeout 100ms
finish
