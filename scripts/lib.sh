# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Shared by the set-up scripts: where things are cached, how progress is shown,
# how a missing prerequisite is reported.  Sourced, never run.

set -euo pipefail

# shellcheck disable=SC2034 # for the scripts
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${SWITCHYARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/switchyard}
mkdir -p "$CACHE"

die() {
	printf 'switchyard: %s\n' "$*" >&2
	exit 1
}

# step LABEL COMMAND...: run COMMAND with its output in a log, showing a clock.
# The log's path is given when the command fails; an interrupt ends the command too.
step() {
	local label=$1 log start pid status=0 last=0 now
	shift
	log=$CACHE/logs/$(tr -cs 'a-zA-Z0-9' '-' <<<"$label" | sed 's/-*$//').log
	mkdir -p "$CACHE/logs"
	start=$SECONDS
	printf '  %-58s' "$label" >&2
	# A process group of its own: background jobs of a script ignore the keyboard's
	# interrupt, so it is passed on to the whole group by hand.
	set -m
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	# shellcheck disable=SC2064 # this pid, not a later one
	trap "kill -TERM -- -$pid 2>/dev/null; wait $pid 2>/dev/null; echo >&2; exit 130" INT TERM HUP
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		now=$((SECONDS - start))
		if [ -t 2 ] && [ "$now" -ne "$last" ]; then
			last=$now
			printf '\r  %-58s %4d s  %.40s\033[K' "$label" "$now" \
				"$(tail -n 1 "$log" | tr -d '\r' | tr '\t' ' ')" >&2
		elif [ "$now" -ge $((last + 60)) ]; then
			last=$now
			printf ' .%ds' "$now" >&2
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM HUP
	if [ -t 2 ]; then
		printf '\r  %-58s\033[K' "$label" >&2
	fi
	if [ "$status" -ne 0 ]; then
		printf ' failed after %d s\n' $((SECONDS - start)) >&2
		tail -n 15 "$log" | sed 's/^/    | /' >&2
		explain_failure "$log"
		printf 'switchyard: "%s" failed; the whole log is %s\n' \
			"$label" "$log" >&2
		return "$status"
	fi
	printf ' %4d s\n' $((SECONDS - start)) >&2
}

# lock NAME: until this script ends, no other one makes or uses the same thing.
lock() {
	local fd
	exec {fd}>"$CACHE/$1.lock"
	if ! flock -n "$fd"; then
		echo "  waiting for another run that has $1" >&2
		flock "$fd"
	fi
}

# Turns the commonest causes of a failed set-up into a sentence that says what to do.
explain_failure() {
	local log=$1
	if grep -qiE 'no space left on device' "$log"; then
		echo "switchyard: the disk is full: 8 GB are needed below $CACHE (SWITCHYARD_CACHE= moves it)" >&2
	elif grep -qiE 'could not resolve|temporary failure resolving|failed to fetch|connection (refused|timed out)|unable to connect' "$log"; then
		echo "switchyard: the Debian mirror of this machine's apt configuration cannot be reached (SWITCHYARD_MIRROR= names another)" >&2
	elif grep -qiE 'operation not permitted' "$log"; then
		echo "switchyard: neither root nor user namespaces are usable here: run as root, or install uidmap and allow unprivileged user namespaces" >&2
	fi
}

# key_of FILE-OR-STRING...: a short digest of what goes into a cached thing.
key_of() {
	local arg
	for arg in "$@"; do
		if [ -f "$arg" ]; then
			cat "$arg"
		else
			printf '%s\n' "$arg"
		fi
	done | sha256sum | cut -c1-12
}

# copy_module DIR: the module's sources in a folder of their own, for objects that must not
# stand in for the module's.  What has been built there stays.
copy_module() {
	mkdir -p "$1"
	rsync -a --delete --include=/Kbuild --include='/rust/***' --include='/scripts/***' \
		--include='/.clippy.toml' --exclude='*.o' --exclude='*.ko' --exclude='.*.cmd' --exclude='/*' \
		--filter='P *.o' --filter='P .*.cmd' --filter='P *generated*' "$TOP/" "$1/"
}

# The mirror of the machine's own apt configuration, else Debian's default.
mirror() {
	local uri=${SWITCHYARD_MIRROR:-}
	if [ -z "$uri" ] && command -v apt-get >/dev/null; then
		# shellcheck disable=SC2016 # the dollar sign is apt's
		uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
			grep -E '/debian/?$' | head -n 1 || true)
	fi
	printf '%s\n' "${uri%/}"
}

# Whether this very machine can build for the stock kernel without a build root.
is_native() {
	[ "${SWITCHYARD_NATIVE:-auto}" != no ] || return 1
	grep -q '^VERSION_CODENAME=trixie' /etc/os-release 2>/dev/null &&
		compgen -G '/usr/src/linux-source-*.tar.xz' >/dev/null &&
		compgen -G '/usr/src/linux-headers-*-amd64' >/dev/null &&
		command -v rustc bindgen gcc-14 flex bison >/dev/null
}
