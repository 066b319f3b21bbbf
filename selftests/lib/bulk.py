#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Much data by TCP, with a hash of it taken at both ends.

bulk.py serve PORT...
    answers for ever: takes what a client sends, or sends what it asks for
bulk.py ask
    reads lines "up ADDRESS PORT MEGABYTES" or "down ..." and answers each with a line:
    "same BYTES DIGEST MEGABYTES_PER_SECOND", "different ..." or "failed WHY"; "datagrams ADDRESS
    PORT COUNT" sends so many by UDP, twenty to a call, which the device or the kernel parts

The data are a random block of 4 MiB over and over, each time from another place on, so that
no piece can be taken for another one. They are sent from the page cache without a copy.
"""

import argparse
import os
import random
import socket
import struct
import sys
import tempfile
import threading
import time

import xxhash

BLOCK = 4 << 20
ORDER = struct.Struct("!cQQ")
# Number of a datagram, and of all.
NUMBER = struct.Struct("!LL")
TOGETHER = 20
DATAGRAM = 1200
# <linux/udp.h>
UDP_SEGMENT = 103
DIGEST = 8
TIMEOUT = 60


def pieces(size, seed):
    """Where in the block which piece of the data begins, and how long it is."""
    place = random.Random(seed)
    while size:
        start = place.randrange(BLOCK)
        length = min(size, BLOCK - start)
        yield start, length
        size -= length


class Block:
    """The block, in memory and as a file."""

    def __init__(self):
        # Both ends make the same.
        self.bytes = memoryview(random.Random(1).randbytes(BLOCK))
        with tempfile.NamedTemporaryFile(dir="/dev/shm" if os.path.isdir("/dev/shm") else None,
                                         delete=False) as made:
            made.write(self.bytes)
        self.file = os.open(made.name, os.O_RDONLY)
        os.unlink(made.name)

    def send(self, connection, size, seed):
        """Sends so many bytes and their hash."""
        digest = xxhash.xxh64()
        for start, length in pieces(size, seed):
            end = start + length
            digest.update(self.bytes[start:end])
            while start < end:
                start += os.sendfile(connection.fileno(), self.file, start, end - start)
        connection.sendall(digest.digest())
        return digest.digest()


def receive(connection, size):
    """Takes so many bytes and the hash of what was sent; returns that and the one of what came."""
    digest = xxhash.xxh64()
    buffer = memoryview(bytearray(1 << 18))
    while size:
        got = connection.recv_into(buffer[:min(size, len(buffer))])
        if not got:
            raise EOFError("the other end is gone")
        digest.update(buffer[:got])
        size -= got
    return exactly(connection, DIGEST), digest.digest()


def exactly(connection, count):
    """So many bytes."""
    got = b""
    while len(got) < count:
        more = connection.recv(count - len(got))
        if not more:
            raise EOFError("the other end is gone")
        got += more
    return got


def limited(connection):
    """The same, waiting for so long at most; Python's own time limit would make it not block."""
    connection.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", TIMEOUT, 0))
    return connection


def attend(connection, block):
    """Does what one client wants."""
    with limited(connection):
        way, size, seed = ORDER.unpack(exactly(connection, ORDER.size))
        if way == b"u":
            sent, came = receive(connection, size)
            connection.sendall(came)
        else:
            block.send(connection, size, seed)
            # Until the other end has all.
            connection.recv(1)


class Sum:
    """A hash of datagrams in whatever order."""

    def __init__(self):
        self.value = 0

    def add(self, data):
        self.value = (self.value + xxhash.xxh64_intdigest(data)) % (1 << 64)

    def bytes(self):
        return struct.pack("!Q", self.value)


def datagrams(port):
    """Takes datagrams for ever, and answers the last one of each call with the sum of all."""
    sums = {}
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        made.bind(("::", port))
        while True:
            data, more, _, sender = made.recvmsg(2000, 200)
            # From the address that was asked, by whatever way.
            own = [(level, kind, to[:16] + bytes(4)) for level, kind, to in more]
            number, count = NUMBER.unpack_from(data)
            if number == 0:
                sums[sender] = Sum()
            if sender in sums:
                sums[sender].add(data)
                if number % TOGETHER == TOGETHER - 1 or number == count - 1:
                    made.sendmsg([sums[sender].bytes()], own, 0, sender)


def send_datagrams(block, address, port, count):
    """Sends so many, each call when the last one was answered; as a line."""
    count, total = int(count), Sum()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as made:
        made.settimeout(5)
        made.connect((address, int(port)))
        made.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, DATAGRAM)
        came = b""
        for first in range(0, count, TOGETHER):
            parts = []
            for number in range(first, min(first + TOGETHER, count)):
                start = random.randrange(BLOCK - DATAGRAM)
                data = bytes(block.bytes[start:start + DATAGRAM - NUMBER.size])
                parts.append(NUMBER.pack(number, count) + data)
                total.add(parts[-1])
            made.send(b"".join(parts))
            came = made.recv(100)
    verdict = "same" if came == total.bytes() else "different"
    return f"{verdict} {count * DATAGRAM} {came.hex()} 0"


def listen(port, block):
    """Answers on a port for ever."""
    with socket.create_server(("::", port), family=socket.AF_INET6,
                              dualstack_ipv6=True) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=attend, args=(connection, block), daemon=True).start()


def serve(args):
    """Answers for ever."""
    block = Block()
    threads = [threading.Thread(target=listen, args=(port, block)) for port in args.ports]
    threads += [threading.Thread(target=datagrams, args=(port,)) for port in args.ports]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def transfer(block, way, address, port, megabytes):
    """One transfer, as a line."""
    size, seed = int(megabytes) << 20, random.getrandbits(64)
    start = time.monotonic()
    with limited(socket.create_connection((address, int(port)), timeout=TIMEOUT)) as connection:
        connection.sendall(ORDER.pack(b"u" if way == "up" else b"d", size, seed))
        if way == "up":
            sent = block.send(connection, size, seed)
            came = exactly(connection, DIGEST)
        else:
            sent, came = receive(connection, size)
    rate = size / (1 << 20) / (time.monotonic() - start)
    verdict = "same" if sent == came else "different"
    return f"{verdict} {size} {came.hex()} {rate:.0f}"


def ask(_):
    """Does what the lines say."""
    block = Block()
    for line in sys.stdin:
        try:
            way, *words = line.split()
            if way == "datagrams":
                print(send_datagrams(block, *words), flush=True)
            else:
                print(transfer(block, way, *words), flush=True)
        except (OSError, EOFError) as error:
            print(f"failed {error}", flush=True)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("serve")
command.add_argument("ports", type=int, nargs="+")
command.set_defaults(run=serve)
command = commands.add_parser("ask")
command.set_defaults(run=ask)
arguments = parser.parse_args()
arguments.run(arguments)
