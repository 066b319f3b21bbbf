# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# nftables DNAT, which tracks connections.  Known flows only: what new ones cost it
# did not repeat from round to round.

modes=known
destination=$vip
tracks=true

setup() {
	modprobe -a nft_chain_nat nft_nat
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
