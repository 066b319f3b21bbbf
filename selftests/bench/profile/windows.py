#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""windows.py CASE COUNTS: sums up what counter.so wrote about one run.

    window CASE USUAL WORST WINDOWS INTERRUPTED [CPU:USUAL:WINDOWS...]

USUAL is the commonest length, WORST the greatest; both are instructions.
"""

import sys
from collections import Counter, defaultdict


def main():
    """Reads, prints."""
    lengths, by_cpu, interrupted = Counter(), defaultdict(Counter), 0
    with open(sys.argv[2], encoding="ascii") as lines:
        for line in lines:
            match line.split():
                case ["length", length, count]:
                    lengths[int(length)] += int(count)
                case ["cpu", cpu, length, count]:
                    by_cpu[int(cpu)][int(length)] += int(count)
                case ["interrupted", count, _]:
                    interrupted = int(count)
    if not lengths:
        sys.exit(f"windows.py: nothing was counted in {sys.argv[2]}")
    cpus = [f"{cpu}:{counts.most_common(1)[0][0]}:{counts.total()}"
            for cpu, counts in sorted(by_cpu.items())]
    print("window", sys.argv[1], lengths.most_common(1)[0][0], max(lengths), lengths.total(),
          interrupted, *cpus)


if __name__ == "__main__":
    main()
