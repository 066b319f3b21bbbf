#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# kernel-tree.sh: prepares, from Debian's linux-source and the stock configuration,
# the tree that external Rust modules are built in, and prints its folder.
# Runs where the packages are: in the build root, or on a native Debian 13.
#
# The headers package lacks the Rust metadata; preparing the source makes it, and
# the symbols come out equal to the stock kernel's: this is checked at the end.

. "$(dirname "$0")/lib.sh"

# The newest stock kernel for which both headers and source are installed.
release=
for headers in $(printf '%s\n' /usr/src/linux-headers-*-amd64 | sort -V); do
	name=${headers##*/linux-headers-}
	case $name in *-cloud-* | *-rt-*) continue ;; esac
	version=${name%%+*}
	if [ -f "/usr/src/linux-source-${version%.*}.tar.xz" ]; then
		release=$name
	fi
done
[ -n "$release" ] ||
	die "no stock kernel with headers and source of one version: install linux-image-amd64 linux-headers-amd64 linux-source from trixie-backports"
version=${release%%+*}
headers=/usr/src/linux-headers-$release
source=/usr/src/linux-source-${version%.*}.tar.xz
config=/boot/config-$release
[ -f "$config" ] || config=$headers/.config

key=$(key_of "$config" "$headers/Module.symvers" "$0" "$(stat -c %s "$source")" "$(rustc --version)")
base=$CACHE/kernel-$version-$key
tree=$base/build
if [ ! -f "$base/done" ]; then
	lock "kernel-$version"
fi
if [ -f "$base/done" ]; then
	echo "$tree"
	exit 0
fi
rm -rf "$base"
mkdir -p "$tree"

step "kernel $version: unpacking the source" \
	tar -C "$base" --xz --strip-components=1 --one-top-level=source -xf "$source"

prepare() {
	cp "$config" "$tree/.config"
	local make=(make -C "$base/source" "O=$tree" CC=gcc-14 HOSTCC=gcc-14
		"LOCALVERSION=+${release#*+}" "-j$(nproc)")
	"${make[@]}" olddefconfig
	"${make[@]}" prepare modules_prepare
	cp "$headers/Module.symvers" "$tree/"
	if [ -f "$headers/vmlinux" ]; then
		cp -L "$headers/vmlinux" "$tree/"
	fi
}
step "kernel $version: preparing its Rust metadata" prepare

verify() {
	local got missing
	got=$(cat "$tree/include/config/kernel.release")
	if [ "$got" != "$release" ]; then
		echo "the prepared tree says $got, the stock kernel $release"
		return 1
	fi
	missing=$(sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' "$tree"/rust/exports_*_generated.h |
		sort -u | comm -23 - <(cut -f2 "$headers/Module.symvers" | sort -u))
	if [ -n "$missing" ]; then
		echo "Rust symbols that the stock kernel does not export:"
		echo "$missing" | head
		return 1
	fi
	echo "release and Rust symbols equal the stock kernel's"
}
step "kernel $version: comparing with the stock kernel" verify
echo "$release" >"$base/release"
touch "$base/done"
echo "$tree"
