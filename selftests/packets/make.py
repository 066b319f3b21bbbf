#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes the tables of packets that the tests read (*.txt) from those that people read (*.yaml).

Usage: make.py [--check] [TOPIC...]; --check only tells whether the tables are up to date.

README.md describes the format. Packets are expressions over Scapy's layers and the words below;
checksums are Scapy's, computed in full, so that what the switch updates by differences is held
against something else. Expected packets are described anew and not derived from what goes in.
"""

import argparse
import itertools
import pathlib
import sys

import yaml
from scapy.all import ICMP, IP, TCP, UDP, Raw, raw
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.ipsec import AH
from scapy.layers.sctp import (
    SCTP,
    SCTPChunkAbort,
    SCTPChunkCookieAck,
    SCTPChunkCookieEcho,
    SCTPChunkData,
    SCTPChunkInit,
    SCTPChunkInitAck,
    SCTPChunkShutdown,
    SCTPChunkShutdownAck,
    SCTPChunkShutdownComplete,
)

HERE = pathlib.Path(__file__).parent

# Who is who: the client, the service's address, two destinations (one of which is silent by
# never being chosen), the tunnels' near end, a router on either side, and a stranger.
PEOPLE = {
    "C": ("10.0.1.99", "2001:db8:1::99"),
    "V": ("10.9.9.9", "2001:db8:9::9"),
    "W": ("10.9.8.77", "2001:db8:8::77"),
    "R": ("10.2.1.99", "2001:db8:2::99"),
    "S": ("10.2.1.98", "2001:db8:2::98"),
    "T": ("10.2.1.1", "2001:db8:2::1"),
    "GATE": ("10.0.1.1", "2001:db8:1::1"),
    "NEAR": ("10.0.1.77", "2001:db8:1::77"),
    "FAR": ("10.2.1.77", "2001:db8:2::77"),
    "X": ("10.77.0.1", "2001:db8:77::1"),
}


class Words:
    """What the expressions of one case may say."""

    def __init__(self, number, family, choices):
        self.number = number
        self.family = family
        self.names = {
            # The case's own client port, and its number for identifications.
            "p": 20000 + number,
            "n": number,
            "family": family,
            "raw": raw,
            **choices,
        }
        for name, both in PEOPLE.items():
            self.names[name] = both[family == 6]
            self.names[name + "4"], self.names[name + "6"] = both
        self.names.update({
            layer.__name__: layer
            for layer in (
                ICMP, IP, TCP, UDP, Raw, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                ICMPv6PacketTooBig, ICMPv6ParamProblem, ICMPv6TimeExceeded, IPv6,
                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN,
                AH, SCTP, SCTPChunkAbort, SCTPChunkCookieAck, SCTPChunkCookieEcho, SCTPChunkData,
                SCTPChunkInit, SCTPChunkInitAck, SCTPChunkShutdown, SCTPChunkShutdownAck,
                SCTPChunkShutdownComplete)
        })
        for word in ("ip", "begin", "answer", "data", "end", "icmp", "echo", "cut", "part",
                     "spoiled", "summed", "wrong"):
            self.names[word] = getattr(self, word)

    def evaluate(self, expression, local):
        """What an expression stands for."""
        return eval(expression, {**self.names, **local})  # pylint: disable=eval-used

    # The words.

    def ip(self, source, destination, hops=64, **fields):
        """An IP header of the addresses' family; "tos" is the traffic class of both."""
        if ":" in source:
            if "tos" in fields:
                fields["tc"] = fields.pop("tos")
            return IPv6(src=source, dst=destination, hlim=hops, **fields)
        return IP(**{"src": source, "dst": destination, "ttl": hops, "id": self.number} | fields)

    def transport(self, source, destination, tcp, chunk, payload, fields):
        """A transport header of the case's protocol."""
        protocol = self.names["protocol"]
        if protocol == "tcp":
            segment = TCP(**{"sport": source, "dport": destination} | tcp | fields)
            return segment / Raw(payload) if payload else segment
        if protocol == "udp":
            return UDP(sport=source, dport=destination, **fields) / Raw(payload or b"datagram")
        return SCTP(sport=source, dport=destination, tag=0x1020304, **fields) / chunk

    def begin(self, source, destination, payload=b"", **fields):
        """What opens a connection: SYN, INIT, a datagram."""
        chunk = SCTPChunkInit(init_tag=7, a_rwnd=65536, n_out_streams=2, n_in_streams=2, init_tsn=9)
        return self.transport(source, destination, {"flags": "S", "seq": 1000}, chunk, payload, fields)

    def answer(self, source, destination, payload=b"", **fields):
        """What answers that: SYN and ACK, INIT ACK, a datagram."""
        chunk = SCTPChunkInitAck(init_tag=8, a_rwnd=65536, n_out_streams=2, n_in_streams=2, init_tsn=5)
        tcp = {"flags": "SA", "seq": 5000, "ack": 1001}
        return self.transport(source, destination, tcp, chunk, payload, fields)

    def data(self, source, destination, payload=b"some data", **fields):
        """What follows."""
        chunk = SCTPChunkData(data=payload, tsn=9, stream_id=1, beginning=1, ending=1)
        tcp = {"flags": "PA", "seq": 1001, "ack": 5001}
        return self.transport(source, destination, tcp, chunk, payload, fields)

    def end(self, source, destination, **fields):
        """What ends it: FIN, SHUTDOWN COMPLETE, a datagram like any other."""
        tcp = {"flags": "FA", "seq": 1010, "ack": 5001}
        chunk = SCTPChunkShutdownComplete()
        return self.transport(source, destination, tcp, chunk, b"", fields)

    def icmp(self, cause, about=b"", mtu=0):
        """An error of the family, with what it quotes."""
        quoted = Raw(raw(about))
        if self.family == 6:
            header = {
                "too-big": ICMPv6PacketTooBig(mtu=mtu),
                "no-route": ICMPv6DestUnreach(code=0),
                "prohibited": ICMPv6DestUnreach(code=1),
                "no-host": ICMPv6DestUnreach(code=3),
                "no-port": ICMPv6DestUnreach(code=4),
                "no-hops": ICMPv6TimeExceeded(code=0),
                "parameter": ICMPv6ParamProblem(code=1, ptr=6),
            }[cause]
        else:
            header = {
                "too-big": ICMP(type=3, code=4, nexthopmtu=mtu),
                "no-route": ICMP(type=3, code=0),
                "prohibited": ICMP(type=3, code=13),
                "no-host": ICMP(type=3, code=1),
                "no-port": ICMP(type=3, code=3),
                "no-hops": ICMP(type=11, code=0),
                "parameter": ICMP(type=12, code=0, ptr=6),
            }[cause]
        return header / quoted

    def echo(self, reply=False, **fields):
        """An echo request, or the reply to it."""
        if self.family == 6:
            layer = ICMPv6EchoReply if reply else ICMPv6EchoRequest
            return layer(**{"id": 7, "seq": 1, "data": b"ping"} | fields)
        return ICMP(**{"type": 0 if reply else 8, "id": 7, "seq": 1} | fields) / Raw(b"ping")

    def header_length(self, data):
        """Bytes of the IP header."""
        return 40 if data[0] >> 4 == 6 else (data[0] & 15) * 4

    def cut(self, packet, length):
        """A packet without what is behind so many bytes of transport header and data."""
        data = raw(packet)
        return data[:self.header_length(data) + length]

    def part(self, packet, begin, end=None, **fields):
        """A fragment: a packet's payload from one byte to another."""
        data = raw(packet)
        length = self.header_length(data)
        payload = data[length:]
        end = len(payload) if end is None else end
        more = end < len(payload)
        if data[0] >> 4 == 6:
            header = IPv6(data[:40])
            following, header.nh, header.plen = header.nh, 44, None
            fields = {"nh": following, "offset": begin // 8, "m": int(more), "id": self.number} | fields
            return IPv6(raw(header / IPv6ExtHdrFragment(**fields) / Raw(payload[begin:end])))
        header = IP(data[:length])
        header.len = header.chksum = None
        header.flags, header.frag = ("MF" if more else 0), begin // 8
        for name, value in fields.items():
            setattr(header, name, value)
        return header / Raw(payload[begin:end])

    def spoiled(self, packet, at, value):
        """A packet with another byte or bytes somewhere; nothing else is put right."""
        data = bytearray(raw(packet))
        value = bytes([value]) if isinstance(value, int) else value
        data[at:at + len(value)] = value
        return bytes(data)

    def wrong(self, packet):
        """A packet of which the transport checksum is one more than it should be."""
        data = raw(packet)
        at = self.header_length(data) + {"tcp": 16, "udp": 6, "sctp": 8}[self.names["protocol"]]
        size = 4 if self.names["protocol"] == "sctp" else 2
        value = int.from_bytes(data[at:at + size], "big")
        # One's complement goes around at the end; CRCs differ by what is added without carry.
        value = value ^ 1 if size == 4 else (value + 1) % 65535
        return self.spoiled(data, at, value.to_bytes(size, "big"))

    def summed(self, packet):
        """A packet with the IPv4 header's checksum put right."""
        data = bytearray(raw(packet))
        length = self.header_length(data)
        data[10:12] = bytes(2)
        total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, length, 2))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        data[10:12] = (0xFFFF - total).to_bytes(2, "big")
        return bytes(data)


def masked(packet, fields):
    """A mask over a packet's bytes: 0 where one of the fields is, "Layer.field" or "N-M"."""
    data = raw(packet)
    mask = bytearray(b"\xff" * len(data))
    for field in fields:
        if field[0].isdigit():
            first, last = map(int, field.split("-"))
            mask[first:last + 1] = bytes(last + 1 - first)
            continue
        layer, name = field.split(".")
        one = (IPv6 if data[0] >> 4 == 6 else IP)(data)
        other = one.copy()
        value = getattr(one[layer], name)
        flipped = int(value) ^ ((1 << int(one[layer].get_field(name).sz * 8)) - 1)
        setattr(other[layer], name, flipped)
        for at, (a, b) in enumerate(zip(data, raw(other))):
            if a != b:
                mask[at] = 0
    return bytes(mask)


def expansions(case):
    """The choices of a case's "for", each as a dictionary."""
    choices = case.get("for", {})
    names = list(choices)
    for values in itertools.product(*choices.values()):
        yield dict(zip(names, values))


FROM = {"from_client": "client", "from_server": "server"}
TO = {"to_client": "client", "to_server": "server"}
KEYS = {*FROM, *TO, "drop", "pass", "but", "padding"}


class Table:
    """The text that is made of a topic."""

    def __init__(self, topic):
        self.topic = topic
        self.lines = []
        self.names = set()
        self.count = 0

    def service(self, given):
        """A service's line and those of its destinations."""
        address = given["address"]
        words = Words(0, 6 if ":" in address else 4, {})
        prefix = ""
        if "/" in address:
            address, prefix = address.split("/")
        address = words.names.get(address, address)
        whole = "128" if ":" in address else "32"
        first, last = (list(map(int, str(given.get("port", 0)).split("-"))) * 2)[:2]
        flags = " ".join(given.get("options", []))
        self.lines.append(
            f"service {given['protocol']} {address} {prefix or whole} {first} {last} {flags}".rstrip())
        for to in given.get("to", []):
            name, _, port = to.partition(":")
            method = given.get("method", "nat")
            encapsulation = given.get("in", "ip")
            weight = given.get("weight", 1)
            self.lines.append(
                f"destination {words.names[name]} {port or 0} {method} {encapsulation} {weight}")

    def setup(self, services):
        """The services, which all cases share."""
        for given in services:
            for choices in expansions(given):
                text = yaml.safe_dump({key: value for key, value in given.items() if key != "for"})
                for name, value in choices.items():
                    text = text.replace("{" + name + "}", str(value))
                self.service(yaml.safe_load(text))
        self.lines.append("")

    def case(self, case):
        """A case, once for each of its choices."""
        for choices in expansions(case):
            self.count += 1
            family = choices.get("family", case.get("family", 4))
            words = Words(self.count, family, {"protocol": case.get("protocol", "tcp"), **choices})
            suffix = ", ".join(f"IPv{v}" if k == "family" else str(v) for k, v in choices.items())
            name = case["name"] + (f" ({suffix})" if suffix else "")
            if name in self.names:
                raise ValueError(f"{name}: twice")
            self.names.add(name)
            self.lines.append(f"case {name}")
            if "pending" in case:
                self.lines.append("pending")
            try:
                local = {}
                for word, expression in case.get("let", {}).items():
                    local[word] = words.evaluate(expression, local)
                for step in case["steps"]:
                    self.step(words, step, local)
            except Exception as error:
                raise ValueError(f"{self.topic}: {name}: {error}") from error
            self.lines.append("")

    def step(self, words, step, local):
        """What goes in, and what comes out or happens to it."""
        if unknown := set(step) - KEYS:
            raise ValueError(f"unknown: {unknown}")
        for key, side in FROM.items():
            if key in step:
                data = raw(words.evaluate(step[key], local)) + bytes(step.get("padding", 0))
                self.lines.append(f"from {side} {data.hex()}")
        for key, side in TO.items():
            if key not in step:
                continue
            packets = step[key] if isinstance(step[key], list) else [step[key]]
            for expression in packets:
                packet = words.evaluate(expression, local)
                self.lines.append(f"to {side} {raw(packet).hex()}")
                if "but" in step:
                    self.lines.append(f"mask {masked(packet, step['but']).hex()}")
        if "drop" in step:
            self.lines.append(f"drop {step['drop']}")
        if step.get("pass"):
            self.lines.append("pass")


def table(path):
    """The text that is made of a file, and how many cases it has."""
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    made = Table(path.stem)
    made.setup(given["services"])
    for case in given["cases"]:
        made.case(case)
    head = f"# SPDX-License-Identifier: GPL-2.0\n# Made by make.py from {path.name}.\n\n"
    return head + "\n".join(made.lines).rstrip() + "\n", made.count


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("topics", nargs="*")
    given = parser.parse_args()
    total, old = 0, []
    for path in sorted(HERE.glob("*.yaml")):
        if given.topics and path.stem not in given.topics:
            continue
        text, count = table(path)
        total += count
        target = path.with_suffix(".txt")
        if given.check:
            if not target.exists() or target.read_text(encoding="utf-8") != text:
                old.append(target.name)
        else:
            target.write_text(text, encoding="utf-8")
        print(f"{path.stem}: {count} cases")
    print(f"{total} cases")
    if old:
        sys.exit(f"not up to date, run selftests/packets/make.py: {', '.join(old)}")


main()
