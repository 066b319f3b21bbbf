#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Client affinity: new connections of a client go where its last ones went, a client being an
# address or all that begin with the same bits, in either family; until its server takes no more, or
# it has been away for too long.  Others stay where they are.
#
#     client 10.0.1.2, .3, .14, .17, .18, .33                     /-- veth --- server1
#            fd00:1::2, ::3, fd00:1:0:1::2 --- A [wire 0] B -----+--- veth --- server2
#                                               switch 10.9.9.9   \-- veth --- server3

# shellcheck disable=SC2016 # text for eval and other shells
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/six.sh"

SERVICE=$VIP:80
SERVICE6=[$VIP6]:80

# of FROM COUNT: who has answered so many requests from that address, in order, told once for
# each that follow each other.
of() {
	local family=4
	[[ $1 != *:* ]] || family=6
	in_client curl "-$family" --resolve "four:80:$VIP" --resolve "six:80:$VIP6" --interface "$1" -sS \
		--max-time 20 --connect-timeout 5 -H 'Connection: close' \
		"http://$([ "$family" = 4 ] && echo four || echo six)/who?[1-$2]" |
		awk '{ print $1 }' | uniq | paste -sd ' '
}

# options OPTION...: for both services.
options() {
	yardctl apply - <<-END
		service set tcp $SERVICE $*
		service set tcp $SERVICE6 $*
	END
}

# number NAME: of a server.
number() {
	echo "${1#server}"
}

need nginx curl
work_dir
topology veth veth veth
expect "everybody speaks IPv6" topology6
ip route add fd00:1:0:1::/64 via "$CLIENT6" dev "$front"
expect "the client has more addresses" eval 'in_client ip -batch - <<-END
	addr add 10.0.1.3/24 dev $front_peer
	addr add 10.0.1.14/24 dev $front_peer
	addr add 10.0.1.17/24 dev $front_peer
	addr add 10.0.1.18/24 dev $front_peer
	addr add 10.0.1.33/24 dev $front_peer
	addr add fd00:1::3/64 dev $front_peer nodad
	addr add fd00:1:0:1::2/64 dev $front_peer nodad
END'
for n in 1 2 3; do
	expect "server $n listens" web "$n"
done
expect "the module loads" load
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 2s
expect "services are made" yardctl apply - <<-END
	service add tcp $SERVICE -s rr -d 10.2.1.2 -d 10.2.2.2 -d 10.2.3.2
	service add tcp $SERVICE6 -s rr -d [fd00:2:1::2] -d [fd00:2:2::2] -d [fd00:2:3::2]
END
equal "without affinity a client meets all in turn" "$(of 10.0.1.2 6 | wc -w)" 6

# An address is a client.
expect "clients have affinity, by address" options --affinity 1m
a=$(of 10.0.1.2 5) b=$(of 10.0.1.3 5) c=$(of 10.0.1.33 5)
echo "# $a, $b, $c"
equal "each has one server" "$(wc -w <<<"$a $b $c")" 3
equal "each another one" "$(tr ' ' '\n' <<<"$a $b $c" | sort -u | wc -l)" 3
equal "which they keep" "$(of 10.0.1.3 3), $(of 10.0.1.33 3), $(of 10.0.1.2 3)" "$b, $c, $a"
a6=$(of fd00:1::2 3) b6=$(of fd00:1::3 3)
equal "so it is with IPv6" "$(wc -w <<<"$a6 $b6")" 2
equal "each another one" "$([ "$a6" = "$b6" ] || echo another)" another

# Who moves, and who does not.
expect "weights change" yardctl destination set tcp "$SERVICE" "10.2.$(number "$a").2" --weight 7
equal "nobody moves" "$(of 10.0.1.2 2), $(of 10.0.1.3 2), $(of 10.0.1.33 2)" "$a, $b, $c"
expect "one's server drains" yardctl destination drain tcp "$SERVICE" "10.2.$(number "$a").2"
moved=$(of 10.0.1.2 3)
equal "its client has another one" "$([ "$moved" = "$a" ] || wc -w <<<"$moved")" 1
equal "the others theirs" "$(of 10.0.1.3 2), $(of 10.0.1.33 2)" "$b, $c"
expect "it is up again" yardctl destination up tcp "$SERVICE" "10.2.$(number "$a").2"
equal "its former client stays where it went" "$(of 10.0.1.2 2)" "$moved"
expect "another's server is removed" yardctl destination del tcp "$SERVICE" "10.2.$(number "$c").2"
moved_c=$(of 10.0.1.33 3)
equal "its client has another one" "$([ "$moved_c" = "$c" ] || wc -w <<<"$moved_c")" 1
equal "the third has its own" "$(of 10.0.1.3 2)" "$b"
expect "it is added anew" yardctl destination add tcp "$SERVICE" "10.2.$(number "$c").2"
equal "nobody moves for that" "$(of 10.0.1.3 2), $(of 10.0.1.33 2)" "$b, $moved_c"

# Many addresses are a client.
expect "affinity ends" options --affinity 0
equal "clients meet all in turn again" "$(of 10.0.1.2 6 | wc -w)" 6
expect "28 bits make a client, 64 in IPv6" options --affinity 3s --affinity-prefix4 28 --affinity-prefix6 64
yardctl disconnect --all >/dev/null
a=$(of 10.0.1.2 3) b=$(of 10.0.1.17 3) c=$(of 10.0.1.33 3)
equal "clients of three such networks have three servers" \
	"$(tr ' ' '\n' <<<"$a $b $c" | sort -u | wc -l)" 3
equal "those of one network the same" "$(of 10.0.1.3 2), $(of 10.0.1.14 2), $(of 10.0.1.18 2)" "$a, $a, $b"
a6=$(of fd00:1::2 3)
equal "and of IPv6" "$(of fd00:1::3 3)" "$a6"
equal "another network another one" "$([ "$(of fd00:1:0:1::2 3)" = "$a6" ] || echo another)" another

# For as long as it was said, after the last connection.
yardctl set --timeout time-wait=1s --timeout fin-wait=1s
expect "once all are away for longer, nothing is kept of them" slowwait 10 is 0 connection_count
next=$(of 10.0.1.2 1)
equal "they choose anew, for all of their addresses" "$(of 10.0.1.14 3)" "$next"
finish
