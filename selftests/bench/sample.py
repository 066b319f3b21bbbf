#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""sample.py DEVICE COUNT ...: looks at COUNT UDP packets that arrive on DEVICE.

Says "listening" once it does.  Each packet must be as the options say and have right
checksums; else the exit status is 1 and the reason is printed.
"""

import argparse
import ipaddress
import socket
import struct
import sys

ETH_P_ALL = 3
IPIP, IPV6_IN_IP, UDP = 4, 41, 17


class Wrong(Exception):
    """A packet that is not as it should be."""


def total(data):
    """The Internet checksum's sum, folded; 0xffff if the data has its right checksum."""
    if len(data) % 2:
        data += b"\0"
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xffff) + (value >> 16)
    return value


def network(data):
    """Reads an IP header: (source, destination, time to live, protocol, payload)."""
    version = data[0] >> 4
    if version == 4:
        length = (data[0] & 15) * 4
        if total(data[:length]) != 0xffff:
            raise Wrong("wrong IPv4 header checksum")
        size = int.from_bytes(data[2:4])
        return (ipaddress.ip_address(data[12:16]), ipaddress.ip_address(data[16:20]),
                data[8], data[9], data[length:size])
    if version == 6:
        size = 40 + int.from_bytes(data[4:6])
        return (ipaddress.ip_address(data[8:24]), ipaddress.ip_address(data[24:40]),
                data[7], data[6], data[40:size])
    raise Wrong(f"IP version {version}")


def check(frame, options):
    """Whether the frame is as it should be: ((source, port), a description)."""
    if len(frame) < 14 + 20 + 8:
        raise Wrong("too short")
    link = [part.hex(":") for part in (frame[6:12], frame[:6])]
    text = f"{link[0]} > {link[1]}"
    if link != [options.link_source, options.link_destination]:
        raise Wrong(f"link addresses {text}")
    source, destination, ttl, protocol, data = network(frame[14:])
    if options.tunnel != "none":
        if protocol not in (IPIP, IPV6_IN_IP):
            raise Wrong(f"protocol {protocol} and no tunnel")
        if str(destination) != options.tunnel:
            raise Wrong(f"a tunnel to {destination}")
        text += f", tunnel {source} > {destination} ttl {ttl}"
        source, destination, ttl, protocol, data = network(data)
    if protocol != UDP:
        raise Wrong(f"protocol {protocol}")
    source_port, destination_port, length, checksum = struct.unpack("!4H", data[:8])
    pseudo = source.packed + destination.packed + struct.pack("!LL", len(data), UDP)
    if length != len(data) or not checksum or total(pseudo + data) != 0xffff:
        raise Wrong("wrong UDP length or checksum")
    wanted, _, port = options.destination.rpartition(":")
    text += f", ttl {ttl}, {source} {source_port} > {destination} {destination_port}, " \
            f"{length - 8} bytes, checksums right"
    if str(source) != options.source or str(destination) != wanted.strip("[]") \
            or destination_port != int(port) or ttl != options.ttl:
        raise Wrong(text)
    return (source, source_port), text


def main():
    """Listens, looks, judges."""
    parser = argparse.ArgumentParser()
    parser.add_argument("device")
    parser.add_argument("count", type=int)
    parser.add_argument("--flows", type=int)
    parser.add_argument("--link-source")
    parser.add_argument("--link-destination")
    parser.add_argument("--source")
    parser.add_argument("--destination")
    parser.add_argument("--ttl", type=int)
    parser.add_argument("--tunnel", default="none")
    parser.add_argument("--timeout", type=float, default=5)
    options = parser.parse_args()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listener:
        listener.bind((options.device, 0))
        listener.settimeout(options.timeout)
        print("listening", flush=True)
        flows, description = set(), ""
        try:
            for number in range(options.count):
                flow, text = check(listener.recv(2048), options)
                description = description or text
                flows.add(flow)
        except TimeoutError:
            sys.exit(f"{number} of {options.count} sampled packets arrived")
        except Wrong as wrong:
            sys.exit(f"sampled packet {number + 1} is wrong: {wrong}; {options}")
    if len(flows) != options.flows:
        sys.exit(f"the sample has {len(flows)} flows, not {options.flows}")
    print(f"first: {description}")


if __name__ == "__main__":
    main()
