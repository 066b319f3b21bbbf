#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's stock YNL command line drives the family with our specification: asks,
# changes, refusals and notifications, without a line of our own user space but where
# the two are compared.
#
#     cli.py --spec switchyard.yaml <--> switchyard (generic netlink) <--> yardctl

# shellcheck disable=SC2016 # text for eval
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
defer rm -rf "$work"

# stock ARGUMENT...: the stock client, its answer as JSON. Seconds each, under emulation.
stock() {
	timeout $((30 * SLOW)) python3 "$HERE/../net/lib/ynl/pyynl/cli.py" --spec "$SPEC" --no-schema \
		--output-json "$@"
}

# answers QUERY WANTED: what jq finds in the stock client's last answer.
answers() {
	[ "$(jq -c "$1" "$work/answer")" = "$2" ]
}

ask() {
	stock "$@" >"$work/answer" 2>"$work/error"
}

# Waits until the kernel lists as many listeners of a generic-netlink group, all told.
listens() {
	awk '$2 == 16 && $4 != "00000000" { n++ } END { exit !n }' /proc/net/netlink
}

need python3 jq
key='"protocol": 6, "address": "10.9.9.9", "port": 80'
expect "the module loads" load

expect "the switch tells of itself" ask --do switch-get
expect "with its version" answers '.version' '"0.1.0"'

# Not by the function: what is killed is to be the client, not a shell around it.
PYTHONUNBUFFERED=1 timeout $((60 * SLOW)) python3 "$HERE/../net/lib/ynl/pyynl/cli.py" --spec "$SPEC" --no-schema \
	--output-json --subscribe config >"$work/heard" 2>&1 &
defer kill $!
expect "somebody listens" wait_for 10000 listens

expect "a service is added" ask --do service-add --json "{$key, \"scheduler\": \"rr\"}"
expect "a destination is added" ask --do destination-add \
	--json "{\"service\": {$key}, \"address\": \"10.2.0.2\", \"weight\": 3}"
expect "the destinations are listed" ask --dump destination-get
expect "with what was given and what was not" answers \
	'.[] | [.address, .port, .weight, .forwarding]' '["10.2.0.2",80,3,"nat"]'
equal "yardctl sees the same" \
	"$(yardctl --json destination list | jq -c '.[] | [.address, .port, .weight, .forwarding]')" \
	'["10.2.0.2",80,3,"nat"]'

# What services and destinations can be, beyond that.
wide='"protocol": 132, "address": "2001:db8::", "prefix-length": 64, "port": 8000, "last-port": 8999'
expect "a wide service is added" ask --do service-add --json "{$wide, \"scheduler\": \"wlc\",
	\"fallback\": \"local\", \"affinity\": 300, \"affinity-prefix6\": 56}"
expect "it is asked for" ask --do service-get --json "{$wide}"
expect "and is what was given" answers \
	'[.address, ."prefix-length", .port, ."last-port", .scheduler, .fallback, .affinity, ."affinity-prefix6"]' \
	'["2001:db8::",64,8000,8999,"wlc","local",300,56]'
expect "a tunnel is added" ask --do destination-add --json "{\"service\": {$wide},
	\"address\": \"10.2.0.9\", \"forwarding\": \"tunnel\", \"encapsulation\": \"gue\",
	\"state\": \"draining\", \"upper-limit\": 9}"
expect "the destinations of the service are listed" ask --dump destination-get --json "{\"service\": {$wide}}"
expect "there is the one" answers 'map([.address, .forwarding, .encapsulation, ."encapsulation-port", .state])' \
	'[["10.2.0.9","tunnel","gue",6080,"draining"]]'
expect "it is removed with the service" ask --do service-del --json "{$wide}"
expect "limits are set" ask --do switch-set --json '{"half-open-limit": 77,
	"timeout": [{"state": "fin-wait", "milliseconds": 5000}]}'
expect "and told" ask --do switch-get
expect "as they are" answers '[."half-open-limit", (.timeout[] | select(.state == "fin-wait") | .milliseconds)]' \
	'[77,5000]'
expect "all connections are ended" ask --do connection-del --json '{"all": true}'
expect "of which there were none" answers .count 0

refuse "a second service of the same key is refused" ask --do service-add --json "{$key}"
expect "with the error" grep -q '^Netlink error: .*File exists' "$work/answer"
refuse "a batch with a bad change is refused" ask --do apply --json "{\"change\": [
	{\"kind\": \"add\", \"service\": {\"protocol\": 17, \"address\": \"10.9.9.9\", \"port\": 53}},
	{\"kind\": \"del\", \"service\": {\"protocol\": 17, \"address\": \"10.9.9.8\", \"port\": 53}}]}"
expect "the services are listed" ask --dump service-get
expect "and none of it was done" answers 'map([.protocol, .port, .scheduler])' '[[6,80,"rr"]]'

# The service tells again, as it counts its destinations.
# By and by, as the destination drains.
expect "what happened is heard" wait_for 10000 grep -q 'switch-ntf' "$work/heard"
heard=$(jq -rs '[.. | objects | select(has("name")) | .name] | join(" ")' "$work/heard")
equal "it began with these three" "${heard:0:41}" "service-ntf service-ntf destination-ntf s"
for name in destination-del-ntf service-del-ntf switch-ntf; do
	expect "$name was heard" eval '[[ " $heard " == *" $name "* ]]'
done
finish
