#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# enter.sh [--root DIR] [--] COMMAND...: runs COMMAND in the build root, with this
# tree at /src and the cache at /cache, as root of a chroot or of a user namespace.
# enter.sh --remove DIR...: removes folders that such a root's ids own.
# On a machine that is itself the build platform the command runs where it is.

. "$(dirname "$0")/lib.sh"

ns=(--mount --propagation private --pid --fork --kill-child)
[ "$(id -u)" -eq 0 ] || ns+=(--user --map-root-user --map-auto)

if [ "${1:-}" = --remove ]; then
	shift
	exec unshare "${ns[@]}" rm -rf -- "$@"
fi

root=
if [ "${1:-}" = --root ]; then
	root=$2
	shift 2
fi
[ "${1:-}" = -- ] && shift
[ $# -gt 0 ] || die "usage: enter.sh [--root DIR] [--] COMMAND..."

if [ -z "$root" ]; then
	if is_native; then
		cd "$TOP"
		exec "$@"
	fi
	root=$("$TOP/scripts/debian-root.sh" build)
fi

bundle=/etc/ssl/certs/ca-certificates.crt
[ -f "$root/etc/ssl/certs/host-ca.crt" ] && bundle=/etc/ssl/certs/host-ca.crt
# A kernel tree named by its path out here is known in there by another one.
case ${KDIR:-} in
"$CACHE"/*) export KDIR=/cache/${KDIR#"$CACHE"/} ;;
"$TOP"/*) export KDIR=/src/${KDIR#"$TOP"/} ;;
esac
# What may pass from outside: proxies, the terminal, and our own and make's settings.
keep=()
while IFS='=' read -r -d '' name value; do
	case $name in
	# A path out here, and another in there.
	SWITCHYARD_CACHE) ;;
	*_proxy | *_PROXY | TERM | LANG | SOURCE_DATE_EPOCH | SWITCHYARD_* | T | V | W | KDIR | CASE | CLIPPY | CI)
		keep+=("$name=$value") ;;
	esac
done < <(env -0)

export root TOP CACHE
# shellcheck disable=SC2016 # expanded inside the namespace
exec unshare "${ns[@]}" /bin/bash -ec '
	PATH=/usr/sbin:/sbin:$PATH
	mount --bind "$root" "$root"
	mkdir -p "$root/src" "$root/cache"
	mount --bind "$TOP" "$root/src"
	mount --bind "$CACHE" "$root/cache"
	mount -t proc proc "$root/proc"
	mount --rbind /sys "$root/sys"
	mount --rbind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/tmp"
	for f in /etc/resolv.conf /etc/hosts; do
		if [ -e "$f" ]; then cp -L "$f" "$root$f" 2>/dev/null || true; fi
	done
	exec chroot "$root" "$@"' enter \
	/usr/bin/env -i HOME=/cache/home PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	SSL_CERT_FILE="$bundle" CARGO_HTTP_CAINFO="$bundle" GIT_SSL_CAINFO="$bundle" \
	SWITCHYARD_CACHE=/cache SWITCHYARD_IN_ROOT=yes CARGO_HOME=/cache/cargo "${keep[@]}" \
	/bin/sh -ec 'mkdir -p "$HOME"; cd /src; exec "$@"' enter "$@"
