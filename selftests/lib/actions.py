#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What clients do, and what they see: for comparing balancers.

actions.py serve NAME
    TCP on port 80 and UDP on port 53: answers with NAME, the client's address as it is seen,
    and how long the question was; by TCP until it is "bye"
actions.py act ADDRESS
    does what the lines of standard input say, to ADDRESS, and answers each with a line

    tcp COUNT [PORT]    connections one after the other: how many each server answered
    udp COUNT [PORT]    questions, a socket each: the same
    udp-same COUNT      questions from one socket
    seen                the client's address as the server sees it
    try PORT            what becomes of a connection to that port
    try-udp PORT        what becomes of a question to that port
    open NAME [PORT]    opens a connection that stays; which server answered
    talk NAME           asks once more by it
    close NAME          ends it
    stay                opens a socket of UDP that stays; which server answered
    stay-on             asks once more by it
    long BYTES          a question so long that it travels in fragments
    again               two connections from one port, one after the other
    stray               a segment of no connection: what is the answer
    hops COUNT          a question with so many hops: what is the answer
"""

import argparse
import socket
import struct
import sys
import threading
import time
from collections import Counter

PATIENCE = 1.0
ERRORS = {
    ConnectionRefusedError: "refused", ConnectionResetError: "reset",
    TimeoutError: "silence", BrokenPipeError: "reset",
}
IP_RECVERR = 11
MSG_ERRQUEUE = 0x2000


def serve(args):
    """Answers for ever."""
    def attend(connection, address):
        with connection:
            try:
                while (data := connection.recv(65536)) != b"bye\n":
                    if not data:
                        break
                    connection.sendall(f"{args.name} {address} {len(data)}\n".encode())
            except OSError:
                pass

    def datagrams():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.bind(("", 53))
            while True:
                data, sender = made.recvfrom(65536)
                made.sendto(f"{args.name} {sender[0]} {len(data)}".encode(), sender)

    threading.Thread(target=datagrams, daemon=True).start()
    with socket.create_server(("", 80), reuse_port=False, backlog=64) as server:
        while True:
            connection, sender = server.accept()
            threading.Thread(target=attend, args=(connection, sender[0]), daemon=True).start()


class Client:
    """One that does what it is told."""

    def __init__(self, address):
        self.address = address
        self.open = {}

    @staticmethod
    def outcome(action, *args):
        """What an action returns, or how it fails, in a word."""
        try:
            return action(*args)
        except OSError as error:
            return ERRORS.get(type(error), error.strerror or type(error).__name__)

    def connect(self, port=80, source=None):
        """A new connection."""
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(PATIENCE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if source:
            made.bind(("", source))
        try:
            made.connect((self.address, port))
        except OSError:
            made.close()
            raise
        return made

    @staticmethod
    def ask(connection):
        """A question by a connection: the words of the answer."""
        connection.sendall(b"hello\n")
        answer = connection.recv(1000)
        if not answer:
            raise ConnectionResetError
        return answer.decode().split()

    def one(self, port=80, source=None):
        """A connection with a question: which server answered."""
        with self.connect(port, source) as made:
            server = self.ask(made)[0]
            if source:
                # The server closes first, so that the client's port is free at once.
                made.sendall(b"bye\n")
                made.recv(1)
            return server

    def datagram(self, port=53, made=None, data=b"hello", word=0):
        """A question by UDP."""
        with made.dup() if made else socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as used:
            used.settimeout(PATIENCE)
            used.connect((self.address, port))
            used.send(data)
            return used.recv(1000).decode().split()[word]

    @staticmethod
    def tally(outcomes):
        """How often there was which."""
        return " ".join(f"{word}={count}" for word, count in sorted(Counter(outcomes).items()))

    def tcp(self, count, port="80"):
        return self.tally(self.outcome(self.one, int(port)) for _ in range(int(count)))

    def udp(self, count, port="53"):
        return self.tally(self.outcome(self.datagram, int(port)) for _ in range(int(count)))

    def udp_same(self, count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.bind(("", 0))
            return self.tally(self.outcome(self.datagram, 53, made) for _ in range(int(count)))

    def seen(self):
        with self.connect() as made:
            return self.ask(made)[1]

    def try_(self, port):
        return self.outcome(self.one, int(port))

    def try_udp(self, port):
        return self.outcome(self.datagram, int(port))

    def open_(self, name, port="80"):
        made = self.connect(int(port))
        self.open[name] = made
        return self.ask(made)[0]

    def talk(self, name):
        if name not in self.open:
            return "not open"
        return self.outcome(lambda: self.ask(self.open[name])[0])

    def close(self, name):
        if made := self.open.pop(name, None):
            made.close()
        return "closed"

    def stay(self):
        self.open["udp"] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.open["udp"].bind(("", 0))
        return self.stay_on()

    def stay_on(self):
        return self.outcome(self.datagram, 53, self.open["udp"])

    def long(self, size):
        return self.outcome(self.datagram, 53, None, bytes(int(size)), 2)

    def again(self):
        start = time.monotonic()
        source = 20000
        words = [self.outcome(self.one, 80, source) for _ in range(2)]
        late = time.monotonic() - start > 0.9
        kind = ["served" if word.startswith("server") else word for word in words]
        return " ".join(kind) + (" late" if late else "")

    def stray(self):
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as made, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
            way.connect((self.address, 80))
            own = way.getsockname()[0]
            segment = struct.pack("!HHLLBBHHH", 21000, 80, 1, 1, 0x50, 0x10, 1000, 0, 0)
            pseudo = socket.inet_aton(own) + socket.inet_aton(self.address) + \
                struct.pack("!BBH", 0, 6, len(segment))
            total = sum(struct.unpack(f"!{len(pseudo + segment) // 2}H", pseudo + segment))
            total = (total & 0xffff) + (total >> 16)
            total = ~((total & 0xffff) + (total >> 16)) & 0xffff
            made.sendto(segment[:16] + struct.pack("!H", total) + segment[18:], (self.address, 80))
            limit = time.monotonic() + PATIENCE
            while (left := limit - time.monotonic()) > 0:
                made.settimeout(left)
                try:
                    data = made.recv(200)
                except TimeoutError:
                    break
                header = (data[0] & 15) * 4
                if data[12:16] == socket.inet_aton(self.address) and \
                        data[header + 2:header + 4] == struct.pack("!H", 21000):
                    return "reset" if data[header + 13] & 4 else "something else"
            return "silence"

    def hops(self, count):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, int(count))
            made.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            made.settimeout(PATIENCE)
            made.connect((self.address, 53))
            made.send(b"hello")
            try:
                return "answered" if made.recv(1000) else "silence"
            except TimeoutError:
                return "silence"
            except OSError:
                _, messages, _, _ = made.recvmsg(100, 200, MSG_ERRQUEUE)
                kind, code = messages[0][2][5:7]
                return f"icmp {kind} {code}"


def act(args):
    """Does what the lines say."""
    client = Client(args.address)
    for line in sys.stdin:
        name, *words = line.split()
        method = {"try": "try_", "open": "open_"}.get(name, name.replace("-", "_"))
        print(client.outcome(getattr(client, method), *words), flush=True)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("serve")
command.add_argument("name")
command.set_defaults(run=serve)
command = commands.add_parser("act")
command.add_argument("address")
command.set_defaults(run=act)
arguments = parser.parse_args()
arguments.run(arguments)
