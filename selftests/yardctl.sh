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
sees() {
	[ "$(jq -s "[.[] | select($1)] | length" "$events" 2>/dev/null)" -ge "$2" ]
}
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

# All that services can be.
ends "a wide service is added" 0 "" service add udp '[2001:db8::/64]:8000-8999' -s p2c --one-packet \
	--affinity 5m --affinity-prefix6 64 --fallback local
gives "with all of it" '.[] | [.address, .prefix_length, .port, .last_port, .scheduler, .one_packet,
	.affinity, .affinity_prefix6, .fallback]' \
	'["2001:db8::",64,8000,8999,"p2c",true,300,64,"local"]' service list udp '[2001:db8::/64]:8000-8999'
ends "it is shown in words" 0 "one-packet, fallback local, affinity 300s of /64" service list
ends "a flag is cleared" 0 "" service set udp '[2001:db8::]/64:8000-8999' --one-packet=off
gives "indeed" '.[] | select(.last_port) | .one_packet' false service list
ends "another of these ports is refused" 1 "some of these ports" \
	service add udp '[2001:db8::/64]:8999-9000'
ends "every port of the prefix is another service" 0 "" service add udp '[2001:db8::/64]:*'
ends "and is listed as such" 0 "udp [2001:db8::/64]:*" service list
for scheduler in maglev rr wrr lc wlc sed p2c sh; do
	ends "scheduler $scheduler" 0 "" service set tcp 10.0.0.1:80 -s "$scheduler"
done
ends "a service of SCTP" 0 "" service add sctp 10.0.0.1:9 -d 10.1.0.1 -d local
gives "this machine is its other destination" 'map([.address, .port, .forwarding])' \
	'[["10.1.0.1",9,"nat"],["10.0.0.1",9,"local"]]' dest list sctp 10.0.0.1:9
ends "and is called so" 0 "local" dest list sctp 10.0.0.1:9

# All that destinations can be.
key=(tcp 10.0.0.1:80)
ends "a tunnel is added" 0 "" dest add "${key[@]}" '[2001:db8:1::2]:80' --forwarding tunnel \
	--encapsulation gue --encapsulation-port 6081 --upper-limit 10 --lower-limit 5
gives "with all of it" '.[] | [.forwarding, .encapsulation, .encapsulation_port, .upper_limit,
	.lower_limit, .overloaded, .state]' '["tunnel","gue",6081,10,5,false,"active"]' dest list "${key[@]}"
ends "it is shown in words" 0 "tunnel gue:6081" dest list "${key[@]}"
ends "options go with a new service, too" 0 "" \
	service add tcp 10.0.0.7:80 -d 10.1.0.1,forwarding=direct,weight=4,state=down
gives "all of them" '.[] | [.forwarding, .weight, .state]' '["direct",4,"down"]' dest list tcp 10.0.0.7:80
tunnel=("${key[@]}" '[2001:db8:1::2]:80')
ends "a destination is drained" 0 "" dest drain "${tunnel[@]}" --deadline 1h
gives "with its deadline" '.[] | [.state, .drain_deadline, .drain_remaining > 3500]' \
	'["draining",3600,true]' dest list "${key[@]}"
ends "which is shown" 0 "draining 3" dest list "${key[@]}"
# It is looked for now and then, and has to be there until then.
expect "a monitor sees that it has drained" \
	wait_for 10000 sees '.event == "drained" and .destination.address == "2001:db8:1::2"' 1
ends "it is up again" 0 "" dest undrain "${tunnel[@]}"
gives "without a deadline" '.[] | [.state, .drain_remaining]' '["active",null]' dest list "${key[@]}"
ends "it is down" 0 "" dest down "${tunnel[@]}"
gives "indeed" '.[].state' '"down"' dest list "${key[@]}"
ends "limits that contradict each other are refused" 1 "above the upper one" \
	dest set "${tunnel[@]}" --lower-limit 11
ends "families are not mixed but in tunnels" 1 "only a tunnel" dest set "${tunnel[@]}" --forwarding nat
ends "all of this is gone in the end" 0 "" batch - < <(echo flush; echo service add tcp 10.0.0.1:80)

# The switch.
ends "limits and timeouts are set" 0 "" set --connection-limit 2000000 --half-open-limit 0 \
	--timeout established=10m --timeout udp=1500ms --fragment-memory 1M --fragment-timeout 2s
gives "all of them" '[.connection_limit, .half_open_limit, .fragment_memory_limit, .fragment_timeout,
	(.timeouts[] | select(.state == "established" or .state == "udp") | .milliseconds)]' \
	'[2000000,0,1048576,2000,600000,1500]' show
ends "they are shown in words" 0 "established 10m" show
ends "what cannot be is refused" 1 "" set --connection-limit 0
gives "and changes nothing" .connection_limit 2000000 show
ends "they are set back" 0 "" set --connection-limit 1048576 --half-open-limit 262144 \
	--timeout established=15m --timeout udp=5m --fragment-memory 4M --fragment-timeout 10s

# Explanations.
ends "a destination for it" 0 "" dest add tcp 10.0.0.1:80 10.1.0.2:8080
gives "a packet is explained" '[.service.port, .destination.address, .destination.port, .forwarding]' \
	'[80,"10.1.0.2",8080,"nat"]' explain tcp 198.51.100.7:1234 10.0.0.1:80
ends "in words" 0 "10.1.0.2:8080" explain tcp 198.51.100.7:1234 10.0.0.1:80
gives "what belongs to nothing is reset" .verdict '"reset"' explain tcp 198.51.100.7:1234 10.0.0.1:80 --ack
gives "what is no service's is passed" .verdict '"pass"' explain udp 198.51.100.7:1234 10.0.0.9:53
gives "a packet in digits, too" .verdict '"pass"' explain --hex \
	"4500001c00000000401166c10a0000090a00000804d2003500080000"
ends "nobody is opened a connection for" 0 "" dest del tcp 10.0.0.1:80 10.1.0.2:8080
gives "indeed" length 0 connections
ends "without a destination it is refused" 0 "reset" explain tcp 198.51.100.7:1234 10.0.0.1:80
ends "a device that is not there" 1 "no device" explain tcp 198.51.100.7:1 10.0.0.1:80 --dev absent0

# Refusals have the module's words.
ends "what is there already is refused" 1 "already" service add tcp 10.0.0.1:80
ends "what is not there is refused" 1 "no such service" service del tcp 10.0.0.1:81
ends "a destination of no service is refused" 1 "no such service" dest add tcp 10.0.0.9:80 10.1.0.1
ends "a service with a bad destination is not half made" 1 "" \
	service add tcp 10.0.0.2:80 -d 10.1.0.1:80 -d 10.1.0.1:80
gives "indeed" 'map(.address)' '["10.0.0.1"]' service list
ends "nobody's address is refused" 1 "no host" service add tcp '[::]:80'
ends "bits beyond a prefix make no sense" 2 "10.0.0.0/24" service add tcp 10.0.0.1/24:80
ends "nor do other words" 2 "" frobnicate
ends "nor a batch of them" 2 "line 2" batch <(printf 'flush\nservice add\n')
ends "a weight too large is refused" 1 "weight" dest add tcp 10.0.0.1:80 10.1.0.1 --weight 65536
status=0
yardctl --netns absent-ns show &>/dev/null || status=$?
equal "an absent name space is an error" "$status" 1
ends "an absent file is, too" 1 "" batch /nonexistent/file
status=0
setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$HERE/bin/yardctl" flush &>/dev/null || status=$?
equal "without CAP_NET_ADMIN the status is 4" "$status" 4

# Batches.
batch=$(mktemp)
defer rm -f "$batch"
printf '%s\n' "flush # first" "" "service add tcp 10.0.0.3:80" \
	"destination add tcp 10.0.0.3:80 10.1.0.3 --weight 2" \
	"destination add tcp 10.0.0.4:80 10.1.0.3" >"$batch"
ends "a batch names the line that is refused" 1 "line 5: there is no such service" batch "$batch"
gives "and nothing of it is done" 'map(.address)' '["10.0.0.1"]' service list
sed -i '$d' "$batch"
ends "a good one is done" 0 "" batch "$batch"
gives "all of it" 'map([.service.address, .address, .weight])' '[["10.0.0.3","10.1.0.3",2]]' dest list
ends "from standard input, too" 0 "" batch - < <(echo flush)
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
gives "nor with filters" length 0 connections --service tcp 10.0.0.1:80 --client 198.51.100.0/24 \
	--destination 10.1.0.1:80 --state established --protocol tcp --forwarding nat
gives "none can be ended" .ended 0 disconnect --client 198.51.100.7
gives "even if all are meant" .ended 0 disconnect --all
ends "but that has to be said" 2 "--all" disconnect
gives "no packet was dropped" '.drops | map(.packets) | add' 0 stats
for words in show "service list" "dest list" claims connections stats "stats --cpu" \
	"stats --rates --cpu"; do
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
expect "the monitor saw services come" wait_for 3000 sees '.event == "service" and (.removed | not)' 3
expect "and go" wait_for 3000 sees '.event == "service" and .removed' 3
expect "destinations come and change" \
	wait_for 3000 sees '.event == "destination" and (.removed | not) and .destination.weight == 7' 1
expect "and go" wait_for 3000 sees '.event == "destination" and .removed' 3
expect "values being set" wait_for 3000 sees '.event == "switch"' 2
expect "claims come" wait_for 3000 sees '.event == "claim" and (.removed | not)' 2
expect "and go, with the device, too" \
	wait_for 3000 sees '.event == "claim" and .removed and .claim.ifname == "claim0"' 2
ends "a monitor that waits in vain says so" 1 "0 of 1" monitor --count 1 --timeout 100ms
finish
