#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# apply-guest.sh SERVICES DESTINATIONS: see apply.sh.  Prints milliseconds.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
file=/tmp/switchyard.toml
services=$1 destinations=$2

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

# took TEXT COMMAND...: how long that takes.
took() {
	local begin=${EPOCHREALTIME/./} text=$1
	shift
	"$@"
	echo "$text: $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
}

yardctl() {
	"$here/yardctl" "$@"
}

is_applied() {
	[ -z "$(yardctl diff "$file")" ]
}

took "$services services with $destinations destinations each: check" yardctl check "$file"
took "apply" yardctl apply "$file"
took "apply again, which sends nothing" yardctl apply "$file"
sed -i '0,/weight = 1 /s//weight = 9 /' "$file"
took "apply a change of one weight" yardctl apply "$file"
is_applied
took "that weight by itself" yardctl dest set tcp 10.8.0.1:80 "$(sed -n 's/.*address = "\([^"]*\)", weight = 9.*/\1/p' "$file")" --weight 8
took "save" yardctl save /tmp/saved.toml
took "diff of what was saved" yardctl diff /tmp/saved.toml
echo 'service = []' >/tmp/none.toml
took "take all of it away" yardctl apply /tmp/none.toml
grep -E 'MemAvailable|Slab|VmallocUsed' /proc/meminfo
