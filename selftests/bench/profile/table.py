#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py COUNTS SYMBOLS MODULE...: instructions by function for one packet.

COUNTS is what counter.so wrote, SYMBOLS the guest's /proc/kallsyms, MODULE an object
file with debug information: its instructions are told apart by the inlined function,
too.
"""

import os
import subprocess
import sys
from collections import Counter

from symbols import Symbols, demangle


def read_counts(path):
    """Totals, lengths, and executions by address: of one packet, and of all."""
    windows, total, lengths, one, every = 0, 0, {}, Counter(), Counter()
    with open(path, encoding="ascii") as lines:
        for line in lines:
            kind, first, *rest = line.split()
            if kind == "windows":
                windows, total = int(first), int(rest[0])
            elif kind == "length":
                lengths[int(first)] = int(rest[0])
            elif kind in ("one", "all"):
                (one if kind == "one" else every)[int(first, 16)] += int(rest[0])
    return windows, total, lengths, one, every


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
