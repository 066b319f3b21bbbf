# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2154 # of lib.sh
#
# An HTTP server of the switch's own machine, for scenarios.

# site PORT DIRECTIVES ADDRESS...: nginx on the control CPU, at these addresses in the way that it
# writes them, with these directives of a server.  Its files are in $work.
site() {
	local port=$1 directives=$2
	shift 2
	cat >"$work/nginx.conf" <<-END
		daemon off;
		pid $work/nginx.pid;
		error_log $work/error.log;
		events { worker_connections 64; }
		http {
			access_log $work/access.log;
			client_body_temp_path $work/body;
			proxy_temp_path $work/proxy;
			fastcgi_temp_path $work/fastcgi;
			uwsgi_temp_path $work/uwsgi;
			scgi_temp_path $work/scgi;
			server {
				$(printf "listen %s:$port; " "$@")
				$directives
			}
		}
	END
	background taskset -c 0 nginx -c "$work/nginx.conf"
	slowwait 10 site_listens "$port" $#
}

# site_listens PORT COUNT: whether so many sockets listen at a port.
site_listens() {
	[ "$(ss -Hltn "sport = :$1" | wc -l)" = "$2" ]
}
