# SPDX-License-Identifier: GPL-2.0
"""
Allocations that fail when they are told to, by the kernel's fault injection: those that
our module's code is waiting for, and no others.  See the kernel's
Documentation/fault-injection/fault-injection.rst.

    faults = Faults()
    with faults.failing(3, lasting=False) as third:
        ...
    if third.came: ...
"""

import os
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

DEBUG = Path("/sys/kernel/debug")
# Objects and pages; page tables, the pages of vmalloc() and of slabs are of the second kind.
KINDS = ("failslab", "fail_page_alloc")
# As deep as the kernel looks for the caller.
DEPTH = 32
EVERYWHERE = (0, (1 << 64) - 1)


def available():
    """Whether this kernel can do it."""
    return all((DEBUG / kind / "require-start").exists() for kind in KINDS)


def ours():
    """
    (first, last) address of our module's code; while it is not loaded, of all that is no
    code of the kernel's image, that is, of modules.
    """
    code, others = [], []
    with open("/proc/kallsyms", encoding="ascii") as symbols:
        for line in symbols:
            words = line.split()
            if words[1] in "tT":
                (code if words[-1] == "[switchyard]" else others).append(int(words[0], 16))
    if not code:
        return (address_of("_etext"), 0xFFFFFFFFFF000000)
    # How long the last function is is not told; another module's may follow at once.
    following = [address for address in others if address > max(code)]
    return (min(code), min([max(code) + 4096, *following]))


# What these allocate for themselves is not ours, and without it they would go blind: objects
# of kmemleak, pages of KASAN.  First and last function of each.
WATCHERS = {
    "failslab": ("__alloc_object", "kmemleak_seq_show"),
    "fail_page_alloc": ("kasan_save_stack", "kasan_quarantine_reduce"),
}


def watcher(kind):
    """(first, last) address of such code, if there is any."""
    first, last = map(address_of, WATCHERS[kind])
    return (first, last) if 0 < last - first < 1 << 16 else (0, 0)


@lru_cache
def address_of(name):
    """Where the kernel has `name`; 0 if it has no such thing."""
    with open("/proc/kallsyms", encoding="ascii") as symbols:
        for line in symbols:
            words = line.split()
            if words[2] == name:
                return int(words[0], 16)
    return 0


class Nth:
    """An allocation that is to fail; `came` says afterwards whether it did."""

    def __init__(self):
        self.came = False


class Faults:
    """Fault injection, set so that nothing fails yet, for this thread or process `pid`."""

    def __init__(self, pid="thread-self"):
        self.pid = pid
        self.lasting = None
        # pylint: disable=consider-using-with
        self.nth = open(f"/proc/{pid}/fail-nth", "r+b", buffering=0)
        for kind in KINDS:
            self.set(kind, "probability", 0)
            self.set(kind, "verbose", 0)
            self.set(kind, "interval", 1)
            self.set(kind, "space", 0)
            self.set(kind, "times", -1)
            self.set(kind, "task-filter", "Y")
            # Also those that may wait for memory.
            self.set(kind, "ignore-gfp-wait", "N")
        self.set("fail_page_alloc", "ignore-gfp-highmem", "N")
        self.set("fail_page_alloc", "min-order", 0)
        self.only(ours())

    @staticmethod
    def set(kind, name, value):
        """One setting of one kind."""
        (DEBUG / kind / name).write_text(f"{value}\n", encoding="ascii")

    def only(self, span):
        """Allocations fail under code within `span` alone."""
        for kind in KINDS:
            self.set(kind, "stacktrace-depth", DEPTH)
            self.set(kind, "require-start", f"{span[0]:#x}")
            self.set(kind, "require-end", f"{span[1]:#x}")
            first, last = watcher(kind)
            self.set(kind, "reject-start", f"{first:#x}")
            self.set(kind, "reject-end", f"{last:#x}")

    def _last(self, lasting):
        """Whether all that come after the chosen one fail as well."""
        if lasting == self.lasting:
            return
        for kind in KINDS:
            self.set(kind, "probability", 100 if lasting else 0)
        self.lasting = lasting

    def _make_it_fail(self, value):
        Path(f"/proc/{self.pid}/make-it-fail").write_text(str(value), encoding="ascii")

    @contextmanager
    def failing(self, nth, lasting=False):
        """In here allocation `nth`, counted from 1, fails; with `lasting` all after it, too."""
        self._last(lasting)
        chosen = Nth()
        if lasting:
            self._make_it_fail(1)
        os.pwrite(self.nth.fileno(), str(nth).encode(), 0)
        try:
            yield chosen
        finally:
            chosen.came = int(os.pread(self.nth.fileno(), 32, 0)) == 0
            os.pwrite(self.nth.fileno(), b"0", 0)
            if lasting:
                self._make_it_fail(0)

    def close(self):
        """Nothing fails any more."""
        self._last(False)
        self.only(EVERYWHERE)
        self.nth.close()
