#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""windows.py CASE COUNTS [SYMBOLS]: sums up what counter.so wrote about one run.

    window CASE USUAL WORST DEAR WINDOWS INTERRUPTED [CPU:USUAL:WINDOWS...]

USUAL is the commonest length, WORST the greatest; both are instructions.  DEAR windows have more
than twice the usual one's.  With the guest's symbols, also

    shared CASE LINES WRITES FUNCTION...

for cache lines that several CPUs wrote to, by which functions did: how many such lines, how many
writes.  "a_packet" stands for all that write to a packet's sk_buff, which the kernel's allocator
hands from one CPU to the other; such a line is known by what we write to nothing else.
"""

import sys
from collections import Counter, defaultdict

from symbols import Symbols, demangle

# What of the module writes to a packet's sk_buff and to nothing else that is not its own CPU's.
PACKET = {"yard_skb_send", "yard_pick_of_many"}


def main():
    """Reads, prints."""
    lengths, by_cpu, interrupted, shared = Counter(), defaultdict(Counter), 0, []
    with open(sys.argv[2], encoding="ascii") as lines:
        for line in lines:
            match line.split():
                case ["length", length, count]:
                    lengths[int(length)] += int(count)
                case ["cpu", cpu, length, count]:
                    by_cpu[int(cpu)][int(length)] += int(count)
                case ["interrupted", count, _]:
                    interrupted = int(count)
                case ["shared", _, count, _, *by]:
                    shared.append((int(count), by))
    if not lengths:
        sys.exit(f"windows.py: nothing was counted in {sys.argv[2]}")
    cpus = [f"{cpu}:{counts.most_common(1)[0][0]}:{counts.total()}"
            for cpu, counts in sorted(by_cpu.items())]
    usual = lengths.most_common(1)[0][0]
    dear = sum(count for length, count in lengths.items() if length > 2 * usual)
    print("window", sys.argv[1], usual, max(lengths), dear, lengths.total(), interrupted, *cpus)
    if len(sys.argv) > 3:
        print_shared(sys.argv[1], shared, Symbols(sys.argv[3]))


def print_shared(case, shared, symbols):
    """A line for each set of functions that write to the same cache lines."""
    lines, writes = Counter(), Counter()
    for count, by in shared:
        functions = tuple(sorted({symbols.find(int(address, 16))[0] for address in by}))
        if PACKET.intersection(functions):
            functions = ("a_packet",)
        lines[functions] += 1
        writes[functions] += count
    plain = demangle({function for functions in lines for function in functions})
    for functions, count in lines.most_common():
        print("shared", case, count, writes[functions],
              *(plain[function].replace(" ", "_") for function in functions))


if __name__ == "__main__":
    main()
