# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# Switchyard, tunnelling: IP in IP to the server.

# shellcheck source=/dev/null
. "$here/cases/common/switchyard.sh"
expect_to=$vip expect_tunnel=$server_address
setup() {
	switchyard_up tunnel "$server_address"
}
