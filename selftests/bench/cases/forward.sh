# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# Plain IP forwarding: routed, not translated.

modes=plain
