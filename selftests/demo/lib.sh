# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# How the demonstration tells its story: a headed step, the commands with what they
# print, and the expectations, each with what was found.  Sourced, never run.

failures=0 steps=0
bold='' green='' red='' dim='' plain=''
if [ -n "${COLOUR:-}" ]; then
	bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'
fi

# step HEADING
step() {
	steps=$((steps + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$steps" "$*" "$plain"
}

# say TEXT
say() {
	printf '   %s\n' "$*"
}

# show COMMAND...: the command and what it prints.
show() {
	printf '   %s$ %s%s\n' "$dim" "$*" "$plain"
	"$@" 2>&1 | sed 's/^/     /' || true
	[ "${PIPESTATUS[0]}" -eq 0 ] || expect "\"$1\" succeeds" false
}

# expect TEXT COMMAND...: an expectation; it is met if COMMAND succeeds.
expect() {
	local text=$1
	shift
	if "$@"; then
		printf '   %sok%s        %s\n' "$green" "$plain" "$text"
	else
		printf '   %sNOT SO%s    %s\n' "$red" "$plain" "$text"
		failures=$((failures + 1))
	fi
}

# expect_equal TEXT GOT WANTED
expect_equal() {
	expect "$1: $2$([ "$2" = "$3" ] || echo " (expected $3)")" [ "$2" = "$3" ]
}

# expect_between TEXT GOT LOWEST HIGHEST
expect_between() {
	local beyond=''
	if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
		beyond=" (expected $3 to $4)"
	fi
	expect "$1: $2$beyond" [ -z "$beyond" ]
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; fails when it does not in time.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
