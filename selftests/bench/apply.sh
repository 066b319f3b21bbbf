#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# apply.sh [--instructions] [SERVICES [DESTINATIONS]]: how long `yardctl apply` takes for so many
# services (1000) with so many destinations each (100), on user-mode Linux.  --instructions:
# where the clock counts them, a millisecond being a million instructions.

. "$(dirname "$0")/../../scripts/lib.sh"
cd "$TOP"
. selftests/bench/lib.sh

share=build/bench/apply
if [ "${1:-}" = --instructions ]; then
	shift
	fill "$share"
	cp selftests/bench/apply-guest.sh "$share/share/"
	counting "$share" ./apply-guest.sh "${1:-1000}" "${2:-100}" 1
else
	fill_uml "$share"
	cp selftests/bench/apply-guest.sh "$share/share/"
	in_uml "$share" ./apply-guest.sh "${1:-1000}" "${2:-100}" 5
fi
