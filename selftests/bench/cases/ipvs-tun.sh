# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# IPVS, tunnelling: IP in IP to the server.

# shellcheck source=/dev/null
. "$here/cases/common/ipvs.sh"
expect_to=$vip expect_tunnel=$server_address
setup() {
	ipvs_up
	ipvsadm -a -u "$vip" -r "$server_address" -i
}
