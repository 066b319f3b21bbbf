#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""packets.py SWITCH CLIENT DEVICE SERVER DEVICE TOPIC...: plays tables of packets (packets/*.txt)
on the client's wire and on the server's, in the name spaces CLIENT and SERVER. SWITCH is a file
with the link-layer addresses of the switch's ends of the two wires. Started by lib/packets.sh.

What leaves the switch is compared byte by byte, but for what a mask leaves out; what does not leave
by the counter of its reason. Before, the switch is asked what would become of the packet, and is held
to its word. A result for each case."""

import os
import pathlib
import socket
import struct
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent.parent))

# pylint: disable=wrong-import-position
import genetlink as nl  # noqa: E402
from net.lib.py import YnlFamily  # noqa: E402

SPEC = HERE.parent.parent / "net/lib/specs/switchyard.yaml"
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
# How long a packet may take in an emulated machine that has other things to do.
PATIENCE = 3.0


class Wire:
    """One end of a wire: a packet socket opened in its name space."""

    def __init__(self, namespace, device, switch):
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
        os.setns(there, os.CLONE_NEWNET)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.bind((device, 0))
        # PACKET_MR_PROMISC: what is sent to those who are not there is seen as well.
        index = socket.if_nametoindex(device)
        self.socket.setsockopt(263, 1, struct.pack("IHH8s", index, 1, 0, bytes(8)))
        self.socket.setblocking(False)
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)
        os.close(there)
        self.address = self.socket.getsockname()[4]
        self.header = bytes.fromhex(switch.replace(":", "")) + self.address

    def send(self, packet):
        """Sends an IP packet to the switch."""
        kind = b"\x86\xdd" if packet[:1] and packet[0] >> 4 == 6 else b"\x08\0"
        self.socket.send(self.header + kind + packet)

    def receive(self):
        """The IP packets that have come from the switch, with whom they were sent to."""
        while True:
            try:
                frame, sender = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            # Not our own, and none of the kernel's talk with the neighbourhood.
            if sender[2] != socket.PACKET_OUTGOING and not frame[0] & 1:
                if frame[12:14] in (b"\x08\0", b"\x86\xdd"):
                    yield frame[:6], frame[14:]


class Counters:
    """The switch's counters."""

    def __init__(self, ynl):
        self.ynl = ynl
        self.wanted = self.read()

    def read(self):
        """Packets received, passed, and dropped for each reason."""
        sums = {}
        for cpu in self.ynl.dump("cpu-get", {}):
            for name in ("received", "passed"):
                sums[name] = sums.get(name, 0) + cpu.get(name, 0)
            for drop in cpu.get("drop", []):
                sums[drop["reason"]] = sums.get(drop["reason"], 0) + drop["packets"]
        return {name: count for name, count in sums.items() if count}

    def add(self, name):
        """What has to be counted from now on."""
        self.wanted[name] = self.wanted.get(name, 0) + 1

    def settle(self):
        """What was counted other than wanted, given time; it is not held against what follows."""
        deadline = time.monotonic() + PATIENCE
        while (seen := self.read()) != self.wanted and time.monotonic() < deadline:
            time.sleep(0.002)
        wanted, self.wanted = self.wanted, seen
        return {
            name: seen.get(name, 0) - wanted.get(name, 0)
            for name in {*seen, *wanted}
            if seen.get(name, 0) != wanted.get(name, 0)
        }


class Step:
    """A packet, and what has to become of it."""

    def __init__(self, side, packet):
        self.side, self.packet = side, packet
        self.out, self.drop, self.passed = [], None, False


class Topic:
    """A table."""

    def __init__(self, path):
        self.changes, self.cases = [{"kind": "flush"}], []
        self.service = None
        for line in path.read_text(encoding="utf-8").splitlines():
            word, _, rest = line.partition(" ")
            if word and word != "#":
                getattr(self, "line_" + word)(*([rest] if word == "case" else rest.split()))

    def line_service(self, protocol, address, prefix, first, last, *options):
        """A service."""
        self.service = {"protocol": PROTOCOLS[protocol], "address": address}
        if int(prefix) != (128 if ":" in address else 32):
            self.service["prefix-length"] = int(prefix)
        # None stands for every port.
        if first != "0":
            self.service["port"] = int(first)
        if first != last:
            self.service["last-port"] = int(last)
        change = {"kind": "add", "service": self.service | {option: 1 for option in options}}
        self.changes.append(change)

    def line_destination(self, address, port, method, encapsulation, weight):
        """A destination of it."""
        destination = {
            "service": self.service,
            "address": address,
            "weight": int(weight),
            "forwarding": method,
        }
        # None stands for the service's.
        if port != "0":
            destination["port"] = int(port)
        kind, _, port = encapsulation.partition(":")
        if kind == "gue":
            destination |= {"encapsulation": "gue", "encapsulation-port": int(port)}
        self.changes.append({"kind": "add", "destination": destination})

    def line_case(self, name):
        """A case begins."""
        self.cases.append([name, []])

    def line_pending(self):
        """It is not played."""
        self.cases[-1][1] = None

    def step(self):
        """The step that the next line belongs to."""
        return self.cases[-1][1][-1]

    def line_from(self, side, packet):
        """A packet."""
        if self.cases[-1][1] is not None:
            self.cases[-1][1].append(Step(side, bytes.fromhex(packet)))

    def line_to(self, side, packet):
        """One that comes of it."""
        if self.cases[-1][1] is not None:
            data = bytes.fromhex(packet)
            self.step().out.append([side, data, b"\xff" * len(data)])

    def line_mask(self, mask):
        """What counts of that."""
        if self.cases[-1][1] is not None:
            self.step().out[-1][2] = bytes.fromhex(mask)

    def line_drop(self, reason):
        """What it is counted for."""
        if self.cases[-1][1] is not None:
            self.step().drop = reason

    def line_pass(self):
        """The ordinary stack gets it."""
        if self.cases[-1][1] is not None:
            self.step().passed = True


def same(got, data, mask):
    """Whether a packet is the wanted one."""
    return len(got) == len(data) and all((a ^ b) & m == 0 for a, b, m in zip(got, data, mask))


class Oracle:
    """What the switch says would become of a packet."""

    # What it can be asked about.
    SHORTEST, LONGEST = 20, 9216

    def __init__(self, ynl):
        self.socket, self.family = nl.open_socket(), ynl.nlproto.family_id
        self.command = ynl.ops["explain"].req_value
        numbers = ynl.attr_sets["explain"]
        self.packet = numbers["packet"].value
        self.names = {numbers[name].value: name for name in ("verdict", "drop-reason", "result")}
        self.words = {
            name: {entry.value: word for word, entry in ynl.consts[name].entries.items()}
            for name in ("verdict", "drop-reason")
        }
        self.asked = 0

    def ask(self, packet):
        """(verdict, reason, result), of which the last two may be None."""
        answer = nl.ask(self.socket, self.family, self.command, [nl.attr(self.packet, packet)])
        if answer.error:
            return nl.name(answer.error), answer.message, None
        told = {self.names.get(number): value for number, value in nl.unpack(answer.replies[0])}
        self.asked += 1
        verdict, reason = (
            self.words[name].get(struct.unpack("I", told[name])[0]) if name in told else None
            for name in ("verdict", "drop-reason")
        )
        return verdict, reason, told.get("result")

    def wrong(self, step):
        """What it says other than has to become of the step."""
        if not self.SHORTEST <= len(step.packet) <= self.LONGEST:
            return []
        verdict, reason, result = told = self.ask(step.packet)
        # Of fragments that have come it knows nothing.
        if verdict == "hold" and (step.out or step.drop in ("fragment", "ttl")):
            return []
        if step.passed:
            good = ["pass"]
        elif any(side != step.side for side, _, _ in step.out):
            good = ["forward" if step.side == "client" else "reply", "icmp"]
        elif step.out:
            good = ["reset", "icmp"]
        else:
            good = ["drop"] if step.drop else ["hold"]
        if verdict not in good or reason != step.drop:
            return [f"foretold {told}, wanted {good} and {step.drop}"]
        if result and len(step.out) == 1 and not same(result, *step.out[0][1:]):
            return [f"foretold {result.hex()}, wanted {step.out[0][1].hex()}"]
        return []


def play(step, wires, counters, oracle):
    """What is wrong with a step; an empty list if nothing is."""
    if wrong := oracle.wrong(step):
        return wrong
    counters.add("received")
    if step.drop:
        counters.add(step.drop)
    if step.passed:
        counters.add("passed")
    wires[step.side].send(step.packet)
    left = list(step.out)
    deadline = time.monotonic() + PATIENCE
    while left and time.monotonic() < deadline:
        came = [(side, *got) for side, wire in wires.items() for got in wire.receive()]
        for side, receiver, got in came:
            found = [one for one in left if one[0] == side and same(got, one[1], one[2])]
            if not found:
                wrong.append(f"to {side} {got.hex()}")
            elif receiver[:4] != b"\x02\0\0\0" and receiver != wires[side].address:
                # Neither one of those who are not there, nor an answer to where it came from.
                wrong.append(f"to the link-layer address {receiver.hex()}")
            if found:
                left.remove(found[0])
        if wrong:
            break
    wrong.extend(f"wanted to {side} {data.hex()}" for side, data, _ in left)
    if wrong or step.drop or step.passed:
        # Only what is counted can have failed otherwise.
        if different := counters.settle():
            wrong.append(f"counted otherwise: {different}")
    return wrong


def flush(wires):
    """What has come meanwhile, and nobody wanted."""
    return [f"to {side} {got[1].hex()}" for side, wire in wires.items() for got in wire.receive()]


def main():
    """Plays all topics."""
    ends, client, client_device, server, server_device, *topics = sys.argv[1:]
    near, far = pathlib.Path(ends).read_text(encoding="ascii").split()
    wires = {"client": Wire(client, client_device, near), "server": Wire(server, server_device, far)}
    ynl = YnlFamily(str(SPEC), schema="")
    oracle = Oracle(ynl)
    for name in topics:
        topic = Topic(HERE.parent / "packets" / f"{name}.txt")
        ynl.do("apply", {"change": topic.changes})
        flush(wires)
        counters = Counters(ynl)
        started, steps = time.monotonic(), 0
        for case, given in topic.cases:
            if given is None:
                print(f"# {name}: {case}: pending")
                continue
            wrong = []
            for number, step in enumerate(given, 1):
                steps += 1
                if wrong := play(step, wires, counters, oracle):
                    break
            print(("not ok" if wrong else "ok") + f" {name}: {case}", flush=True)
            for line in wrong:
                print(f"step {number}: {line}", flush=True)
            if wrong:
                # What comes late is not held against the next.
                time.sleep(0.2)
                flush(wires)
        different, extra = counters.settle(), flush(wires)
        good = not different and not extra
        print(("ok" if good else "not ok") + f" {name}: nothing else came or was counted")
        if not good:
            print(f"{different} {extra[:5]}")
        seconds = time.monotonic() - started
        print(f"{name}: {steps} steps in {seconds:.1f} s, {oracle.asked} foretold", flush=True)
    ynl.do("apply", {"change": [{"kind": "flush"}]})


main()
