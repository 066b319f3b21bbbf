# SPDX-License-Identifier: GPL-2.0
"""
An HTTP server that works for each request and tells yard-agent of it.

    measured.py NAME SOCKET LOOPS

Listens on port 80, serves one request after the other with LOOPS rounds of a hash, and
answers with its NAME.  Five times a second, at work as well, it tells the agent's local
SOCKET how many requests it has served, how long that took, and which part of the time it
was at work.
"""

import hashlib
import socket
import sys
import time

PERIOD = 0.2


class Meter:
    """Tells the agent what has been done, every now and then."""

    def __init__(self, path):
        self.path = path
        self.agent = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.requests, self.seconds, self.busy = 0, 0.0, 0.0
        self.since = time.monotonic()
        self.begun = self.counted = None

    def left(self):
        """Seconds until it is to tell again."""
        return self.since + PERIOD - time.monotonic()

    def begin(self):
        """A request has come."""
        self.begun = self.counted = time.monotonic()

    def end(self):
        """It has been served."""
        self.count()
        self.requests += 1
        self.seconds += time.monotonic() - self.begun
        self.begun = None

    def count(self):
        """A request that takes long is work before it is done."""
        if self.begun is not None:
            now = time.monotonic()
            self.busy += now - self.counted
            self.counted = now

    def tick(self):
        """Tells, if it is time for that."""
        if self.left() > 0:
            return
        self.count()
        now = time.monotonic()
        utilisation = min(self.busy / (now - self.since), 1.0)
        line = f"80 requests={self.requests} seconds={self.seconds:.6f} utilisation={utilisation:.4f}"
        try:
            self.agent.sendto(line.encode(), self.path)
        except OSError:
            # The agent may not be there.
            pass
        self.requests, self.seconds, self.busy, self.since = 0, 0.0, 0.0, now


def work(loops, meter):
    """Keeps the CPU busy for as long as that takes."""
    digest = b""
    for turn in range(loops):
        digest = hashlib.sha256(digest).digest()
        if turn % 100 == 0:
            meter.tick()


def main():
    """Serves until it is killed."""
    name, path, loops = sys.argv[1], sys.argv[2], int(sys.argv[3])
    listener = socket.create_server(("", 80), backlog=256)
    answer = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(name) + 1}\r\n\r\n{name}\n"
    meter = Meter(path)
    while True:
        meter.tick()
        listener.settimeout(max(meter.left(), 0.001))
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        meter.begin()
        with client:
            client.settimeout(5)
            try:
                client.recv(4096)
                work(loops, meter)
                client.sendall(answer.encode())
            except OSError:
                pass
        meter.end()


if __name__ == "__main__":
    main()
