# SPDX-License-Identifier: GPL-2.0
"""A kernel's functions by address, and names as they are written in the source."""

import bisect
import re
import subprocess


class Symbols:
    """The kernel's functions by address."""

    def __init__(self, path):
        found = {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                address, kind, name, *module = line.split()
                name = name.partition("\t")[0]
                # Of several names for one address the first that is no padding.
                if kind in "tTwW" and not name.startswith("__pfx_"):
                    found.setdefault(int(address, 16),
                                     (name, module[0].strip("[]") if module else "kernel"))
        self.starts = sorted(found)
        self.names = [found[start] for start in self.starts]

    def find(self, address):
        """(function, module, offset in the function)."""
        at = bisect.bisect_right(self.starts, address) - 1
        if at < 0 or address < self.starts[0]:
            return "user space", "", 0
        return *self.names[at], address - self.starts[at]


def demangle(names):
    """Rust's names as they are written in the source."""
    names = list(names)
    result = subprocess.run(["c++filt"], input="\n".join(names), text=True, check=True,
                            stdout=subprocess.PIPE).stdout.splitlines()
    return {name: shorten(plain) for name, plain in zip(names, result)}


def shorten(name):
    """Without the crates' hashes and paths, and cut where it is very long."""
    name = re.sub(r"\[[0-9a-f]{8,}\]", "", name)
    name = re.sub(r"\b(?:[a-z_0-9]+::)+(?=[A-Z&\[])", "", name)
    name = name.replace("switchyard::", "")
    return name if len(name) < 100 else name[:97] + "..."
