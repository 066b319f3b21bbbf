#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# vm.sh [OPTIONS] [-- COMMAND...]: runs COMMAND as root of a virtual machine that
# boots the stock kernel, and exits with its status.
#
#   --cpus N            virtual CPUs (4)
#   --memory SIZE       (1G)
#   --wire A:B          two network cards, of the QEMU models A and B, on one wire;
#                       repeatable.  igb and e1000e sit behind PCIe root ports.
#   --debug             the debug kernel, with 2G and build/kselftest-debug to share
#   --icount            one CPU whose clock counts instructions: a nanosecond each
#   --plugin FILE,ARGS  a plugin of QEMU's, in this tree
#   --share DIR         folder of which a copy is seen as /switchyard (build/kselftest);
#                       with --interactive the folder itself
#   --append ARGS       more for the kernel's command line
#   --timeout SECONDS   the whole run's limit (600)
#   --log FILE          the console's log (build/vm/console.log)
#   --interactive       a shell on the console; COMMAND, if any, in its place
#   --verbose           the console on standard error while it runs
#
# An emulated machine goes on from where an equal one had booted, see snapshot.sh;
# SWITCHYARD_SNAPSHOT=no has it booted.
#
# COMMAND's output comes on standard output, apart from the console.  The status is
# 0 only if the machine said so after COMMAND had ended with 0, the module was
# unloaded and the kernel's log was clean; 70: it was not clean; 71: no word came.

. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/snapshot.sh"

usage() {
	sed -n '/^# vm.sh/,/^$/s/^# \{0,1\}//p' "$0"
	exit "${1:-1}"
}

cpus=4 memory='' wires=() icount='' share='' append='' timeout=600
log=build/vm/console.log interactive='' verbose='' image='' debug='' plugin=''
args=("$@")
while [ $# -gt 0 ]; do
	case $1 in
	--cpus) cpus=$2 && shift 2 ;;
	--memory) memory=$2 && shift 2 ;;
	--wire) wires+=("$2") && shift 2 ;;
	--debug) debug=yes && shift ;;
	--icount) icount=yes && shift ;;
	--plugin) plugin=$2 && shift 2 ;;
	--share) share=$2 && shift 2 ;;
	--append) append+=" $2" && shift 2 ;;
	--timeout) timeout=$2 && shift 2 ;;
	--log) log=$2 && shift 2 ;;
	--interactive) interactive=yes && shift ;;
	--verbose) verbose=yes && shift ;;
	--image) image=$CACHE/$2 && shift 2 ;;
	--help) usage 0 ;;
	--) shift && break ;;
	-*) usage >&2 ;;
	*) break ;;
	esac
done

# What the debug kernel's checks take, in memory and in time: see selftests/lib.sh.  slab_debug: each CPU
# would keep a few objects of each kind at hand, in lists in which what was taken from them can still be
# read: kmemleak would take that for a pointer, and not tell of what is leaked.
if [ -n "$debug" ]; then
	memory=${memory:-2G} share=${share:-build/kselftest-debug}
	append+=" watchdog_thresh=60 slab_debug=Z SWITCHYARD_SLOW=${SWITCHYARD_SLOW:-4}"
fi
memory=${memory:-1G} share=${share:-build/kselftest}

# QEMU and the image's files are where the packages are; a folder keeps its meaning
# there as long as it lies in this tree.
if [ -z "$image" ]; then
	image=$("$TOP/scripts/guest-image.sh" ${debug:+--debug})
	exec "$TOP/scripts/enter.sh" -- scripts/vm.sh --image "${image#"$CACHE"/}" "${args[@]}"
fi
cd "$TOP"
[ -d "$share" ] || die "there is no folder $share to share"
[ "${#wires[@]}" -le 4 ] || die "at most four wires"
command -v qemu-system-x86_64 >/dev/null ||
	die "qemu-system-x86_64 is missing: install qemu-system-x86"

mkdir -p build/vm "$(dirname "$log")"
job=$(mktemp -d build/vm/job.XXXXXX)
trap 'rm -rf "$job"' EXIT

# The job's disk has always this size, so that it may take the place of another one.
DISK_SIZE=512M

# job_disk FILE SHARE: the second disk of the machine, with its init, the command and a
# copy of the folder to share, if one is given.
job_disk() {
	local stage=$job/stage
	rm -rf "$stage"
	mkdir -p "$stage"
	cp scripts/guest/init "$stage/init"
	[ ! -f "$job/command" ] || cp "$job/command" "$stage/"
	[ -z "$interactive" ] || touch "$stage/interactive"
	# Hard links save the copying where they are possible.
	[ -z "$2" ] || cp -al "$2" "$stage/share" 2>/dev/null ||
		{ rm -rf "$stage/share" && cp -a "$2" "$stage/share"; }
	rm -f "$1"
	mke2fs -q -t ext4 -O ^has_journal -E lazy_itable_init=1,nodiscard -m 0 -d "$stage" "$1" "$DISK_SIZE" ||
		die "${2:-the job} does not fit on a disk of $DISK_SIZE"
	rm -rf "$stage"
}

# A single word is a shell command line; several are quoted to stay what they are.
if [ $# -le 1 ]; then
	printf '%s\n' "${1:-}" >"$job/command"
else
	printf '%q ' "$@" >"$job/command"
fi

# Whether KVM gets a stock kernel as far as its first process; found out once.
kvm_boots() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
	local answer
	answer=$CACHE/kvm-$(key_of "$image" "$(uname -r)" "$(qemu-system-x86_64 --version)" \
		"$(grep -m 1 '^model name' /proc/cpuinfo)")
	if [ ! -f "$answer" ]; then
		probe() {
			timeout 20 qemu-system-x86_64 -M q35 -accel kvm -cpu host -m 512M -no-reboot \
				-nodefaults -nographic -serial stdio -kernel "$image/vmlinuz" \
				-initrd "$image/initrd" -append "console=ttyS0 panic=-1 quiet switchyard.probe" \
				</dev/null 2>&1 | grep -q 'switchyard: the kernel boots'
		}
		if probe; then echo yes; else echo no; fi >"$answer.part"
		mv "$answer.part" "$answer"
	fi
	[ "$(cat "$answer")" = yes ]
}

# The plain model boots a second and a half sooner under emulation than "max".
model=${SWITCHYARD_CPU:-qemu64}
emulated=
if [ -n "$icount" ]; then
	cpus=1
	accel=(-accel tcg -icount "shift=0,sleep=off" -cpu "$model")
elif kvm_boots; then
	accel=(-accel kvm -cpu host)
else
	emulated=yes
	accel=(-accel "tcg,thread=multi" -cpu "$model")
fi
machine=(qemu-system-x86_64 -M q35 -m "$memory" -no-reboot -nodefaults -nographic -monitor none
	"${accel[@]}" -smp "$cpus" -kernel "$image/vmlinuz" -initrd "$image/initrd"
	-device "vmgenid,guid=auto" -serial chardev:console
	-drive "file=$image/root.ext4,format=raw,if=virtio,snapshot=on"
	-device virtio-serial-pci -device "virtserialport,chardev=status,name=status"
	-device "virtserialport,chardev=output,name=output")

# Wire N joins the cards 52:54:00:57:0N:0a and 52:54:00:57:0N:0b.
slot=0
for n in "${!wires[@]}"; do
	for end in a b; do
		card=${wires[n]%%:*}
		[ "$end" = a ] || card=${wires[n]##*:}
		mac=52:54:00:57:0$n:0$end
		machine+=(-netdev "hubport,id=w$n$end,hubid=$n")
		case $card in
		igb | e1000e)
			slot=$((slot + 1))
			machine+=(-device "pcie-root-port,id=port$slot,chassis=$slot"
				-device "$card,netdev=w$n$end,mac=$mac,bus=port$slot") ;;
		virtio-net)
			machine+=(-device "virtio-net-pci,netdev=w$n$end,mac=$mac") ;;
		*)
			machine+=(-device "$card,netdev=w$n$end,mac=$mac") ;;
		esac
	done
done

kernel_args="console=ttyS0 loglevel=5 panic=-1 panic_on_warn=1 oops=panic softlockup_panic=1"
kernel_args+=" hung_task_panic=1 net.ifnames=0$append"

# say_go: the word to go, in a pipe that stays open: its end would close the port.
say_go() {
	[ -z "${go:-}" ] || exec {go}>&-
	rm -f "$job/go"
	mkfifo "$job/go"
	exec {go}<>"$job/go"
	date '+go %s' >&"$go"
}

# What differs from one run of a machine to the next.
run=(-drive "file=$job/disk,format=raw,if=virtio,snapshot=on"
	-chardev "file,id=status,path=$job/status,input-path=$job/go")
[ -z "$plugin" ] || run+=(-plugin "file=$plugin")
if [ -n "$interactive" ]; then
	# The folder itself, to see there what is made while the machine runs.
	job_disk "$job/disk" ''
	say_go
	"${machine[@]}" "${run[@]}" -append "$kernel_args" -chardev null,id=output \
		-virtfs "local,path=$share,mount_tag=switchyard,security_model=none,multidevs=remap" \
		-chardev "stdio,id=console,mux=off,signal=off"
	exit
fi
# Descriptor 3 is a pipe: a stdio device would close with standard input, and
# the guest's writes would then block.
run+=(-add-fd "fd=3,set=1" -chardev "file,id=output,path=/dev/fdset/1,append=on"
	-chardev "file,id=console,path=$log,append=on")
job_disk "$job/disk" "$share"
: >"$log"
if [ -n "$verbose" ]; then
	tail -f "$log" --pid $$ >&2 &
fi
# Two emulated machines at once starve each other, and what they measure is of no use.
[ -z "$emulated" ] || lock virtual-machine
snapshot='' from=boot
if [ -n "$emulated" ] && [ "${SWITCHYARD_SNAPSHOT:-yes}" != no ] && snapshot_ready; then
	from=snapshot
fi
# An emulated machine of several CPUs now and then stumbles over the kernel patching its
# own code while it boots.  That is nothing of ours: what has not begun is begun again,
# and with a boot if it was to begin from a snapshot.
# watch SECONDS: ends a machine that has not begun by then.
watch() {
	local i
	for ((i = 0; i < $1; i++)); do
		sleep 1
		! grep -q '^begun' "$job/status" 2>/dev/null || return 0
	done
	kill "$(cat "$job/pid")"
}
for attempt in 1 2 3; do
	rm -f "$job/qemu" "$job/status"
	say_go
	if [ "$from" = snapshot ]; then
		cp "$snapshot/console" "$log"
		begin=("${snapshot_args[@]}")
		watch 60 &>/dev/null &
	else
		: >"$log"
		begin=()
		watch 180 &>/dev/null &
	fi
	watch=$!
	{
		timeout --foreground --kill-after 5 "$timeout" \
			"${machine[@]}" "${begin[@]}" "${run[@]}" -append "$kernel_args" -pidfile "$job/pid" 3>&1 >&2 </dev/null \
			2> >(grep -v 'is not connected to host network' >&2) || echo $? >"$job/qemu"
	} | cat
	kill "$watch" 2>/dev/null || true
	wait "$watch" || true
	status=0
	[ ! -f "$job/qemu" ] || status=$(cat "$job/qemu")
	if [ "$status" -eq 124 ] || grep -q '^begun' "$job/status" 2>/dev/null; then
		break
	fi
	echo "switchyard: the machine did not get to its job (attempt $attempt, from $from)" >&2
	cp "$log" "$log.unbooted"
	from=boot
done
word=$(grep '^exit ' "$job/status" 2>/dev/null || true)
case $word in
"exit "[0-9]*) exit "${word#exit }" ;;
esac
echo "switchyard: the machine ended without a word (QEMU's status $status); the end of its console:" >&2
tail -n 60 "$log" | tr -d '\r' | sed 's/^/    | /' >&2
[ "$status" -ne 124 ] || echo "switchyard: it had run for its limit of $timeout s" >&2
exit 71
