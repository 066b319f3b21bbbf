#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh: a switch, three web servers and clients in one virtual machine, shown at
# work.  Ends with "demo: ok" and 0, or says what was not as expected.

. "$(dirname "$0")/lib.sh"
cd "$TOP"

enter=$TOP/scripts/enter.sh
share=build/demo
"$TOP/scripts/guest-image.sh" >/dev/null
step "building the module" "$enter" -- scripts/build.sh module
step "building the tools" "$enter" -- scripts/build.sh userspace
rm -rf "$share"
mkdir -p "$share"
cp switchyard.ko userspace-agent/target/release/yardctl selftests/demo/*.sh "$share/"

colour=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	colour=yes
fi
status=0
"$TOP/scripts/vm.sh" --wire igb:igb --wire igb:igb --share "$share" --timeout 240 \
	--log "$share/console.log" -- "COLOUR=$colour ./guest.sh" || status=$?
# The machine has its say, too: a clean kernel log, no module left behind.
[ "$status" -eq 0 ] || die "the demonstration failed ($status); the console's log is $share/console.log"
