#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Datagrams for the scenarios.

udp.py echo NAME PORT [--no-checksum]
    answers each datagram with "NAME CLIENT_ADDRESS CLIENT_PORT TEXT"
udp.py ask ADDRESS PORT FIRST COUNT [--no-checksum] [--times N] [--pause SECONDS]
           [--patience SECONDS] [--together N]
    asks from COUNT ports of its own, FIRST and on, and prints "PORT ANSWER" for each, "PORT -"
    where none came from where it was asked
udp.py send ADDRESS PORT FIRST COUNT
    sends a datagram from each of COUNT ports and waits for no answer
udp.py watch ADDRESS PORT [--pause SECONDS] [--patience SECONDS]
    asks without end, from a new port each time, and prints when it asked, in microseconds
    since 1970, and the answer, or "-"
"""

import argparse
import contextlib
import socket
import time

# <asm-generic/socket.h>: no checksum on what is sent.
SO_NO_CHECK = 11


def udp_socket(port, no_checksum):
    """A socket on a port of any address."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if no_checksum:
        made.setsockopt(socket.SOL_SOCKET, SO_NO_CHECK, 1)
    made.bind(("", port))
    return made


def echo(args):
    """Answers for ever."""
    made = udp_socket(args.port, args.no_checksum)
    while True:
        data, (address, port) = made.recvfrom(65536)
        made.sendto(f"{args.name} {address} {port} ".encode() + data, (address, port))


def one(args, made, asked=False):
    """The answer to one question, asked again if it gets lost."""
    for attempt in range(3):
        if attempt or not asked:
            made.sendto(b"hello", (args.address, args.port))
        try:
            data, sender = made.recvfrom(65536)
        except TimeoutError:
            continue
        return data.decode() if sender == (args.address, args.port) else f"- {sender}"
    return "-"


def ask(args):
    """Asks from each port."""
    if args.together > 1:
        ask_together(args)
        return
    for port in range(args.first, args.first + args.count):
        with udp_socket(port, args.no_checksum) as made:
            made.settimeout(args.patience)
            for turn in range(args.times):
                if turn:
                    time.sleep(args.pause)
                print(port, one(args, made), flush=True)


def ask_together(args):
    """Asks from some ports at a time, in their order, before the answers are waited for."""
    ports = range(args.first, args.first + args.count)
    for begin in range(0, args.count, args.together):
        with contextlib.ExitStack() as stack:
            group = [(port, stack.enter_context(udp_socket(port, args.no_checksum)))
                     for port in ports[begin:begin + args.together]]
            for _, made in group:
                made.settimeout(args.patience)
                made.sendto(b"hello", (args.address, args.port))
            for port, made in group:
                print(port, one(args, made, asked=True), flush=True)


def send(args):
    """Sends from each port."""
    for port in range(args.first, args.first + args.count):
        with udp_socket(port, False) as made:
            made.sendto(b"hello", (args.address, args.port))


def watch(args):
    """Asks for ever."""
    while True:
        with udp_socket(0, False) as made:
            made.settimeout(args.patience)
            now = time.time()
            print(int(now * 1e6), one(args, made), flush=True)
        time.sleep(args.pause)


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
command = commands.add_parser("echo")
command.add_argument("name")
command.add_argument("port", type=int)
command.add_argument("--no-checksum", action="store_true")
command.set_defaults(run=echo)
command = commands.add_parser("ask")
command.add_argument("address")
command.add_argument("port", type=int)
command.add_argument("first", type=int)
command.add_argument("count", type=int)
command.add_argument("--no-checksum", action="store_true")
command.add_argument("--times", type=int, default=1)
command.add_argument("--pause", type=float, default=0)
command.add_argument("--patience", type=float, default=2)
command.add_argument("--together", type=int, default=1)
command.set_defaults(run=ask)
command = commands.add_parser("send")
command.add_argument("address")
command.add_argument("port", type=int)
command.add_argument("first", type=int)
command.add_argument("count", type=int)
command.set_defaults(run=send)
command = commands.add_parser("watch")
command.add_argument("address")
command.add_argument("port", type=int)
command.add_argument("--pause", type=float, default=0)
command.add_argument("--patience", type=float, default=2)
command.set_defaults(run=watch)
arguments = parser.parse_args()
arguments.run(arguments)
