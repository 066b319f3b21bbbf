#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# apply-guest.sh SERVICES DESTINATIONS ROUNDS: see apply.sh.  Prints milliseconds.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
file=/tmp/switchyard.toml
services=$1 destinations=$2 rounds=$3

# Each destination is another server, in an order that is none of the kernel's.
awk -v services="$services" -v destinations="$destinations" 'BEGIN {
	for (s = 0; s < services; s++) {
		printf "[[service]]\nservice = \"tcp 10.8.%d.%d:80\"\ndestination = [\n", s / 250, s % 250 + 1
		for (d = 0; d < destinations; d++) {
			n = (s * destinations + d) * 7919 % 1000003
			printf "    { address = \"10.%d.%d.%d:8080\", weight = %d },\n",
				16 + n / 62500, n / 250 % 250, n % 250 + 1, d % 5 + 1
		}
		print "]"
	}
}' >"$file"
insmod "$here/switchyard.ko"
trap 'rmmod switchyard' EXIT

yardctl() {
	"$here/yardctl" "$@"
}

# took NAME COMMAND...: notes how many milliseconds that takes.
took() {
	local begin=${EPOCHREALTIME/./} name=$1
	shift
	"$@"
	echo "$(((${EPOCHREALTIME/./} - begin) / 1000))" >>"/tmp/took.$name"
}

# least NAME TEXT: the machine has other things to do: what counts is the least.
least() {
	echo "$2: $(sort -n "/tmp/took.$1" | head -n 1) ms"
}

echo 'service = []' >/tmp/none.toml
for ((round = 1; round <= rounds; round++)); do
	took check yardctl check "$file" >/dev/null
	took apply yardctl apply --verbose "$file" >/tmp/done 2>/tmp/said
	sed -n 's/.* changes in \([0-9]*\) ms/\1/p' /tmp/said >>/tmp/took.kernel
	took again yardctl apply --verbose "$file" >/tmp/none
	[ ! -s /tmp/none ]
	took save yardctl save /tmp/saved.toml
	took diff yardctl diff /tmp/saved.toml
	took set yardctl destination set tcp 10.8.0.1:80 "$(sed -n 's/.*{ address = "\([^"]*\)".*/\1/p;T;q' "$file")" \
		--weight "$((round + 10))"
	took none yardctl apply /tmp/none.toml
done
echo "$services services with $destinations destinations each, $(wc -l </tmp/done) steps; the least of $rounds rounds"
least check "the file read and checked"
least kernel "the kernel's transaction"
least apply "apply, all of it"
least again "apply again, which sends nothing"
least save "save"
least diff "diff of what was saved"
least set "one weight set"
least none "all of it taken away"
