#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [CASE...]: measures the cases (all of cases/ unless some are named; generator
# and redirect always, the rest is relative to them), prints one table and writes
# selftests/bench/results.json.  See README.md.

. "$(dirname "$0")/../../scripts/lib.sh"
cd "$TOP"

cases=(generator redirect forward nft-dnat ipvs-nat switchyard-nat)
if [ $# -gt 0 ]; then
	cases=(generator redirect "$@")
fi
enter=$TOP/scripts/enter.sh
share=build/bench
# Counts of instructions are those of this model of CPU; others copy memory otherwise.
export SWITCHYARD_CPU=qemu64

"$TOP/scripts/guest-image.sh" >/dev/null
step "building the module" "$enter" -- scripts/build.sh module
step "building the tools" "$enter" -- scripts/build.sh userspace
rm -rf "$share"
mkdir -p "$share"
cp switchyard.ko userspace-agent/target/release/yardctl selftests/bench/guest.sh "$share/"
cp -r selftests/bench/cases "$share/"

echo "instructions per packet: one CPU whose clock counts them, 60-byte UDP" >&2
status=0
"$TOP/scripts/vm.sh" --icount --append mitigations=off --share "$share" --timeout 280 \
	--log "$share/console.log" -- ./guest.sh "${cases[@]}" |
	tee "$share/output" >&2 || status=$?
[ "$status" -eq 0 ] || die "the measurement failed ($status); its output is in $share/output"
"$enter" -- python3 selftests/bench/table.py "$share/output" selftests/bench/results.json
