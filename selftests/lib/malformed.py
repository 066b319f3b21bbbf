#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""malformed.py NAMESPACE DEVICE SWITCH_ADDRESS: malformed packets and what must be counted for
each. Started by malformed.sh, which has made the services."""

import random
import sys
import time

from frames import CLIENT, VIP, Wire, change, counters, result, settled
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

wire = Wire(sys.argv[1], sys.argv[2])
ETHER = Ether(src=wire.address, dst=sys.argv[3], type=0x0800)
port = 20000

PASSED = {"received": 1, "passed": 1}
FORWARDED = {"received": 1, "forwarded": 1}


def reason(name):
    """What a packet dropped for this reason changes."""
    return {"received": 1, name: 1}


def syn(**fields):
    """A SYN to the service, from a port not used before."""
    global port
    port += 1
    return TCP(sport=port, dport=80, flags="S", **fields)


def udp(**fields):
    """A datagram to the service, from a port not used before."""
    global port
    port += 1
    return UDP(sport=port, dport=53, **fields)


def ip(**fields):
    """An IP header from the client to the service."""
    return IP(**{"src": CLIENT, "dst": VIP, "id": 7, **fields})


# A reset of no connection: it is counted and changes nothing.
MARK = bytes(ETHER / ip() / TCP(sport=9, dport=80, flags="R"))
MARKED = reason("no-connection")


def check(text, frame, wanted):
    """Sends one frame; the counters must change as wanted and in nothing else."""
    before = counters()
    wire.send(frame)
    if not wanted:
        # What must not be counted is followed by what is.
        wire.send(MARK)
        wanted = MARKED
    seen = settled(before, wanted)
    result(seen == wanted, text, f"counted {seen}, not {wanted}")


def check_ip(text, packet, wanted, padding=b""):
    """The same for what stands behind the Ethernet header."""
    check(text, bytes(ETHER) + bytes(packet) + padding, wanted)


# Until nothing of what was before still moves.
last = counters()
while True:
    time.sleep(0.5)
    now = counters()
    if now == last:
        break
    last = now

check_ip("sound: SYN is forwarded", ip() / syn(), FORWARDED)
check_ip("sound: a datagram is forwarded", ip() / udp() / b"x", FORWARDED)

for version in (0, 5, 6, 15):
    check_ip(f"IP version {version} is the stack's", ip(version=version) / syn(), PASSED)
for ihl in (0, 1, 4):
    check_ip(f"IP header of {ihl} words", ip(ihl=ihl) / syn(), reason("ip-header"))
check_ip("IP header longer than the packet", ip(ihl=15) / syn(), reason("ip-header"))
for length in (0, 1, 19):
    check_ip(f"IP packet of {length} bytes", ip(len=length) / syn(), reason("ip-header"))
check_ip("IP packet longer than the frame", ip(len=1400) / syn(), reason("ip-header"))
check_ip("IP packet of 65535 bytes", ip(len=65535) / syn(), reason("ip-header"))
check_ip("wrong IP checksum", ip(chksum=0x1234) / syn(), reason("ip-header"))
check_ip("wrong IP checksum to nobody's address", ip(chksum=1, dst="10.77.0.1") / syn(),
         reason("ip-header"))
check_ip("time to live 0", ip(ttl=0) / syn(), reason("ttl"))
check_ip("time to live 1", ip(ttl=1) / syn(), reason("ttl"))
check_ip("time to live 1, UDP", ip(ttl=1) / udp(), reason("ttl"))
check_ip("time to live 2", ip(ttl=2) / syn(), FORWARDED)
check_ip("first fragment of an odd length", ip(flags="MF") / syn(), reason("fragment"))
check_ip("first fragment of UDP", ip(flags="MF") / udp(len=3000) / (b"x" * 64), FORWARDED)
check_ip("first fragment without ports", ip(flags="MF", proto=6, len=22) / b"ab",
         reason("fragment"))
check_ip("last fragment that ends past 65535", ip(frag=8191, proto=17) / (b"x" * 64),
         reason("fragment"))
check_ip("a fragment to nobody's address is the stack's", ip(frag=100, proto=6, dst=CLIENT) / (b"x" * 64),
         PASSED)
check_ip("another protocol is the stack's", ip(proto=253) / b"data", PASSED)
check_ip("so is protocol 0", ip(proto=0) / b"data", PASSED)
check_ip("so is ICMP cut short", ip(proto=1, len=22) / b"\x08\0", PASSED)
check_ip("so is ICMP", ip(dst="10.0.1.1") / ICMP(type=42), PASSED)

NOPS = b"\x01" * 40
check_ip("forty bytes of IP options", ip(ihl=15, options=[Raw(NOPS)]) / syn(), FORWARDED)
check_ip("forty bytes of TCP options", ip() / syn(options=[("NOP", None)] * 40), FORWARDED)
check_ip("both", ip(ihl=15, options=[Raw(NOPS)]) / syn(options=[("NOP", None)] * 40), FORWARDED)
check_ip("IP options with no room for TCP", ip(ihl=15, proto=6, options=[Raw(NOPS)]),
         reason("transport-header"))
check_ip("nothing behind the IP header", ip(proto=6, len=20), reason("transport-header"))
check_ip("TCP header cut short", ip(len=30) / syn(), reason("transport-header"))
check_ip("TCP header short of a byte", ip(len=39) / syn(), reason("transport-header"))
for offset in (0, 4):
    check_ip(f"TCP header of {offset} words", ip() / syn(dataofs=offset), reason("transport-header"))
check_ip("TCP header longer than the packet", ip() / syn(dataofs=15), reason("transport-header"))
check_ip("wrong TCP checksum is the receiver's business", ip() / syn(chksum=0x1111), FORWARDED)
check_ip("UDP header cut short", ip(len=27) / udp(), reason("transport-header"))
for length in (0, 1, 7):
    check_ip(f"UDP of {length} bytes", ip() / udp(len=length) / b"data", reason("transport-header"))
check_ip("UDP longer than the packet", ip() / udp(len=500) / b"data", reason("transport-header"))
check_ip("UDP shorter than the packet", ip() / udp(len=9) / b"data", FORWARDED)
check_ip("UDP without data", ip() / udp(), FORWARDED)
check_ip("port 0", ip() / TCP(sport=0, dport=80, flags="S"), FORWARDED)
check_ip("UDP to port 0", ip() / UDP(sport=1, dport=0), reason("no-service"))
check_ip("odd padding", ip() / syn(), FORWARDED, b"\xa5" * 33)
check_ip("a frame without anything in it", b"", reason("ip-header"))
for length in (1, 10, 19):
    check_ip(f"a frame that ends in {length} bytes of IP", bytes(ip() / syn())[:length],
             reason("ip-header"))
check_ip("a frame that ends in the TCP header", bytes(ip() / syn())[:39], reason("ip-header"))
check_ip("a frame of zeros", b"\0" * 1000, PASSED)
check_ip("a frame of ones", b"\xff" * 1000, PASSED)
check_ip("SYN with data", ip() / syn() / (b"x" * 900), FORWARDED)
check_ip("the largest frame", ip() / syn() / (b"x" * 1460), FORWARDED)
check_ip("land: from the service to itself", ip(src=VIP) / TCP(sport=80, dport=80, flags="S"),
         FORWARDED)
for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"):
    check_ip(f"SYN from {source} is the stack's to refuse", ip(src=source) / syn(), PASSED)
check_ip("ACK from a group is not answered", ip(src="224.0.0.1") / TCP(sport=5, dport=80, flags="A"),
         PASSED)

sound = ip() / syn()
check("to everybody's link-layer address", Ether(src=wire.address, dst="ff:ff:ff:ff:ff:ff") / sound, {})
check("to a group's link-layer address", Ether(src=wire.address, dst="01:00:5e:00:00:01") / sound, {})
check("to another link-layer address", Ether(src=wire.address, dst="02:00:00:00:00:77") / sound, {})
check("with a VLAN tag", Ether(src=wire.address, dst=sys.argv[3]) / Dot1Q(vlan=5) / sound, {})
check("with the priority tag alone", Ether(src=wire.address, dst=sys.argv[3]) / Dot1Q(prio=5) / sound, {})
check("of another Ethernet type", Ether(src=wire.address, dst=sys.argv[3], type=0x88B5) / b"data", {})

# All control bits. SYN without ACK, RST and FIN opens; RST is dropped; the rest is reset.
before = counters()
for flags in range(64):
    port += 1
    wire.send(ETHER / ip() / TCP(sport=port, dport=80, flags=flags))
wanted = {"received": 64, "forwarded": 4, "no-connection": 32, "reset-sent": 28}
seen = settled(before, wanted, 10)
result(seen == wanted, "all combinations of control bits", f"counted {seen}")

# Noise: the outcome of each is not told beforehand, but each must have exactly one.
random.seed(2026)
before = counters()
SENT = 400
for number in range(SENT):
    noise = bytearray(bytes(ip() / (syn() if number % 2 else udp() / b"data")))
    for _ in range(random.randint(1, 6)):
        noise[random.randrange(len(noise))] = random.randrange(256)
    if number % 3:
        # With a right checksum it gets further.
        noise[10:12] = b"\0\0"
        head = bytes(noise[:20])
        total = sum(int.from_bytes(head[i:i + 2], "big") for i in range(0, 20, 2))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        noise[10:12] = (0xFFFF - total).to_bytes(2, "big")
    wire.send(bytes(ETHER) + noise)
deadline = time.monotonic() + 10
while (seen := change(before, counters())).get("received", 0) < SENT and time.monotonic() < deadline:
    time.sleep(0.1)
# What is taken for a fragment waits for its first one for two seconds.
deadline = time.monotonic() + 10
while time.monotonic() < deadline:
    seen = change(before, counters())
    came = seen.pop("received", 0)
    if sum(seen.values()) == came:
        break
    time.sleep(0.2)
result(came >= SENT, "noise is received", f"received {came}")
result(sum(seen.values()) == came, "each packet of it has one end", f"{came} came, {seen}")
result(len(seen) >= 5, "of many kinds", str(seen))
