# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # for, and of, the kernel's net/lib.sh
#
# Verbs of the kernel's net/lib.sh, as the scenarios use them, with fewer processes: each
# costs 10 ms and more in an emulated machine, and a scenario has hundreds.  They mean the
# same.  Sourced after net/lib.sh, by ../lib.sh.

# A descriptor on which nothing ever comes, to rest without a process.
exec {quick_nothing}<> <(:)

# nap SECONDS
nap() {
	read -r -t "$1" -u "$quick_nothing" || true
}

timestamp_ms() {
	echo $((${EPOCHREALTIME/[.,]/} / 1000))
}

# busywait MILLISECONDS COMMAND...: until COMMAND succeeds; its last output is printed.
busywait() {
	local limit=$((${EPOCHREALTIME/[.,]/} + $1 * 1000)) out
	shift
	until out=$("$@"); do
		if [ "${EPOCHREALTIME/[.,]/}" -gt "$limit" ]; then
			echo -n "$out"
			return 1
		fi
		nap 0.02
	done
	echo -n "$out"
}

# defer COMMAND...: at the scenario's end, the last one first.
quick_deferred=()

defer() {
	quick_deferred+=("${*@Q}")
}

defer_scopes_cleanup() {
	local i
	for ((i = ${#quick_deferred[@]} - 1; i >= 0; i--)); do
		eval "${quick_deferred[i]}"
		unset "quick_deferred[i]"
	done
}

# setup_ns NAME...: a name space for each, whose own name is in the variable NAME.
setup_ns() {
	local ns_name
	for ns_name in "$@"; do
		[ -z "${!ns_name:-}" ] || cleanup_ns "${!ns_name}"
		printf -v "$ns_name" '%s-%06x' "${ns_name,,}" "$SRANDOM"
		ip netns add "${!ns_name}" || return "$ksft_skip"
		NS_LIST+=("${!ns_name}")
		# shellcheck disable=SC2016 # expanded there
		nsenter --net="/run/netns/${!ns_name}" bash -c 'ip link set lo up
			for all in /proc/sys/net/ipv4/conf/{all,default}/rp_filter; do echo 0 >"$all"; done'
	done
}

# cleanup_ns NAME...: these go away, with the processes in them.
cleanup_ns() {
	local ns pid
	for ns in "$@"; do
		[ -e "/run/netns/$ns" ] || continue
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill "$pid" 2>/dev/null
		done
		ip netns delete "$ns" || echo "# the name space $ns remains"
	done
	return 0
}
