#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# yard-agent on a server: it counts the clients that the kernel knows of, reads nginx,
# sees the CPUs at work; HAProxy polls it and does as it says; masters get reports by TLS
# and nobody else does.  The module is not needed.
#
#     balancer: HAProxy, curl --[veth]-- server: nginx, yard-agent

# shellcheck disable=SC2154 # setup_ns sets name spaces

. "$(dirname "$0")/lib.sh"

need haproxy nginx curl jq socat
[ -x "$HERE/bin/yard-agent" ] || skip_all "yard-agent has not been built"

work=$(mktemp -d)
defer rm -rf "$work"
setup_ns balancer server
ip -n "$balancer" link add near type veth peer name far netns "$server"
ip -n "$balancer" address add 10.0.0.1/24 dev near
ip -n "$server" address add 10.0.0.2/24 dev far
ip -n "$balancer" link set near up
ip -n "$server" link set far up

# stop PID: if it has not ended by itself.
stop() {
	kill "$1" 2>/dev/null || true
}

# start NAMESPACE COMMAND...: in the background, until the scenario ends.
start() {
	local where=$1
	shift
	ip netns exec "$where" "$@" >>"$work/log" 2>&1 &
	defer stop "$!"
	started=$!
}

# metric FILTER: of the agent's ORCA report.
metric() {
	ip netns exec "$balancer" curl -s -m 2 http://10.0.0.2:7074/ | jq "$1"
}

metric_is() {
	[ "$(metric "$1")" = true ]
}

# column NAME: of HAProxy's statistics about the server.
column() {
	echo "show stat" | socat - "UNIX-CONNECT:$work/stats" |
		awk -F, -v name="$1" '/^#/ { sub(/^# /, ""); for (i = 1; i <= NF; i++) if ($i == name) at = i }
			/^web,web1,/ { print $at }'
}

column_is() {
	# shellcheck disable=SC2053 # it is a pattern
	[[ $(column "$1") == $2 ]]
}

mkdir "$work/nginx"
cat >"$work/nginx.conf" <<-END
	daemon off; master_process off; pid $work/nginx/pid; error_log stderr;
	events { worker_connections 256; }
	http {
		access_log off;
		# Clients that say nothing are held for as long as the scenario wants them.
		client_header_timeout 1h;
		client_body_temp_path $work/nginx/1; proxy_temp_path $work/nginx/2;
		fastcgi_temp_path $work/nginx/3; uwsgi_temp_path $work/nginx/4; scgi_temp_path $work/nginx/5;
		server { listen 10.0.0.2:80; location / { return 200 hello; } }
		server { listen 127.0.0.1:8081; location / { stub_status; } }
	}
END
start "$server" nginx -e stderr -p "$work" -c "$work/nginx.conf"

expect "keys are made" yard-agent keys "$work/keys" yardmaster web1 web2
cat >"$work/agent.toml" <<-END
	name = "web1"
	interval = "$((200 * SLOW))ms"
	window = "${SLOW}s"
	[[port]]
	port = 80
	nginx = "http://127.0.0.1:8081/"
	[tls]
	ca = "$work/keys/ca.pem"
	certificate = "$work/keys/web1.pem"
	key = "$work/keys/web1.key"
	[report]
	listen = "10.0.0.2:7070"
	[[haproxy]]
	listen = "10.0.0.2:7072"
	[[orca]]
	listen = "10.0.0.2:7074"
	protocol = "http"
	[socket]
	path = "$work/socket"
END
expect "the configuration is right" yard-agent check --config "$work/agent.toml"
start "$server" "$HERE/bin/yard-agent" run --config "$work/agent.toml"
agent=$started
expect "the agent answers" wait_for 5000 metric_is '.mem_utilization > 0'

# Clients, as the kernel counts them.
hold() {
	start "$balancer" socat -u TCP:10.0.0.2:80 OPEN:/dev/null
}
expect "there is no client" wait_for 3000 metric_is '.named_metrics.clients == 0'
for _ in 1 2 3 4 5; do
	hold
done
expect "five connections are five clients" wait_for 3000 metric_is '.named_metrics.clients == 5'
kill "$started"
expect "one goes, four are left" wait_for 3000 metric_is '.named_metrics.clients == 4'

# nginx's own numbers; the agent's own questions, one in an interval, are among its requests.
requests() {
	for _ in 1 2 3 4 5 6 7 8; do
		ip netns exec "$balancer" curl -s -m 2 -o "$work/page" "http://10.0.0.2/?[1-20]"
	done
	metric_is ".rps_fractional > 30 / $SLOW"
}
expect "nginx's requests are seen" wait_for 5000 requests
expect "and that there are no more" wait_for 5000 metric_is ".rps_fractional < 10 / $SLOW"

# The CPUs.
for _ in 1 2 3; do
	start "$server" sh -c 'while :; do :; done'
	hogs+=("$started")
done
expect "busy CPUs are seen" wait_for 5000 metric_is '.cpu_utilization > 0.6'
kill "${hogs[@]}"
expect "and idle ones" wait_for 8000 metric_is '(.cpu_utilization // 0) < 0.6'

# HAProxy.
cat >"$work/haproxy.cfg" <<-END
	global
	    stats socket $work/stats level admin
	defaults
	    mode tcp
	    timeout connect 2s
	    timeout client 5s
	    timeout server 5s
	frontend front
	    bind 10.0.0.1:80
	    default_backend web
	backend web
	    server web1 10.0.0.2:80 weight 100 agent-check agent-inter $((200 * SLOW))ms agent-port 7072
END
start "$balancer" haproxy -db -f "$work/haproxy.cfg"
echo "80 utilisation=0.7" | socat - "UNIX-SENDTO:$work/socket"
expect "HAProxy gives the share that is idle" wait_for 5000 column_is weight 30
expect "it is content with the answers" wait_for 5000 column_is agent_status L7OK
expect "the operator drains the server" yard-agent intent drain --config "$work/agent.toml"
expect "HAProxy drains it" wait_for 3000 column_is status '*DRAIN*'
expect "and calls it back" yard-agent intent ready --config "$work/agent.toml"
expect "HAProxy uses it again" wait_for 3000 column_is status 'no check'
equal "its page comes through" "$(curl_page() { ip netns exec "$balancer" curl -s -m 3 http://10.0.0.1/; }; curl_page)" hello

# Reports for masters, as any client of TLS sees them.
report() {
	ip netns exec "$balancer" curl -s -m 3 --resolve web1:7070:10.0.0.2 "$@" https://web1:7070/v1/report
}
as() {
	report --cacert "$work/keys/ca.pem" --cert "$work/keys/$1.pem" --key "$work/keys/$1.key"
}
first=$(as yardmaster | jq .sequence)
equal "a master gets a report" "$(as yardmaster | jq -r '.agent, .ports[0].clients' | xargs)" "web1 4"
equal "each has a number of its own" "$(as yardmaster | jq .sequence)" $((first + 2))
equal "another agent gets none" "$(as web2)" ""
refuse "nor who has no certificate" report --cacert "$work/keys/ca.pem"
refuse "TLS 1.2 is refused" report --tls-max 1.2 --cacert "$work/keys/ca.pem" \
	--cert "$work/keys/yardmaster.pem" --key "$work/keys/yardmaster.key"

# The name of the loader would be in the first page.
dynamic() {
	head -c 4096 "$HERE/bin/yard-agent" | grep -q ld-linux
}
refuse "the agent needs no loader and no library" dynamic
resident=$(awk '/^VmRSS:/ { print $2 }' "/proc/$agent/status")
between "the agent's resident memory, KiB" "$resident" 100 10240
echo "# $resident KiB"
finish
