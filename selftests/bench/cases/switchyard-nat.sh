# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# Switchyard, NAT.

# shellcheck source=/dev/null
. "$here/cases/common/switchyard.sh"
setup() {
	switchyard_up nat "$server"
}
