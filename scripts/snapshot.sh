# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # vm.sh's variables
#
# A machine that has booted and waits for its job, kept in files: the next run with the
# same machine goes on from there.  Sourced by vm.sh.
#
#   $CACHE/snapshot-KEY/memory    the guest's memory, mapped privately by who goes on
#   $CACHE/snapshot-KEY/devices   the state of its processors and devices
#   $CACHE/snapshot-KEY/console   what its console had shown
#
# The key is made of all that the state depends on.  By then the guest has neither
# looked at its job nor written to a disk, which is made sure of, and nobody writes to a
# snapshot, so any number of runs may go on from it.  QEMU's vmgenid device tells the
# guest's kernel that it is a copy, so that no two runs have the same random numbers.
# Whatever goes wrong here ends in an ordinary boot.

# So many are kept; the one that has been used least lately goes first.
SNAPSHOTS=6

# snapshot_memory FOLDER OPTIONS: QEMU's arguments for memory in that folder.
snapshot_memory() {
	snapshot_args=(-global migration.x-ignore-shared=on -M memory-backend=memory
		-object "memory-backend-file,id=memory,size=$memory,mem-path=$1/memory,$2")
}

# snapshot_ready: whether there is a snapshot of the machine; its folder is in $snapshot.
snapshot_ready() {
	local fd
	snapshot=$CACHE/snapshot-$(key_of "$image" "$(qemu-system-x86_64 --version)" \
		"${machine[*]} $memory $kernel_args" "$TOP/scripts/guest/init" "$TOP/scripts/snapshot.sh")
	if [ ! -f "$snapshot/done" ]; then
		exec {fd}>"$snapshot.lock"
		flock "$fd"
		if [ ! -f "$snapshot/done" ]; then
			snapshot_thin
			step "booting a machine, to go on from it again and again" snapshot_make ||
				echo "switchyard: so it is booted for this run; see $snapshot.failed" >&2
		fi
		exec {fd}>&-
		[ -f "$snapshot/done" ] || return 1
	fi
	touch "$snapshot/done"
	snapshot_memory "$snapshot" share=off,readonly=on,rom=off
	snapshot_args+=(-incoming "file:$snapshot/devices")
}

# snapshot_thin: makes room for one more.
snapshot_thin() {
	local old
	# shellcheck disable=SC2012 # the names are ours
	while read -r old; do
		rm -rf "${old%/done}" "${old%/done}".{lock,failed}
	done < <(ls -td "$CACHE"/snapshot-*/done 2>/dev/null | tail -n "+$SNAPSHOTS")
}

# snapshot_make: boots the machine and keeps it as soon as it waits for its job.
snapshot_make() {
	local making=$snapshot.making pid status=0
	rm -rf "$making" "$snapshot" "$snapshot.failed"
	mkdir -p "$making"
	job_disk "$making/disk" ''
	mkfifo "$making/asked"
	snapshot_memory "$making" share=on
	timeout --foreground --kill-after 5 300 \
		"${machine[@]}" "${snapshot_args[@]}" -append "$kernel_args switchyard.keep" \
		-drive "file=$making/disk,format=raw,if=virtio,snapshot=on" \
		-chardev "file,id=status,path=$making/status" -chardev null,id=output \
		-chardev "file,id=console,path=$making/console" -qmp stdio \
		<"$making/asked" >"$making/answers" 2>"$making/errors" &
	pid=$!
	snapshot_take "$making" "$pid" || status=1
	kill "$pid" 2>/dev/null || true
	wait "$pid" || true
	if [ "$status" -eq 0 ]; then
		rm -f "$making"/{disk,asked,answers,status,errors}
		touch "$making/done"
		mv "$making" "$snapshot"
	else
		rm -f "$making/memory"
		mv "$making" "$snapshot.failed"
	fi
	return "$status"
}

# snapshot_take FOLDER PID: the dialogue with QEMU.
snapshot_take() {
	local making=$1 pid=$2 asked
	exec {asked}>"$making/asked"
	until grep -q '^booted' "$making/status" 2>/dev/null; do
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.1
	done
	# Until what the boot has left to do is done.
	sleep 1
	cat >&"$asked" <<-EOF
		{"execute": "qmp_capabilities"}
		{"execute": "query-blockstats"}
		{"execute": "migrate", "arguments": {"uri": "file:$making/devices"}}
	EOF
	until grep -q '"status": "completed"' "$making/answers"; do
		if grep -qE '"status": "failed"|"error":' "$making/answers" || ! kill -0 "$pid" 2>/dev/null; then
			return 1
		fi
		sleep 0.1
		echo '{"execute": "query-migrate"}' >&"$asked"
	done
	# Nothing may have been written to a disk: it would be missing later.
	! grep -o '"wr_operations": [0-9]*' "$making/answers" | grep -v ': 0$' >>"$making/errors"
}
