#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# cache.sh stale|all: removes what is cached for other states of this tree, or all.

. "$(dirname "$0")/lib.sh"

case ${1:-} in
all)
	doomed=("$CACHE"/*)
	;;
stale)
	keep=" $("$TOP/scripts/debian-root.sh" build --name) $("$TOP/scripts/debian-root.sh" guest --name) "
	tree=$("$TOP/scripts/enter.sh" -- scripts/kernel-tree.sh)
	image=$("$TOP/scripts/guest-image.sh")
	keep+=" $("$TOP/scripts/enter.sh" -- scripts/uml-tree.sh --name)"
	keep+=" $(basename "$(dirname "$tree")") ${image##*/} "
	# Of debug kernels the last one made stays, with its image: to ask for the right one
	# would be to build it.
	last=
	for path in "$CACHE"/debug-kernel-*/done; do
		if [ -z "$last" ] || [ "$path" -nt "$last" ]; then
			last=$path
		fi
	done
	debug=$(basename "${last%/done}")
	keep+=" $debug "
	while read -r path; do
		keep+=" $(basename "${path%/debug}") "
	done < <(grep -lxF "$debug" "$CACHE"/guest-image-*/debug 2>/dev/null)
	doomed=()
	# Snapshots are all of them removed: one is made in a quarter of a minute.
	for path in "$CACHE"/{build-root,guest-root,kernel,debug-kernel,guest-image,uml,snapshot}-*; do
		name=${path##*/}
		name=${name%.done}
		case $name in *.lock) continue ;; esac
		if [ -e "$path" ] && [[ $keep != *" $name "* ]]; then
			doomed+=("$path")
		fi
	done
	;;
*) die "usage: cache.sh stale|all" ;;
esac
[ "${#doomed[@]}" -gt 0 ] || exit 0
# A root that is in use has its folders mounted in another name space only: what is
# removed here is removed under it, so nothing may be running.
printf '  removing %s\n' "${doomed[@]##*/}" >&2
"$TOP/scripts/enter.sh" --remove "${doomed[@]}"
