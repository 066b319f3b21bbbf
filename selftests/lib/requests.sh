# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of topology.sh
#
# Requests that go on while a scenario does other things: to /who of the service, a
# connection each.  Needs topology.sh, work_dir and SERVICE.

# Requests without end, two at a time, until the file "stop" is there.
load_on() {
	cat >"$work/client.sh" <<-EOF
		while [ ! -e "$work/stop" ]; do
			curl -sS --max-time $((20 * SLOW)) --connect-timeout $((15 * SLOW)) -H 'Connection: close' \
				"http://$SERVICE/who?[1-10]" >>"\$1" 2>>"\$1.errors" || echo "status \$?" >>"\$1.errors"
		done
	EOF
	local n
	clients=()
	for n in 1 2; do
		: >"$work/answers$n"
		: >"$work/answers$n.errors"
		background ip netns exec "$client" bash "$work/client.sh" "$work/answers$n"
		clients+=($!)
	done
}

load_off() {
	touch "$work/stop"
	wait "${clients[@]}"
}

answers() {
	cat "$work/answers1" "$work/answers2" | wc -l
}

# Waits for so many answers more.
answers_more() {
	slowwait 30 at_least $(($(answers) + $1)) answers
}

answers_of() {
	cat "$work/answers1" "$work/answers2" | grep -c "server$1 "
}
