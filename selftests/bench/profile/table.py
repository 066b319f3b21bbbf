#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py COUNTS SYMBOLS MODULE...: instructions by function for one packet.

COUNTS is what counter.so wrote, SYMBOLS the guest's /proc/kallsyms, MODULE an object
file with debug information: its instructions are told apart by the inlined function,
too.
"""

import bisect
import os
import re
import subprocess
import sys
from collections import Counter


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


def read_counts(path):
    """Totals, lengths, and executions by address: of one packet, and of all."""
    windows, total, lengths, one, every = 0, 0, {}, Counter(), Counter()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            kind, first, second, *_ = line.split()
            if kind == "windows":
                windows, total = int(first), int(second)
            elif kind == "length":
                lengths[int(first)] = int(second)
            elif kind in ("one", "all"):
                (one if kind == "one" else every)[int(first, 16)] += int(second)
    return windows, total, lengths, one, every


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


def print_table(title, one, mean=None):
    """Functions by what they cost one packet, and on the average if that is known."""
    def row(count, average, text):
        middle = f" {average:>9,.1f}" if mean is not None else ""
        print(f"{count:>10,}{middle}  {text}")

    average = mean if mean is not None else one
    plain = demangle({name for name, _ in set(average) | set(one)})
    print(f"{'ONE PACKET':>10}{' ' * 6 + 'MEAN' if mean is not None else ''}  {title}")
    hidden = 0.0
    for key in sorted(set(one) | set(average), key=lambda key: (-one[key], -average[key], key)):
        if one[key] or average[key] >= 1:
            where = f" [{key[1]}]" if key[1] not in ("kernel", "") else ""
            row(one[key], average[key], plain[key[0]] + where)
        else:
            hidden += average[key]
    if hidden:
        row(0, hidden, "(less than one each)")
    row(sum(one.values()), sum(average.values()), "all")
    print()


def offsets(path):
    """Where an object file's functions are: {name: (section, start)}."""
    found = {}
    listing = subprocess.run(["objdump", "-t", path], text=True, check=True,
                             stdout=subprocess.PIPE).stdout
    for line in listing.splitlines():
        words = line.split()
        if len(words) >= 5 and "F" in line[17:25] and ".text" in words[-3]:
            found[words[-1]] = (words[-3], int(words[0], 16))
    return found


def frames(path, section, places):
    """For each place in a section what is inlined there, innermost first."""
    output = subprocess.run(
        ["addr2line", "-a", "-i", "-f", "-e", path, "-j", section],
        input="".join(f"{place:#x}\n" for place in places),
        text=True, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    chains = []
    for line in output:
        if line.startswith("0x"):
            chains.append([])
        else:
            chains[-1].append(line)
    return chains


def ours(chain, top):
    """The innermost function of this tree in a chain of names and places."""
    found = None
    for name, place in zip(chain[::2], chain[1::2]):
        source = place.split(" ")[0].rpartition(":")[0]
        if source.startswith(top) and not source.endswith("_generated.c"):
            return name, source.removeprefix(top)
        found = found or (name, os.path.basename(source))
    return found


def inlined(path, module, symbols, one):
    """Executions of a module's instructions by innermost function of this tree."""
    where, at, result = offsets(path), {}, Counter()
    for address, count in one.items():
        name, owner, offset = symbols.find(address)
        if owner == module and name in where:
            section, start = where[name]
            at.setdefault(section, []).append((start + offset, count))
    top = os.getcwd() + "/rust/"
    for section, places in at.items():
        chains = frames(path, section, [place for place, _ in places])
        for (_, count), chain in zip(places, chains, strict=True):
            result[ours(chain, top)] += count
    return result


def main():
    """Reads, prints."""
    windows, total, lengths, one, every = read_counts(sys.argv[1])
    if not windows:
        sys.exit("profile: no packet was counted")
    symbols = Symbols(sys.argv[2])
    by_function, mean = Counter(), Counter()
    for address, count in one.items():
        by_function[symbols.find(address)[:2]] += count
    for address, count in every.items():
        mean[symbols.find(address)[:2]] += count / windows
    length = sum(one.values())
    print(f"one packet: {length:,} instructions, as of {lengths[length]:,} of {windows:,} "
          f"packets; mean {total / windows:,.1f}\n")
    print_table("FUNCTION", by_function, mean)
    for path in sys.argv[3:]:
        module = os.path.basename(path).removesuffix(".ko")
        parts = inlined(path, module, symbols, one)
        if parts:
            print(f"The same of {module}, by the source's functions, which the compiler inlined; what\n"
                  "they in turn inlined of the language's and the kernel's libraries is theirs\n")
            print_table("FUNCTION [SOURCE]", parts, None)


if __name__ == "__main__":
    main()
