#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""pause.py FROM LINK SOURCE TARGET PORT TO: how long the switch keeps a packet at most.

Sends datagrams of one flow, one after the other, from the device FROM to the link-layer address LINK,
and waits for each at the device TO. Until SIGTERM; SIGUSR1 begins a new count and prints the last one:
"N packets, half within N us, the longest N us".
"""

import ipaddress
import signal
import socket
import struct
import sys
import time

MARK = b"switchyard pause"


def ones_sum(data):
    """The folded one's complement sum."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def frame(link, source, target, port):
    """A datagram without a checksum of its own."""
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(target).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 28 + len(MARK) + 8, 0, 0x4000, 64, 17, 0) + addresses
    head = head[:10] + struct.pack("!H", ones_sum(head) ^ 0xFFFF) + head[12:]
    udp = struct.pack("!HHHH", 7, port, 8 + len(MARK) + 8, 0)
    return bytes.fromhex(link.replace(":", "")) + b"\2\0\0\0\0\1\x08\0" + head + udp + MARK


class Counts:
    """What was seen since the last time it was told."""

    def __init__(self):
        self.times = []

    def tell(self, *_):
        """Prints it and begins anew."""
        times, self.times = sorted(self.times), []
        half = times[len(times) // 2] if times else 0
        longest = times[-1] if times else 0
        print(f"{len(times)} packets, half within {half / 1000:.0f} us, the longest {longest / 1000:.0f} us",
              flush=True)


def opened(device):
    """A packet socket."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    made.bind((device, 0x0800))
    return made


def main(device, link, source, target, port, to):
    """Sends and waits."""
    counts = Counts()
    signal.signal(signal.SIGUSR1, counts.tell)
    out, there = opened(device), opened(to)
    there.settimeout(10)
    head = frame(link, source, target, int(port))
    number = 0
    while True:
        number += 1
        tail = struct.pack("!Q", number)
        begin = time.monotonic_ns()
        out.send(head + tail)
        while not there.recv(2048).endswith(MARK + tail):
            pass
        counts.times.append(time.monotonic_ns() - begin)
        time.sleep(0.002)


main(*sys.argv[1:])
