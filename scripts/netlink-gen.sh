#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# netlink-gen.sh [--check]: makes the module's netlink policy, operation table and
# user-space header from Documentation/netlink/specs/switchyard.yaml by the kernel's
# own generator; with --check, says whether the files in the tree are what it makes.
# KSRC= names the kernel source; else the prepared one is taken.

. "$(dirname "$0")/lib.sh"

check=
case ${1:-} in
--check) check=yes ;;
'') ;;
*) die "usage: netlink-gen.sh [--check]" ;;
esac

if [ -z "${KSRC:-}" ] && [ -z "${SWITCHYARD_IN_ROOT:-}" ]; then
	exec "$TOP/scripts/enter.sh" -- scripts/netlink-gen.sh "$@"
fi
KSRC=${KSRC:-$(dirname "$("$TOP/scripts/kernel-tree.sh")")/source}
generator=$KSRC/tools/net/ynl/pyynl/ynl_gen_c.py
[ -f "$generator" ] || die "$generator is missing: set KSRC to a kernel source"

# The generator wants a kernel tree around the specification: it looks for a file
# MAINTAINERS above it (for ever, if there is none) and for the schema beside it.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
spec=$tmp/Documentation/netlink/specs/switchyard.yaml
mkdir -p "$(dirname "$spec")" "$tmp/uapi"
touch "$tmp/MAINTAINERS"
cp "$KSRC/Documentation/netlink/genetlink.yaml" "$tmp/Documentation/netlink/"
cp "$TOP/Documentation/netlink/specs/switchyard.yaml" "$spec"

# generate MODE KIND FILE: KIND is --source or --header.
generate() {
	timeout 60 python3 "$generator" --mode "$1" "$2" --spec "$spec" -o "$tmp/$3"
	# The hint names a script that knows nothing of this tree.
	sed -i 's,^/\* To regenerate run: .* \*/$,/* To regenerate run: scripts/netlink-gen.sh */,' "$tmp/$3"
}
generate kernel --source netlink_gen.c
generate kernel --header netlink_gen.h
generate uapi --header uapi/switchyard_netlink.h

status=0
for file in netlink_gen.c netlink_gen.h uapi/switchyard_netlink.h; do
	if [ -z "$check" ]; then
		cp "$tmp/$file" "$TOP/rust/sys/$file"
	elif ! diff -u "$TOP/rust/sys/$file" "$tmp/$file"; then
		echo "rust/sys/$file does not follow from the specification: run scripts/netlink-gen.sh" >&2
		status=1
	fi
done
exit "$status"
