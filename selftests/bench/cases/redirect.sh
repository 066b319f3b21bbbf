# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# The floor: tc's mirred sends each packet on, with no look at it.

modes="plain 64k"
expect_source=$sender_mac expect_mac=$router_mac expect_ttl=32

setup() {
	tc filter add dev g1 ingress matchall action mirred egress redirect dev o0
}

teardown() {
	tc filter del dev g1 ingress
}
