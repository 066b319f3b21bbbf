# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# What every shell scenario starts from: the kernel's own helpers (net/lib.sh for
# name spaces, waiting and deferred clean-up; ktap_helpers.sh for the results) and a
# few verbs of ours.  See README.md.  A scenario ends with "finish"; ending in any
# other way is a failure.

HERE=$(cd "$(dirname "$(readlink -e "${BASH_SOURCE[0]}")")" && pwd)
# shellcheck source=/dev/null
. "$HERE/../net/lib.sh"
# shellcheck source=lib/quick.sh
. "$HERE/lib/quick.sh"
# shellcheck source=/dev/null
. "$HERE/../kselftest/ktap_helpers.sh"

PATH=$HERE/bin:$PATH
# On a kernel that takes so many times as long, waiting may take so many times as long.
SLOW=${SWITCHYARD_SLOW:-1}
MODULE=${SWITCHYARD_MODULE:-$HERE/switchyard.ko}
SPEC=$HERE/../Documentation/netlink/specs/switchyard.yaml
ended='' unload_deferred=''
scratch=$(mktemp)

# need TOOL...: skips the whole scenario when a tool is missing.
need() {
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || skip_all "$tool is missing"
	done
}

# skip_all REASON: ends the scenario as skipped.
skip_all() {
	ended=skip
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

# loaded: whether the module is in the kernel.
loaded() {
	[ -d /sys/module/switchyard ]
}

# load [PARAMETER=VALUE...]: loads the module; it goes away with the scenario.
load() {
	[ -f "$MODULE" ] || skip_all "$MODULE has not been built"
	insmod "$MODULE" "$@" || return 1
	[ -n "$unload_deferred" ] || defer unload_if_loaded
	unload_deferred=yes
}

# unload: unloads the module.
unload() {
	rmmod switchyard
}

unload_if_loaded() {
	! loaded || unload
}

# yardctl and ynl: the operator's tool, and the kernel's own client of our family.
ynl() {
	python3 "$HERE/../net/lib/ynl/pyynl/cli.py" --spec "$SPEC" "$@"
}

# wait_for MILLISECONDS COMMAND...: until COMMAND succeeds; fails when it does not.
wait_for() {
	local limit=$(($1 * SLOW))
	shift
	busywait "$limit" "$@" >/dev/null
}

# slowwait SECONDS COMMAND...: the kernel's, but for SLOW.
slowwait() {
	local limit=$(($1 * SLOW))
	shift
	busywait "$((limit * 1000))" "$@"
}

# wire N: the two network cards at the ends of wire N of the virtual machine, in the
# variables A and B.  Without such a wire the scenario is skipped.
wire() {
	A=$(card "52:54:00:57:0$1:0a")
	B=$(card "52:54:00:57:0$1:0b")
	if [ -z "$A" ] || [ -z "$B" ]; then
		skip_all "this machine has no wire $1"
	fi
}

# card ADDRESS: the name of the network card with that permanent address.
card() {
	local dir address
	for dir in /sys/class/net/*; do
		if read -r address 2>/dev/null <"$dir/address" && [ "$address" = "$1" ]; then
			echo "${dir##*/}"
			return
		fi
	done
}

# place DEVICE NAMESPACE: moves a card; it comes home with the scenario's end.
place() {
	ip link set "$1" netns "$2" || return 1
	defer ip -n "$2" link set "$1" netns 1
}

# expect TEXT COMMAND...: one result; COMMAND's output is shown when it fails.  It
# runs in this shell, not in a subshell, so that what it sets or defers remains.
expect() {
	local text=$1 status=0
	shift
	"$@" >"$scratch" 2>&1 || status=$?
	if [ "$status" -eq 0 ]; then
		ktap_test_pass "$text"
		return 0
	fi
	ktap_test_fail "$text"
	echo "# status $status: $*"
	sed 's/^/#   /' "$scratch"
	return 1
}

# refuse TEXT COMMAND...: the result is good if COMMAND fails.
refuse() {
	local text=$1
	shift
	# shellcheck disable=SC2317 # called through expect
	opposite() { ! "$@"; }
	expect "$text" opposite "$@"
}

# equal TEXT GOT WANTED
equal() {
	if [ "$2" = "$3" ]; then
		ktap_test_pass "$1"
	else
		ktap_test_fail "$1"
		echo "#   got \"$2\", wanted \"$3\""
		return 1
	fi
}

# between TEXT GOT LOWEST HIGHEST: integers.
between() {
	if [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; then
		ktap_test_pass "$1"
	else
		ktap_test_fail "$1"
		echo "#   got $2, wanted $3 to $4"
		return 1
	fi
}

# log_clean: whether the kernel has complained since the scenario began.  That there was no
# memory, which it tells with the caller's stack, is no complaint.
log_clean() {
	! sed -n "/$log_mark/,\$p" <(dmesg) |
		sed '/: vmalloc error: \|page allocation failure: \|percpu: allocation failed/,/<\/TASK>/d' |
		grep -E 'WARNING:|BUG:|Oops|Call Trace|refcount_t|panicked at|unregister_netdevice: waiting'
}

# finish: prints the plan and ends the scenario with its status.
finish() {
	ended=yes
	defer_scopes_cleanup
	cleanup_all_ns
	expect "the module is not left behind" eval '! loaded'
	expect "the kernel's log is clean" log_clean
	ktap_set_plan $((KTAP_TESTNO - 1))
	ktap_finished
}

at_exit() {
	local status=$?
	rm -f "$scratch"
	[ -z "$ended" ] || return 0
	ktap_test_fail "the scenario ended early (status $status)"
	defer_scopes_cleanup
	cleanup_all_ns
	exit "$KSFT_FAIL"
}
trap at_exit EXIT

log_mark="switchyard-scenario-${0##*/}-$$"
echo "$log_mark" >/dev/kmsg
ktap_print_header
