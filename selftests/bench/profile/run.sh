#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh CASE: instructions by function for one packet of a case, such as
# switchyard-nat-known; exact, see counter.c.

. "$(dirname "$0")/../../../scripts/lib.sh"
cd "$TOP"
. selftests/bench/lib.sh

case=${1:-${CASE:-}}
[ -n "$case" ] || die "which case? make profile CASE=switchyard-nat-known"
share=build/profile
fill "$share"
counter "$share"
counting "$share" ./guest.sh --profile "$case"
sed -n 's/^symbols //p' "$share/output" | base64 -d | gzip -d >"$share/symbols"
"$enter" -- python3 selftests/bench/profile/table.py "$share/counts.1" "$share/symbols" \
	switchyard.ko | tee "$share/$case.txt"
