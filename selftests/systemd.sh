#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The units under systemd, which is the first process of a container here: the file is
# applied at start, by what may do nothing else; yardmaster follows the agent's reports, is
# started again when it dies, and what is stopped leaves nothing.
#
#     container [ systemd: switchyard, yardmaster, yard-agent ] --- switch of this machine
#                                              claim0 --[veth]-- claim1, 10.7.0.2

. "$(dirname "$0")/lib.sh"

need jq ethtool nsenter
systemd=/usr/lib/systemd/systemd
[ -x "$systemd" ] || skip_all "systemd is missing"
[ -x "$HERE/bin/yardmaster" ] || skip_all "yardmaster has not been built"

work=$(mktemp -d)
defer rm -rf "$work"
tools=/usr/local/sbin

# What "make install" puts in place.
installed() {
	local tool
	for tool in yardctl yardmaster yard-agent; do
		install -D "$HERE/bin/$tool" "$tools/$tool" || return 1
	done
	defer rm -f "$tools"/{yardctl,yardmaster,yard-agent}
	install -D -m 644 "$HERE/units/none.toml" /usr/local/share/switchyard/none.toml
	defer rm -rf /usr/local/share/switchyard
	install -D -m 644 -t /etc/systemd/system "$HERE"/units/*.service
	defer rm -f /etc/systemd/system/{switchyard,yardmaster,yard-agent}.service
	cat >/etc/systemd/system/scenario.target <<-END
		[Unit]
		Requires=basic.target
		Wants=switchyard.service yardmaster.service yard-agent.service
		After=basic.target
		AllowIsolate=yes
	END
	defer rm -f /etc/systemd/system/scenario.target
	mkdir -p /etc/switchyard
	defer rm -rf /etc/switchyard
}

# configuration WEIGHT: the files.
configuration() {
	cat >/etc/switchyard/switchyard.toml <<-END
		[yardmaster.tls]
		ca = "/run/credentials/yardmaster.service/ca.pem"
		certificate = "/run/credentials/yardmaster.service/yardmaster.pem"
		key = "/run/credentials/yardmaster.service/yardmaster.key"
		[yard0]
		addresses = ["192.0.2.80"]
		[[claim]]
		device = "claim0"
		policy = "interrupt"
		[[service]]
		service = "tcp 192.0.2.80:80"
		policy.algorithm = "even"
		source = { type = "agent", name = "agent" }
		destination = [{ address = "10.7.0.1:80" }]
		[[service]]
		service = "udp 192.0.2.80:53"
		destination = [{ address = "10.7.0.2:53", weight = $1 }]
	END
	cat >/etc/switchyard/yard-agent.toml <<-END
		name = "agent"
		[tls]
		ca = "/run/credentials/yard-agent.service/ca.pem"
		certificate = "/run/credentials/yard-agent.service/agent.pem"
		key = "/run/credentials/yard-agent.service/agent.key"
		[report]
		listen = "10.7.0.1:7070"
		[socket]
		path = "/run/yard-agent/socket"
	END
}

# A container: it has processes, mounts and control groups of its own, and our devices.
begin() {
	mkdir "$group" || return 1
	defer rmdir_all "$group"
	echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
	defer eval 'echo "-memory -pids" >/sys/fs/cgroup/cgroup.subtree_control'
	# shellcheck disable=SC2016 # expanded there
	bash -c 'echo $$ >"$1/cgroup.procs" && exec unshare --pid --fork --kill-child --mount \
		--cgroup --ipc --uts --mount-proc bash -c "$2"' begin "$group" '
		# Credentials are mounted by one process for another.
		mount --make-rshared /
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mount -t tmpfs -o mode=755 tmpfs /run
		mount -t tmpfs -o mode=1777 tmpfs /tmp
		exec env -i container=switchyard /usr/lib/systemd/systemd --system \
			--unit=scenario.target' \
		</dev/null >"$work/systemd.log" 2>&1 &
	around=$!
	defer end "$around"
}

# The first process of the container.
first() {
	init=$(pgrep -P "$around" | head -n 1)
	[ -n "$init" ] && [ "$(readlink "/proc/$init/exe")" = "$systemd" ]
}

end() {
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}

rmdir_all() {
	find "$1" -depth -type d -exec rmdir {} + 2>/dev/null
	return 0
}

inside() {
	nsenter --target "$init" --pid --mount --cgroup --ipc --uts "$@"
}

# state UNIT
state() {
	inside systemctl show --property=ActiveState --value "$1"
}

active() {
	[ "$(state "$1")" = active ]
}

# pid_of UNIT: its process as it is known out here.
pid_of() {
	pgrep --nslist pid --ns "$init" -x "$1" | head -n 1
}

# status_of UNIT FIELD: of /proc/PID/status.
status_of() {
	awk -v field="$2:" '$1 == field { print $2 }' "/proc/$(pid_of "$1")/status"
}

# told: the journal's lines of our units.
told() {
	inside journalctl --no-pager --output=cat | grep -E 'switchyard|yardmaster|yard-agent'
}

master_status() {
	inside yardmaster status --json | jq "$1"
}

master_says() {
	[ "$(master_status "$1" 2>/dev/null)" = "$2" ]
}

weight_is() {
	[ "$(yardctl --json destination list udp 192.0.2.80:53 | jq '.[].weight')" = "$1" ]
}

group=/sys/fs/cgroup/systemd-scenario
expect "the units are installed" installed
configuration 7
expect "keys are made" yardmaster keys /etc/switchyard/keys yardmaster agent
ip link add claim0 type veth peer name claim1
defer ip link del claim0
ethtool -K claim0 gro on
ip -batch - <<-END
	link set claim0 up
	link set claim1 up
	addr add 10.7.0.1/24 dev claim0
END
expect "systemd finds nothing wrong with the units" systemd-analyze verify --man=no \
	/etc/systemd/system/{switchyard,yardmaster,yard-agent}.service
expect "the module loads" load
begin
expect "systemd runs" wait_for 20000 first
# It sets a variable.
first || true
for unit in switchyard yardmaster yard-agent; do
	expect "$unit becomes active" slowwait 60 active "$unit.service"
done
# What is wrong with a unit is told when it is read.
expect "the units are read again" inside systemctl daemon-reload
told | sed 's/^/# /'

# The file has been applied.
equal "both services are there" "$(yardctl --json service list | jq length)" 2
expect "with the file's weight" weight_is 7
equal "the device is claimed" "$(yardctl --json claims | jq -r '.[0].ifname')" claim0
equal "yard0 has its address" \
	"$(ip -j addr show dev yard0 | jq -r '[.[].addr_info[] | select(.family == "inet") | .local] | join(" ")')" \
	192.0.2.80

# By what may do little.
for unit in yardmaster yard-agent; do
	equal "$unit is not root" "$(test "$(status_of "$unit" Uid)" -ge 61184 && echo so)" so
	equal "$unit gets no more rights" "$(status_of "$unit" NoNewPrivs)" 1
	equal "its system calls are filtered" "$(status_of "$unit" Seccomp)" 2
done
equal "yardmaster may administer the network and ping" "$(status_of yardmaster CapEff)" 0000000000003000
equal "the agent may do nothing" "$(status_of yard-agent CapEff)" 0000000000000000
refuse "yardmaster's file system cannot be written to" \
	nsenter --target "$(pid_of yardmaster)" --mount touch /etc/switchyard/x
equal "nothing of the units was ignored" \
	"$(told | grep -ciE 'unknown (key|lvalue|section)|ignoring|not supported')" 0

# They do their work like that.
expect "yardmaster does as it is told" slowwait 20 master_says .trouble null
heard() {
	[ "$(inside yardmaster explain tcp://192.0.2.80:80 --json | jq -r '.destinations[0].state')" = reporting ]
}
expect "and hears the agent" slowwait 20 heard

# Reload, with a good file and a bad one.
configuration 9
expect "another file is applied by reloading" inside systemctl reload switchyard.service
expect "and is so" weight_is 9
echo 'nonsense = 1' >>/etc/switchyard/switchyard.toml
refuse "a bad file is refused" inside systemctl reload switchyard.service
expect "all is as before" weight_is 9
configuration 9

# Death and life.
before=$(pid_of yardmaster)
kill -KILL "$before"
again() {
	active yardmaster.service && [ "$(pid_of yardmaster)" != "$before" ]
}
expect "yardmaster is started again when it is killed" slowwait 20 again
expect "and does its work" slowwait 20 master_says .trouble null

expect "switchyard stops" inside systemctl stop switchyard.service
equal "nothing is claimed" "$(yardctl --json claims | jq length)" 0
equal "there are no services" "$(yardctl --json service list | jq length)" 0
for unit in yardmaster yard-agent; do
	expect "$unit stops" inside systemctl stop "$unit.service"
	equal "and has not failed" "$(state "$unit.service")" inactive
done
finish
