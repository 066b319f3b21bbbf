#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kselftest-install.sh [--debug]: puts the collection, the module, the tools and the
# kernel's own test runner and libraries into build/kselftest, as "make install" of the
# kernel's self-tests would; with --debug the debug kernel's module, into
# build/kselftest-debug.  Runs where the kernel tree is.

. "$(dirname "$0")/lib.sh"
cd "$TOP"

tree=$("$TOP/scripts/kernel-tree.sh")
source=$(realpath "${KSRC:-$tree/../source}")
to=$TOP/build/kselftest module=switchyard.ko
if [ "${1:-}" = --debug ]; then
	to=$TOP/build/kselftest-debug module=build/debug/switchyard.ko
fi
tests=$source/tools/testing/selftests

mkdir -p "$to/switchyard/bin" "$to/kselftest" "$to/net/lib" "$to/Documentation/netlink/specs"

rm -f "$to"/switchyard/*.{sh,py}
make -s -C selftests KSRC="$source" KSFT_INSTALL_PATH="$to" install

# The runner and the libraries, unchanged.
cp "$tests/run_kselftest.sh" "$to/"
rsync -a "$tests/kselftest/" "$to/kselftest/"
rsync -a "$tests/net/lib.sh" "$to/net/"
rsync -a "$tests/net/lib/sh" "$tests/net/lib/py" "$to/net/lib/"
rsync -a --include='pyynl/***' --exclude='*' "$source/tools/net/ynl/" "$to/net/lib/ynl/"

# The specs where the command line client looks, and where the Python library does.
rsync -a --include='*/' --include='*.yaml' --exclude='*' \
	"$source/Documentation/netlink/" "$to/Documentation/netlink/"
if [ -d Documentation/netlink/specs ]; then
	rsync -a Documentation/netlink/specs/ "$to/Documentation/netlink/specs/"
fi
ln -sfn ../../Documentation/netlink/specs "$to/net/lib/specs"

if [ -f "$module" ]; then
	# Without what only a debugger wants: it is copied with each load.
	strip --strip-debug -o "$to/switchyard/switchyard.ko" "$module"
fi
for tool in yardctl yardmaster yard-agent; do
	if [ -x "userspace-agent/target/release/$tool" ]; then
		cp "userspace-agent/target/release/$tool" "$to/switchyard/bin/"
	fi
done

# What "make install" gives to systemd.
mkdir -p "$to/switchyard/units"
cp userspace-agent/{agent/yard-agent,yardctl/switchyard,yardmaster/yardmaster}.service \
	userspace-agent/yardctl/none.toml "$to/switchyard/units/"

for scenario in "$to"/switchyard/*.{sh,py}; do
	case ${scenario##*/} in
	lib.sh | lib.py | '*.py' | '*.sh') ;;
	*) echo "switchyard:${scenario##*/}" ;;
	esac
done >"$to/kselftest-list.txt"
