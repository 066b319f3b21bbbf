#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh: builds the module for the user-mode Linux of scripts/uml-tree.sh, in a copy of
# the tree, build/uml, so that its objects do not stand in for the stock kernel's.
# Runs where the compilers are.

. "$(dirname "$0")/../../../scripts/lib.sh"
cd "$TOP"
tree=$(scripts/uml-tree.sh)/build
copy=$TOP/build/uml
mkdir -p "$copy"
rsync -a --delete --include=/Kbuild --include='/rust/***' --include='/scripts/***' \
	--exclude='*.o' --exclude='*.ko' --exclude='.*.cmd' --exclude='*generated*' \
	--filter='P *.o' --filter='P *.ko' --filter='P .*.cmd' --filter='P *generated*' \
	--filter='P *.mod*' --filter='P *.order' --filter='P Module.symvers' \
	--exclude='/*' ./ "$copy/"
# The kernel itself is position-independent there, but not its modules: they lie
# anywhere in 64 bits.
make -C "$tree" M="$copy" ARCH=um CC=gcc-14 "-j$(nproc)" \
	KRUSTFLAGS="-Crelocation-model=static -Ccode-model=large" modules
