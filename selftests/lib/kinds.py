#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""kinds.py CLIENT SERVICE LOCAL: what new connections can begin with, from CLIENT: datagrams to ports
60 to 65 of SERVICE and to port 64 of LOCAL, whole and in fragments, in order and not, with the first one
missing; at their last hop; and echo requests. Answers are not waited for."""

import itertools
import os
import socket
import struct
import sys

COUNT = 20
MORE_FRAGMENTS = 0x2000
client, service, local = sys.argv[1:]
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
identification = itertools.count(os.getpid())
port = itertools.count(10000 + os.getpid() % 40000)


def checksum(data):
    """The Internet checksum."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def send(to, payload, protocol=17, ttl=64, number=None, fragment=0):
    """A packet; the kernel fills in what is missing of the header."""
    number = next(identification) if number is None else number
    header = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xFFFF, fragment, ttl, protocol, 0,
        socket.inet_aton(client), socket.inet_aton(to),
    )
    try:
        raw.sendto(header + payload, (to, 0))
    except OSError:
        # Not sent, so not received.
        pass


def datagram(to_port, size):
    """A new flow's, without a checksum."""
    return struct.pack(">HHHH", next(port) & 0xFFFF or 1, to_port, 8 + size, 0) + bytes(size)


def pieces(to, to_port, order):
    """Those of three fragments that `order` names."""
    payload, number = datagram(to_port, 2400), next(identification)
    for piece in order:
        part = payload[piece * 1000 : (piece + 1) * 1000]
        more = 0 if piece == 2 else MORE_FRAGMENTS
        send(to, part, number=number, fragment=piece * 125 | more)


def main():
    """Sends it all."""
    services = [(service, n) for n in (60, 61, 62, 63, 65)] + [(local, 64)]
    for _ in range(COUNT):
        for to, to_port in services:
            send(to, datagram(to_port, 10))
            send(to, datagram(to_port, 10), ttl=1)
            for order in ((0, 1, 2), (2, 1, 0), (1, 2)):
                pieces(to, to_port, order)
        echo = struct.pack(">BBHHH", 8, 0, 0, next(identification) & 0xFFFF, 1)
        send(service, echo[:2] + struct.pack(">H", checksum(echo)) + echo[4:], protocol=1)


main()
