#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# install.sh install|uninstall PREFIX: the module into the folder of updates of the
# kernel it was built for, the tools and manual pages below PREFIX.  DESTDIR= is put
# before every path.

. "$(dirname "$0")/lib.sh"
cd "$TOP"

what=$1 prefix=$2 root=${DESTDIR:-}
tools=(yardctl yard-agent yardmaster)
# Shell and the file that its completions of a tool are looked for in.
completions=(
	bash:share/bash-completion/completions/@
	fish:share/fish/vendor_completions.d/@.fish
	zsh:share/zsh/site-functions/_@
)

# The release that the module was built for.
release() {
	modinfo -F vermagic ./switchyard.ko | cut -d' ' -f1
}

case $what in
install)
	[ -f switchyard.ko ] || die "switchyard.ko has not been built: run make all first"
	kernel=$(release)
	if [ -z "$root" ] && [ ! -d "/lib/modules/$kernel" ]; then
		die "the module is for kernel $kernel, which is not installed here (this is $(uname -r))"
	fi
	install -D -m 644 switchyard.ko "$root/lib/modules/$kernel/updates/switchyard.ko"
	if [ -z "$root" ]; then
		depmod "$kernel"
	fi
	for tool in "${tools[@]}"; do
		if [ -x "userspace-agent/target/release/$tool" ]; then
			install -D -m 755 "userspace-agent/target/release/$tool" "$root$prefix/sbin/$tool"
		fi
	done
	for tool in "${tools[@]}"; do
		for pair in "${completions[@]}"; do
			file=${pair#*:}
			userspace-agent/target/release/"$tool" completions "${pair%%:*}" |
				install -D -m 644 /dev/stdin "$root$prefix/${file/@/$tool}"
		done
	done
	# The unit knows where its program is; a configuration is never put in another's place.
	install -d "$root/etc/switchyard" "$root$prefix/lib/systemd/system"
	for pair in agent/yard-agent yardctl/switchyard yardmaster/yardmaster; do
		sed "s|/usr/local/|$prefix/|" "userspace-agent/$pair.service" \
			>"$root$prefix/lib/systemd/system/${pair#*/}.service"
		install -m 644 "userspace-agent/$pair.toml" "$root/etc/switchyard/${pair#*/}.toml.example"
	done
	# What the unit applies when it is stopped.
	install -D -m 644 userspace-agent/yardctl/none.toml "$root$prefix/share/switchyard/none.toml"
	for page in Documentation/man/*.[1-9]; do
		if [ -f "$page" ]; then
			install -D -m 644 "$page" "$root$prefix/share/man/man${page##*.}/${page##*/}"
		fi
	done
	;;
uninstall)
	for file in "$root"/lib/modules/*/updates/switchyard.ko; do
		if [ -f "$file" ]; then
			rm "$file"
			kernel=${file%/updates/*}
			[ -n "$root" ] || depmod "${kernel##*/}"
		fi
	done
	for tool in "${tools[@]}"; do
		rm -f "$root$prefix/sbin/$tool"
	done
	rm -f "$root$prefix/share/switchyard/none.toml"
	for daemon in switchyard yard-agent yardmaster; do
		rm -f "$root$prefix/lib/systemd/system/$daemon.service" \
			"$root/etc/switchyard/$daemon.toml.example"
	done
	for tool in "${tools[@]}"; do
		for pair in "${completions[@]}"; do
			file=${pair#*:}
			rm -f "$root$prefix/${file/@/$tool}"
		done
	done
	for page in Documentation/man/*.[1-9]; do
		rm -f "$root$prefix/share/man/man${page##*.}/${page##*/}"
	done
	;;
*) die "usage: install.sh install|uninstall PREFIX" ;;
esac
