#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes packets.txt: packets by Scapy, and what the filter has to make of them.

Usage: make_packets.py > packets.txt. Every case begins with the same switch:

  TCP 192.0.2.1:80 and UDP 192.0.2.1:53   services of the destination 10.0.0.2, 8080 and 5353
  TCP 192.0.2.1:81 and UDP 192.0.2.1:54   services without destinations
  client 198.51.100.9:40000               has a connection to both of the first
  client 198.51.100.9:40001               has one to TCP 80 that is in time-wait

What is expected is built from its fields anew, checksums by Scapy, and not by editing what
goes in; so the incremental updates are held against full computations.
"""

from scapy.all import ICMP, IP, TCP, UDP, Raw, raw
from scapy.utils import checksum

CLIENT, VIP, REAL, OTHER = "198.51.100.9", "192.0.2.1", "10.0.0.2", "203.0.113.77"
KNOWN, WAITING, NEW = 40000, 40001, 40002
CASES = set()


def case(name, packet, verdict, out=None, state="full"):
    """Prints a case; without `out` the packet has to stay as it is."""
    assert name not in CASES, name
    CASES.add(name)
    print(f"name {name}")
    print(f"state {state}")
    print(f"in {bytes(packet).hex()}")
    print(f"verdict {verdict}")
    if out is not None:
        print(f"out {bytes(out).hex()}")
    print()


def partial(packet):
    """The packet with only the pseudo-header's sum for a transport checksum."""
    data = bytearray(raw(packet))
    begin = (data[0] & 15) * 4
    length = int.from_bytes(data[2:4], "big") - begin
    pseudo = data[12:20] + bytes([0, data[9]]) + length.to_bytes(2, "big")
    at = begin + (16 if data[9] == 6 else 6)
    data[at:at + 2] = (~checksum(bytes(pseudo)) & 0xFFFF).to_bytes(2, "big")
    return bytes(data)


def spoiled(packet, at, value, repair=True):
    """The packet with one byte changed, and the IP checksum right again."""
    data = bytearray(raw(packet))
    data[at] = value
    if repair:
        begin = (data[0] & 15) * 4
        data[10:12] = b"\0\0"
        data[10:12] = checksum(bytes(data[:begin])).to_bytes(2, "big")
    return bytes(data)


def forward(name, ip, transport, payload=b"", state="full", tail=b"", port=None):
    """A packet to a service that has to go to the destination."""
    ports = {TCP: 8080, UDP: 5353}
    before = IP(src=CLIENT, dst=VIP, **ip) / transport / Raw(payload)
    after = before.copy()
    after.dst, after.ttl = REAL, before.ttl - 1
    after[type(transport)].dport = port or ports[type(transport)]
    finish(name, before, after, f"forward {REAL}", state, tail)


def reply(name, ip, transport, payload=b"", state="full", tail=b""):
    """A packet of the destination that has to go to the client."""
    ports = {TCP: 80, UDP: 53}
    before = IP(src=REAL, dst=CLIENT, **ip) / transport / Raw(payload)
    after = before.copy()
    after.src, after.ttl = VIP, before.ttl - 1
    after[type(transport)].sport = ports[type(transport)]
    finish(name, before, after, f"forward {CLIENT}", state, tail)


def finish(name, before, after, verdict, state, tail):
    """Prints the case of a packet that is translated."""
    if state == "partial":
        case(name, partial(before) + tail, verdict, partial(after), state)
    else:
        case(name, raw(before) + tail, verdict, raw(after))


def refused(name, segment, seq, ack, flags, ip=None, payload=b"", dst=VIP):
    """A segment that has to be answered with this reset."""
    before = IP(src=CLIENT, dst=dst, **(ip or {})) / segment / Raw(payload)
    after = IP(src=dst, dst=CLIENT, id=0, flags="DF", ttl=64) / TCP(
        sport=segment.dport, dport=segment.sport, seq=seq, ack=ack, flags=flags, window=0)
    case(name, raw(before), f"reply {CLIENT}", raw(after))


def tcp(**fields):
    """A segment from the known client to the service."""
    return TCP(**{"sport": KNOWN, "dport": 80, "seq": 1000, "ack": 2000, "flags": "A"} | fields)


def back(**fields):
    """A segment from the destination to the known client."""
    return TCP(**{"sport": 8080, "dport": KNOWN, "seq": 2000, "ack": 1000, "flags": "A"} | fields)


def udp(**fields):
    """A datagram from the known client to the service."""
    return UDP(**{"sport": KNOWN, "dport": 53} | fields)


def translated():
    """Packets of connections, known and new."""
    mss = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)]
    ip_options = {"options": [b"\x07\x07\x04\0\0\0\0\0"]}
    for name, data in [("empty", b""), ("one", b"x"), ("odd", b"odd payload"), ("even", b"payload!"),
                       ("zeros", bytes(100)), ("ones", b"\xff" * 101), ("full", bytes(range(256)) * 5)]:
        forward(f"tcp-forward-{name}", {}, tcp(flags="PA"), data)
        reply(f"tcp-reply-{name}", {}, back(flags="PA"), data)
        forward(f"udp-forward-{name}", {}, udp(), data)
        reply(f"udp-reply-{name}", {}, UDP(sport=5353, dport=KNOWN), data)
        for state in ["forward", "reply"]:
            make = forward if state == "forward" else reply
            make(f"tcp-{state}-partial-{name}", {}, tcp() if make is forward else back(), data, "partial")
            make(f"udp-{state}-partial-{name}", {},
                 udp() if make is forward else UDP(sport=5353, dport=KNOWN), data, "partial")
    forward("tcp-options", {}, tcp(options=mss), b"abc")
    forward("tcp-new", {}, tcp(sport=NEW, flags="S", ack=0, options=mss))
    forward("tcp-new-ecn", {}, tcp(sport=NEW, flags="SEC", ack=0, options=mss))
    forward("tcp-new-data", {}, tcp(sport=NEW, flags="S", ack=0), b"fast open")
    forward("tcp-new-partial", {}, tcp(sport=NEW, flags="S", ack=0), b"", "partial")
    forward("tcp-again-on-time-wait", {}, tcp(sport=WAITING, flags="S", ack=0))
    forward("tcp-late-ack-in-time-wait", {}, tcp(sport=WAITING))
    forward("tcp-syn-on-established", {}, tcp(flags="S", ack=0))
    forward("tcp-reset-of-client", {}, tcp(flags="R"))
    reply("tcp-reset-of-destination", {}, back(flags="RA"))
    reply("tcp-syn-ack", {}, back(flags="SA"))
    forward("tcp-fin", {}, tcp(flags="FA"), b"bye")
    forward("udp-new", {}, udp(sport=NEW), b"query")
    forward("ip-options-tcp", ip_options, tcp(), b"abc")
    forward("ip-options-udp", ip_options, udp(), b"abc")
    reply("ip-options-reply", ip_options, back(), b"abc")
    forward("ip-options-40", {"options": [b"\x07\x27\x04" + bytes(36) + b"\0"]}, tcp(options=mss), b"abc")
    forward("ip-dont-fragment", {"flags": "DF", "id": 0xFFFF, "tos": 0xB9}, tcp())
    forward("ttl-2", {"ttl": 2}, tcp())
    forward("ttl-255", {"ttl": 255}, tcp())
    forward("padded-tcp", {}, tcp(), tail=bytes(6))
    forward("padded-udp", {}, udp(), b"q", tail=bytes(17))
    forward("padded-udp-dirty", {}, udp(), b"q", tail=b"\xa5" * 17)
    forward("padded-new", {}, tcp(sport=NEW, flags="S", ack=0), tail=bytes(6))
    reply("padded-reply", {}, back(), tail=bytes(6))
    forward("udp-no-checksum", {}, udp(chksum=0), b"abc")
    reply("udp-no-checksum-reply", {}, UDP(sport=5353, dport=KNOWN, chksum=0), b"abc")
    # Wrong checksums stay wrong by as much: the receiver finds out, and not us.
    good = [IP(src=CLIENT, dst=VIP) / tcp() / b"abc", IP(src=CLIENT, dst=REAL, ttl=63) / tcp(dport=8080) / b"abc"]
    sums = [IP(raw(packet))[TCP].chksum for packet in good]
    for packet, value in zip(good, sums):
        # One's complement, 1 more: around the end if need be.
        packet[TCP].chksum = (value + 1) % 0xFFFF
    case("tcp-bad-checksum", raw(good[0]), f"forward {REAL}", raw(good[1]))
    # A sum that comes to 0 is sent as all ones, in and out.
    for n in range(65536):
        before = IP(src=CLIENT, dst=VIP) / udp() / n.to_bytes(2, "big")
        if IP(raw(before))[UDP].chksum == 0xFFFF:
            forward("udp-sum-zero-in", {}, udp(), n.to_bytes(2, "big"))
            break
    # Counted back from the sum of a zero payload: the payload that makes it zero.
    base = raw(IP(src=CLIENT, dst=REAL, ttl=63) / udp(dport=5353) / b"\0\0")
    payload = IP(base)[UDP].chksum.to_bytes(2, "big")
    forward("udp-sum-zero-out", {}, udp(), payload)


def refusals():
    """Segments that belong to nothing."""
    refused("reset-ack", tcp(sport=NEW), 2000, 0, "R", payload=b"data")
    refused("reset-fin-ack", tcp(sport=NEW, flags="FA"), 2000, 0, "R")
    refused("reset-syn-ack", tcp(sport=NEW, flags="SA"), 2000, 0, "R")
    refused("reset-syn-fin", tcp(sport=NEW, flags="SF", ack=0), 0, 1002, "RA")
    refused("reset-no-flags", tcp(sport=NEW, flags=0, ack=0), 0, 1000, "RA")
    refused("reset-data-without-ack", tcp(sport=NEW, flags="P", ack=0), 0, 1005, "RA", payload=b"bytes")
    refused("reset-fin-data", tcp(sport=NEW, flags="F", ack=0), 0, 1006, "RA", payload=b"bytes")
    refused("reset-sequence-wraps", tcp(sport=NEW, flags="F", seq=0xFFFFFFFF, ack=0), 0, 0, "RA")
    refused("reset-no-service-syn", tcp(dport=22, flags="S", ack=0), 0, 1001, "RA")
    refused("reset-no-service-syn-options", tcp(dport=22, flags="S", ack=0, options=[("MSS", 1460)]), 0, 1001, "RA")
    refused("reset-no-destination", tcp(dport=81, flags="S", ack=0), 0, 1001, "RA")
    refused("reset-long", tcp(sport=NEW), 2000, 0, "R", payload=bytes(1400))
    refused("reset-ip-options", tcp(sport=NEW), 2000, 0, "R", ip={"options": [b"\x07\x07\x04\0\0\0\0\0"]})
    refused("reset-ttl-1", tcp(sport=NEW), 2000, 0, "R", ip={"ttl": 1})


def discards():
    """Packets that end here, unchanged."""
    to_vip = IP(src=CLIENT, dst=VIP)

    def drop(name, packet, reason):
        case(name, packet, f"drop {reason}")

    drop("rst-unknown", raw(to_vip / tcp(sport=NEW, flags="R")), "no-connection")
    drop("rst-ack-unknown", raw(to_vip / tcp(sport=NEW, flags="RA")), "no-connection")
    drop("rst-no-service", raw(to_vip / tcp(dport=22, flags="R")), "no-connection")
    drop("udp-no-service", raw(to_vip / udp(dport=54321)), "no-service")
    drop("udp-no-destination", raw(to_vip / udp(dport=54)), "no-destination")
    drop("ttl-1", raw(IP(src=CLIENT, dst=VIP, ttl=1) / tcp()), "ttl")
    drop("ttl-0", raw(IP(src=CLIENT, dst=VIP, ttl=0) / tcp()), "ttl")
    drop("ttl-1-reply", raw(IP(src=REAL, dst=CLIENT, ttl=1) / back()), "ttl")
    drop("ttl-1-new", raw(IP(src=CLIENT, dst=VIP, ttl=1) / tcp(sport=NEW, flags="S")), "ttl")
    whole = raw(to_vip / tcp() / b"abcdef")
    drop("ip-bad-checksum", spoiled(whole, 11, whole[11] ^ 1, repair=False), "ip-header")
    drop("ip-ihl-4", spoiled(whole, 0, 0x44), "ip-header")
    drop("ip-ihl-past-total", spoiled(raw(IP(src=CLIENT, dst=VIP, len=20)), 0, 0x46) + bytes(4), "ip-header")
    drop("ip-total-below-header", spoiled(whole, 3, 19), "ip-header")
    drop("ip-total-past-end", spoiled(whole, 3, len(whole) + 1), "ip-header")
    drop("ip-truncated", whole[:19], "ip-header")
    drop("ip-one-byte", whole[:1], "ip-header")
    optional = raw(IP(src=CLIENT, dst=VIP, options=[b"\x07\x07\x04\0\0\0\0\0"]) / tcp())
    drop("ip-options-truncated", optional[:24], "ip-header")
    drop("ip-options-bad-checksum", spoiled(optional, 23, 1, repair=False), "ip-header")
    drop("ip-options-ttl-1", spoiled(optional, 8, 1), "ttl")
    drop("ip-bad-checksum-elsewhere", spoiled(raw(IP(src=CLIENT, dst=OTHER, chksum=1) / tcp()), 8, 9, repair=False),
         "ip-header")
    drop("tcp-short", raw(IP(src=CLIENT, dst=VIP, proto=6) / raw(tcp())[:19]), "transport-header")
    drop("tcp-short-padded", raw(IP(src=CLIENT, dst=VIP, proto=6) / raw(tcp())[:19]) + bytes(7), "transport-header")
    drop("tcp-nothing", raw(IP(src=CLIENT, dst=VIP, proto=6)), "transport-header")
    drop("tcp-offset-4", raw(to_vip / tcp(dataofs=4)), "transport-header")
    drop("tcp-offset-past-end", raw(to_vip / tcp(dataofs=6)), "transport-header")
    drop("tcp-offset-into-padding", raw(to_vip / tcp(dataofs=6)) + bytes(6), "transport-header")
    drop("udp-short", raw(IP(src=CLIENT, dst=VIP, proto=17) / raw(udp())[:7]), "transport-header")
    drop("udp-length-7", raw(to_vip / udp(len=7)), "transport-header")
    drop("udp-length-0", raw(to_vip / udp(len=0)), "transport-header")
    drop("udp-length-past-end", raw(to_vip / udp(len=12) / b"abc"), "transport-header")
    drop("fragment-last", raw(IP(src=CLIENT, dst=VIP, frag=3, flags="MF", proto=6) / bytes(3)), "fragment")
    drop("fragment-tiny", raw(IP(src=CLIENT, dst=VIP, flags="MF", proto=6) / b"ab"), "fragment")


def strangers():
    """Packets that are none of ours, unchanged."""
    def passes(name, packet):
        case(name, packet, "pass")

    case(
        "icmp-to-service-address",
        raw(IP(src=CLIENT, dst=VIP) / ICMP()),
        f"reply {CLIENT}",
        raw(IP(src=VIP, dst=CLIENT) / ICMP(type="echo-reply")),
    )
    passes("other-protocol", raw(IP(src=CLIENT, dst=VIP, proto=47) / b"abc"))
    passes("tcp-elsewhere", raw(IP(src=CLIENT, dst=OTHER) / tcp()))
    passes("tcp-elsewhere-padded", raw(IP(src=CLIENT, dst=OTHER) / tcp()) + bytes(6))
    passes("tcp-elsewhere-ttl-1", raw(IP(src=CLIENT, dst=OTHER, ttl=1) / tcp()))
    passes("udp-elsewhere", raw(IP(src=CLIENT, dst=OTHER) / udp()))
    passes("rst-elsewhere", raw(IP(src=CLIENT, dst=OTHER) / tcp(flags="R")))
    passes("tcp-malformed-elsewhere", raw(IP(src=CLIENT, dst=OTHER) / tcp(dataofs=4)))
    passes("fragment-elsewhere", raw(IP(src=CLIENT, dst=OTHER, flags="MF") / udp() / bytes(16)))
    passes("destination-unknown-port", raw(IP(src=REAL, dst=CLIENT) / back(sport=8081)))
    passes("destination-unknown-client", raw(IP(src=REAL, dst=CLIENT) / back(dport=NEW)))
    passes("destination-other-protocol", raw(IP(src=REAL, dst=CLIENT) / UDP(sport=8080, dport=KNOWN)))
    passes("version-6", b"\x60" + bytes(39))
    passes("version-0", bytes(40))


print("# SPDX-License-Identifier: GPL-2.0")
print("# Made by make_packets.py.\n")
translated()
refusals()
discards()
strangers()
