# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# nftables DNAT, which tracks connections.

modes="known new"
destination=$vip
tracks=true

setup() {
	modprobe -a nft_chain_nat nft_nat
	# The default holds 8,192 here and would throw out the old for the new.
	sysctl -qw net.netfilter.nf_conntrack_buckets=65536 net.netfilter.nf_conntrack_max=262144
	nft -f - <<-RULES
	table ip bench {
		chain pre {
			type nat hook prerouting priority dstnat;
			ip daddr ${vip%:*} udp dport ${vip#*:} dnat to $server
		}
	}
	RULES
}

connections() {
	sysctl -n net.netfilter.nf_conntrack_count
}

teardown() {
	nft delete table ip bench
	modprobe -r nft_nat nft_chain_nat nf_nat nf_conntrack_netlink nf_conntrack || true
}
