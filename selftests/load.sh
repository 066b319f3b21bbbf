#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Loads the module into the stock kernel and unloads it again.
#
#     switchyard.ko --insmod--> kernel --rmmod--> nothing left

. "$(dirname "$0")/lib.sh"

genl_family() {
	genl ctrl list 2>/dev/null | grep -qi "^Name: $1\$"
}

need insmod rmmod genl
expect "the module is not there beforehand" eval '! loaded'
expect "the module loads" load
expect "lsmod shows it" eval 'lsmod | grep -q "^switchyard "'
expect "its netlink family is registered" genl_family switchyard
refuse "it does not load twice" insmod "$MODULE"
expect "the module unloads" unload
expect "lsmod shows it no more" eval '! lsmod | grep -q "^switchyard "'
expect "its netlink family is gone" eval '! genl_family switchyard'
expect "it loads again" load
finish
