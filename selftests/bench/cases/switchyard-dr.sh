# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# Switchyard, direct routing: the server has the service's address itself.

# shellcheck source=/dev/null
. "$here/cases/common/switchyard.sh"
expect_to=$vip
setup() {
	switchyard_up direct "$server_address"
}
