#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A switch belongs to one network name space: what one has, others do not see; what ends
# with its name space is handed back.  Changes take CAP_NET_ADMIN in the initial user
# name space; looking takes nothing.
#
#     one: yard0             two                 user name space: refused
#       $B [wire 0]            client: $A
#       near0 --[veth]-- far0 in "two"

# shellcheck disable=SC2016,SC2154 # setup_ns sets what eval and others expand

. "$(dirname "$0")/lib.sh"
# shellcheck source=lib/stage.sh
. "$HERE/lib/stage.sh"

service_count() {
	yardctl --netns "$1" --json service list | jq length
}

need jq ethtool setpriv unshare
wire 0
expect "the module loads" load
setup_ns one two client

equal "a name space has no yard0" "$(ip -n "$one" -br link show dev yard0 2>/dev/null)" ""
equal "and no services" "$(service_count "$one")" 0
equal "looking makes none" "$(yardctl --netns "$one" --json show | jq .yard_ifindex)" null
equal "looking makes no yard0" "$(ip -n "$one" -br link show dev yard0 2>/dev/null)" ""
expect "a service is added" yardctl --netns "$one" service add tcp 10.9.0.1:80 -d 10.9.1.1:80
expect "there is a yard0 now" ip -n "$one" link show dev yard0
equal "the name space has a service" "$(service_count "$one")" 1
equal "another has none" "$(service_count "$two")" 0
equal "nor has the initial one" "$(yardctl --json service list | jq length)" 0
expect "another may have the same service" yardctl --netns "$two" service add tcp 10.9.0.1:80
expect "and lose it" yardctl --netns "$two" service del tcp 10.9.0.1:80
equal "the first keeps it" "$(service_count "$one")" 1
refused "a device is claimed in its own name space only" "no such device" \
	yardctl --netns "$two" claim "$B" --cpus 1

# Rights: nobody is let in who has not CAP_NET_ADMIN where it counts.
# as WHO...: its status, and what it said, in $status and $said
attempt() {
	status=0
	said=$("$@" 2>&1) || status=$?
}
plain=(setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all)
for change in "service add tcp 10.9.0.2:80" "service del tcp 10.9.0.1:80" "flush" "claim $B --cpus 1" \
	"release $B" "service set tcp 10.9.0.1:80 --timeout 5" \
	"destination add tcp 10.9.0.1:80 10.9.1.2:80" "destination del tcp 10.9.0.1:80 10.9.1.1:80"; do
	# shellcheck disable=SC2086 # words
	attempt ip netns exec "$one" "${plain[@]}" "$HERE/bin/yardctl" $change
	equal "without privilege no \"${change%% [0-9t]*}\"" "$status" 4
done
attempt ip netns exec "$one" "${plain[@]}" "$HERE/bin/yardctl" --json service list
equal "without privilege one may look" "$status $(jq length <<<"$said")" "0 1"
attempt setpriv --inh-caps=-net_admin --bounding-set=-net_admin "$HERE/bin/yardctl" flush
equal "nor root without CAP_NET_ADMIN" "$status" 4
attempt unshare --user --map-root-user --net "$HERE/bin/yardctl" service add tcp 10.9.0.3:80
equal "nor the root of a user name space" "$status" 4
attempt unshare --user --map-root-user --net "$HERE/bin/yardctl" --json service list
equal "who may look at nothing" "$status $said" "0 []"
equal "nothing has changed" "$(yardctl --netns "$one" --json service list | jq -c 'map([.address, .timeout, .destinations])')" \
	'[["10.9.0.1",0,1]]'
equal "nothing is claimed" "$(claims)" 0

# The end of a name space with claims and traffic.
expect "cards move" eval 'place "$A" "$client" && ip link set "$B" netns "$one"'
ip -n "$client" addr add 10.31.1.2/24 dev "$A"
ip -n "$client" link set "$A" up
ip -n "$one" addr add "$SWITCH/24" dev "$B"
ip -n "$one" link set "$B" up
ip -n "$one" link add near0 type veth peer name far0 netns "$two"
ip netns exec "$one" ethtool -K near0 gro on
ip -n "$one" link set near0 up
ip -n "$two" link set far0 up
pings() {
	ip netns exec "$client" ping -c 1 -W 1 -q "$SWITCH"
}
expect "the card works in the name space" wait_for 10000 pings
expect "it is claimed there" yardctl --netns "$one" claim "$B" --cpus 1,2 --policy busy
expect "and a veth" yardctl --netns "$one" claim near0 --cpus 3 --policy adaptive
expect "it works" wait_for 5000 pings
equal "other name spaces do not see the claims" "$(claims) $(yardctl --netns "$two" --json claims | jq length)" "0 0"
equal "three engines run" "$(engines | wc -l)" 3
# The root of the initial name space cannot release what is elsewhere.
refuse "nor release them" yardctl release "$B"
background ip netns exec "$client" ping -i 0.002 -q "$SWITCH"
expect "the name space ends" ip netns del "$one"
expect "the card is back in the initial one" wait_for 10000 test -e "/sys/class/net/$B"
expect "no engine is left" wait_for 5000 eval '[ -z "$(engines)" ]'
expect "no collector but that of the initial name space and of the other" \
	wait_for 5000 eval '[ "$(threads | grep -c "^switchyard/gc")" = 2 ]'
ip addr add "$SWITCH/24" dev "$B"
ip link set "$B" up
defer unplug
expect "the card works" wait_for 10000 pings
expect "it can be claimed here" yardctl claim "$B" --cpus 1
expect "it works" wait_for 5000 pings
expect "and released" yardctl release "$B"

# A name space that ends by itself, as its last process does.
expect "a short-lived name space has a switch" \
	unshare --net "$HERE/bin/yardctl" service add udp 10.9.0.1:53
expect "which ends with it" wait_for 5000 eval '[ "$(threads | grep -c "^switchyard/gc")" = 2 ]'
expect "the module unloads with a switch in another name space" unload
equal "whose yard0 is gone" "$(ip -n "$two" -br link show dev yard0 2>/dev/null)" ""
finish
