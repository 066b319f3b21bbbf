# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# The generator alone: dropped as it leaves the first wire.

modes="plain 64k"
sink=g1
expect_source=$sender_mac expect_mac=$router_mac expect_ttl=32

setup() {
	tc filter add dev g1 ingress matchall action drop
}

teardown() {
	tc filter del dev g1 ingress
}
