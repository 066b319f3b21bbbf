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

# shellcheck disable=SC2016,SC2046 # text for eval; words that are meant to be apart
. "$(dirname "$0")/lib.sh"
. "$HERE/lib/topology.sh"
. "$HERE/lib/six.sh"

SERVICE=$VIP:80
SERVICE6=[$VIP6]:80

# met ADDRESS...: whom two requests from each of these addresses have met, one after the other: a
# word for each address, such as "server1", or "server1,server2" if it was not the same.
met() {
	local address arguments=()
	for address; do
		if [[ $address == *:* ]]; then
			arguments+=(--next -6 --resolve "six:80:$VIP6" "http://six/who?[1-2]")
		else
			arguments+=(--next -4 --resolve "four:80:$VIP" "http://four/who?[1-2]")
		fi
		arguments+=(--interface "$address" -sS --max-time $((20 * SLOW)) --connect-timeout $((5 * SLOW)) -H 'Connection: close')
	done
	in_client curl "${arguments[@]:1}" | awk '
		!($2 in met) { order[++n] = $2; met[$2] = last[$2] = $1 }
		$1 != last[$2] { met[$2] = met[$2] "," $1; last[$2] = $1 }
		END { for (i = 1; i <= n; i++) printf "%s%s", met[order[i]], i < n ? " " : "\n" }'
}

# different WORD...: how many different ones.
different() {
	printf '%s\n' "$@" | sort -u | wc -l
}

# options OPTION...: for both services.
options() {
	yardctl batch - <<-END
		service set tcp $SERVICE $*
		service set tcp $SERVICE6 $*
	END
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
expect "all devices are claimed" claim_all --cpus 1,2 --idle-timeout 200ms
expect "services are made" yardctl batch - <<-END
	service add tcp $SERVICE -s rr -d 10.2.1.2 -d 10.2.2.2 -d 10.2.3.2
	service add tcp $SERVICE6 -s rr -d [fd00:2:1::2] -d [fd00:2:2::2] -d [fd00:2:3::2]
END
equal "without affinity a client meets them in turn" "$(met 10.0.1.2)" "server1,server2"

# An address is a client.
expect "clients have affinity, by address" options --affinity 1m
read -r a b c a6 b6 < <(met 10.0.1.2 10.0.1.3 10.0.1.33 fd00:1::2 fd00:1::3)
echo "# $a $b $c, $a6 $b6"
equal "three clients have three servers" "$(different "$a" "$b" "$c")" 3
equal "two of IPv6 have two" "$(different "$a6" "$b6")" 2
equal "which they keep" "$(met fd00:1::3 10.0.1.33 10.0.1.3 10.0.1.2 fd00:1::2)" "$b6 $c $b $a $a6"

# Who moves, and who does not.
expect "weights change" yardctl destination set tcp "$SERVICE" "10.2.${a#server}.2" --weight 7
equal "nobody moves" "$(met 10.0.1.2 10.0.1.3 10.0.1.33)" "$a $b $c"
expect "one's server drains" yardctl destination drain tcp "$SERVICE" "10.2.${a#server}.2"
read -r moved others < <(met 10.0.1.2 10.0.1.3 10.0.1.33)
equal "its client has another one" "$([[ $moved == server? ]] && different "$moved" "$a")" 2
equal "the others have theirs" "$others" "$b $c"
expect "it is up again" yardctl destination up tcp "$SERVICE" "10.2.${a#server}.2"
equal "its former client stays where it went" "$(met 10.0.1.2)" "$moved"
expect "another's server is removed" yardctl destination del tcp "$SERVICE" "10.2.${c#server}.2"
read -r moved_c third < <(met 10.0.1.33 10.0.1.3)
equal "its client has another one" "$([[ $moved_c == server? ]] && different "$moved_c" "$c")" 2
equal "the third has its own" "$third" "$b"
expect "it is added anew" yardctl destination add tcp "$SERVICE" "10.2.${c#server}.2"
equal "nobody moves for that" "$(met 10.0.1.3 10.0.1.33)" "$b $moved_c"

# Many addresses are a client.
expect "affinity ends" options --affinity 0
equal "a client meets them in turn again" "$(different $(met 10.0.1.2 | tr ',' ' '))" 2
yardctl disconnect --all >/dev/null
expect "28 bits make a client, 64 in IPv6" options --affinity 1m --affinity-prefix4 28 --affinity-prefix6 64
read -r a b c a6 b6 < <(met 10.0.1.2 10.0.1.17 10.0.1.33 fd00:1::2 fd00:1:0:1::2)
echo "# $a $b $c, $a6 $b6"
equal "three such networks have three servers" "$(different "$a" "$b" "$c")" 3
equal "two of IPv6 have two" "$(different "$a6" "$b6")" 2
equal "all of a network have the same" "$(met 10.0.1.3 10.0.1.14 10.0.1.18 fd00:1::3)" "$a $a $b $a6"

# For as long as it was said, after the last connection.
yardctl disconnect --all >/dev/null
yardctl set --timeout time-wait=1s --timeout fin-wait=1s
expect "affinity is short" options --affinity "$((2 * SLOW))s"
equal "a network has a server" "$(different $(met 10.0.1.2 10.0.1.14))" 1
between "which is remembered" "$(connection_count)" 1 5
expect "once it is away for longer, nothing is kept of it" slowwait 10 is 0 connection_count
equal "it chooses anew, for all of its addresses" "$(different $(met 10.0.1.14 10.0.1.2))" 1
finish
