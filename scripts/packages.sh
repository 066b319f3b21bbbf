# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034 # read by the scripts that source this
#
# What the two Debian roots hold.  Their cache keys are made from this file.

# Taken from trixie-backports; everything else comes from trixie.
BACKPORTS_PIN='linux-* qemu-* seabios ipxe-qemu bpftool libbpf*'

BUILD_PACKAGES=(
	# the kernel and what its external modules are built with
	linux-image-amd64 linux-headers-amd64 linux-source
	gcc-14 gcc g++ make flex bison bc libelf-dev libssl-dev libdw-dev zlib1g-dev pahole
	kmod cpio xz-utils zstd rsync perl python3 clang llvm lld
	rustc rust-src rustfmt rust-clippy bindgen cargo musl-tools
	# user space, linters, spec tools
	git ca-certificates pkg-config shellcheck yamllint mandoc python3-yaml python3-jsonschema
	python3-scapy iproute2
	# what the agent's tests talk to
	haproxy nginx-light
	# the virtual machine
	qemu-system-x86 busybox-static e2fsprogs
)

GUEST_PACKAGES=(
	bash coreutils util-linux mount kmod procps mawk grep sed findutils diffutils
	iproute2 iputils-ping iputils-arping ethtool tcpdump iperf3 curl wrk nginx-light haproxy
	nftables ipvsadm bpftool jq socat netcat-openbsd
	traceroute iputils-tracepath bind9-dnsutils dnsperf nsd
	bpftrace linux-perf systemd
	python3 python3-scapy python3-yaml python3-jsonschema python3-xxhash
)
