# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# What the cases of IPVS have in common: one destination, no connection tracking, and a
# connection table that may grow to a million entries (its default ends at 4,096).

modes="known new 64k 1m"
destination=$vip
tracks=true

ipvs_up() {
	modprobe ip_vs conn_tab_bits=20
	modprobe ip_vs_rr
	ip addr add "$vip_address" dev lo
	sysctl -qw net.ipv4.vs.conntrack=0
	ipvsadm -A -u "$vip" -s rr
}

# Not by --stats, which lags behind by two seconds.
connections() {
	ipvsadm -L -n | awk '$1 == "->" && $3 != "Forward" { print $5 + $6 }'
}

teardown() {
	ipvsadm -C
	ip addr flush dev lo to "$vip_address"
	modprobe -r ip_vs_rr ip_vs
}
