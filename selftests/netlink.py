#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Every operation of the family, by the kernel's own client and our specification; then
requests of every wrong shape, which are refused with a reason and a pointer to what is
wrong, and change nothing.

    network name space "yard"
        claim0 --[veth]-- claim1
        yard0
"""

import copy
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))
sys.path.append(str(HERE / "lib"))

# pylint: disable=wrong-import-position
from net.lib.py import NetNS, NetNSEnter, NlError, YnlFamily  # noqa: E402
from net.lib.py import ksft_run, ksft_exit, ksft_eq, ksft_true, ksft_in, ksft_variants  # noqa: E402
from net.lib.py import KsftNamedVariant, ksft_pr  # noqa: E402
import genetlink as nl  # noqa: E402

SPEC = HERE.parent / "net/lib/specs/switchyard.yaml"
MODULE = os.environ.get("SWITCHYARD_MODULE", str(HERE / "switchyard.ko"))
KEY = {"protocol": 6, "address": "10.0.0.1", "port": 80}
RANGE = {"protocol": 132, "address": "2001:db8::", "port": 8000, "prefix-length": 64, "last-port": 8999}
SPAN = {"protocol": 17, "address": "10.0.0.0", "prefix-length": 28, "port": 100, "last-port": 199}
# TCP from 198.51.100.7:1234 to 10.0.0.1:80, SYN.
SYN = ("450000280000000040064695c63364070a00000104d20050"
       "00000001000000005002fa0000000000")
OTHER = {"protocol": 17, "address": "10.0.0.9", "port": 53}
DEVICE = "claim0"


class Yard:
    """The client, a socket for messages made by hand, and the specification."""

    def __init__(self):
        self.ynl = YnlFamily(str(SPEC), schema="")
        self.family = self.ynl.nlproto.family_id
        self.sock = nl.open_socket()

    def generation(self):
        """Counts the configurations there have been."""
        return self.ynl.do("switch-get", {})["generation"]

    def tuning(self):
        """What of the switch can be set."""
        switch = self.ynl.do("switch-get", {})
        names = ("connection-limit", "half-open-limit", "timeout", "fragment-memory-limit",
                 "fragment-timeout")
        return {name: switch[name] for name in names}

    def state(self):
        """All that a request can change."""
        return (
            self.generation(), self.tuning(),
            self.ynl.dump("service-get", {}),
            self.ynl.dump("destination-get", {}),
            len(self.ynl.dump("claim-get", {})),
        )

    def flush(self):
        """An empty configuration."""
        self.ynl.do("apply", {"change": [{"kind": "flush"}]})

    def encode(self, space, values):
        """The attributes that `values` are of in attribute set `space`."""
        result = []
        for name, value in values.items():
            spec = self.ynl.attr_sets[space][name]
            for one in value if spec.is_multi and isinstance(value, list) else [value]:
                if spec["type"] == "nest":
                    result.append(nl.nest(spec.value, self.encode(spec["nested-attributes"], one)))
                else:
                    # pylint: disable=protected-access
                    packed = self.ynl._add_attr(space, name, one, None)
                    length = struct.unpack_from("H", packed)[0]
                    result.append(nl.attr(spec.value, packed[4:length]))
        return result

    def ask(self, operation, attributes, **kwargs):
        """What the kernel answers to a request made by hand."""
        command = self.ynl.ops[operation].req_value
        return nl.ask(self.sock, self.family, command, attributes, **kwargs)


def with_service(yard):
    """Configuration of one service with one destination."""
    yard.flush()
    yard.ynl.do("service-add", KEY)
    yard.ynl.do("destination-add", {"service": KEY, "address": "10.1.0.1", "port": 8080})


def every_operation(yard):
    """Each operation does what it is for."""
    ynl = yard.ynl
    yard.flush()
    begin = yard.generation()
    ynl.do("service-add", {**KEY, "scheduler": "rr", "timeout": 60})
    got = ynl.do("service-get", KEY)
    ksft_eq({k: got[k] for k in ("protocol", "address", "port", "scheduler", "timeout", "destinations")},
            {**KEY, "scheduler": "rr", "timeout": 60, "destinations": 0})
    ynl.do("service-set", {**KEY, "timeout": 120})
    got = ynl.do("service-get", KEY)
    ksft_eq((got["timeout"], got["scheduler"]), (120, "rr"), "only what is given changes")
    ynl.do("service-add", OTHER)
    ksft_eq([s["port"] for s in ynl.dump("service-get", {})], [80, 53])

    ynl.do("destination-add", {"service": KEY, "address": "10.1.0.1", "port": 8080, "weight": 7})
    ynl.do("destination-add", {"service": KEY, "address": "10.1.0.2"})
    ynl.do("destination-add", {"service": OTHER, "address": "10.1.0.3"})
    first = {"service": KEY, "address": "10.1.0.1", "port": 8080}
    got = ynl.do("destination-get", first)
    ksft_eq((got["service"], got["weight"], got["forwarding"], got["active-connections"]),
            (KEY, 7, "nat", 0))
    ynl.do("destination-set", {**first, "weight": 9})
    ksft_eq(ynl.do("destination-get", first)["weight"], 9)
    ksft_eq([(d["address"], d["port"]) for d in ynl.dump("destination-get", {})],
            [("10.1.0.1", 8080), ("10.1.0.2", 80), ("10.1.0.3", 53)])
    ksft_eq([d["address"] for d in ynl.dump("destination-get", {"service": OTHER})], ["10.1.0.3"])
    ksft_eq(ynl.do("service-get", KEY)["destinations"], 2)
    ynl.do("destination-del", first)
    ksft_eq(ynl.do("service-get", KEY)["destinations"], 1)

    ynl.do("apply", {"change": [
        {"kind": "set", "service": {**KEY, "scheduler": "maglev"}},
        {"kind": "add", "destination": {"service": KEY, "address": "10.1.0.4", "weight": 0}},
        {"kind": "del", "service": OTHER},
        {"kind": "set", "destination": {"service": KEY, "address": "10.1.0.2", "weight": 3}},
        {"kind": "del", "destination": {"service": KEY, "address": "10.1.0.4"}},
    ]})
    ksft_eq([(d["address"], d["weight"]) for d in ynl.dump("destination-get", {})], [("10.1.0.2", 3)])
    at_a_glance = ynl.do("switch-get", {})
    ksft_eq((at_a_glance["services"], at_a_glance["destinations"]), (1, 1))
    ksft_eq(at_a_glance["generation"], begin + 9, "one generation for each change")
    ksft_true(at_a_glance["yard-ifindex"] > 0)
    ynl.do("service-del", KEY)
    ksft_eq(ynl.dump("service-get", {}), [])
    ksft_eq(ynl.dump("destination-get", {}), [])

    ynl.do("claim-add", {"ifname": DEVICE, "queue": [0], "cpu": [1], "policy": "adaptive",
                         "idle-timeout": 5000})
    claim = ynl.dump("claim-get", {})
    ksft_eq([(c["ifname"], c["queue"], c["cpu"], c["policy"], c["idle-timeout"]) for c in claim],
            [(DEVICE, [0], [1], "adaptive", 5000)])
    cpus = ynl.dump("cpu-get", {})
    ksft_eq([(c["cpu"], c["queues"]) for c in cpus if c.get("switching")], [(1, 1)])
    ksft_eq(len(cpus), os.cpu_count())
    ksft_eq(len(cpus[0]["drop"]), len(ynl.consts["drop-reason"].entries))
    ynl.do("claim-del", {"ifindex": claim[0]["ifindex"]})
    ksft_eq(ynl.dump("claim-get", {}), [])
    ksft_eq(ynl.dump("connection-get", {}), [])
    ksft_eq(ynl.dump("connection-get", {"protocol": 6, "service-address": "10.0.0.1",
                                        "service-port": 80}), [])
    ksft_eq(ynl.do("connection-del", {"all": True}), {"count": 0})


def services_of_every_kind(yard):
    """Families, prefixes, ranges and every port, with all settings there are."""
    ynl = yard.ynl
    yard.flush()
    settings = {"scheduler": "p2c", "timeout": 60, "fallback": "local", "affinity": 300,
                "affinity-prefix4": 24, "affinity-prefix6": 56, "one-packet": 0, "reset-at-expiry": 0}
    ynl.do("service-add", {**RANGE, **settings})
    got = ynl.do("service-get", RANGE)
    ksft_eq({k: got.get(k) for k in {**RANGE, **settings}}, {**RANGE, **settings})
    every = {"protocol": 17, "address": "10.0.0.0", "port": 0, "prefix-length": 24}
    ynl.do("service-add", {**every, "one-packet": 1})
    ksft_eq(ynl.do("service-get", every)["one-packet"], 1)
    ynl.do("service-set", {**every, "one-packet": 0})
    ksft_eq(ynl.do("service-get", every)["one-packet"], 0, "a flag can be cleared")
    # An absent port is every port, a length of all bits a single address.
    ksft_eq(ynl.do("service-get", {k: every[k] for k in ("protocol", "address", "prefix-length")})
            ["affinity-prefix6"], 128)
    ynl.do("service-add", {**KEY, "prefix-length": 32, "reset-at-expiry": 1})
    got = ynl.do("service-get", KEY)
    ksft_eq((got.get("prefix-length"), got["reset-at-expiry"]), (None, 1))
    # These go beside each other: other ports, another protocol, another prefix.
    for other in ({**RANGE, "port": 9000, "last-port": 9001}, {**RANGE, "protocol": 6},
                  {**RANGE, "prefix-length": 63}, {**RANGE, "last-port": 8000}):
        ynl.do("service-add", other)
    ksft_eq(len(ynl.dump("service-get", {})), 7)
    for name, value in ynl.consts["scheduler"].entries_by_val.items():
        ynl.do("service-set", {**KEY, "scheduler": value.name})
        ksft_eq(ynl.do("service-get", KEY)["scheduler"], value.name, name)
    yard.flush()
    ksft_eq(ynl.dump("service-get", {}), [])


def destinations_of_every_kind(yard):
    """Forwarding methods, states and limits."""
    ynl = yard.ynl
    yard.flush()
    ynl.do("service-add", KEY)

    def add(address, **settings):
        ynl.do("destination-add", {"service": KEY, "address": address, **settings})

    def get(address):
        return ynl.do("destination-get", {"service": KEY, "address": address})

    add("10.1.0.1", forwarding="direct", weight=0)
    add("2001:db8::2", forwarding="tunnel", encapsulation="gue", **{"encapsulation-port": 6081})
    add("10.1.0.3", forwarding="tunnel")
    add(KEY["address"], forwarding="local")
    add("10.1.0.5", **{"upper-limit": 100, "lower-limit": 60, "state": "down"})
    add("10.1.0.6", **{"state": "draining", "drain-deadline": 3600})
    wanted = [("10.1.0.1", "direct", "active"), ("2001:db8::2", "tunnel", "active"),
              ("10.1.0.3", "tunnel", "active"), ("10.0.0.1", "local", "active"),
              ("10.1.0.5", "nat", "down"), ("10.1.0.6", "nat", "draining")]
    told = ynl.dump("destination-get", {})
    ksft_eq([(d["address"], d["forwarding"], d["state"]) for d in told], wanted)
    ksft_eq([d.get("encapsulation") for d in told], [None, "gue", "ip", None, None, None])
    ksft_eq(get("2001:db8::2")["encapsulation-port"], 6081)
    got = get("10.1.0.5")
    ksft_eq((got["upper-limit"], got["lower-limit"], got["overloaded"]), (100, 60, 0))
    ksft_in(get("10.1.0.6")["drain-remaining"], range(3500, 3601))
    # Back to work: the deadline is off.
    ynl.do("destination-set", {"service": KEY, "address": "10.1.0.6", "state": "active"})
    got = get("10.1.0.6")
    ksft_eq((got["state"], got["drain-deadline"], "drain-remaining" in got), ("active", 0, False))
    ynl.do("destination-set", {"service": KEY, "address": "10.1.0.6", "state": "draining"})
    got = get("10.1.0.6")
    ksft_eq((got["state"], "drain-remaining" in got), ("draining", False), "without a deadline")
    # The port of GUE stays with the encapsulation, not without it.
    ynl.do("destination-set", {"service": KEY, "address": "2001:db8::2", "weight": 3})
    ksft_eq(get("2001:db8::2")["encapsulation-port"], 6081)
    ynl.do("destination-set", {"service": KEY, "address": "2001:db8::2", "encapsulation": "ip"})
    ksft_true("encapsulation-port" not in get("2001:db8::2"))
    # A service of many ports leaves each packet its own.
    ynl.do("service-add", RANGE)
    ynl.do("destination-add", {"service": RANGE, "address": "2001:db8:1::2"})
    ksft_eq(ynl.dump("destination-get", {"service": RANGE})[0]["port"], 0)
    yard.flush()
    ksft_eq(ynl.dump("destination-get", {}), [])


def the_switch_is_set(yard):
    """Limits and timeouts, while it runs."""
    ynl = yard.ynl
    before = yard.tuning()
    ksft_eq(before["connection-limit"], 1048576)
    states = {one["state"]: one["milliseconds"] for one in before["timeout"]}
    ksft_eq(set(states), {"syn-received", "established", "fin-wait", "time-wait", "closed", "udp",
                          "expired"})
    ksft_eq((states["syn-received"], states["established"], states["udp"]), (60000, 900000, 300000))
    ynl.do("switch-set", {"connection-limit": 5000, "half-open-limit": 0, "fragment-memory-limit": 0,
                          "fragment-timeout": 1, "timeout": [{"state": "udp", "milliseconds": 1500},
                                                             {"state": "closed", "milliseconds": 1}]})
    states |= {"udp": 1500, "closed": 1}
    ksft_eq(yard.tuning(), {
        "connection-limit": 5000, "half-open-limit": 0, "fragment-memory-limit": 0,
        "fragment-timeout": 1,
        "timeout": [{"state": name, "milliseconds": value} for name, value in states.items()]})
    ynl.do("switch-set", {"half-open-limit": 7})
    ksft_eq(yard.tuning()["connection-limit"], 5000, "only what is given changes")
    ynl.do("switch-set", before)
    ksft_eq(yard.tuning(), before)
    glance = ynl.do("switch-get", {})
    ksft_eq((glance["connections-ipv4"], glance["connections-ipv6"], glance["half-open"]), (0, 0, 0))
    ksft_true(glance["table-bytes"] > 4096)
    ksft_eq(len(glance["drop"]), len(ynl.consts["drop-reason"].entries))


def what_would_become(yard):
    """A packet is explained, and nothing has become of it."""
    yard.flush()
    explained = yard.ynl.do("explain", {"packet": SYN})
    ksft_eq(explained["verdict"], "pass", "no service has the address")
    with_service(yard)
    before = yard.state()
    explained = yard.ynl.do("explain", {"packet": SYN})
    ksft_eq((explained["service"], explained["destination"]["address"], explained["forwarding"]),
            (KEY, "10.1.0.1", "nat"))
    ksft_true(explained["step"], "it says why")
    ksft_true("connection-state" not in explained, "there is no connection yet")
    # The same with ACK alone, which belongs to nothing.
    explained = yard.ynl.do("explain", {"packet": SYN[:66] + "10" + SYN[68:]})
    ksft_eq(explained["verdict"], "reset")
    explained = yard.ynl.do("explain", {"packet": "00" * 20})
    ksft_in(explained["verdict"], ("pass", "drop"))
    ksft_eq(yard.state(), before, "something was changed")
    ksft_eq(yard.ynl.dump("connection-get", {}), [])


def listen(group):
    """A client that hears what a multicast group is told."""
    ynl = YnlFamily(str(SPEC), schema="")
    ynl.ntf_subscribe(group)
    return ynl


def heard(ynl, seconds=8):
    """What came until nothing more does for a second."""
    told = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = [(one["name"], one["msg"]) for one in ynl.poll_ntf(duration=1)]
        if told and not found:
            break
        told += found
    return told


def events(yard):
    """What changes by itself is told, too: drained destinations and deadlines."""
    yard.flush()
    with_service(yard)
    target = {"service": KEY, "address": "10.1.0.1", "port": 8080}
    listener = listen("config")
    yard.ynl.do("destination-set", {**target, "state": "draining", "drain-deadline": 1})
    told = heard(listener)
    names = [name for name, _ in told]
    ksft_in("destination-drained-ntf", names, "it had no connections")
    ksft_in("destination-deadline-ntf", names)
    ksft_eq(dict(told)["destination-drained-ntf"]["address"], "10.1.0.1")
    yard.ynl.do("switch-set", {"half-open-limit": 99})
    yard.ynl.do("destination-set", {**target, "state": "active"})
    told = heard(listener)
    ksft_eq([name for name, _ in told], ["switch-ntf", "destination-ntf"])
    ksft_eq((told[0][1]["half-open-limit"], told[1][1]["state"]), (99, "active"))
    yard.ynl.do("destination-del", target)
    names = [name for name, _ in heard(listener)]
    ksft_eq(names, ["destination-del-ntf", "service-ntf"])
    listener.close()


# The kernel's dump of policies leaves out integers in network byte order, and tells the
# longest length of a binary attribute only if there is a shortest one, too.
def expected_policy(yard, space, names):
    """What the kernel should tell of the attributes `names` of attribute set `space`."""
    result = {}
    for name in names:
        spec = yard.ynl.attr_sets[space][name]
        checks = spec.yaml.get("checks", {})
        kind = spec["type"]
        if spec.yaml.get("byte-order") == "big-endian":
            continue
        if kind == "nest":
            inner = spec["nested-attributes"]
            policy = expected_policy(yard, inner, yard.ynl.attr_sets[inner].attrs)
            result[name] = {"type": "nested", "policy": policy}
        elif kind == "string":
            result[name] = {"type": "nul-string", "max-length": checks["max-len"]}
        elif kind in ("binary", "flag"):
            result[name] = {"type": kind}
        else:
            largest = (1 << (64 if kind == "uint" else int(kind[1:]))) - 1
            if "enum" in spec.yaml:
                largest = max(yard.ynl.consts[spec["enum"]].entries_by_val)
            result[name] = {"type": kind, "min-value": checks.get("min", 0),
                            "max-value": checks.get("max", largest)}
    return result


def policy_of_the_specification(yard):
    """The kernel checks what the specification says, for every operation."""
    seen = 0
    for name, operation in yard.ynl.ops.items():
        for mode in ("do", "dump"):
            if mode not in operation.yaml:
                continue
            request = operation.yaml[mode].get("request", {}).get("attributes", [])
            policy = yard.ynl.get_policy(name, mode)
            wanted = expected_policy(yard, operation.attr_set.name, request)
            ksft_eq(policy.to_dict() if policy else {}, wanted, f"{name} {mode}")
            seen += 1
    ksft_eq(seen, 20, "requests that there are")


# A good request for each operation, and which of its attributes cannot be left out.
CHANGES = [
    {"kind": "add", "service": {**OTHER, "scheduler": "rr", "timeout": 9}},
    {"kind": "add", "destination": {"service": KEY, "address": "10.1.0.8", "port": 80, "weight": 2,
                                    "forwarding": "nat"}},
]
TARGET = {"service": KEY, "address": "10.1.0.1", "port": 8080}
SERVICE = ("protocol", "address")
DESTINATION = ("service", "address", "service.protocol", "service.address")
SETTINGS = {"scheduler": "rr", "timeout": 9, "one-packet": 0, "reset-at-expiry": 0, "fallback": "local",
            "affinity": 60, "affinity-prefix4": 24, "affinity-prefix6": 64}
TUNNEL = {"weight": 3, "forwarding": "tunnel", "encapsulation": "gue", "encapsulation-port": 6080,
          "state": "draining", "drain-deadline": 5, "upper-limit": 9, "lower-limit": 5}
FILTER = {"protocol": 6, "service-address": "10.0.0.1", "service-port": 80, "client-address": "10.9.0.0",
          "client-prefix-length": 16, "client-port": 1, "destination-address": "10.1.0.1",
          "destination-port": 2, "state": "udp", "forwarding": "nat", "service": KEY}
GOOD = [
    ("service-get", False, KEY, SERVICE),
    ("service-add", False, {**OTHER, **SETTINGS}, SERVICE),
    ("service-add", False, {**RANGE, "scheduler": "sh"}, SERVICE),
    ("service-set", False, {**KEY, **SETTINGS}, SERVICE),
    ("service-del", False, KEY, SERVICE),
    ("destination-get", False, TARGET, DESTINATION),
    ("destination-get", True, {"service": KEY},
     ("service.protocol", "service.address")),
    ("destination-add", False, {**TARGET, "port": 81, **TUNNEL}, DESTINATION),
    ("destination-set", False, {**TARGET, **TUNNEL}, DESTINATION),
    ("destination-del", False, TARGET, DESTINATION),
    ("apply", False, {"change": CHANGES},
     ("change", "change.kind", "change.service.protocol", "change.service.address",
      "change.destination.service", "change.destination.address",
      "change.destination.service.protocol")),
    ("claim-add", False, {"ifname": DEVICE, "queue": [0], "cpu": [1], "policy": "adaptive",
                          "idle-timeout": 7}, ("ifname",)),
    ("claim-del", False, {"ifname": DEVICE}, ("ifname",)),
    ("connection-get", True, FILTER, ("client-address",)),
    ("connection-del", False, FILTER, ("client-address",)),
    ("explain", False, {"packet": SYN, "ifindex": 1}, ("packet",)),
    ("switch-set", False,
     {"connection-limit": 1000, "half-open-limit": 3, "timeout": [{"state": "udp", "milliseconds": 9}],
      "fragment-memory-limit": 1 << 20, "fragment-timeout": 100},
     ("timeout.state", "timeout.milliseconds")),
]


def walk(yard, space, attributes, path=()):
    """(list, place, specification, path of names) of each attribute, outer ones first."""
    for place, one in enumerate(attributes):
        spec = yard.ynl.attr_sets[space].attrs_by_val[one.number]
        names = path + (spec.name,)
        yield attributes, place, spec, names
        if spec["type"] == "nest":
            yield from walk(yard, spec["nested-attributes"], one.value, names)


def wrong_values(yard, spec):
    """(what is wrong, bytes) for an attribute of this kind."""
    kind, checks = spec["type"], spec.yaml.get("checks", {})
    if spec.name == "packet":
        yield "empty", b""
        yield "too short", bytes(19)
        yield "too long", bytes(checks["max-len"] + 1)
    elif kind == "binary":
        yield "empty", b""
        yield "too short", bytes([10, 0, 0])
        yield "too long by one", bytes([10, 0, 0, 1, 0])
        yield "too long for any", bytes(17)
        if spec.name == "address":
            yield "of no host", bytes(4)
            yield "multicast", bytes([224, 0, 0, 1])
            yield "broadcast", bytes([255] * 4)
            yield "of no IPv6 host", bytes(16)
            yield "multicast of IPv6", bytes([255, 2] + [0] * 13 + [1])
            yield "of one link", bytes([0xFE, 0x80] + [0] * 13 + [1])
            yield "IPv4 in IPv6", bytes([0] * 10 + [255, 255, 10, 0, 0, 1])
    elif kind == "flag":
        yield "with a value", b"\1"
    elif kind == "string":
        yield "empty", b""
        yield "without an end", b"claim0"
        yield "too long", b"x" * 16 + b"\0"
        yield "unknown", b"absent0\0"
    else:
        size = 4 if kind == "uint" else int(kind[1:]) // 8
        word = nl.u8 if size == 1 else nl.u32
        yield "empty", b""
        yield "too long", bytes(size) + b"\0"
        if size > 1:
            yield "too short", bytes(size - 1)
        if spec.name in ("service-port", "client-port", "destination-port", "encapsulation-port",
                         "last-port"):
            yield "zero", bytes(2)
        if spec.name == "protocol":
            yield "unknown", nl.u8(1)
        if spec.name == "prefix-length":
            yield "shorter than the address", nl.u8(1)
        if spec.name == "client-prefix-length":
            yield "shorter than the address", nl.u8(3)
            yield "longer than an IPv4 address", nl.u8(33)
        if spec.name == "last-port":
            yield "below the first", bytes([0, 1])
        if spec.name == "lower-limit":
            yield "above the upper one", nl.u32(10)
        if spec.name == "upper-limit":
            yield "below the lower one", nl.u32(4)
        if "enum" in spec.yaml:
            yield "above the last", nl.u32(1 + max(yard.ynl.consts[spec["enum"]].entries_by_val))
            yield "far above the last", nl.u32(0xFFFFFFFF)
        if "max" in checks:
            yield "above the largest", word(checks["max"] + 1)
        if "min" in checks:
            yield "below the least", word(checks["min"] - 1)
        if spec.name == "ifindex":
            yield "of no device", nl.u32(99999)
        if spec.name == "queue":
            yield "not there", nl.u32(4096)
        if spec.name == "cpu":
            yield "not there", nl.u32(4096)


def flatten(tree):
    """Each attribute of a tree."""
    for one in tree:
        yield one
        if isinstance(one.value, list):
            yield from flatten(one.value)


def check_refused(answer, what, offset=None, missing=None):
    """The kernel refused, said why and, if asked for, where or what is missing."""
    if not answer.error:
        ksft_eq("accepted", "refused", what)
        return
    ksft_true(answer.message, f"{what}: no message with {nl.name(answer.error)}")
    if offset is not None:
        ksft_eq(answer.offset, offset, f"{what}: points elsewhere ({answer.message})")
    if missing is not None:
        ksft_eq((answer.missing, answer.nest), missing, f"{what}: lacks something else")


def wrong_requests(yard, operation, dump, values, required):
    """Each way in which a request can be wrong, one at a time."""
    with_service(yard)
    if operation == "claim-del":
        yard.ynl.do("claim-add", {"ifname": DEVICE})
    space = yard.ynl.ops[operation].attr_set.name
    good = yard.encode(space, values)
    before = yard.state()
    count = 0

    def again():
        tree = copy.deepcopy(good)
        return tree, list(walk(yard, space, tree))

    for index, (_, _, spec, path) in enumerate(list(walk(yard, space, good))):
        label = f"{operation} {'.'.join(path)}"
        # Left out.
        if ".".join(path) in required:
            tree, places = again()
            holder, place = places[index][:2]
            outer = None
            for candidate in places:
                one = candidate[0][candidate[1]]
                if one.value is holder:
                    outer = one
            del holder[place]
            if path == ("change",):
                tree.clear()
            answer = yard.ask(operation, tree, dump=dump)
            wanted = spec.value, outer.offset if outer else None
            if spec.name == "ifname":
                # One of two is needed; it is the other that is named.
                wanted = yard.ynl.attr_sets[space]["ifindex"].value, None
            check_refused(answer, f"{label} missing", missing=wanted)
            count += 1
        # Of a wrong value.
        if spec["type"] != "nest":
            for what, value in wrong_values(yard, spec):
                tree, places = again()
                holder, place = places[index][:2]
                holder[place].value = value
                answer = yard.ask(operation, tree, dump=dump)
                # The module points at the change of a batch as a whole, as its
                # repetitions could not be told apart otherwise; the kernel's own
                # checks, made first, at the attribute itself.
                at = {holder[place].offset}
                if operation == "apply":
                    at |= {one.offset for one in tree}
                check_refused(answer, f"{label} {what}")
                if what in ("shorter than the address", "below the lower one"):
                    # Then it is the other of the two that does not fit.
                    at = {one.offset for one in flatten(tree)}
                ksft_in(answer.offset, at, f"{label} {what}: {answer.message}")
                count += 1
        else:
            # A nest that does not say it is one, and one of nonsense.
            tree, places = again()
            holder, place = places[index][:2]
            holder[place].flags = 0
            check_refused(yard.ask(operation, tree, dump=dump), f"{label} not a nest",
                          offset=holder[place].offset)
            tree, places = again()
            holder, place = places[index][:2]
            holder[place].value = b"\2\0\1\0" + bytes(5)
            check_refused(yard.ask(operation, tree, dump=dump), f"{label} of nonsense")
            tree, places = again()
            holder, place = places[index][:2]
            holder[place].value = []
            check_refused(yard.ask(operation, tree, dump=dump), f"{label} empty")
            tree, places = again()
            holder, place = places[index][:2]
            extra = nl.attr(1000, nl.u32(0))
            holder[place].value.append(extra)
            check_refused(yard.ask(operation, tree, dump=dump), f"{label} with an unknown one",
                          offset=extra.offset)
            count += 4
    # Attributes that do not belong here, and ends that are none.
    for number in (0, 200, 0x3FFF):
        tree, _ = again()
        extra = nl.attr(number, nl.u32(0))
        tree.append(extra)
        check_refused(yard.ask(operation, tree, dump=dump), f"{operation} with attribute {number}",
                      offset=extra.offset)
        count += 1
    for what, tail in (("a bit too much", b"\1\2\3"), ("an attribute cut short", b"\40\0\1\0ab"),
                       ("an attribute of length 1", b"\1\0\1\0")):
        tree, _ = again()
        check_refused(yard.ask(operation, tree, dump=dump, tail=tail), f"{operation} with {what}")
        count += 1
    ksft_eq(yard.state(), before, "something was changed")
    ksft_pr(f"{count} requests refused")
    ksft_true(count >= 8)
    # And without any mutation it is good.
    ksft_eq(yard.ask(operation, copy.deepcopy(good), dump=dump).error, 0, "the good request")
    if operation == "claim-add":
        yard.ynl.do("claim-del", {"ifname": DEVICE})


@ksft_variants([KsftNamedVariant(f"{name}_{'dump' if dump else 'do'}{place}", name, dump, values, required)
                for place, (name, dump, values, required) in enumerate(GOOD)])
def wrong(yard, operation, dump, values, required):
    """See wrong_requests."""
    wrong_requests(yard, operation, dump, values, required)


def no_attributes_where_none_belong(yard):
    """Requests without attributes take none."""
    for operation, dump in (("switch-get", False), ("service-get", True), ("claim-get", True),
                            ("cpu-get", True)):
        extra = nl.attr(1, nl.u32(1))
        check_refused(yard.ask(operation, [extra], dump=dump), operation, offset=extra.offset)


def conflicts(yard):
    """What contradicts the configuration or itself is refused by its own error."""
    with_service(yard)
    yard.ynl.do("service-add", SPAN)
    target = {"service": KEY, "address": "10.1.0.1", "port": 8080}
    absent = {**KEY, "port": 81}
    cases = [
        ("service-add", KEY, "EEXIST", ".address", "already"),
        ("service-set", absent, "ENOENT", ".address", "no such service"),
        ("service-del", absent, "ENOENT", ".address", "no such service"),
        ("service-get", absent, "ENOENT", ".address", "no such service"),
        ("destination-add", target, "EEXIST", ".address", "already"),
        ("destination-add", {"service": KEY, "address": KEY["address"]}, "EINVAL", ".address", "its own"),
        ("destination-add", {**target, "service": absent}, "ENOENT", ".service", "no such service"),
        ("destination-set", {**target, "port": 1}, "ENOENT", ".address", "no such destination"),
        ("destination-del", {**target, "port": 1}, "ENOENT", ".address", "no such destination"),
        ("destination-get", {**target, "port": 1}, "ENOENT", ".address", "no such destination"),
        ("service-add", {**OTHER, "reset-at-expiry": 1}, "EINVAL", ".reset-at-expiry", "TCP"),
        ("service-set", {**KEY, "one-packet": 1}, "EINVAL", ".one-packet", "UDP"),
        ("service-add", {**OTHER, "last-port": 52}, "EINVAL", ".last-port", "below"),
        ("service-add", {**OTHER, "port": 0, "last-port": 52}, "EINVAL", ".last-port", "first one"),
        ("service-add", {**OTHER, "prefix-length": 24}, "EINVAL", ".address", "beyond"),
        ("service-add", {**OTHER, "prefix-length": 33}, "ERANGE", ".prefix-length", "longer"),
        ("service-add", {**SPAN, "port": 101, "last-port": 150}, "EEXIST", ".last-port", "range"),
        ("service-add", {**SPAN, "port": 50, "last-port": 100}, "EEXIST", ".last-port", "range"),
        ("service-add", {**SPAN, "port": 1, "last-port": 65535}, "EEXIST", ".last-port", "range"),
        ("service-add", SPAN, "EEXIST", ".address", "already"),
        ("destination-add", {"service": SPAN, "address": "10.0.0.3", "forwarding": "direct"},
         "EINVAL", ".address", "its own"),
        ("destination-add", {"service": SPAN, "address": "10.0.0.3", "port": 150}, "EINVAL", ".address",
         "its own"),
        ("destination-add", {"service": KEY, "address": "2001:db8::1"}, "EAFNOSUPPORT", ".address",
         "tunnel"),
        ("destination-add", {"service": KEY, "address": "2001:db8::1", "forwarding": "direct"},
         "EAFNOSUPPORT", ".address", "tunnel"),
        ("destination-set", {**target, "encapsulation": "gue"}, "EINVAL", ".encapsulation", "tunnel"),
        ("destination-set", {**target, "encapsulation-port": 1}, "EINVAL", ".encapsulation-port",
         "tunnel"),
        ("destination-set", {**target, "forwarding": "tunnel", "encapsulation-port": 1}, "EINVAL",
         ".encapsulation-port", "gue"),
        ("destination-set", {**target, "drain-deadline": 5}, "EINVAL", ".drain-deadline", "draining"),
        ("destination-set", {**target, "lower-limit": 5}, "EINVAL", ".lower-limit", "above"),
        ("destination-set", {**target, "upper-limit": 4, "lower-limit": 5}, "EINVAL", ".lower-limit",
         "above"),
        ("connection-del", {}, "EINVAL", None, "which connections"),
        ("connection-del", {"all": True, "protocol": 6}, "EINVAL", ".all", "either"),
        ("connection-del", {"service": absent}, "ENOENT", ".service", "no such service"),
        ("switch-set", {"timeout": [{"state": "none", "milliseconds": 1}]}, "EINVAL", ".timeout.state",
         "no timeout"),
        ("switch-set", {"timeout": [{"state": "affinity", "milliseconds": 1}]}, "EINVAL",
         ".timeout.state", "no timeout"),
        ("explain", {"packet": "45" * 19}, "EINVAL", ".packet", "20 bytes"),
        ("claim-add", {"ifname": "lo"}, "EOPNOTSUPP", ".ifname", "Ethernet"),
        ("claim-add", {"ifname": DEVICE, "policy": "busy"}, "EINVAL", ".policy", "CPU"),
        ("claim-add", {"ifname": DEVICE, "policy": "interrupt", "cpu": [1]}, "EINVAL", ".policy", "no CPU"),
        ("claim-add", {"ifname": "absent0"}, "ENODEV", ".ifname", "no such device"),
        ("claim-add", {"ifindex": 99999}, "ENODEV", ".ifindex", "no such device"),
        ("claim-add", {"ifindex": 1, "ifname": "lo"}, "EINVAL", ".ifname", "not both"),
        ("claim-del", {"ifname": DEVICE}, "ENOENT", ".ifname", "not claimed"),
        ("apply", {"change": [{"kind": "flush", "destination": target}]}, "EINVAL", ".change", "flush"),
        ("apply", {"change": [{"kind": "add", "service": OTHER, "destination": target}]},
         "EINVAL", ".change", "not both"),
        ("apply", {"change": [{"kind": "add", "service": OTHER}, {"kind": "add", "service": OTHER}]},
         "EEXIST", ".change", "already"),
    ]
    before = yard.state()
    for operation, values, error, where, words in cases:
        what = f"{operation} {values}"
        try:
            yard.ynl.do(operation, values)
            ksft_eq("accepted", "refused", what)
        except NlError as refusal:
            extack = refusal.nl_msg.extack or {}
            ksft_eq(nl.name(refusal.error), error, what)
            ksft_eq(extack.get("bad-attr"), where, what)
            ksft_in(words, extack.get("msg", ""), what)
    ksft_eq(yard.state(), before, "something was changed")


def cut_messages(yard):
    """Messages that end too early are answered with an error or not at all."""
    good = nl.message(yard.family, yard.ynl.ops["service-add"].req_value,
                      yard.encode("service", {"port": 53, "protocol": 17, "address": "10.0.0.9"}))
    before = yard.state()
    # What cannot be left out is at the end.
    for length in range(len(good)):
        # The whole datagram, of which the header tells less; then less of a datagram.
        yard.sock.send(struct.pack("I", length) + good[4:])
        yard.sock.send(good[:length]) if length else None  # pylint: disable=expression-not-assigned
    # Whatever was answered is an error, and then the socket works.
    yard.sock.setblocking(False)
    refused = 0
    try:
        while True:
            ksft_true(nl.answer(yard.sock).error, "a cut message was accepted")
            refused += 1
    except BlockingIOError:
        pass
    yard.sock.settimeout(10)
    ksft_true(refused > 10, "the cut messages were not looked at")
    ksft_eq(yard.state(), before, "something was changed")
    ksft_eq(yard.ask("switch-get", []).error, 0)


def services(count, timeout=0):
    """So many services for a batch."""
    return [{"kind": "add", "service": {"protocol": 6, "address": f"10.2.{i >> 8}.{i & 255}",
                                        "port": 80, "timeout": timeout}}
            for i in range(1, count + 1)]


def destinations(count):
    """So many destinations of one service for a batch."""
    return [{"kind": "add", "destination": {"service": KEY, "address": f"10.3.{i >> 8}.{i & 255}"}}
            for i in range(1, count + 1)]


@ksft_variants([
    KsftNamedVariant("services", services, "service-get"),
    KsftNamedVariant("destinations", destinations, "destination-get"),
])
def large_batch(yard, make, listing):
    """A thousand changes are made at once, or none of them."""
    yard.flush()
    yard.ynl.do("service-add", KEY)
    before = yard.state()
    batch = make(1000)
    for place in (0, 500, 999):
        bad = copy.deepcopy(batch)
        bad[place] = {"kind": "del", "service": OTHER}
        tree = yard.encode("apply", {"change": bad})
        answer = yard.ask("apply", tree)
        check_refused(answer, f"change {place} is wrong", offset=tree[place].offset)
        ksft_eq(yard.state(), before, "half a batch was made")
    generation = yard.generation()
    yard.ynl.do("apply", {"change": batch})
    ksft_eq(yard.generation(), generation + 1)
    told = yard.ynl.dump(listing, {})
    addresses = {one["address"] for one in told} - {KEY["address"]}
    ksft_eq(len(addresses), 1000, "each is told of once")
    ksft_true(len(told) in (1000, 1001))
    yard.flush()
    ksft_eq(yard.ynl.dump(listing, {}), [])


def fork(work, *args):
    """Runs `work` in a child and returns its process id."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work(*args)
            status = 0
        finally:
            os._exit(status)
    return pid


def add_and_remove(number, rounds):
    """One of several processes that change things of their own."""
    ynl = YnlFamily(str(SPEC), schema="")
    for i in range(rounds):
        key = {"protocol": 17, "address": f"10.4.{number}.1", "port": 1 + i}
        ynl.do("service-add", key)
        ynl.do("destination-add", {"service": key, "address": "10.5.0.1"})
        ynl.do("service-set", {**key, "timeout": i})
        if i % 2:
            ynl.do("service-del", key)


def concurrent_changes(yard):
    """Several processes change the configuration at once; no change is lost."""
    yard.flush()
    before = yard.generation()
    children = [fork(add_and_remove, number, 30) for number in range(4)]
    for child in children:
        ksft_eq(os.waitpid(child, 0)[1], 0, "a process had a change refused")
    told = yard.ynl.dump("service-get", {})
    wanted = {(f"10.4.{number}.1", 1 + i, i) for number in range(4) for i in range(0, 30, 2)}
    ksft_eq({(s["address"], s["port"], s["timeout"]) for s in told}, wanted)
    ksft_eq(len(yard.ynl.dump("destination-get", {})), 60)
    ksft_eq(yard.generation(), before + 4 * (30 * 3 + 15))
    yard.flush()


def replace_all(rounds):
    """Replaces all services by others again and again, each time in one batch."""
    ynl = YnlFamily(str(SPEC), schema="")
    for i in range(1, rounds + 1):
        ynl.do("apply", {"change": [{"kind": "flush"}, *services(200, i)]})


def dumps_during_changes(yard):
    """A list tells of one configuration, or says that it was changed meanwhile."""
    yard.flush()
    yard.ynl.do("apply", {"change": services(200)})
    timeout = yard.ynl.attr_sets["service"]["timeout"].value
    child = fork(replace_all, 20)
    consistent, flagged, seen = 0, 0, set()
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        answer = yard.ask("service-get", [], dump=True)
        ksft_eq(answer.error, 0)
        if answer.interrupted:
            flagged += 1
            continue
        consistent += 1
        generations = {dict(nl.unpack(reply))[timeout] for reply in answer.replies}
        ksft_eq((len(answer.replies), len(generations)), (200, 1), "a list of two configurations")
        seen |= generations
    ksft_pr(f"{consistent} lists of {len(seen)} configurations, {flagged} flagged")
    ksft_true(consistent + flagged >= 3, "too few lists while there were changes")
    ksft_true(len(seen) > 1 or flagged, "nothing changed meanwhile")
    yard.flush()


def main():
    """Loads the module, and unloads it in the end."""
    subprocess.run(["insmod", MODULE], check=True)
    try:
        with NetNS() as space:
            def ip(words):
                subprocess.run(["ip", "-n", space.name, *words.split()], check=True)

            ip(f"link add {DEVICE} type veth peer name claim1")
            subprocess.run(["ip", "netns", "exec", space.name, "ethtool", "-K", DEVICE, "gro", "on"],
                           check=True)
            ip(f"link set {DEVICE} up")
            ip("link set claim1 up")
            with NetNSEnter(space.name):
                yard = Yard()
                ksft_run([every_operation, services_of_every_kind, destinations_of_every_kind,
                          the_switch_is_set, what_would_become, events, policy_of_the_specification, wrong,
                          no_attributes_where_none_belong, conflicts, cut_messages, large_batch,
                          concurrent_changes, dumps_during_changes], args=(yard,))
                yard.ynl.close()
                yard.sock.close()
    finally:
        subprocess.run(["rmmod", "switchyard"], check=True)
    ksft_exit()


if __name__ == "__main__":
    main()
