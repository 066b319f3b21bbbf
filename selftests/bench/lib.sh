# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the benches' drivers have in common.  Sourced, after scripts/lib.sh.

enter=$TOP/scripts/enter.sh
# Counts of instructions are those of this model of CPU; others copy memory otherwise.
export SWITCHYARD_CPU=qemu64

# fill DIR: builds the module and the tools and puts what the machine is given into
# DIR/share.
fill() {
	"$TOP/scripts/guest-image.sh" >/dev/null
	step "building the module" "$enter" -- scripts/build.sh module
	step "building the tools" "$enter" -- scripts/build.sh userspace
	rm -rf "$1"
	mkdir -p "$1/share"
	cp switchyard.ko userspace-agent/target/release/yardctl \
		selftests/bench/{guest.sh,sample.py,tcp.sh,tcp.py,exact.sh,profile/mark.py} "$1/share/"
	cp -r selftests/bench/cases "$1/share/"
}

# counting DIR COMMAND...: runs it where the clock counts instructions.
counting() {
	local share=$1
	shift
	in_vm "$share" --icount --memory 3G -- "$@"
}

# in_vm DIR OPTION... -- COMMAND...: runs it in the machine; DIR/output is what it prints.
in_vm() {
	local share=$1 status=0
	shift
	"$TOP/scripts/vm.sh" --append mitigations=off --share "$share/share" \
		--timeout "${limit:-900}" --log "$share/console.log" "${vm_options[@]}" "$@" |
		tee "$share/output" | grep --line-buffered -v '^symbols ' >&2 || status=$?
	[ "$status" -eq 0 ] || die "the measurement failed ($status); its output is in $share/output"
}
vm_options=()

# counter DIR: builds the plugin that counts, and takes it along; its counts are
# DIR/counts.1 and so on.
counter() {
	step "building the counter" "$enter" -- gcc -O2 -Wall -Wextra -Werror -shared -fPIC \
		-fvisibility=hidden -o "$1/counter.so" selftests/bench/profile/counter.c
	vm_options=(--plugin "$1/counter.so,out=$1/counts${2:-}")
}

# fill_uml DIR: the same for the user-mode Linux.
fill_uml() {
	fill "$1"
	uml=$("$enter" -- scripts/uml-tree.sh)
	guest=$("$TOP/scripts/debian-root.sh" guest)
	step "building the module for user-mode Linux" "$enter" -- selftests/bench/uml/build.sh
	cp build/uml/switchyard.ko "$1/share/"
}

# What user-mode Linux is started with: its memory lies in huge pages, where it may, as the memory of
# a kernel on a machine of its own does.
# shellcheck disable=SC2016 # expanded there
in_huge_pages='mkdir -p /tmp/huge
	! mount -t tmpfs -o huge=always tmpfs /tmp/huge || export TMPDIR=/tmp/huge
	exec "$@"'

# in_uml DIR COMMAND...: runs it in user-mode Linux; DIR/output is what it prints.
in_uml() {
	local share=$1 pid status=0
	shift
	printf '%q ' "$@" >"$share/command"
	rm -f "$share/status"
	: >"$share/output"
	tail -n +1 -f "$share/output" --pid $$ >&2 &
	pid=$!
	# What is on standard output is the console's.  On one CPU, as its kernel is of one: its processes are
	# others of the host's, and to wake another CPU for each of their system calls takes longer than the call.
	taskset -c "$(($(nproc --all) - 1))" timeout "${limit:-900}" "$enter" -- sh -c "$in_huge_pages" sh \
		"$uml/build/linux" mem=3G root=/dev/root \
		rootfstype=hostfs rootflags=/ rw "init=/src/selftests/bench/uml/init" \
		con=null con0=null,fd:1 "GUEST=/cache/${guest##*/}" "MODULES=$uml/modules" \
		"SHARE=/src/$share" >"$share/console.log" 2>&1 </dev/null || status=$?
	sleep 0.2
	kill "$pid" 2>/dev/null || true
	[ "$(cat "$share/status" 2>/dev/null)" = 0 ] ||
		die "the measurement failed ($status); see $share/output and $share/console.log"
}
