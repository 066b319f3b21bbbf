# SPDX-License-Identifier: GPL-2.0
"""
An HTTP server that works for each request and tells yard-agent of it.

    measured.py NAME SOCKET LOOPS

Listens on port 80, serves one request after the other with LOOPS rounds of a hash, and
answers with its NAME.  Five times a second it tells the agent's local SOCKET how many
requests it has served, how long that took, and which part of the time it was at work.
"""

import hashlib
import socket
import sys
import time

PERIOD = 0.2


def work(loops):
    """Keeps the CPU busy for as long as that takes."""
    digest = b""
    for _ in range(loops):
        digest = hashlib.sha256(digest).digest()
    return digest


def tell(agent, path, requests, seconds, busy):
    """One line for the agent, who may not be there."""
    line = f"80 requests={requests} seconds={seconds:.6f} utilisation={busy:.4f}\n"
    try:
        agent.sendto(line.encode(), path)
    except OSError:
        pass


def main():
    """Serves until it is killed."""
    name, path, loops = sys.argv[1], sys.argv[2], int(sys.argv[3])
    listener = socket.create_server(("", 80), backlog=256)
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    answer = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(name) + 1}\r\n\r\n{name}\n"
    requests, seconds, since = 0, 0.0, time.monotonic()
    while True:
        left = since + PERIOD - time.monotonic()
        if left <= 0:
            now = time.monotonic()
            tell(agent, path, requests, seconds, min(seconds / (now - since), 1.0))
            requests, seconds, since = 0, 0.0, now
            continue
        listener.settimeout(left)
        try:
            client, _ = listener.accept()
        except TimeoutError:
            continue
        begin = time.monotonic()
        with client:
            client.settimeout(5)
            try:
                client.recv(4096)
                work(loops)
                client.sendall(answer.encode())
            except OSError:
                pass
        requests, seconds = requests + 1, seconds + time.monotonic() - begin


if __name__ == "__main__":
    main()
