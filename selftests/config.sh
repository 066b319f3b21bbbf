#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# One file for all: applied, compared, saved, restored and imported.  Applying is all or
# nothing, does nothing where there is nothing to do, and leaves what stays alone.
#
#     yardctl --netlink--> switch of the machine: yard0, claim0 --[veth]-- claim1

# shellcheck disable=SC2154 # y and setup_ns set variables

. "$(dirname "$0")/lib.sh"

need jq ethtool

# y WORDS...: yardctl; its status is in $status, its output in $out.
y() {
	status=0
	out=$(yardctl "$@" 2>&1) || status=$?
}

# ends TEXT STATUS SAID WORDS...: exit status, and words that it says.
ends() {
	local text=$1 wanted=$2 said=$3
	shift 3
	y "$@"
	if [ "$status" = "$wanted" ] && [[ $out == *"$said"* ]]; then
		ktap_test_pass "$text"
	else
		ktap_test_fail "$text"
		echo "#   status $status, wanted $wanted and \"$said\"; said: $out"
	fi
}

# gives TEXT FILTER WANTED WORDS...: the JSON, seen through a jq filter.
gives() {
	equal "$1" "$(yardctl --json "${@:4}" | jq -c "$2")" "$3"
}

# yard: the addresses of yard0.
yard() {
	ip -j addr show dev yard0 | jq -r '[.[].addr_info[] | select(.scope != "link") |
		"\(.local)/\(.prefixlen)"] | sort | join(" ")'
}

work=$(mktemp -d)
defer rm -rf "$work"
file=$work/switchyard.toml
ip link add claim0 type veth peer name claim1
defer ip link del claim0
ethtool -K claim0 gro on
ip -batch - <<-END
	link set claim0 up
	link set claim1 up
END

cat >"$file" <<-END
	[yardmaster]
	metrics = "127.0.0.1:9750"

	[switch]
	half-open-limit = 100000
	timeout = { established = "10m", udp = "90s" }

	[yard0]
	addresses = ["192.0.2.80/32", "2001:db8::80/128"]

	[[claim]]
	device = "claim0"
	cpus = [2]
	idle-timeout = "5ms"

	[[service]]
	service = "tcp 192.0.2.80:80"
	scheduler = "wrr"
	affinity = "5m"
	destination = [
	    { address = "10.0.0.2:8080", weight = 2 },
	    { address = "10.0.0.3:8080" },
	]

	[[service]]
	service = "udp [2001:db8::/64]:8000-8999"
	one-packet = true
	destination = [
	    { address = "10.0.0.4:*", forwarding = "tunnel", encapsulation = "gue", upper-limit = 9 },
	    { address = "local", state = "draining", drain-deadline = "1h" },
	]

	[[service]]
	service = "tcp 192.0.2.80:443"
	policy = { algorithm = "even" }
	destination = [{ address = "10.0.0.2", weight = 10 }]
END
ends "the file is right, without the module" 0 "3 services, 5 destinations, 1 claims" check "$file"
ends "applying it needs that" 3 "" apply "$file"
sed 's/^scheduler/scheduller/' "$file" >"$work/bad"
ends "an unknown key is told with its place" 2 "$work/bad:18:1: unknown field \`scheduller\`" check "$work/bad"
sed 's/10.0.0.3:8080/10.0.0.2:8080/; s/"10m"/"soon"/' "$file" >"$work/bad"
ends "so is a value" 2 "$work/bad:6:27: \`soon\` is no time" check "$work/bad"
sed 's/10.0.0.3:8080/10.0.0.2:8080/; s/weight = 10/upper-limit = 1, lower-limit = 2/' "$file" >"$work/bad"
ends "and what does not go together" 2 "$work/bad:22:17: destination 10.0.0.2:8080 is there twice: first in line 21
$work/bad:36:28: lower-limit = 2 is above upper-limit = 1" check "$work/bad"

expect "the module loads" load
ends "all of it would be made" 5 "+ service tcp 192.0.2.80:80 scheduler=wrr affinity=300" diff "$file"
gives "and is not yet" .services 0 show
ends "it is made" 0 "" apply "$file"
gives "the services" 'map([.protocol, .address, .port, .last_port, .scheduler, .affinity, .one_packet])' \
	'[["tcp","192.0.2.80",80,null,"wrr",300,false],["udp","2001:db8::",8000,8999,"maglev",0,true],["tcp","192.0.2.80",443,null,"maglev",0,false]]' \
	service list
gives "the destinations" 'map([.address, .port, .weight, .forwarding, .encapsulation, .state, .upper_limit])' \
	'[["10.0.0.2",8080,2,"nat",null,"active",0],["10.0.0.3",8080,1,"nat",null,"active",0],["10.0.0.4",0,1,"tunnel","gue","active",9],["2001:db8::",0,1,"local",null,"draining",0],["10.0.0.2",443,10,"nat",null,"active",0]]' \
	dest list
gives "limits and timeouts" '[.half_open_limit, (.timeouts[] | select(.state == "established" or .state == "udp") |
	.milliseconds)]' '[100000,600000,90000]' show
gives "the claim" 'map([.ifname, .cpu, .policy, .idle_timeout])' '[["claim0",2,"adaptive",5000]]' claims
equal "the addresses" "$(yard)" "192.0.2.80/32 2001:db8::80/128"
equal "of a device that is up" "$(ip -j link show dev yard0 | jq -r '.[].flags | index("UP") != null')" true

# Again: nothing is sent.
generation=$(yardctl --json show | jq .generation)
equal "all of it was one transaction" "$generation" 1
ends "nothing is left to be done" 0 "" diff "$file"
equal "and nothing is said" "$out" ""
yardctl monitor --timeout 1 >"$work/events" 2>"$work/listening" &
monitor=$!
expect "a monitor listens" wait_for 3000 grep -q listening "$work/listening"
ends "it is applied again" 0 "" apply --verbose "$file"
equal "which does nothing" "$out" ""
wait "$monitor"
equal "nobody is told of anything" "$(wc -l <"$work/events")" 0
gives "no configuration is swapped in" .generation 1 show

# A small change is a small one.
sed 's/weight = 2/weight = 3/; s/wrr/wlc/; s/"10.0.0.3:8080"/"10.0.0.5:8080"/' "$file" >"$work/new"
ends "what differs is told" 5 "- destination tcp 192.0.2.80:80 10.0.0.3:8080
~ service tcp 192.0.2.80:80 scheduler: wrr -> wlc
~ destination tcp 192.0.2.80:80 10.0.0.2:8080 weight: 2 -> 3
+ destination tcp 192.0.2.80:80 10.0.0.5:8080" diff "$work/new"
gives "to programs, too" 'map([.action, .what, .key.address, .fields.scheduler.before, .fields.weight.before, .fields.weight.after])' \
	'[["remove","destination","10.0.0.3",null,null,null],["change","service","192.0.2.80","wrr",null,null],["change","destination","10.0.0.2",null,2,3],["add","destination","10.0.0.5",null,null,null]]' \
	diff "$work/new"
ends "with the same status" 5 '"action": "remove"' --json diff "$work/new"
ends "from standard input, too" 5 "weight: 2 -> 3" diff - <"$work/new"
ends "and made" 0 "" apply "$work/new"
ends "all of it" 0 "" diff "$work/new"

# Weights of yardmaster's are its own.
ends "yardmaster changes a weight" 0 "" dest set tcp 192.0.2.80:443 10.0.0.2 --weight 7
ends "the file leaves it alone" 0 "" diff "$work/new"
ends "unless told" 5 "weight: 7 -> 10" diff --weights "$work/new"
ends "another one is set right" 0 "" dest set tcp 192.0.2.80:80 10.0.0.2:8080 --weight 7
ends "by the file" 5 "weight: 7 -> 3" diff "$work/new"
gives "indeed, and it says so" 'map([.what, .key.service.port, .fields.weight.before, .fields.weight.after, .done])' \
	'[["destination",80,7,3,true]]' apply "$work/new"
gives "nothing is left" . '[]' diff "$work/new"

# All or nothing: the kernel refuses what no file can know of.
yardctl --json service list >"$work/before"
cat >"$work/bad" <<-END
	[yard0]
	addresses = ["192.0.2.80/32", "192.0.2.81/32"]
	[switch]
	half-open-limit = 5
	[[claim]]
	device = "claim0"
	policy = "interrupt"
	[[claim]]
	device = "absent0"
	policy = "interrupt"
	[[service]]
	service = "tcp 192.0.2.90:80"
END
ends "a device that is not there is told" 1 "$work/bad:9:10: + claim absent0" apply "$work/bad"
gives "to programs no step is done" 'map(.done) | [length > 3, any]' '[true,false]' apply "$work/bad" 2>"$work/said"
expect "and the device is told" grep -q "$work/bad:9:10: + claim absent0" "$work/said"
equal "the addresses are what they were" "$(yard)" "192.0.2.80/32 2001:db8::80/128"
gives "the limits, too" .half_open_limit 100000 show
gives "and the claim" 'map([.ifname, .cpu, .policy, .idle_timeout])' '[["claim0",2,"adaptive",5000]]' claims
yardctl --json service list >"$work/after"
expect "and the services" cmp "$work/before" "$work/after"

# What a file does not mention is left alone.
printf 'service = []\n' >"$work/none"
ends "no service is wanted" 0 "" apply "$work/none"
gives "and there is none" .services 0 show
gives "the claim stays" length 1 claims
equal "and the addresses" "$(yard)" "192.0.2.80/32 2001:db8::80/128"
ends "an empty file" 0 "" apply /dev/null
ends "one of changes is told apart" 2 "yardctl batch" apply - <<<"service del tcp 192.0.2.80:80"

# Saved, and restored.
ends "it is made again" 0 "" apply "$work/new"
ends "with a weight of yardmaster's" 0 "" dest set tcp 192.0.2.80:443 10.0.0.2 --weight 7
ends "what runs is saved" 0 "" save "$work/saved"
ends "it is right" 0 "fine" check "$work/saved"
ends "and what runs" 0 "" diff --weights "$work/saved"
equal "that is, all of it" "$out" ""
expect "the module goes" unload
expect "and comes anew" load
ends "it has forgotten all" 5 "+ claim claim0" diff "$work/saved"
ends "what was saved is restored" 0 "" restore "$work/saved"
ends "all of it" 0 "" diff --weights "$work/saved"
yardctl save >"$work/again"
expect "saved again it is the same" cmp "$work/saved" "$work/again"
gives "with yardmaster's weight" 'map(.weight)' '[7]' dest list tcp 192.0.2.80:443

# What others have.
cat >"$work/ipvsadm" <<-END
	-A -t 192.0.2.80:80 -s wlc -p 300 -M 255.255.255.0
	-a -t 192.0.2.80:80 -r 10.0.0.2:8080 -m -w 3 -x 100 -y 50
	-a -t 192.0.2.80:80 -r 10.0.0.3:80 -i -w 1 --tun-type gue --tun-port 6081 --tun-nocsum
	-A -f 1 -s rr
	-a -f 1 -r 10.0.0.2:0 -g -w 1
	-A -u [2001:db8::80]:53 -s rr -o
	-a -u [2001:db8::80]:53 -r [2001:db8:1::2]:53 -g -w 1
END
ends "a list of ipvsadm is imported" 0 "ipvsadm:4:1: warning: the service of firewall mark 1" import ipvsadm "$work/ipvsadm"
yardctl import ipvsadm <"$work/ipvsadm" >"$work/imported" 2>/dev/null
ends "as a file" 0 "2 services, 3 destinations" check "$work/imported"
ends "that is applied" 0 "" apply "$work/imported"
gives "all that it can hold" 'sort_by(.address) | map([.address, .port, .weight, .forwarding, .encapsulation_port, .upper_limit])' \
	'[["10.0.0.2",8080,3,"nat",null,100],["10.0.0.3",80,1,"tunnel",6081,0],["2001:db8:1::2",53,1,"direct",null,0]]' dest list
ends "a line that is none is told" 2 "standard input:1:1: two services" import ipvsadm <<<"-A -t 192.0.2.1:80 -u 192.0.2.1:80"
cat >"$work/keepalived" <<-END
	vrrp_instance VI_1 {
	    state MASTER
	}
	virtual_server 192.0.2.80 80 {
	    lb_algo wrr
	    lb_kind NAT
	    persistence_timeout 50
	    protocol TCP
	    delay_loop 6
	    real_server 10.0.0.2 8080 {
	        weight 2
	        HTTP_GET {
	            url {
	                path /health
	                status_code 200
	            }
	            connect_timeout 3
	        }
	    }
	}
END
ends "a file of keepalived, too" 0 "keepalived:1:1: warning: \`vrrp_instance\` is left out" import keepalived "$work/keepalived"
yardctl import keepalived "$work/keepalived" >"$work/imported" 2>/dev/null
expect "with its check" grep -q 'check = \[{ type = "http", interval = "6s", timeout = "3s", rise = 1, fall = 2, path = "/health", status = "200" }\]' "$work/imported"
ends "that is applied" 0 "" apply "$work/imported"
expect "yardmaster reads it" yardmaster check --config "$work/imported"

# A name space that has no switch yet.
setup_ns other
ends "another name space has a file of its own" 0 "" --netns "$other" apply - <<-END
	[yard0]
	addresses = ["192.0.2.1/32", "192.0.2.2"]
	[[service]]
	service = "tcp 192.0.2.1:80"
END
equal "and a yard0 with addresses" "$(ip -n "$other" -j addr show dev yard0 |
	jq -c '[.[].addr_info[] | select(.family == "inet") | .local]')" '["192.0.2.1","192.0.2.2"]'
ends "and its service" 0 "" --netns "$other" diff - < <(yardctl --netns "$other" save)
ends "the machine is left as it was" 0 "" apply - <<-END
	yard0.addresses = []
	claim = []
	service = []
END
equal "without addresses" "$(yard)" ""
gives "and claims" length 0 claims
finish
