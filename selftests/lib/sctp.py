#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Associations of SCTP for the scenarios, by the kernel's own.

sctp.py serve NAME PORT ADDRESS...
    answers each message that comes by an association to one of these addresses with "NAME
    CLIENT_ADDRESS LENGTH HASH"
sctp.py talk
    does what each line of standard input says, and answers with a line:
    open KEY ADDRESS PORT FROM FROM_PORT    begins an association; the answer to a first message
    say KEY BYTES                           sends a message of so many; the answer, or why not
    close KEY                               ends it; "closed"
"""

import hashlib
import os
import socket
import sys
import threading

IPPROTO_SCTP = 132
PATIENCE = 5 * int(os.environ.get("SWITCHYARD_SLOW", "1"))


def sctp_socket(address, port):
    """A socket of this address alone: with more, the other end would be told of them all."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, IPPROTO_SCTP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    return made


def told(name, address, message):
    """What is answered."""
    return f"{name} {address} {len(message)} {hashlib.sha256(message).hexdigest()[:16]}"


def answer(name, made, address):
    """Answers on one association until it ends."""
    with made:
        try:
            while message := made.recv(1 << 17):
                made.sendall(told(name, address, message).encode())
        except OSError:
            pass


def listen(name, address, port):
    """Takes associations for ever."""
    listener = sctp_socket(address, port)
    listener.listen(64)
    while True:
        made, peer = listener.accept()
        threading.Thread(target=answer, args=(name, made, peer[0]), daemon=True).start()


def serve(name, port, *addresses):
    """All addresses."""
    threads = [threading.Thread(target=listen, args=(name, one, int(port))) for one in addresses]
    for thread in threads:
        thread.start()


def say(made, size):
    """The answer to a message, which has to be about just that one."""
    message = os.urandom(int(size))
    made.sendall(message)
    got = made.recv(1 << 16).decode()
    name, address = got.split()[:2] if got else ("nobody", "-")
    return f"{name} {address}" if got == told(name, address, message) else f"not {got!r}"


def talk():
    """Does as it is told."""
    associations = {}
    for line in sys.stdin:
        word, key, *rest = line.split()
        try:
            if word == "open":
                made = sctp_socket(rest[2], int(rest[3]))
                made.settimeout(PATIENCE)
                made.connect((rest[0], int(rest[1])))
                associations[key] = made
                print(say(made, 4), flush=True)
            elif word == "say":
                print(say(associations[key], rest[0]), flush=True)
            else:
                associations.pop(key).close()
                print("closed", flush=True)
        except (KeyError, OSError) as error:
            print(f"nothing: {error}", flush=True)


{"serve": serve, "talk": talk}[sys.argv[1]](*sys.argv[2:])
