#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [--instructions|--nanoseconds] [CASE...]: measures the cases with both
# instruments, prints one table and writes selftests/bench/results.json.  See README.md.
# With one instrument or some cases alone (the floor always comes along) what is written is
# build/bench/results.json.  Three cases more are tcp, swap and scale: see "More" there.

. "$(dirname "$0")/../../scripts/lib.sh"
cd "$TOP"
. selftests/bench/lib.sh

instruments=(instructions nanoseconds)
while [[ ${1:-} = --* ]]; do
	case $1 in
	--instructions | --nanoseconds) instruments=("${1#--}") ;;
	*) die "what is $1?" ;;
	esac
	shift
done
families=('' 6)
peers=(forward nft-dnat ipvs-nat ipvs-dr ipvs-tun switchyard-nat switchyard-dr switchyard-tun)
cases=() outputs=() results=selftests/bench/results.json all=true
[ "${#instruments[@]}" -gt 1 ] || all=false
more=()
if [ $# -gt 0 ]; then
	all=false
	for case in "$@"; do
		case $case in
		tcp | swap | scale) more+=("$case") ;;
		*) cases+=("$case") ;;
		esac
	done
	if [ "${#cases[@]}" -gt 0 ]; then
		[[ "${cases[*]} " != *6[\ -]* ]] || cases=(generator6 redirect6 "${cases[@]}")
		cases=(generator redirect "${cases[@]}")
	fi
else
	more=(tcp swap scale)
	for family in "${families[@]}"; do
		for case in generator redirect "${peers[@]}"; do
			cases+=("$case$family")
		done
	done
fi

# These are counted.
[[ ${instruments[*]} = *instructions* ]] || more=()

$all || results=build/bench/results.json
for instrument in "${instruments[@]}"; do
	[ "${#cases[@]}" -gt 0 ] || break
	share=build/bench/$instrument
	case $instrument in
	instructions)
		fill "$share"
		limit=3000 counting "$share" ./guest.sh --repeat 3 "${cases[@]}"
		;;
	nanoseconds)
		fill_uml "$share"
		limit=3000 in_uml "$share" ./guest.sh --rounds 3 --large 1 --repeat 30 --packets 5000 \
			--pace 60000 --settle 0.2 --patience 10 "${cases[@]}"
		;;
	esac
	outputs+=("$instrument:$share/output")
done

# windows DIR CASE...: what the plugin wrote, a run for each case.
windows() {
	local share=$1 run=0 case symbols=()
	shift
	if grep -q '^symbols ' "$share/output"; then
		symbols=("$share/symbols")
		sed -n 's/^symbols //p' "$share/output" | base64 -d | gzip -d >"${symbols[0]}"
	fi
	for case in "$@"; do
		run=$((run + 1))
		"$enter" -- python3 selftests/bench/profile/windows.py "$case" "$share/counts.$run" \
			"${symbols[@]}" >>"$share/output"
	done
	outputs+=("instructions:$share/output")
}

for case in "${more[@]}"; do
	share=build/bench/$case
	fill "$share"
	stores=
	[ "$case" != scale ] || stores=,stores=yes
	[ "$case" = tcp ] || counter "$share" ,windows=2000000$stores
	case $case in
	tcp)
		counting "$share" ./tcp.sh
		outputs+=("instructions:$share/output")
		;;
	swap)
		counting "$share" ./exact.sh swap
		windows "$share" swap-quiet swap-during
		;;
	scale)
		in_vm "$share" --cpus 6 --wire igb:igb --wire igb:igb -- ./exact.sh scale
		windows "$share" scale-1 scale-2 scale-4
		;;
	esac
done
"$enter" -- python3 selftests/bench/table.py "$results" "${outputs[@]}"
if $all; then
	"$enter" -- python3 selftests/bench/charts.py "$results" Documentation/charts
	"$enter" -- python3 selftests/bench/page.py "$results" Documentation/measurements.md
fi
