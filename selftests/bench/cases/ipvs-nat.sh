# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# IPVS, masquerading, round robin over one destination, without connection tracking.

modes="known new"
destination=$vip
tracks=true

setup() {
	modprobe -a ip_vs ip_vs_rr
	ip addr add "${vip%:*}/32" dev lo
	sysctl -qw net.ipv4.vs.conntrack=0
	ipvsadm -A -u "$vip" -s rr
	ipvsadm -a -u "$vip" -r "$server" -m
}

connections() {
	# Not by --stats, which lags behind by two seconds.
	ipvsadm -L -n | awk '$1 == "->" && $3 == "Masq" { print $5 + $6 }'
}

teardown() {
	ipvsadm -C
	ip addr del "${vip%:*}/32" dev lo
	modprobe -r ip_vs_rr ip_vs
}
