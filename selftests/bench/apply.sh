#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# apply.sh [--vm] [SERVICES [DESTINATIONS]]: how long `yardctl apply` takes for so many services
# (1000) with so many destinations each (100), on user-mode Linux, where kernel and tool run
# at native speed; --vm: on the stock kernel in the emulated machine, many times as long.

. "$(dirname "$0")/../../scripts/lib.sh"
cd "$TOP"
. selftests/bench/lib.sh

share=build/bench/apply where=uml
if [ "${1:-}" = --vm ]; then
	where=vm
	shift
fi
if [ "$where" = vm ]; then
	fill "$share"
	cp selftests/bench/apply-guest.sh "$share/share/"
	limit=600 in_vm "$share" --memory 2G -- ./apply-guest.sh "${1:-1000}" "${2:-100}"
else
	fill_uml "$share"
	cp selftests/bench/apply-guest.sh "$share/share/"
	limit=300 in_uml "$share" ./apply-guest.sh "${1:-1000}" "${2:-100}"
fi
