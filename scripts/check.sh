#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [--debug] [NAME]: all tests, or the scenario selftests/NAME alone.  Host tests,
# then the scenarios in virtual machines; --debug: the scenarios alone, on the debug kernel.  Scenarios that ask for the same machine (a line
# "# vm: OPTIONS", see vm.sh) share one.  The last line is "N passed, N failed", with
# ", N skipped" when some were.  A scenario of which nothing was heard has failed.

. "$(dirname "$0")/lib.sh"
cd "$TOP"

debug=
if [ "${1:-}" = --debug ]; then
	debug=yes
	shift
fi
only=${1:-}
default_vm='--wire igb:igb --wire igb:igb --wire virtio-net:virtio-net'
results=build/check${debug:+-debug} kind=module slow=1
if [ -n "$debug" ]; then
	# How many times as long as on the stock kernel a scenario may take: see selftests/lib.sh.
	export SWITCHYARD_SLOW=${SWITCHYARD_SLOW:-4}
	kind=debug slow=$SWITCHYARD_SLOW
fi
passed=0 failed=0 skipped=0
enter=$TOP/scripts/enter.sh

mkdir -p "$results"
rm -f "$results"/*.log
unmet=$results/unmet
: >"$unmet"

"$TOP/scripts/guest-image.sh" ${debug:+--debug} >/dev/null
# Not a step for the log alone: warnings of the compilers are to be seen.
step "building the module" "$enter" -- scripts/build.sh "$kind"
if [ -f userspace-agent/Cargo.toml ]; then
	# Scenarios that need no tool still run; the failure is counted.
	step "building the tools" "$enter" -- scripts/build.sh userspace || failed=1
fi
step "installing the scenarios" "$enter" -- scripts/kselftest-install.sh ${debug:+--debug}

# Adds up what "cargo test" printed.  A run that broke off counts as one failure.
host_tests() {
	local log=$results/cargo.log status=0 p f s
	echo "== host tests"
	"$enter" -- cargo test --workspace --locked --manifest-path userspace-agent/Cargo.toml \
		--no-fail-fast 2>&1 | tee "$log" || status=$?
	read -r p f s < <(awk '/^test result:/ {
		for (i = 1; i < NF; i++) {
			if ($(i + 1) ~ /^passed/) p += $i
			if ($(i + 1) ~ /^failed/) f += $i
			if ($(i + 1) ~ /^ignored/) s += $i
		}
	} END { print p + 0, f + 0, s + 0 }' "$log")
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# Adds up one machine's log: the results inside of each scenario, or the scenario's
# own if it gave none; one failure more if it failed without saying in what.  The
# last number is how many scenarios came to their end.  Those that failed in what they
# expected are appended to "unmet", with the number of results; not those that found the
# kernel's log unclean or the module left behind.
count() {
	awk -v unmet="$unmet" '
		/^# not ok .*(the kernel.s log is clean|the module is not left behind)/ { grave = 1 }
		/^# not ok / { f++; inner_f++; next }
		/^# ok .*# SKIP/ { s++; inner++; next }
		/^# ok / { p++; inner++; next }
		/^(not )?ok [0-9]+ selftests: / {
			ended++
			if ($1 == "not") {
				if (!inner_f) f += inner_f = 1
				sub(/.*: switchyard: /, ""); sub(/ .*/, "")
				if (!grave) print $0, inner_f >>unmet
			} else if (/# SKIP/) s++
			else if (!inner && !inner_f) p++
			inner = inner_f = grave = 0
		}
		END { print p + 0, f + 0, s + 0, ended + 0 }' "$1"
}

# Adds to a scenario's verdict how long it took.  Not by awk, which may wait for more input.
timed() {
	local before=$EPOCHSECONDS line
	while IFS= read -r line; do
		if [[ $line =~ ^(not )?ok\ [0-9]+\ selftests:\  ]]; then
			line+=" # $((EPOCHSECONDS - before)) s"
			before=$EPOCHSECONDS
		fi
		printf '%s\n' "$line"
	done
}

# A machine for the scenarios given, with the options given.  When one of them brings
# it down, that one has failed and a new machine goes on with the next.
machine() {
	local options=$1 log status p f s ended tests name
	shift
	while [ $# -gt 0 ]; do
		number=$((number + 1)) status=0 tests=()
		log=$results/vm-$number.log
		for name in "$@"; do
			tests+=(-t "switchyard:$name")
		done
		echo "== virtual machine $number ($options): $*"
		# shellcheck disable=SC2086 # options are words
		"$TOP/scripts/vm.sh" ${debug:+--debug} --timeout $((slow * (60 + 300 * $#))) $options \
			--log "$results/console-$number.log" \
			-- ./run_kselftest.sh -o $((slow * 300)) "${tests[@]}" 2>&1 |
			timed | tee "$log" || status=$?
		read -r p f s ended < <(count "$log")
		if [ "$ended" -lt $# ]; then
			shift "$ended"
			echo "not ok: $1 did not come to its end"
			f=$((f + 1))
			shift
		else
			shift $#
		fi
		# The machine's own verdict: unclean log, module left behind, no word at all.
		if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
			f=1
		fi
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	done
}

# Whether a machine on the debug kernel tells of memory that has leaked, of each kind.
leak_tests() {
	local log=$results/leak.log status=0 object missing=''
	echo "== what has leaked is found"
	step "building a module that leaks" "$enter" -- scripts/build.sh leak
	# shellcheck disable=SC2086 # options are words
	"$TOP/scripts/vm.sh" --debug --share build/leak --timeout $((slow * 300)) $default_vm \
		--log "$results/console-leak.log" -- 'insmod leak.ko && rmmod leak' >"$log" 2>&1 || status=$?
	for object in '0x.* (size 64)' '0x.* (size 4096)' '0x.* (size 102400)' '(percpu)'; do
		grep -q "^unreferenced object $object" "$log" || missing+=" $object"
	done
	if [ "$status" -eq 70 ] && [ -z "$missing" ]; then
		echo "ok: what has leaked is found"
		passed=$((passed + 1))
	else
		echo "not ok: of what has leaked was not found:${missing:- nothing}; the machine said $status"
		failed=$((failed + 1))
	fi
}

# What the build root sees of a cache that was moved.
setup_tests() {
	local file=$CACHE/seen-from-inside
	echo "== set-up"
	rm -f "$file"
	# shellcheck disable=SC2016 # expanded inside
	if SWITCHYARD_CACHE=$CACHE "$enter" -- sh -c ': >"$SWITCHYARD_CACHE/seen-from-inside"' &&
		[ -f "$file" ]; then
		echo "ok: the cache is the same inside"
		passed=$((passed + 1))
	else
		echo "not ok: the cache is not the same inside"
		failed=$((failed + 1))
	fi
	rm -f "$file"
}

if [ -z "$only$debug" ] && [ -f userspace-agent/Cargo.toml ]; then
	setup_tests
	host_tests
fi

if [ -z "$only" ] && [ -n "$debug" ]; then
	leak_tests
fi

declare -A groups=()
order=()
while IFS=: read -r _ name; do
	if [ -n "$only" ] && [ "${name%.*}" != "${only%.*}" ]; then
		continue
	fi
	vm=$(sed -n 's/^# vm: *//p;40q' "selftests/$name" | head -n 1)
	vm=${vm:-$default_vm}
	[ -n "${groups[$vm]:-}" ] || order+=("$vm")
	groups[$vm]+=" $name"
done <"build/kselftest${debug:+-debug}/kselftest-list.txt"
[ "${#order[@]}" -gt 0 ] || die "there is no scenario selftests/${only:-*}"

number=0
for vm in "${order[@]}"; do
	# shellcheck disable=SC2086 # names are words
	machine "$vm" ${groups[$vm]}
done

# again NAME UNMET: another try for a scenario with so many unmet expectations, in a machine
# of its own, as what is done for the kernel's networking at large does it: a busy host may
# have kept the first one waiting.  The totals are those of one run; the log tells of both.
flaky=()
again() {
	local name=$1 vm before=("$passed" "$failed" "$skipped")
	for vm in "${order[@]}"; do
		[[ " ${groups[$vm]} " != *" $name "* ]] || break
	done
	echo "== $name: again, alone"
	machine "$vm" "$name"
	if [ "$failed" -eq "${before[1]}" ]; then
		flaky+=("$name")
		before=($((before[0] + $2)) $((before[1] - $2)) "${before[2]}")
	fi
	passed=${before[0]} failed=${before[1]} skipped=${before[2]}
}
# More than that is no accident.
if [ -z "$only" ] && [ "$(wc -l <"$unmet")" -le 3 ]; then
	while read -r name number_unmet <&4; do
		again "$name" "$number_unmet"
	done 4< <(cat "$unmet")
fi

summary="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || summary+=", $skipped skipped"
echo
[ "${#flaky[@]}" -eq 0 ] || echo "passed only when run again, alone: ${flaky[*]}"
echo "$summary"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
