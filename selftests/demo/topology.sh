# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
#
# The network of the demonstration, all in one virtual machine:
#
#    name space client      the switch              name space servers
#   +-------------------+  +---------------------+  +--------------+
#   | clients 10.0.1.10 |  | 10.0.1.1   10.0.2.1 |  |          ,------ web1 10.0.2.11
#   |              eth0 ==== eth1           eth2 ==== eth3 - br0 ---- web2 10.0.2.12
#   +-------------------+  | yard0:     10.9.9.9 |  |          `------ web3 10.0.2.13
#                          |            10.9.9.1 |  +--------------+
#                          +---------------------+
#
# === is a wire between two emulated igb cards with four receive queues each.  web1
# to web3 are name spaces too, each with an nginx of its own.

client_ip=10.0.1.10
service=10.9.9.9:80
local_ip=10.9.9.1
webs=(web1 web2 web3)
declare -A web_ip=([web1]=10.0.2.11 [web2]=10.0.2.12 [web3]=10.0.2.13)
run=/run/demo

# card ADDRESS: the name of the network card with that hardware address.
card() {
	local dir
	for dir in /sys/class/net/*; do
		if [ "$(cat "$dir/address")" = "$1" ]; then
			echo "${dir##*/}"
		fi
	done
}

# start_web NAME ADDRESS PORT [COMMAND...]: an nginx, run by COMMAND, that answers with
# its name and logs each request.
start_web() {
	local name=$1 address=$2 port=$3
	shift 3
	mkdir -p "$run/$name"
	cat >"$run/$name/nginx.conf" <<-CONF
		daemon on;
		worker_processes 1;
		pid $run/$name/pid;
		error_log $run/$name/error.log;
		events { worker_connections 512; }
		http {
			access_log $run/$name/access.log;
			client_body_temp_path $run/$name/body;
			proxy_temp_path $run/$name/proxy;
			fastcgi_temp_path $run/$name/fastcgi;
			uwsgi_temp_path $run/$name/uwsgi;
			scgi_temp_path $run/$name/scgi;
			default_type text/plain;
			server {
				listen $address:$port;
				add_header Served-By $name;
				location / { return 200 "$name\n"; }
			}
		}
	CONF
	"$@" nginx -e "$run/$name/error.log" -c "$run/$name/nginx.conf"
}

# stop_web NAME: after the requests it is working on.
stop_web() {
	local pid
	pid=$(cat "$run/$1/pid")
	kill -QUIT "$pid"
	wait_for 10 eval "! kill -0 $pid"
}

# served NAME: requests that this nginx has answered.
served() {
	wc -l <"$run/$1/access.log"
}

make_network() {
	local web name device address
	client_card=$(card 52:54:00:57:00:0a) client_side=$(card 52:54:00:57:00:0b)
	server_side=$(card 52:54:00:57:01:0a) server_card=$(card 52:54:00:57:01:0b)
	for name in client servers "${webs[@]}"; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
	ip link set "$client_card" netns client
	ip link set "$server_card" netns servers

	sysctl -qw net.ipv4.ip_forward=1
	ip addr add 10.0.1.1/24 dev "$client_side"
	ip addr add 10.0.2.1/24 dev "$server_side"
	ip link set "$client_side" up
	ip link set "$server_side" up
	ip -n client addr add $client_ip/24 dev "$client_card"
	ip -n client link set "$client_card" up
	ip -n client route add default via 10.0.1.1

	ip -n servers link add br0 type bridge
	ip -n servers link set br0 up
	ip -n servers link set "$server_card" master br0
	ip -n servers link set "$server_card" up
	for web in "${webs[@]}"; do
		ip -n servers link add "$web" type veth peer name eth0 netns "$web"
		ip -n servers link set "$web" master br0
		ip -n servers link set "$web" up
		ip -n "$web" addr add "${web_ip[$web]}/24" dev eth0
		ip -n "$web" link set eth0 up
		ip -n "$web" route add default via 10.0.2.1
		start_web "$web" "${web_ip[$web]}" 80 ip netns exec "$web"
	done
}

# reachable ADDRESS: whether the client and a web server of that address can talk.
reachable() {
	[ -n "$(ip netns exec client curl -s --max-time 1 "http://$1/")" ]
}
