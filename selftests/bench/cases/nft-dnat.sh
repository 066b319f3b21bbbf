# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# nftables DNAT, which tracks connections; the tables are made large enough.

modes="known new 64k 1m"
destination=$vip
tracks=true

setup() {
	modprobe nf_conntrack hashsize=1048576
	modprobe -a nft_chain_nat nft_nat
	# As long as IPVS remembers: a million flows are not made in 30 s everywhere.
	sysctl -qw net.netfilter.nf_conntrack_max=4194304 \
		net.netfilter.nf_conntrack_udp_timeout=300
	nft_rules
}

nft_rules() {
	local ip=ip
	[ "$family" = 4 ] || ip=ip6
	nft -f - <<-RULES
	table $ip bench {
		chain pre {
			type nat hook prerouting priority dstnat;
			$ip daddr $vip_address udp dport 9000 dnat to $server
		}
	}
	RULES
}

connections() {
	sysctl -n net.netfilter.nf_conntrack_count
}

teardown() {
	nft flush ruleset
	modprobe -r nft_nat nft_chain_nat nf_nat nf_conntrack_netlink nf_conntrack || true
}
