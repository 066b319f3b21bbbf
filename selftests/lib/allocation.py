#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""
Lets each allocation of an operation of the module fail, the first, the second and so on
until it no longer allocates so many, and looks at what became of it each time.

allocation.py load MODULE
    the module's loading; it is not loaded before, nor after
allocation.py switches
    the first change in a name space, which makes its switch
allocation.py requests DEVICE YARD ADDRESS
    the requests of the netlink family, claims of DEVICE among them; ADDRESS answers what
    is sent from yard0's address YARD
allocation.py unload DEVICE
    the module's unloading, with DEVICE claimed; all allocations fail

Each is gone through twice: with one failure, after which there is memory again, and with
all further ones failing, too (of the two first, which take a second, from every third one
on).  An operation that fails must leave all as it was; one that manages without must have
done all.  Prints "ok TEXT" or "not ok TEXT" for each, to be relayed; what was wrong is told
before it.
"""

import ctypes
import errno
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))
sys.path.append(str(HERE.parent))
sys.path.append(str(HERE.parent.parent))

# pylint: disable=wrong-import-position
import genetlink as nl  # noqa: E402
from faults import EVERYWHERE, Faults, ours  # noqa: E402
from netlink import Yard  # noqa: E402

# No operation has more.
LIMIT = 5000
KTHREADD = 2
LIBC = ctypes.CDLL(None, use_errno=True)
FINIT_MODULE, DELETE_MODULE = 313, 176
CLONE_NEWNET = 0x40000000

TCP = {"protocol": 6, "address": "10.0.0.1", "port": 80}
UDP = {"protocol": 17, "address": "10.0.0.2", "port": 53}
# A SYN from 10.0.1.2 to TCP, and an ICMP error of its address about an answer of it.
SYN = "4500002800000000400665ce0a0001020a00000112340050000000000000000050021000785c0000"
ERROR = (
    "4500003800000000400165c30a0001020a0000010304e56300000514"
    "4500002800000000400665ce0a0000010a0001020050123400000000"
)
NEW_KEY = {"protocol": 6, "address": "10.0.0.3", "port": 443}
NEW = {**NEW_KEY, "scheduler": "maglev"}


def call(function, *arguments):
    """0 or the errno of a function of the C library."""
    return 0 if function(*arguments) == 0 else ctypes.get_errno()


def insmod(module):
    """Loads it, with a small table of connections, to be quick; 0 or an errno."""
    file = os.open(module, os.O_RDONLY)
    try:
        return call(LIBC.syscall, FINIT_MODULE, file, b"connection_limit=8192", 0)
    finally:
        os.close(file)


def rmmod():
    """Unloads it; 0 or an errno."""
    return call(LIBC.syscall, DELETE_MODULE, b"switchyard", os.O_NONBLOCK)


def threads():
    """The names of our kernel threads."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            name = comm.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if name.startswith("switchyard/"):
            found.append(name)
    return sorted(found)


def has_yard0():
    """Whether there is a yard0 in the name space of this process."""
    try:
        socket.if_nametoindex("yard0")
    except OSError:
        return False
    return True


class Wrong(Exception):
    """Something was not as it has to be."""


def expect(got, wanted, what):
    """Both are equal."""
    if got != wanted:
        raise Wrong(f"{what}: got {got!r}, wanted {wanted!r}")


class Case:
    """
    An operation.  `act` does it and returns 0 or an errno, `undo` takes it back, and `state`
    tells all that it may change.  `before` makes ready for each attempt, `after` looks at
    more when there is memory again.
    """

    # pylint: disable=too-many-arguments,too-many-positional-arguments
    def __init__(self, act, undo, state, before=None, after=None):
        self.act, self.undo, self.state = act, undo, state
        self.before = before or (lambda: None)
        self.after = after or (lambda error: None)

    def attempt(self, faults, nth, lasting):
        """Once, with a failure; (whether it came, the error)."""
        self.before()
        old = self.state()
        with faults.failing(nth, lasting) as chosen:
            error = self.act()
        self.after(error)
        if error:
            # A thread that was asked to end may take a moment.
            for _ in range(50):
                if self.state() == old:
                    break
                time.sleep(0.05)
            expect(self.state(), old, f"after {nl.name(error)}")
        elif not chosen.came or self.state() != old:
            self.undo()
        return chosen.came, error


def walk(faults, name, case, errors=("ENOMEM",), stride=1):
    """All attempts at a case, and the two results of it; of lasting failures each `stride`th."""
    for lasting in (False, True):
        begin = time.monotonic()
        text = f"{name}, {'all allocations from one on' if lasting else 'one allocation'} failing"
        failed = managed = 0
        try:
            for nth in range(1, LIMIT, stride if lasting else 1):
                came, error = case.attempt(faults, nth, lasting)
                if not came:
                    expect(error, 0, "with all memory")
                    break
                if error:
                    # What there is no memory for is refused for that and nothing else.
                    if nl.name(error) not in errors:
                        raise Wrong(f"the error is {nl.name(error)}")
                    failed += 1
                else:
                    managed += 1
            else:
                raise Wrong(f"{LIMIT} allocations, and more")
        except Wrong as wrong:
            print(f"{name}: attempt {nth}: {wrong}")
            print(f"not ok {text}", flush=True)
            continue
        print(f"{failed} refused, {managed} done all the same, {time.monotonic() - begin:.0f} s")
        print(f"ok {text}", flush=True)


def walk_load(module):
    """Loading."""
    faults = Faults()
    case = Case(
        lambda: insmod(module), lambda: expect(rmmod(), 0, "unloading"),
        lambda: (Path("/sys/module/switchyard").exists(), has_yard0()),
    )
    walk(faults, "loading", case, stride=3)
    faults.close()
    # Looking for threads takes longer than all that went before in an attempt.
    print(f"{'ok' if not threads() else 'not ok'} no thread is left of it")


class Requests:
    """The requests to the switch of this name space."""

    def __init__(self, device=None, yard_address=None, address=None):
        self.yard = Yard()
        self.device, self.yard_address, self.address = device, yard_address, address
        self.listener = nl.open_socket()
        # A port of its own: that of a socket without one is the kernel's, which is not told.
        self.listener.bind((0, 0))
        groups = self.yard.ynl.mcast_groups
        for name in groups:
            # NETLINK_ADD_MEMBERSHIP
            self.listener.setsockopt(270, 1, self.yard.ynl.nlproto.get_mcast_id(name, groups))
        self.faults = Faults()

    def ask(self, operation, values=None, dump=False):
        """The error that a request gets, or 0."""
        return self.answer(operation, values, dump).error

    def answer(self, operation, values=None, dump=False):
        """The answer that a request gets."""
        yard = self.yard
        space = yard.ynl.ops[operation].attr_set.name
        return yard.ask(operation, yard.encode(space, values or {}), dump=dump)

    def do(self, operation, values=None):
        """A request that must succeed."""
        expect(self.ask(operation, values), 0, operation)

    def state(self):
        """Services, destinations, claims and engines, and that listeners were told or told so."""
        return (
            [self.answer(listing, dump=True).replies for listing in ("service-get", "destination-get")],
            [bytes(dict(nl.unpack(one))[1]) for one in self.answer("claim-get", dump=True).replies],
        )

    def heard(self):
        """Notifications that have come, and whether some were lost; the queue is empty then."""
        count, lost = 0, False
        self.listener.setblocking(False)
        while True:
            try:
                self.listener.recv(1 << 16)
                count += 1
            except BlockingIOError:
                return count, lost
            except OSError as error:
                expect(error.errno, errno.ENOBUFS, "the listener's error")
                lost = True

    def case(self, operation, values, undo, prepare=None):
        """A change, and the request that takes it back."""

        def act():
            self.heard()
            error = self.ask(operation, values)
            count, lost = self.heard()
            if error:
                expect((count, lost), (0, False), "told of a change that was not made")
            elif not count and not lost:
                raise Wrong("the listener was not told of a change, nor that it missed one")
            return error

        return Case(act, lambda: [self.do(*one) for one in undo], self.state, prepare)

    def look(self, operation, values=None, dump=False):
        """A question, which changes nothing."""
        return Case(lambda: self.ask(operation, values, dump), lambda: None, self.state)

    def configure(self):
        """What all cases begin with."""
        self.do("apply", {"change": [
            {"kind": "flush"},
            {"kind": "add", "service": {**TCP, "scheduler": "rr"}},
            {"kind": "add", "service": UDP},
            *({"kind": "add", "destination": {"service": service, "address": f"10.1.0.{n}"}}
              for service in (TCP, UDP) for n in range(1, 4)),
        ]})

    def walk_configuration(self):
        """Services and destinations."""
        first = {"service": TCP, "address": "10.1.0.1"}
        more = {"service": TCP, "address": "10.1.0.9"}
        batch = [
            {"kind": "set", "service": {**TCP, "scheduler": "maglev"}},
            {"kind": "add", "service": NEW},
            *({"kind": "add", "destination": {"service": NEW_KEY, "address": f"10.2.0.{n}"}}
              for n in range(1, 20)),
            {"kind": "del", "destination": first},
            {"kind": "del", "service": UDP},
        ]
        again = [("apply", {"change": [
            {"kind": "flush"},
            {"kind": "add", "service": {**TCP, "scheduler": "rr"}},
            {"kind": "add", "service": UDP},
            *({"kind": "add", "destination": {"service": service, "address": f"10.1.0.{n}"}}
              for service in (TCP, UDP) for n in range(1, 4)),
        ]})]
        self.configure()
        every = {"protocol": 17, "address": "2001:db8:7::", "prefix-length": 48, "port": 1000,
                 "last-port": 1999}
        inside = {"service": TCP, "address": "2001:db8::9"}
        tunnel = {"forwarding": "tunnel", "encapsulation": "gue", "encapsulation-port": 6081}
        for name, operation, values, undo in (
            ("a service is added", "service-add", NEW, [("service-del", NEW_KEY)]),
            ("one of many ports and addresses is added", "service-add",
             {**every, "affinity": 60, "fallback": "local", "one-packet": 1}, [("service-del", every)]),
            ("affinity is asked for", "service-set", {**TCP, "affinity": 300, "affinity-prefix4": 24},
             [("service-set", {**TCP, "affinity": 0, "affinity-prefix4": 32})]),
            ("a destination in a tunnel is added", "destination-add", {**inside, **tunnel},
             [("destination-del", inside)]),
            ("a destination gets limits", "destination-set",
             {**first, "upper-limit": 9, "lower-limit": 5},
             [("destination-set", {**first, "upper-limit": 0, "lower-limit": 0})]),
            ("one drains", "destination-set", {**first, "state": "draining", "drain-deadline": 3600},
             [("destination-set", {**first, "state": "active"})]),
            ("its scheduler is changed", "service-set", {**TCP, "scheduler": "maglev"},
             [("service-set", {**TCP, "scheduler": "rr"})]),
            ("a destination is added", "destination-add", {**more, "weight": 5},
             [("destination-del", more)]),
            ("its weight is changed", "destination-set", {**first, "weight": 9},
             [("destination-set", {**first, "weight": 1})]),
            ("a destination is removed", "destination-del", first, again),
            ("a service is removed", "service-del", UDP, again),
            ("a batch is applied", "apply", {"change": batch}, again),
            ("all is removed", "apply", {"change": [{"kind": "flush"}]}, again),
        ):
            walk(self.faults, name, self.case(operation, values, undo, self.settle(again)))

    def walk_tuning(self):
        """What is set of the switch itself."""
        names = ("connection-limit", "half-open-limit", "timeout", "fragment-memory-limit",
                 "fragment-timeout")
        switch = self.yard.ynl.do("switch-get", {})
        was = {name: switch[name] for name in names}
        # Those that can be: an affinity's is its service's.
        was["timeout"] = [one for one in was["timeout"] if one["state"] in ("udp", "established")]
        for name, values in (
            ("more connections are allowed", {"connection-limit": 1 << 20}),
            ("all of the switch is set", {
                "connection-limit": 1 << 21, "half-open-limit": 5000, "fragment-timeout": 1000,
                "fragment-memory-limit": 1 << 16, "timeout": [{"state": "udp", "milliseconds": 9000}],
            }),
        ):
            case = self.case("switch-set", values, [("switch-set", was)],
                             lambda: self.do("switch-set", was))
            case.state = lambda: (self.state(), self.tuned(names))
            walk(self.faults, name, case)

    def tuned(self, names):
        """What is set, as bytes."""
        numbers = {self.yard.ynl.attr_sets["switch"][name].value for name in names}
        (reply,) = self.answer("switch-get").replies
        return [value for value in nl.unpack(reply) if value[0] in numbers]

    def settle(self, again):
        """What makes ready for an attempt: the same identities and counters each time."""
        return lambda: [self.do(*one) for one in again]

    def walk_questions(self):
        """What can be asked."""
        self.configure()
        for operation, values, dump in (
            ("switch-get", None, False), ("service-get", TCP, False), ("service-get", None, True),
            ("destination-get", {"service": TCP, "address": "10.1.0.1"}, False),
            ("destination-get", None, True), ("claim-get", None, True), ("cpu-get", None, True),
            ("connection-get", None, True), ("connection-get", {"service": TCP}, True),
            ("connection-del", {"all": True}, False),
            ("connection-del", {"service": TCP, "client-address": "10.0.1.2"}, False),
            ("explain", {"packet": SYN}, False), ("explain", {"packet": ERROR}, False),
        ):
            of = " of all" if dump else ""
            of += f" with {', '.join(values)}" if values and values is not TCP else ""
            walk(self.faults, f"{operation}{of}",
                 self.look(operation, values, dump))

    def works(self):
        """What a socket sends by yard0 is answered."""
        done = subprocess.run(["ping", "-I", self.yard_address, "-c", "2", "-W", "2", "-q", self.address],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise Wrong(f"yard0 does not work: {done.stdout.decode()}")

    def walk_claims(self):
        """Claims; engines come and go with them."""
        claim = {"ifname": self.device, "cpu": [1, 2], "policy": "adaptive"}
        release = {"ifname": self.device}
        with_threads = lambda: (self.state(), threads())  # noqa: E731

        def released(error):
            expect(error, 0, "releasing takes no memory")
            expect(threads(), self.collector, "engines")
            self.works()

        self.collector = threads()
        for policy in ({**claim}, {**release}):
            case = self.case("claim-add", policy, [("claim-del", release)])
            case.state = with_threads
            walk(self.faults, f"a device is claimed{'' if 'cpu' in policy else ' without engine'}", case)
        self.works()
        case = self.case("claim-del", release, [("claim-add", claim)], lambda: self.claimed(claim))
        case.after = released
        walk(self.faults, "a device is released", case)
        if self.state()[1]:
            self.do("claim-del", release)

        # Threads are made by a thread of the kernel's, in its own name. They take after it: to the
        # one that is made there is no memory, either.
        maker = Faults(KTHREADD)
        maker.only(EVERYWHERE)
        case = self.case("claim-add", claim, [("claim-del", release)])
        case.state = with_threads
        # "Try again" is what fork() says where some of its parts have no memory.
        walk(maker, "its engine is made", case, ("ENOMEM", "EAGAIN"))
        maker.close()
        self.faults.only(ours())

    def claimed(self, claim):
        """The device is."""
        if not self.state()[1]:
            self.do("claim-add", claim)

    def walk_switches(self):
        """The first change in a name space makes a switch."""
        collector = threads()
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        here = self.yard.sock

        def fresh():
            expect(call(LIBC.unshare, CLONE_NEWNET), 0, "unshare")
            self.yard.sock.close()
            self.yard.sock = nl.open_socket()

        case = Case(lambda: self.ask("service-add", NEW), lambda: None,
                    lambda: (has_yard0(), self.answer("service-get", dump=True).replies), fresh)
        self.yard.sock = nl.open_socket()
        walk(self.faults, "a name space gets its switch", case, stride=3)
        self.yard.sock.close()
        self.yard.sock = here
        expect(call(LIBC.setns, home, 0), 0, "setns")
        os.close(home)
        for _ in range(100):
            if threads() == collector:
                break
            time.sleep(0.1)
        expect(threads(), collector, "threads after the name spaces' end")
        print("ok nothing is left of these name spaces")

    def close(self):
        """The end."""
        self.yard.ynl.do("apply", {"change": [{"kind": "flush"}]})
        self.faults.close()
        self.listener.close()
        self.yard.sock.close()
        self.yard.ynl.close()


def walk_requests(*arguments):
    """All of the family."""
    requests = Requests(*arguments)
    requests.walk_claims()
    requests.walk_questions()
    requests.walk_configuration()
    requests.walk_tuning()
    requests.close()


def walk_switches():
    """Those that name spaces get."""
    requests = Requests()
    requests.walk_switches()
    requests.close()


def unload(device):
    """Unloading has no way to fail."""
    yard = Yard()
    yard.ynl.do("claim-add", {"ifname": device, "cpu": [1, 2], "policy": "adaptive"})
    yard.sock.close()
    yard.ynl.close()
    faults = Faults()
    with faults.failing(1, lasting=True) as first:
        error = rmmod()
    left = threads()
    faults.close()
    print(f"{'it asked for memory' if first.came else 'it asked for no memory'}; left: {left}")
    good = not error and not left and not has_yard0() and not Path("/sys/module/switchyard").exists()
    print(f"{'ok' if good else 'not ok'} unloading, all allocations failing")


def main():
    """See above."""
    kind, *arguments = sys.argv[1:]
    {"load": walk_load, "switches": walk_switches, "requests": walk_requests,
     "unload": unload}[kind](*arguments)


if __name__ == "__main__":
    main()
