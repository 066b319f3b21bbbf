# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of topology.sh
#
# yardmaster and agents on the topology of topology.sh.  Needs work_dir and SERVICE.

# keys NAME...: for yardmaster and these names, in $work/keys.
keys() {
	yardmaster keys "$work/keys" yardmaster "$@"
}

# Connections a second that tell of life: where everything takes long, any do.
ALIVE=$((SLOW > 1 ? 0 : 1))

# Milliseconds between two reports.
INTERVAL=$((200 * SLOW))

# agent N [KEYS]: yard-agent on server N, named serverN, with the keys of that folder.
# Its process is in agent[N].
agent() {
	local n=$1 keys=${2:-$work/keys}
	cat >"$work/agent$n.toml" <<-END
		name = "server$n"
		interval = "${INTERVAL}ms"
		window = "${SLOW}s"
		[[port]]
		port = 80
		[tls]
		ca = "$keys/ca.pem"
		certificate = "$keys/server$n.pem"
		key = "$keys/server$n.key"
		[report]
		listen = "10.2.$n.2:7070"
		[socket]
		path = "$work/socket$n"
	END
	ip netns exec "${server[n]}" yard-agent run --config "$work/agent$n.toml" \
		</dev/null >>"$work/agent$n.log" 2>&1 &
	agent[n]=$!
	defer quit "${agent[n]}"
}

# measured N LOOPS CPU: the server of measured.py in server N, on that CPU.
measured() {
	local n=$1
	background ip netns exec "${server[n]}" taskset -c "$3" \
		python3 "$HERE/lib/measured.py" "server$n" "$work/socket$n" "$2"
	slowwait 10 listening "$n" tcp 80
}

# configure ALGORITHM SERVERS [LINE...]: the file of a service with so many servers; the
# lines go into its policy.
configure() {
	local algorithm=$1 servers=$2 n
	shift 2
	{
		cat <<-END
			[yardmaster]
			socket = "$work/yardmaster.sock"
			metrics = "127.0.0.1:9750"
			[yardmaster.tls]
			ca = "$work/keys/ca.pem"
			certificate = "$work/keys/yardmaster.pem"
			key = "$work/keys/yardmaster.key"
			[[service]]
			service = "tcp $SERVICE"
			[service.policy]
			algorithm = "$algorithm"
		END
		printf '%s\n' "$@"
		for ((n = 1; n <= servers; n++)); do
			cat <<-END
				[[service.destination]]
				address = "10.2.$n.2:80"
				source = { type = "agent", name = "server$n", interval = "${INTERVAL}ms" }
			END
		done
	} >"$work/switchyard.toml"
}

# master: yardmaster, in the background; its process is $master.
master() {
	yardmaster run --config "$work/switchyard.toml" </dev/null >>"$work/yardmaster.log" 2>&1 &
	master=$!
	defer quit "$master"
	wait_for 10000 master_answers
}

master_answers() {
	yardmaster status --socket "$work/yardmaster.sock" --json |
		jq -e '.trouble == null and .counters.rounds > 1' >/dev/null
}

# decided N FIELD: of the last decision for server N.
decided() {
	yardmaster explain "tcp://$SERVICE" --socket "$work/yardmaster.sock" --json |
		jq -r --arg d "10.2.$1.2:80" ".destinations[] | select(.endpoint == \$d) | $2"
}

# lives N: whether the kernel's counters tell of connections to server N.
lives() {
	[ "$(decided "$1" ".signs.connections_per_second > $ALIVE")" = true ]
}

explained() {
	yardmaster explain "tcp://$SERVICE" --socket "$work/yardmaster.sock" | sed 's/^/# /'
}

# weights: those of the kernel, one to a server, in the order of addresses.
weights() {
	yardctl --json destination list tcp "$SERVICE" |
		jq -r 'sort_by(.address) | map(.weight) | join(" ")'
}

# share N: of the kernel's weights, in thousandths.
share() {
	weights | awk -v n="$1" '{ for (i = 1; i <= NF; i++) sum += $i; printf "%d\n", $n * 1000 / sum }'
}

# below MOST COMMAND...: whether COMMAND prints a number below that.
below() {
	local most=$1
	shift
	[ "$("$@")" -lt "$most" ]
}

# watch_weights: writes down from now on when the service's weights change.
watch_weights() {
	weights >"$work/weights"
	: >"$work/monitor"
	yardctl monitor </dev/null 2>"$work/monitor.log" > >(
		while read -r line; do
			echo "${EPOCHREALTIME/./} $line"
		done >"$work/monitor"
	) &
	defer quit $!
	wait_for 5000 grep -q listening "$work/monitor.log"
}

# fell_after N BEGIN SHARE: milliseconds from BEGIN (microseconds since 1970) to when the
# share of server N, in thousandths, was first below SHARE; nothing if it never was.  What
# comes together is one transaction.
fell_after() {
	awk -v n="$1" -v begin="$2" -v share="$3" '
		function look() {
			sum = 0
			for (i in weight) sum += weight[i]
			if (!done && last > begin && sum > 0 && weight[n] * 1000 / sum < share) {
				printf "%d\n", (last - begin) / 1000
				done = 1
			}
		}
		NR == FNR { for (i = 1; i <= NF; i++) weight[i] = $i; next }
		$2 == "destination" && $6 == "weight" {
			if ($1 - last > 50000) look()
			split($5, part, ".")
			weight[part[3]] = $7
			last = $1
		}
		END { look() }' "$work/weights" "$work/monitor"
}

# rises N BEGIN: each weight of server N after BEGIN that was above the one before.
rises() {
	awk -v n="$1" -v begin="$2" '
		$2 == "destination" && $6 == "weight" {
			split($5, part, ".")
			if (part[3] != n) next
			if ($1 > begin && $7 > last) print $7
			last = $7
		}' "$work/monitor"
}

# rounds: how many there have been.
rounds() {
	yardmaster status --socket "$work/yardmaster.sock" --json | jq .counters.rounds
}
