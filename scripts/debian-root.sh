#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# debian-root.sh build|guest [--name]: makes the trixie root for building (compilers, the
# stock backports kernel, QEMU) or the small one that the virtual machine boots,
# and prints its folder.  A finished root is reused; a half-made one is thrown away.
# --name only prints what the folder is or would be called.

. "$(dirname "$0")/lib.sh"
. "$TOP/scripts/packages.sh"

case ${1:-} in
build) packages=("${BUILD_PACKAGES[@]}") ;;
guest) packages=("${GUEST_PACKAGES[@]}") ;;
*) die "usage: debian-root.sh build|guest [--name]" ;;
esac
what=$1
key=$(key_of "${packages[@]}" "$BACKPORTS_PIN" "$0")
root=$CACHE/$what-root-$key

if [ "${2:-}" = --name ]; then
	echo "${root##*/}"
	exit 0
fi
if [ ! -f "$root.done" ]; then
	lock "$what-root"
fi
if [ -f "$root.done" ]; then
	echo "$root"
	exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
	mode=root
	if ! command -v mmdebstrap >/dev/null; then
		step "installing mmdebstrap" sh -c \
			'apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mmdebstrap'
	fi
else
	mode=unshare
	command -v mmdebstrap >/dev/null ||
		die "mmdebstrap is missing: install it (apt install mmdebstrap uidmap), or run as root"
	unshare --user --map-root-user --map-auto true 2>/dev/null ||
		die "neither root nor user namespaces are usable here: run as root, or install uidmap and allow unprivileged user namespaces"
fi

need=3000000
[ "$what" = build ] && need=9000000
free=$(df -Pk "$CACHE" | awk 'NR == 2 { print $4 }')
[ "$free" -ge "$need" ] ||
	die "the disk is full: $((need / 1000000)) GB are needed below $CACHE, $((free / 1000000)) GB are free (SWITCHYARD_CACHE= moves it)"

if [ -e "$root" ]; then
	"$TOP/scripts/enter.sh" --remove "$root"
fi

pin=$(printf 'Package: %s\nPin: release n=trixie-backports\nPin-Priority: 900\n' "$BACKPORTS_PIN")
include=$(
	IFS=,
	echo "${packages[*]}"
)
printf '%s\n' "$pin" >"$CACHE/$what.pin"

sources=()
site=$(mirror)
if [ -n "$site" ]; then
	for pocket in trixie trixie-updates trixie-backports; do
		echo "deb $site $pocket main"
	done >"$CACHE/$what.list"
	sources=("$CACHE/$what.list")
fi

certs=/etc/ssl/certs/ca-certificates.crt
hooks=(
	--setup-hook="mkdir -p \"\$1/etc/apt/preferences.d\" && cp '$CACHE/$what.pin' \"\$1/etc/apt/preferences.d/backports\""
)
# A machine without a mirror of its own: mmdebstrap's default, and its backports.
# shellcheck disable=SC2016 # expanded by the hook
[ -n "$site" ] || hooks+=(
	--setup-hook='sed -n "s/ trixie main$/ trixie-backports main/p" "$1/etc/apt/sources.list" >"$1/etc/apt/sources.list.d/backports.list"'
)
# Networks that inspect TLS are trusted through the host's own CA bundle.
[ -f "$certs" ] && hooks+=(
	--customize-hook="mkdir -p \"\$1/etc/ssl/certs\" && cp '$certs' \"\$1/etc/ssl/certs/host-ca.crt\""
)
step "$what root: Debian trixie ($(printf '%s\n' "${packages[@]}" | wc -l) packages)" \
	mmdebstrap --mode="$mode" --variant=apt --format=directory \
	--aptopt='APT::Install-Recommends "false"' \
	--aptopt='Acquire::Retries "3"' \
	--dpkgopt='path-exclude=/usr/share/man/*' \
	--dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' \
	--include="$include" \
	"${hooks[@]}" trixie "$root" "${sources[@]}"
touch "$root.done"
echo "$root"
