#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debug-kernel.sh: builds the debug kernel from the same Debian source as the stock kernel, and
# prints its folder: build/ is the tree that modules are made in, modules/ what goes
# to /lib/modules, release its name.  Runs where the packages are, some fifteen
# minutes on two CPUs, once.
#
# Built by clang, because the kernel has Rust and KASAN together with clang only.

. "$(dirname "$0")/lib.sh"

stock=$("$TOP/scripts/kernel-tree.sh")
source=$(realpath "$stock/../source")
version=$(cat "$stock/../release")
version=${version%%+*}
config=$TOP/scripts/debug.config

key=$(key_of "$config" "$0" "$(basename "$(dirname "$stock")")" \
	"$(clang --version | head -n 1)" "$(rustc --version)")
base=$CACHE/debug-kernel-$version-$key
tree=$base/build
if [ ! -f "$base/done" ]; then
	lock "debug-kernel-$version"
fi
if [ -f "$base/done" ]; then
	echo "$base"
	exit 0
fi
rm -rf "$base"
mkdir -p "$tree"

make=(nice -n 10 make -C "$source" "O=$tree" LLVM=1 LOCALVERSION=+debug "-j$(nproc)")

# Names what was asked for and is not there, before the long build.
configure() {
	local line lost=0
	"${make[@]}" "KCONFIG_ALLCONFIG=$config" allnoconfig
	while read -r line; do
		if ! grep -qxF "$line" "$tree/.config"; then
			echo "scripts/debug.config says $line; the kernel $(grep -E "^(# )?${line%%=*}[= ]" "$tree/.config" || echo "does not know it")"
			lost=1
		fi
	done < <(grep '^CONFIG_' "$config")
	while read -r line; do
		if grep "^$line=" "$tree/.config"; then
			echo "scripts/debug.config says that $line is not set"
			lost=1
		fi
	done < <(sed -n 's/^# \(CONFIG_[A-Z0-9_]*\) is not set$/\1/p' "$config")
	return "$lost"
}

build() {
	"${make[@]}" bzImage modules
	"${make[@]}" "INSTALL_MOD_PATH=$base/installed" modules_install
}

step "debug kernel $version: configuring" configure
step "debug kernel $version: building (a quarter of an hour)" build
mv "$base/installed/lib/modules"/* "$base/modules"
rm -rf "$base/installed"
cp "$tree/include/config/kernel.release" "$base/release"
touch "$base/done"
echo "$base"
