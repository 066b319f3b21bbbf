#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""TCP for the scenarios of connections' lives.

tcp.py serve NAME PORT
    answers each connection with "NAME" and a newline, then does as told: closes for "c", or after the
    client for "f"; else it keeps the connection open, also when the client has closed its side.
    Prints "reset PORT" when the connection of the client's port PORT is reset.
tcp.py states ADDRESS PORT SILENT FIRST
    leaves behind a connection in each state, from the ports FIRST on: syn-received (to port
    SILENT, where nobody answers), established, fin-wait, time-wait and closed. Prints "ready" and
    stays until it is ended.
tcp.py again ADDRESS PORT FROM COUNT [server|client|reset]
    connects COUNT times from the port FROM, each time when the last connection was closed, by the
    server first, by the client first, or by a reset, and the server had a moment: a SYN that comes
    while its program holds the closing socket waits for that, and is lost with it. Prints the
    milliseconds that each one took to the server's name, and that name.
tcp.py wait ADDRESS PORT
    connects, prints "ready", and "reset after N ms", or "closed", or "nothing" after 15 seconds.
"""

import errno
import os
import selectors
import socket
import struct
import sys
import time


def family_of(address):
    """Of an address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def made(address, port=0):
    """A socket at a port of its own."""
    one = socket.socket(family_of(address), socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind(("::" if ":" in address else "", port))
    return one


def opened(address, port, source=0):
    """A connection of which the server's name has come; that name; and how long it took."""
    for _ in range(200):
        one = made(address, source)
        one.settimeout(10)
        begin = time.monotonic()
        try:
            one.connect((address, port))
        except OSError as error:
            # The kernel has not heard yet that the port's last connection is over.
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            one.close()
            time.sleep(0.005)
            continue
        return one, one.recv(64).decode().strip(), time.monotonic() - begin
    raise TimeoutError(f"port {source} does not become free")


def reset(one):
    """Closes with a reset."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


def serve(name, port):
    """For ever."""
    listener = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=256)
    chosen = selectors.DefaultSelector()
    chosen.register(listener, selectors.EVENT_READ)
    kept, follows = set(), set()
    while True:
        for key, _ in chosen.select():
            one = key.fileobj
            if one is listener:
                client, sender = listener.accept()
                client.send(f"{name}\n".encode())
                chosen.register(client, selectors.EVENT_READ, sender[1])
                continue
            try:
                data = one.recv(64)
            except ConnectionResetError:
                print("reset", key.data, flush=True)
                data = b"c"
            if data == b"f":
                follows.add(one)
            elif data[:1] == b"c" or (not data and one in follows):
                follows.discard(one)
                chosen.unregister(one)
                one.close()
            elif not data:
                chosen.unregister(one)
                kept.add(one)


def states(address, port, silent, first):
    """One of each."""
    port, silent, first = int(port), int(silent), int(first)
    one = made(address, first)
    one.setblocking(False)
    assert one.connect_ex((address, silent)) == errno.EINPROGRESS
    # Nothing is sent again.
    one.close()
    established, *_ = opened(address, port, first + 1)
    half, *_ = opened(address, port, first + 2)
    half.shutdown(socket.SHUT_WR)
    over, *_ = opened(address, port, first + 3)
    over.send(b"c")
    assert over.recv(64) == b""
    over.close()
    gone, *_ = opened(address, port, first + 4)
    reset(gone)
    print("ready", flush=True)
    time.sleep(600)
    established.close()


def again(address, port, source, count, how="server"):
    """One after the other."""
    for _ in range(int(count)):
        time.sleep(0.03)
        one, name, seconds = opened(address, int(port), int(source))
        print(round(seconds * 1000), name, flush=True)
        if how == "reset":
            reset(one)
            continue
        # "f": the server closes once it has the client's FIN.
        one.send(b"f" if how == "client" else b"c")
        if how == "client":
            one.shutdown(socket.SHUT_WR)
        while one.recv(64):
            pass
        one.close()


def wait(address, port):
    """For the end."""
    one, *_ = opened(address, int(port))
    begin = time.monotonic()
    print("ready", flush=True)
    one.settimeout(15 * int(os.environ.get("SWITCHYARD_SLOW", "1")))
    try:
        print("closed" if one.recv(64) == b"" else "data")
    except ConnectionResetError:
        print("reset after", round((time.monotonic() - begin) * 1000), "ms")
    except TimeoutError:
        print("nothing")


globals()[sys.argv[1]](*sys.argv[2:])
