#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bindgen.sh KDIR HEADER OUTPUT: raw Rust bindings for HEADER, made with the C
# flags and bindgen options that the kernel tree KDIR made its own with.

set -euo pipefail

kdir=$1
header=$(realpath "$2")
output=$(realpath -m "$3")
saved=$kdir/rust/bindings/.bindings_generated.rs.cmd

[ -f "$saved" ] || {
	echo "bindgen.sh: $saved is missing: is $kdir prepared for Rust?" >&2
	exit 1
}

# savedcmd_... := bindgen HEADER OPTIONS -o OUTPUT -- CFLAGS ; sed ...
cflags=$(sed -n '1s/.* -- \(.*\) -DMODULE .*/\1/p' "$saved")
cflags=${cflags//-Wp,-MMD,rust\/bindings\/.bindings_generated.rs.d/}

options=(
	--use-core --ctypes-prefix ffi --no-layout-tests --no-doc-comments
	--rust-target 1.85 --with-derive-default --no-debug '.*'
	--enable-function-attribute-detection
	--blocklist-type '__kernel_s?size_t' --blocklist-type '__kernel_ptrdiff_t'
	--blocklist-function '__list_.*_report'
	--opaque-type xregs_state --opaque-type desc_struct --opaque-type arch_lbr_state
	--opaque-type local_apic --opaque-type alt_instr --opaque-type x86_msi_data
	--opaque-type x86_msi_addr_lo --opaque-type spinlock
	--opaque-type task_struct --opaque-type mm_struct --opaque-type sock
	--opaque-type phy_device --opaque-type pci_dev
)
# What is used; whatever these refer to comes along.
while read -r kind pattern; do
	options+=("--allowlist-$kind" "$pattern")
done < <(sed -n 's,^// allow \(function\|type\|var\) \(.*\)$,\1 \2,p' "$header")

cd "$kdir"
eval "set -- $cflags"
exec bindgen "$header" "${options[@]}" -o "$output" -- "$@" -DMODULE \
	-I"$(dirname "$header")"
