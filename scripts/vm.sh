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
#   --share DIR         folder seen as /switchyard (build/kselftest)
#   --append ARGS       more for the kernel's command line
#   --timeout SECONDS   the whole run's limit (600)
#   --log FILE          the console's log (build/vm/console.log)
#   --interactive       a shell on the console; COMMAND, if any, in its place
#   --verbose           the console on standard error while it runs
#
# COMMAND's output comes on standard output, apart from the console.  The status is
# 0 only if the machine said so after COMMAND had ended with 0, the module was
# unloaded and the kernel's log was clean; 70: it was not clean; 71: no word came.

. "$(dirname "$0")/lib.sh"

usage() {
	sed -n '/^# vm.sh/,/^$/s/^# \{0,1\}//p' "$0"
	exit "${1:-1}"
}

cpus=4 memory='' wires=() icount='' share='' append='' timeout=600
log=build/vm/console.log interactive='' verbose='' image='' debug=''
args=("$@")
while [ $# -gt 0 ]; do
	case $1 in
	--cpus) cpus=$2 && shift 2 ;;
	--memory) memory=$2 && shift 2 ;;
	--wire) wires+=("$2") && shift 2 ;;
	--debug) debug=yes && shift ;;
	--icount) icount=yes && shift ;;
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

# What the debug kernel's checks take, in memory and in time: see selftests/lib.sh.
if [ -n "$debug" ]; then
	memory=${memory:-2G} share=${share:-build/kselftest-debug}
	append+=" watchdog_thresh=60 SWITCHYARD_SLOW=${SWITCHYARD_SLOW:-4}"
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
cp scripts/guest/init "$job/init"
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
qemu=(qemu-system-x86_64 -M q35 -m "$memory" -no-reboot -nodefaults -nographic -monitor none)
if [ -n "$icount" ]; then
	cpus=1
	qemu+=(-accel tcg -icount "shift=0,sleep=off" -cpu "$model")
elif kvm_boots; then
	qemu+=(-accel kvm -cpu host)
else
	qemu+=(-accel "tcg,thread=multi" -cpu "$model")
fi
qemu+=(-smp "$cpus")
qemu+=(-kernel "$image/vmlinuz" -initrd "$image/initrd")
qemu+=(-drive "file=$image/root.ext4,format=raw,if=virtio,snapshot=on")
for tag in "job:$job" "switchyard:$share"; do
	qemu+=(-virtfs "local,path=${tag#*:},mount_tag=${tag%%:*},security_model=none,multidevs=remap")
done
qemu+=(-device virtio-serial-pci
	-chardev "file,id=status,path=$job/status" -device "virtserialport,chardev=status,name=status")
if [ -n "$interactive" ]; then
	touch "$job/interactive"
	qemu+=(-chardev "stdio,id=console,mux=off,signal=off" -serial chardev:console)
else
	# Descriptor 3 is a pipe: a stdio device would close with standard input, and
	# the guest's writes would then block.
	qemu+=(-add-fd "fd=3,set=1" -chardev "file,id=output,path=/dev/fdset/1,append=on"
		-device "virtserialport,chardev=output,name=output"
		-chardev "file,id=console,path=$log" -serial chardev:console)
fi

# Wire N joins the cards 52:54:00:57:0N:0a and 52:54:00:57:0N:0b.
slot=0
for n in "${!wires[@]}"; do
	for end in a b; do
		card=${wires[n]%%:*}
		[ "$end" = a ] || card=${wires[n]##*:}
		mac=52:54:00:57:0$n:0$end
		qemu+=(-netdev "hubport,id=w$n$end,hubid=$n")
		case $card in
		igb | e1000e)
			slot=$((slot + 1))
			qemu+=(-device "pcie-root-port,id=port$slot,chassis=$slot"
				-device "$card,netdev=w$n$end,mac=$mac,bus=port$slot") ;;
		virtio-net)
			qemu+=(-device "virtio-net-pci,netdev=w$n$end,mac=$mac") ;;
		*)
			qemu+=(-device "$card,netdev=w$n$end,mac=$mac") ;;
		esac
	done
done

kernel_args="console=ttyS0 loglevel=5 panic=-1 panic_on_warn=1 oops=panic softlockup_panic=1"
kernel_args+=" hung_task_panic=1 net.ifnames=0 $append"
: >"$log"
status=0
if [ -n "$interactive" ]; then
	"${qemu[@]}" -append "$kernel_args"
	exit
fi
if [ -n "$verbose" ]; then
	tail -f "$log" --pid $$ >&2 &
fi
# An emulated machine of several CPUs now and then stumbles over the kernel patching its
# own code while it boots.  That is nothing of ours: what has not begun is begun again.
for attempt in 1 2 3; do
	rm -f "$job/qemu" "$job/status"
	status=0
	{
		timeout --foreground --kill-after 5 "$timeout" \
			"${qemu[@]}" -append "$kernel_args" 3>&1 >&2 </dev/null \
			2> >(grep -v 'is not connected to host network' >&2) || echo $? >"$job/qemu"
	} | cat
	[ ! -f "$job/qemu" ] || status=$(cat "$job/qemu")
	if [ "$status" -eq 124 ] || grep -q '^begun' "$job/status" 2>/dev/null; then
		break
	fi
	echo "switchyard: the machine did not boot (attempt $attempt)" >&2
	cp "$log" "$log.unbooted"
done
word=$(grep '^exit ' "$job/status" 2>/dev/null || true)
case $word in
"exit "[0-9]*) exit "${word#exit }" ;;
esac
echo "switchyard: the machine ended without a word (QEMU's status $status); the end of its console:" >&2
tail -n 60 "$log" | tr -d '\r' | sed 's/^/    | /' >&2
[ "$status" -ne 124 ] || echo "switchyard: it had run for its limit of $timeout s" >&2
exit 71
