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
]

STATS = {"connections": 5, "packets-in": 1 << 40, "bytes-in": 7,
         "packets-out": 8, "bytes-out": 9}

REPLIES = [
    ("reply-switch", "switch-get",
     {"version": "0.1.0", "yard-ifindex": 9, "generation": 3, "services": 1,
      "destinations": 2, "connections": 4, "connection-limit": 1 << 33}),
    ("reply-service", "service-get",
     {**SERVICE, "scheduler": "rr", "timeout": 900, "destinations": 2,
      "stats": STATS}),
    ("reply-destination", "destination-get",
     {**DESTINATION, "weight": 2, "forwarding": "nat", "active-connections": 3,
      "stats": STATS}),
    ("reply-claim", "claim-get",
     {"ifindex": 3, "ifname": "eth0", "queue": [1], "cpu": [2],
      "policy": "adaptive", "idle-timeout": 10000, "state": "polled",
      "irq": 44, "polls": 1 << 35, "packets": 6, "handovers": 2}),
    ("reply-connection", "connection-get",
     {"protocol": 17, "client-address": "192.0.2.7", "client-port": 40000,
      "service-address": "10.0.0.1", "service-port": 53,
      "destination-address": "10.1.0.2", "destination-port": 5353,
      "state": "udp", "idle": 12, "expires": 299988}),
    ("reply-cpu", "cpu-get",
     {"cpu": 2, "switching": True, "queues": 4, "received": 10, "forwarded": 9,
      "passed": 8, "local-in": 7, "local-out": 6, "resets": 5,
      "connections": 4, "drop": [{"reason": "ttl", "packets": 3},
                                 {"reason": "reset-sent", "packets": 1 << 32}]}),
]


class Protocol(ynl.GenlProtocol):
    """The family's numbers without a kernel that has the family."""

    def __init__(self, name):
        ynl.NetlinkProtocol.__init__(self, name, 16)
        self.family_id = 40
        self.genl_family = {"mcast": {}}


def main():
    ynl.GenlProtocol = Protocol
    family = ynl.YnlFamily(sys.argv[2], schema=None)
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
