#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Writes golden.txt: requests and replies as the kernel's own YNL library encodes them.

golden.py YNL SPEC > golden.txt, with YNL the folder tools/net/ynl/pyynl of a
kernel source tree and SPEC Documentation/netlink/specs/switchyard.yaml.
Each line is a name and the bytes from the netlink header on, for family 40 and
sequence number 7.
"""

import struct
import sys

sys.path.insert(0, sys.argv[1])
from lib import ynl  # noqa: E402

SERVICE = {"protocol": 6, "address": "10.0.0.1", "port": 80}
DNS = {"protocol": 17, "address": "10.0.0.1", "port": 53}
DESTINATION = {"service": SERVICE, "address": "10.1.0.2", "port": 8080}
ROOT, MATCH = 0x100, 0x200

REQUESTS = [
    ("switch", "switch-get", {}, []),
    ("services", "service-get", {}, [ROOT, MATCH]),
    ("service", "service-get", SERVICE, []),
    ("add-service", "service-add",
     {**SERVICE, "scheduler": "rr", "timeout": 900}, []),
    ("set-service", "service-set", {**DNS, "timeout": 0}, []),
    ("delete-service", "service-del", DNS, []),
    ("destinations-of", "destination-get", {"service": SERVICE}, [ROOT, MATCH]),
    ("add-destination", "destination-add",
     {**DESTINATION, "weight": 2, "forwarding": "nat"}, []),
    ("set-destination", "destination-set",
     {"service": DNS, "address": "10.1.0.3", "weight": 0}, []),
    ("delete-destination", "destination-del", DESTINATION, []),
    ("apply", "apply", {"change": [
        {"kind": "flush"},
        {"kind": "add", "service": {**SERVICE, "scheduler": "maglev"}},
        {"kind": "add", "destination": {**DESTINATION, "weight": 3}},
        {"kind": "set", "destination": {**DESTINATION, "weight": 4}},
        {"kind": "set", "service": {**SERVICE, "timeout": 60}},
        {"kind": "flush", "service": SERVICE},
        {"kind": "del", "destination": DESTINATION},
        {"kind": "del", "service": SERVICE},
    ]}, []),
    ("claims", "claim-get", {}, [ROOT, MATCH]),
    ("claim", "claim-add",
     {"ifname": "eth0", "queue": [0, 1, 5], "cpu": [2, 3], "policy": "busy",
      "idle-timeout": 10000}, []),
    ("claim-by-index", "claim-add", {"ifindex": 3}, []),
    ("release", "claim-del", {"ifname": "eth0"}, []),
    ("connections-of", "connection-get",
     {"protocol": 6, "service-address": "10.0.0.1", "service-port": 80},
     [ROOT, MATCH]),
    ("cpus", "cpu-get", {}, [ROOT, MATCH]),
    ("add-wide-service", "service-add",
     {"protocol": 132, "address": "2001:db8::", "port": 8000, "prefix-length": 64,
      "last-port": 8999, "scheduler": "p2c", "one-packet": 1, "reset-at-expiry": 0,
      "fallback": "local", "affinity": 300, "affinity-prefix4": 24,
      "affinity-prefix6": 56}, []),
    ("add-tunnel", "destination-add",
     {"service": SERVICE, "address": "2001:db8::2", "port": 0, "weight": 2,
      "forwarding": "tunnel", "encapsulation": "gue", "state": "draining",
      "drain-deadline": 60, "upper-limit": 100, "lower-limit": 50,
      "encapsulation-port": 6081}, []),
    ("connections-filtered", "connection-get",
     {"service": {"protocol": 17, "address": "10.0.0.0", "port": 0, "prefix-length": 24},
      "protocol": 17, "client-address": "192.0.2.0", "client-prefix-length": 24,
      "client-port": 9, "destination-address": "10.1.0.2", "destination-port": 53,
      "state": "udp", "forwarding": "direct"}, [ROOT, MATCH]),
    ("end-connections", "connection-del", {"client-address": "2001:db8::7"}, []),
    ("end-all-connections", "connection-del", {"all": True}, []),
    ("explain", "explain", {"packet": bytes(range(20)).hex(), "ifindex": 3}, []),
    ("set-switch", "switch-set",
     {"connection-limit": 10_000_000, "half-open-limit": 0,
      "timeout": [{"state": "established", "milliseconds": 600000},
                  {"state": "udp", "milliseconds": 1500}],
      "fragment-memory-limit": 1 << 20, "fragment-timeout": 2500}, []),
]

STATS = {"connections": 5, "packets-in": 1 << 40, "bytes-in": 7,
         "packets-out": 8, "bytes-out": 9, "connections-rate": 1, "packets-in-rate": 2,
         "bytes-in-rate": 1 << 33, "packets-out-rate": 4, "bytes-out-rate": 5}

REPLIES = [
    ("reply-switch", "switch-get",
     {"version": "0.1.0", "yard-ifindex": 9, "generation": 3, "services": 1,
      "destinations": 2, "connections": 4, "connection-limit": 1 << 33,
      "half-open-limit": 7, "half-open": 3, "connections-ipv4": 1, "connections-ipv6": 2,
      "table-bytes": 1 << 34, "timeout": [{"state": "fin-wait", "milliseconds": 120000}],
      "fragment-memory-limit": 5, "fragment-timeout": 6, "fragment-memory": 4,
      "stats": STATS, "drop": [{"reason": "down", "packets": 1}]}),
    ("reply-service", "service-get",
     {**SERVICE, "scheduler": "rr", "timeout": 900, "destinations": 2,
      "stats": STATS, "one-packet": 0, "reset-at-expiry": 1, "fallback": "local",
      "affinity": 60, "affinity-prefix4": 24, "affinity-prefix6": 64,
      "drop": [{"reason": "connection-limit", "packets": 9}]}),
    ("reply-destination", "destination-get",
     {**DESTINATION, "weight": 2, "forwarding": "nat", "active-connections": 3,
      "stats": STATS, "encapsulation": "gue", "encapsulation-port": 6080,
      "state": "draining", "drain-deadline": 60, "drain-remaining": 41, "upper-limit": 10,
      "lower-limit": 5, "inactive-connections": 2, "overloaded": 1}),
    ("reply-claim", "claim-get",
     {"ifindex": 3, "ifname": "eth0", "queue": [1], "cpu": [2],
      "policy": "adaptive", "idle-timeout": 10000, "state": "polled",
      "irq": 44, "polls": 1 << 35, "packets": 6, "handovers": 2}),
    ("reply-connection", "connection-get",
     {"protocol": 17, "client-address": "192.0.2.7", "client-port": 40000,
      "service-address": "10.0.0.1", "service-port": 53,
      "destination-address": "10.1.0.2", "destination-port": 5353,
      "state": "udp", "idle": 12, "expires": 299988, "forwarding": "direct"}),
    ("reply-ended", "connection-del", {"count": 1 << 32}),
    ("reply-explanation", "explain",
     {"verdict": "drop", "drop-reason": "no-route", "service": SERVICE,
      "destination": {"address": "10.1.0.2", "port": 8080}, "forwarding": "nat",
      "connection-state": "established", "next-hop": "10.1.0.1", "out-ifindex": 4,
      "result": "45 00 00", "step": ["first", "second"]}),
    ("reply-cpu", "cpu-get",
     {"cpu": 2, "switching": True, "queues": 4, "received": 10, "forwarded": 9,
      "passed": 8, "local-in": 7, "local-out": 6, "resets": 5,
      "connections": 4, "drop": [{"reason": "ttl", "packets": 3},
                                 {"reason": "reset-sent", "packets": 1 << 32}],
      "stats": STATS, "expiry-resets": 11}),
]


class Protocol(ynl.GenlProtocol):
    """The family's numbers without a kernel that has the family."""

    def __init__(self, name):
        ynl.NetlinkProtocol.__init__(self, name, 16)
        self.family_id = 40
        self.genl_family = {"mcast": {}}


def main():
    ynl.GenlProtocol = Protocol
    family = ynl.YnlFamily(sys.argv[2], schema="")
    print("# SPDX-License-Identifier: GPL-2.0 OR MIT")
    print("# Made by golden.py")
    for name, operation, values, flags in REQUESTS:
        message = family._encode_message(family.ops[operation], values, flags, 7)
        # The library asks for an acknowledgement of a dump too, which the kernel
        # does not send.
        if flags:
            word, = struct.unpack_from("=H", message, 6)
            message = bytearray(message)
            struct.pack_into("=H", message, 6, word & ~0x4)
        print(name, bytes(message).hex())
    for name, operation, values in REPLIES:
        message = family._encode_message(family.ops[operation], values, [], 7)
        print(name, bytes(message).hex())


main()
