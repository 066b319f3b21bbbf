#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# ICMP, refusals, and packets that lie: tables of packets (packets/README.md)
# played on the module's wires.
#
#     client --- A [wire 2] B -- switch -- veth --- server

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/packets.sh"

play icmp refuse malformed
finish
