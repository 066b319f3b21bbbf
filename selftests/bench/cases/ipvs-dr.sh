# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# IPVS, direct routing: the server has the service's address itself.

# shellcheck source=/dev/null
. "$here/cases/common/ipvs.sh"
expect_to=$vip
setup() {
	ipvs_up
	ipvsadm -a -u "$vip" -r "$server_address" -g
}
