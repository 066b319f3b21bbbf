# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# IPVS, masquerading, round robin over one destination.

# shellcheck source=/dev/null
. "$here/cases/common/ipvs.sh"
setup() {
	ipvs_up
	ipvsadm -a -u "$vip" -r "$server" -m
}
