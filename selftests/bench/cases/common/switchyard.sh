# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the cases of Switchyard have in common: Maglev over one destination; one CPU, so no
# polling.

modes="known new 64k 1m"
destination=$vip
tracks=true

# switchyard_up METHOD DESTINATION
switchyard_up() {
	insmod "$here/switchyard.ko"
	"$here/yardctl" claim g1 --policy interrupt
	if ! "$here/yardctl" service add udp "$vip" 2>/tmp/refusal ||
		! "$here/yardctl" destination add udp "$vip" "$2" --forwarding "$1" 2>/tmp/refusal; then
		skip="yardctl: $(grep -v '^$' /tmp/refusal | head -n 1)"
	fi
}

connections() {
	"$here/yardctl" show --json | jq .connections
}

trouble() {
	"$here/yardctl" stats
}

teardown() {
	rmmod switchyard
}
