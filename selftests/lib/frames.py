# SPDX-License-Identifier: GPL-2.0
"""What the scenarios with packets made by hand share: sending and receiving raw frames on the
client's wire, and the switch's counters."""

import json
import os
import socket
import subprocess
import time

CLIENT = "10.0.1.2"
VIP = "10.9.9.9"


def address_of(device):
    """The link-layer address of a device in this name space."""
    with open(f"/sys/class/net/{device}/address", encoding="ascii") as file:
        return file.read().strip()


class Wire:
    """The client's end of the wire: a packet socket opened in its name space."""

    def __init__(self, namespace, device):
        # The socket belongs to the name space that it was opened in; the counters are read in
        # the name space of the switch.
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        os.setns(there, os.CLONE_NEWNET)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((device, 0))
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)
        os.close(there)
        self.address = self.socket.getsockname()[4].hex(":")

    def send(self, frame):
        """Sends a frame as it is."""
        self.socket.send(bytes(frame))

    def receive(self, wanted, seconds=3.0):
        """The first incoming frame for which wanted(bytes) holds, None if none comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, sender = self.socket.recvfrom(65536)
            except TimeoutError:
                return None
            if sender[2] != socket.PACKET_OUTGOING and wanted(frame):
                return frame
        return None

    def flush(self):
        """Forgets what has come so far."""
        self.socket.settimeout(0)
        try:
            while True:
                self.socket.recv(65536)
        except BlockingIOError:
            pass


def counters():
    """All counters of the switch by name, the drops by their reasons."""
    out = subprocess.run(
        ["yardctl", "--json", "stats"], check=True, capture_output=True, text=True
    ).stdout
    stats = json.loads(out)
    names = ("received", "forwarded", "passed", "local_in", "local_out")
    sums = {name: sum(cpu[name] for cpu in stats["cpus"]) for name in names}
    sums.update({drop["reason"]: drop["packets"] for drop in stats["drops"]})
    return sums


def change(before, after):
    """What has changed between two readings."""
    return {
        name: after[name] - before[name]
        for name in after
        if after[name] != before[name]
    }


def settled(before, wanted, seconds=3.0):
    """The change since a reading, once it is the wanted one or the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        now = change(before, counters())
        if now == wanted or time.monotonic() > deadline:
            return now


def result(good, text, detail=""):
    """Prints a result as lib/topology.sh's relay takes it."""
    print(("ok " if good else "not ok ") + text, flush=True)
    if not good and detail:
        print(detail, flush=True)
