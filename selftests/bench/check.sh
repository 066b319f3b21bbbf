#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [--record]: counts the instructions of our own cases and compares them with the
# recorded ones, recorded.json; --record writes those anew.  The last line is
# "N passed, N failed".

. "$(dirname "$0")/../../scripts/lib.sh"
cd "$TOP"
. selftests/bench/lib.sh

share=build/bench/check
fill "$share"
cases=(redirect redirect6)
for family in '' 6; do
	for method in nat dr tun; do
		for flows in known new 64k; do
			cases+=("switchyard-$method$family-$flows")
		done
	done
done
(limit=600 counting "$share" ./guest.sh --rounds 1 --repeat 3 "${cases[@]}") 2>"$share/log" || {
	tail -n 20 "$share/log" >&2
	die "the measurement failed"
}
"$enter" -- python3 selftests/bench/check.py "$share/output" selftests/bench/recorded.json "$@"
