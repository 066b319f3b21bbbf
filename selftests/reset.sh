#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What belongs to no service and no connection: TCP is reset at once, byte for byte as
# it should be, UDP ends silently, resets are never answered.
#
#     client 10.0.1.2 --- A [wire 0] B -- 10.9.9.9 -- veth --- server1 10.2.1.2

. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"

# A connection is refused within a second, where a lost SYN is repeated after one.
refused_quickly() {
	local start code
	start=$(timestamp_ms)
	code=0
	in_client curl -sS --max-time $((10 * SLOW)) "http://$VIP:$1/" || code=$?
	echo "curl's status $code after $(($(timestamp_ms) - start)) ms"
	[ "$code" -eq 7 ] && [ $(($(timestamp_ms) - start)) -lt 3000 ]
}

need curl python3
topology veth
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1 --idle-timeout 2s
expect "a TCP service is made" yardctl service add tcp "$VIP:80" -d 10.2.1.2:80
expect "a TCP service without destinations is made" yardctl service add tcp "$VIP:81"
resets=$(dropped reset-sent)
expect "a port that is no service refuses" refused_quickly 8080
expect "a service without destinations refuses" refused_quickly 81
expect "a server's own refusal comes through" refused_quickly 80
equal "the switch has sent two resets" $(($(dropped reset-sent) - resets)) 2
equal "and says the same for its CPUs" "$(counted resets)" "$(dropped reset-sent)"
relay "all packets made by hand were tried" \
	python3 "$HERE/lib/reset.py" "$client" "$front_peer" "$(cat "/sys/class/net/$front/address")"
finish
