#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""reset.py NAMESPACE DEVICE SWITCH_ADDRESS: segments to addresses of services, and the resets
that come back, field by field. Started by reset.sh."""

import struct
import sys

from frames import CLIENT, VIP, Wire, counters, result, settled
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether

wire = Wire(sys.argv[1], sys.argv[2])
SWITCH = sys.argv[3]
port = 40000


def ones_sum(data):
    """The folded one's complement sum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def frame(transport):
    """A frame from the client to the service's address."""
    return bytes(
        Ether(src=wire.address, dst=SWITCH) / IP(src=CLIENT, dst=VIP, id=1) / transport
    )


def faults(got, sent, sequence, acknowledgment, flags):
    """What is wrong with a frame that should be the reset of a segment."""
    wrong = []

    def same(what, one, other):
        if one != other:
            wrong.append(f"{what} is {one!r}, not {other!r}")

    if len(got) < 54:
        return [f"{len(got)} bytes"]
    same("frame", got[:14], bytes.fromhex((wire.address + SWITCH).replace(":", "")) + b"\x08\0")
    ip, tcp = got[14:34], got[34:54]
    same("version and length", ip[0], 0x45)
    same("total length", struct.unpack("!H", ip[2:4])[0], 40)
    same("fragment", struct.unpack("!H", ip[6:8])[0] & 0x3FFF, 0)
    same("protocol", ip[9], 6)
    same("source", ".".join(map(str, ip[12:16])), VIP)
    same("destination", ".".join(map(str, ip[16:20])), CLIENT)
    same("IP checksum", ones_sum(ip), 0xFFFF)
    if ip[8] < 32:
        wrong.append(f"time to live {ip[8]}")
    fields = struct.unpack("!HHIIBBHHH", tcp)
    same("ports", fields[:2], (sent.dport, sent.sport))
    same("sequence", fields[2], sequence)
    same("acknowledgment", fields[3], acknowledgment)
    same("data offset", fields[4], 0x50)
    same("flags", fields[5], flags)
    same("TCP checksum", ones_sum(ip[12:20] + b"\0\x06\0\x14" + tcp), 0xFFFF)
    return wrong


def is_answer(sent):
    """Tells a TCP packet to the port that sent."""

    def check(got):
        return (
            got[12:14] == b"\x08\0"
            and got[23] == 6
            and struct.unpack("!H", got[36:38])[0] == sent.sport
        )

    return check


RST, RST_ACK = 0x04, 0x14


def answered(text, flags, payload, expected, destination=80, options=None):
    """One segment whose reset has the expected sequence, acknowledgment and flags."""
    global port
    port += 1
    sent = TCP(sport=port, dport=destination, flags=flags, seq=0xFFFFFFF0, ack=0x12345678)
    sent.options = options or []
    before = counters()
    wire.flush()
    wire.send(frame(sent / payload))
    got = wire.receive(is_answer(sent))
    wrong = ["no answer"] if got is None else faults(got, sent, *expected)
    wanted = {"received": 1, "reset-sent": 1}
    seen = settled(before, wanted)
    if seen != wanted:
        wrong.append(f"counted {seen}")
    result(not wrong, text, "; ".join(wrong))


def silent(text, transport, wanted):
    """One packet that is dropped and counted, without an answer."""
    before = counters()
    wire.flush()
    wire.send(frame(transport))
    seen = settled(before, wanted)
    # What there is to come has come: the switch has counted the packet, and a reset would have
    # been sent before that.
    got = wire.receive(lambda data: data[26:30] == bytes(map(int, VIP.split("."))), 0.2)
    result(seen == wanted and got is None, text, f"counted {seen}, answer {got!r}")


NONE = b""
# RFC 9293, 3.10.7.1: by the acknowledgment if there is one, else acknowledging all of it.
answered("SYN to no service: sequence 0, SYN acknowledged", "S", NONE, (0, 0xFFFFFFF1, RST_ACK), 99)
answered("SYN with data: all acknowledged, past the wrap", "S", b"x" * 20, (0, 5, RST_ACK), 99)
answered("SYN with options: these do not count", "S", NONE, (0, 0xFFFFFFF1, RST_ACK), 99,
         [("MSS", 1460), ("Timestamp", (1, 0)), ("WScale", 7)])
answered("ACK of no connection: at the number it acknowledges", "A", NONE, (0x12345678, 0, RST))
answered("data of no connection", "PA", b"hello", (0x12345678, 0, RST))
answered("FIN of no connection", "FA", NONE, (0x12345678, 0, RST))
answered("FIN without ACK counts for one", "F", NONE, (0, 0xFFFFFFF1, RST_ACK))
answered("SYN and ACK of no connection", "SA", NONE, (0x12345678, 0, RST))
answered("SYN and FIN count for two", "SF", NONE, (0, 0xFFFFFFF2, RST_ACK))
answered("no flags at all", "", b"abc", (0, 0xFFFFFFF3, RST_ACK))
answered("a full segment: the answer is cut", "A", b"y" * 1400, (0x12345678, 0, RST))

no_connection = {"received": 1, "no-connection": 1}
silent("a reset is not answered", TCP(sport=1, dport=80, flags="R"), no_connection)
silent("nor is a reset with ACK", TCP(sport=2, dport=80, flags="RA"), no_connection)
silent("nor with SYN, to no service", TCP(sport=3, dport=99, flags="SR"), no_connection)
silent("UDP to no service ends silently", UDP(sport=1, dport=53) / b"x",
       {"received": 1, "no-service": 1})
silent("so does UDP to a TCP service's port", UDP(sport=1, dport=80) / b"x",
       {"received": 1, "no-service": 1})
