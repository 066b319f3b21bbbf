#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# uml-tree.sh: builds User-Mode Linux for the second instrument from the stock kernel's
# source, and prints its folder:
#   build        the prepared tree; build/linux is the program
#   modules      what modules_install made
#   release      the kernel's release
# Runs where the packages are.  Seven minutes of two CPUs, once; keyed by all that goes in.
# uml-tree.sh --name prints the folder's name alone.

. "$(dirname "$0")/lib.sh"

config=$TOP/selftests/bench/uml/config
stock=$("$TOP/scripts/kernel-tree.sh")
base=$CACHE/uml-$(key_of "$config" "$0" "$(basename "$(dirname "$stock")")" "$(rustc --version)")
tree=$base/build
if [ "${1:-}" = --name ]; then
	echo "${base##*/}"
	exit 0
fi
lock "${base##*/}"
if [ -f "$base/done" ]; then
	echo "$base"
	exit 0
fi
rm -rf "$base"
mkdir -p "$tree"

make=(make -C "$stock/../source" "O=$tree" ARCH=um CC=gcc-14 HOSTCC=gcc-14 "-j$(nproc)")

configure() {
	local line name
	"${make[@]}" "KCONFIG_ALLCONFIG=$config" allnoconfig
	# What the kernel's Kconfig did not take over as asked.
	while read -r line; do
		name=${line%%=*}
		if ! grep -qx "$line" "$tree/.config"; then
			echo "asked for $line, got: $(grep -w "$name" "$tree/.config" || echo nothing)"
		fi
	done < <(grep -E '^CONFIG_.*=' "$config")
	grep -qx CONFIG_RUST=y "$tree/.config"
}
step "user-mode Linux: configuring" configure
step "user-mode Linux: building (once)" nice -n 10 "${make[@]}" all
step "user-mode Linux: installing its modules" \
	"${make[@]}" "INSTALL_MOD_PATH=$base/modules" modules_install
cp "$tree/include/config/kernel.release" "$base/release"
touch "$base/done"
echo "$base"
