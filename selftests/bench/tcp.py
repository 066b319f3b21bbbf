#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""tcp.py server ADDRESS PORT | tcp.py open|request|bulk ADDRESS PORT COUNT

The two ends of the TCP benches.  A client prints the nanoseconds that COUNT connections,
requests or megabytes took, after it has seen that each was answered as it should be.
"""

import socket
import sys
import time

MEGABYTE = 1 << 20
REQUEST = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


def exactly(connection, size):
    """Reads so many bytes."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            sys.exit("the connection ended early")
        data += part
    return data


def serve(address):
    """Serves one client after another, each as its first byte asks; never ends."""
    buffer = bytearray(MEGABYTE)
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.create_server(address, family=family, backlog=64) as listener:
        print("listening", flush=True)
        while True:
            connection, peer = listener.accept()
            with connection:
                kind = connection.recv(1)
                if kind == b"o":
                    # Says whom it sees: nobody's address may change on this way.
                    connection.sendall(peer[0].encode())
                elif kind == b"r":
                    while connection.recv(len(REQUEST)):
                        connection.sendall(ANSWER)
                elif kind == b"b":
                    total = 0
                    while size := connection.recv_into(buffer):
                        total += size
                    connection.sendall(total.to_bytes(8))


def connect(address, kind):
    """A connection of a kind."""
    connection = socket.create_connection(address, timeout=600)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(kind)
    return connection


def open_close(address, count):
    """Connections, each opened, answered once and closed."""
    for _ in range(count):
        with connect(address, b"o") as connection:
            said = b""
            while part := connection.recv(64):
                said += part
            if said.decode() != connection.getsockname()[0]:
                sys.exit(f"the server saw {said}")


def request(address, count):
    """Requests in one connection, each sent when the last is answered."""
    with connect(address, b"r") as connection:
        for _ in range(count):
            connection.sendall(REQUEST)
            if exactly(connection, len(ANSWER)) != ANSWER:
                sys.exit("a wrong answer")


def bulk(address, count):
    """Megabytes in one connection."""
    data = bytes(MEGABYTE)
    with connect(address, b"b") as connection:
        for _ in range(count):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        if int.from_bytes(exactly(connection, 8)) != count * MEGABYTE:
            sys.exit("not all bytes arrived")


def main():
    """Serves or measures."""
    what, address = sys.argv[1], (sys.argv[2], int(sys.argv[3]))
    if what == "server":
        serve(address)
    run = {"open": open_close, "request": request, "bulk": bulk}[what]
    before = time.monotonic_ns()
    run(address, int(sys.argv[4]))
    print(time.monotonic_ns() - before)


if __name__ == "__main__":
    main()
