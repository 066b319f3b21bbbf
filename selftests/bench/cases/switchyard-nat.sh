# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# Switchyard, NAT, Maglev over one destination; on one CPU without polling.

modes="known new"
destination=$vip
tracks=true

setup() {
	insmod "$here/switchyard.ko"
	"$here/yardctl" claim g1 --policy interrupt
	"$here/yardctl" service add udp "$vip" -d "$server"
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
