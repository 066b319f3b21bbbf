#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lint.sh: formatting, lints and the rules of this tree, each a check of its own.
# Runs where the compilers are.  The last line is "N passed, N failed".

. "$(dirname "$0")/lib.sh"
cd "$TOP"

tree=$("$TOP/scripts/kernel-tree.sh")
passed=0 failed=0

# Files of ours whose name matches one of the patterns.
ours() {
	local args=() pattern
	for pattern in "$@"; do
		args+=(-o -name "$pattern")
	done
	find . \( -name .git -o -path ./build -o -name target \) -prune -o \
		-type f \( "${args[@]:1}" \) ! -name '*generated*' ! -name '*.mod.c' -print | sort
}

check() {
	local label=$1
	shift
	if step "$label" "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

format_module() {
	find rust -name '*.rs' ! -name '*generated*' -print0 |
		xargs -0 rustfmt --check --edition 2021 --config-path "$TOP/.rustfmt.toml"
}

# In a copy, so that clippy's objects do not stand in for the module's.
clippy_module() {
	local copy=$TOP/build/lint/module log=$TOP/build/lint/clippy.log
	copy_module "$copy"
	make -C "$tree" M="$copy" CC=gcc-14 CLIPPY=1 modules 2>&1 | tee "$log"
	! grep -E '^(warning|error)' "$log"
}

# What a known connection's packet can come to, by the object code.
hot_path() {
	scripts/build.sh module && scripts/hot-path.py switchyard.o scripts/hot-path.rules
}

# The same of a module with an allocation, a lock and a possible panic put into that way.
hot_path_finds_faults() {
	local copy=$TOP/build/lint/faulty file=rust/switch/receive.rs
	local before='^        let packet = match self.express::<A>(packet, bh) {$' fault
	copy_module "$copy"
	if [ "$(grep -c "$before" "$copy/$file")" -ne 1 ]; then
		echo "$file has changed: there is no place for the faults"
		return 1
	fi
	sed -i "/$before/i\\
        let _kept = kernel::alloc::KBox::new(packet.len(), kernel::alloc::flags::GFP_ATOMIC);\\
        self.drop_overdue(0, 0, bh);\\
        ::core::hint::black_box([1_u8; 4][packet.len() as usize \& 7]);" "$copy/$file"
	make -C "$tree" M="$copy" CC=gcc-14 modules || return 1
	! scripts/hot-path.py "$copy/switchyard.o" scripts/hot-path.rules >"$copy/faults" || return 1
	for fault in '.*k[a-z_]*alloc[a-z_]*' 'rust_helper_spin_lock' 'core::panicking::[a-z_:]*'; do
		grep -xE "not allowed: $fault" "$copy/faults" || return 1
	done
}

format_tools() {
	cargo fmt --manifest-path userspace-agent/Cargo.toml --all --check
}

clippy_tools() {
	cargo clippy --workspace --all-targets --locked \
		--manifest-path userspace-agent/Cargo.toml -- -D warnings
}

shell_scripts() {
	local file files=()
	while read -r file; do
		case $(head -n 1 "$file") in
		'#!/bin/bash' | '#!/usr/bin/env bash') files+=("$file") ;;
		*) [[ $file != *.sh ]] || files+=("$file") ;;
		esac
	done < <(ours '*.sh' init run)
	shellcheck "${files[@]}"
	tail -n +2 scripts/guest/initrd-init | shellcheck -s dash -
}

yaml() {
	local files
	mapfile -t files < <(ours '*.yaml' '*.yml')
	yamllint --strict -c .yamllint "${files[@]}"
}

# Hand-written C is for what Rust cannot say.
little_c() {
	local file lines=0 n
	while read -r file; do
		if head -n 6 "$file" | grep -qiE 'generated|do not edit'; then
			continue
		fi
		# Lines with code in them; comments are welcome.
		n=$(grep -cvE '^[[:space:]]*($|/\*|\*|//)' "$file")
		echo "$n $file"
		lines=$((lines + n))
	done < <(find rust -name '*.[ch]')
	echo "$lines lines of hand-written C; fewer than 300 are allowed"
	[ "$lines" -lt 300 ]
}

unsafe_in_its_place() {
	! grep -rnwE --include='*.rs' '^[^/"]*unsafe( *\{| +impl| +fn| +trait| +extern|$)' rust \
		--exclude-dir=sys --exclude-dir=net
}

netlink_is_current() {
	scripts/netlink-gen.sh --check
}

packet_tables_are_current() {
	selftests/packets/make.py --check
}

licences() {
	local file bad=0
	while read -r file; do
		if ! head -n 3 "$file" | grep -q 'SPDX-License-Identifier:'; then
			echo "$file has no SPDX line"
			bad=1
		fi
	done < <(ours '*.rs' '*.[ch]' '*.sh' '*.py' '*.yaml' '*.toml' Makefile Kbuild init initrd-init run)
	return "$bad"
}

manual_pages() {
	local files
	mapfile -t files < <(find Documentation/man -name '*.[1-9]' 2>/dev/null)
	[ "${#files[@]}" -gt 0 ] || return 0
	mandoc -T lint -W warning "${files[@]}"
}

check "formatting of the module" format_module
check "clippy on the module" clippy_module
check "the packet path's rules hold" hot_path
check "and breaking them is noticed" hot_path_finds_faults
check "formatting of the tools" format_tools
check "clippy on the tools" clippy_tools
check "shellcheck" shell_scripts
check "yamllint" yaml
check "little C" little_c
check "unsafe only in rust/sys and rust/net" unsafe_in_its_place
[ ! -x scripts/netlink-gen.sh ] || check "generated netlink code is current" netlink_is_current
check "tables of packets are current" packet_tables_are_current
check "licence lines" licences
check "manual pages" manual_pages

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
