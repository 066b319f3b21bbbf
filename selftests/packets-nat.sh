#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Address translation of both families and every protocol, and lives of connections: tables of packets (packets/README.md)
# played on the module's wires.
#
#     client --- A [wire 2] B -- switch -- veth --- server

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/packets.sh"

play nat states
finish
