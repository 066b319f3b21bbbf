#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh module|debug|leak|userspace|clippy|clean|kdir [MAKE-ARGUMENT...]: what is built where
# the compilers are.  KDIR= names another prepared kernel tree; "debug" is the module for
# the debug kernel, made in build/debug; "leak" is one that leaks there, build/leak/leak.ko.

. "$(dirname "$0")/lib.sh"
cd "$TOP"

# The kernel tree may have been named by its path outside of the build root.
kdir=${KDIR:-}
[ -n "$kdir" ] || [ "$1" = userspace ] || [ "$1" = debug ] || [ "$1" = leak ] ||
	kdir=$("$TOP/scripts/kernel-tree.sh")

# One build of this tree at a time: two would take each other's files away.
kbuild() {
	mkdir -p build
	exec 9>build/module.lock
	flock 9
	make -C "$kdir" M="$TOP" CC="${CC:-gcc-14}" -j"$(nproc)" ${V:+V=$V} "$@"
}

what=$1
shift
case $what in
kdir) echo "$kdir" ;;
module) kbuild "$@" modules ;;
clippy) kbuild CLIPPY=1 "$@" modules ;;
clean) kbuild "$@" clean ;;
debug)
	base=$("$TOP/scripts/debug-kernel.sh")
	copy_module build/debug
	make -C "$base/build" M="$TOP/build/debug" LLVM=1 -j"$(nproc)" ${V:+V=$V} "$@" modules
	;;
leak)
	base=$("$TOP/scripts/debug-kernel.sh")
	mkdir -p build/leak-objects build/leak
	cp selftests/leak/* build/leak-objects/
	make -C "$base/build" M="$TOP/build/leak-objects" LLVM=1 ${V:+V=$V} "$@" modules
	cp build/leak-objects/leak.ko build/leak/
	;;
userspace)
	[ -f userspace-agent/Cargo.toml ] || die "there is no userspace-agent/Cargo.toml"
	cargo build --release --locked --manifest-path userspace-agent/Cargo.toml \
		--workspace --exclude yard-agent "$@"
	# It goes to servers of any kind: nothing of theirs is needed to run it.
	cargo rustc --release --locked --manifest-path userspace-agent/Cargo.toml \
		-p yard-agent --bin yard-agent "$@" -- -C target-feature=+crt-static
	;;
*) die "usage: build.sh module|debug|leak|userspace|clippy|clean|kdir" ;;
esac
