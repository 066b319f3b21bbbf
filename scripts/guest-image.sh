#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# guest-image.sh [--debug]: makes what the virtual machine boots and prints its folder:
#   vmlinuz      the stock kernel, or the debug kernel
#   root.ext4    the guest root with the kernel's modules, unpacked
#   initrd       busybox and the few modules that lead to that root
#   release      the kernel's release
# Keyed by all that goes in; a half-made image is thrown away.

. "$(dirname "$0")/lib.sh"

if [ "${1:-}" != --inside ]; then
	guest=$("$TOP/scripts/debian-root.sh" guest)
	name=$("$TOP/scripts/enter.sh" -- scripts/guest-image.sh --inside "${guest##*/}" "$@")
	echo "$CACHE/$name"
	exit 0
fi

guest=$CACHE/$2
if [ "${3:-}" = --debug ]; then
	base=$("$TOP/scripts/debug-kernel.sh")
	release=$(cat "$base/release")
	modules=$base/modules kernel=$base/build/arch/x86/boot/bzImage
else
	tree=$("$TOP/scripts/kernel-tree.sh")
	release=$(cat "$tree/../release")
	modules=/lib/modules/$release kernel=/boot/vmlinuz-$release
fi
for file in "$kernel" "$modules/modules.dep"; do
	[ -f "$file" ] || die "$file is missing: install linux-image-$release"
done
for tool in busybox mke2fs cpio depmod; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing: install busybox-static e2fsprogs cpio kmod"
done

key=$(key_of "$2" "$release" "$kernel" "$0" "$TOP/scripts/guest/initrd-init")
image=$CACHE/guest-image-$key
lock "guest-image-$key"
if [ -f "$image/done" ]; then
	echo "${image##*/}"
	exit 0
fi
rm -rf "$image"
mkdir -p "$image/stage" "$image/early"
cp -L "$kernel" "$image/vmlinuz"

# Modules that lead from the initrd to the disks.
early=(virtio_blk ext4)
# The debug kernel has them in itself, and not more modules than are wanted.
[ "${3:-}" != --debug ] || early=()
# What the scenarios and benches may ask for: networking, and the devices of QEMU.
wanted='^kernel/(net/|lib/|crypto/|arch/x86/crypto/|drivers/net/[^/]*\.ko|drivers/net/(bonding|ipvlan|macvlan|team|vxlan|netdevsim)/|drivers/net/ethernet/intel/(igb|e1000e|e1000)/|drivers/(block/virtio|char/hw_random/virtio|virtio|ptp|dca)|fs/(9p|ext4)/)'

# Prints the wanted modules and everything they depend on, relative to $modules.
closure() {
	awk -F: -v wanted="$wanted" '
		$1 ~ wanted { print $1; n = split($2, dep, " "); for (i = 1; i <= n; i++) print dep[i] }
	' "$modules/modules.dep" | sort -u
}

# Unpacked here once, because unpacking under emulation costs every boot.
copy_modules() {
	local to=$1 file
	while read -r file; do
		mkdir -p "$to/${file%/*}"
		case $file in
		*.xz) xz -dc "$modules/$file" >"$to/${file%.xz}" ;;
		*.zst) zstd -qdc "$modules/$file" >"$to/${file%.zst}" ;;
		*) cp "$modules/$file" "$to/$file" ;;
		esac
	done
}

make_root() {
	local stage=$image/stage to=$image/stage/usr/lib/modules/$release dir
	if [ "$(stat -c %u "$guest/etc")" -eq 0 ]; then
		# Hard links: the same file system, nothing copied, ids as they are.
		cp -al "$guest/." "$stage/"
	else
		# A root made without privileges has its ids one off as seen from here.
		cp -a "$guest/." "$stage/"
		chown -hR 0:0 "$stage"
	fi
	mkdir -p "$stage/switchyard" "$stage/job" "$to"
	closure | copy_modules "$to"
	cp "$modules"/modules.{order,builtin,builtin.modinfo} "$to/"
	depmod -b "$stage" "$release"
	for dir in var/cache/apt var/lib/apt/lists boot usr/share/doc; do
		rm -rf "${stage:?}/$dir"
	done
	mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard -m 0 \
		-L switchyard -d "$stage" "$image/root.ext4" \
		"$(($(du -sm "$stage" | cut -f1) * 5 / 4 + 128))M"
}

make_initrd() {
	local early_dir=$image/early module file
	mkdir -p "$early_dir"/{bin,dev,proc,sys,sysroot,modules}
	cp "$(command -v busybox)" "$early_dir/bin/busybox"
	cp "$TOP/scripts/guest/initrd-init" "$early_dir/init"
	for module in "${early[@]}"; do
		modprobe -S "$release" --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++' | while read -r file; do
		xz -dcf "$file" >"$early_dir/modules/$(basename "${file%.xz}")"
		basename "${file%.xz}"
	done >"$early_dir/modules/order"
	(cd "$early_dir" && find . | cpio -o -H newc --quiet) >"$image/initrd"
}

step "guest image: root and modules of $release" make_root
step "guest image: initrd" make_initrd
rm -rf "$image/stage" "$image/early"
echo "$release" >"$image/release"
[ "${3:-}" != --debug ] || basename "$base" >"$image/debug"
touch "$image/done"
echo "${image##*/}"
