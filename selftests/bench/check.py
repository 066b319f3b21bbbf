#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""check.py OUTPUT RECORDED [--record]: compares counts of instructions with recorded ones.

A case fails that is more than 2 % worse.  What another kernel does to the floor is no
fault of ours: by so much the recorded counts are moved.
"""

import json
import sys

from table import Readings, floor_of

ALLOWED = 0.02


def median(readings, case):
    """The middle one of a case's readings."""
    return round(readings.value(case), 1)


def record(readings, path):
    """Writes what was counted, with the kernel it was counted on."""
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"kernel": readings.kernel, "instructions":
                   {case: median(readings, case) for case in readings.cases}}, out, indent=2)
        out.write("\n")


def judge(readings, recorded):
    """Prints a line for each case; how many passed and failed."""
    passed = failed = 0
    if recorded["kernel"] != readings.kernel:
        print(f"recorded on {recorded['kernel']}, counted on {readings.kernel}")
    recorded = recorded["instructions"]
    for case in readings.cases:
        if not case.startswith("switchyard"):
            continue
        now, floor = median(readings, case), floor_of(case)
        if case not in recorded:
            print(f"not ok {case}: {now:,.0f} instructions, nothing recorded: make bench-record")
            failed += 1
            continue
        before = recorded[case] + median(readings, floor) - recorded[floor]
        change = now / before - 1
        fine = change <= ALLOWED
        print(f"{'ok' if fine else 'not ok'} {case}: {now:,.0f} instructions, "
              f"recorded {before:,.0f} ({change:+.1%})")
        passed, failed = passed + fine, failed + (not fine)
    for case in recorded:
        if case not in readings.cases:
            print(f"not ok {case}: recorded, but {readings.skipped.get(case, 'not counted')}")
            failed += 1
    return passed, failed


def main():
    """Compares or records."""
    readings = Readings("instructions", sys.argv[1])
    if sys.argv[3:] == ["--record"]:
        record(readings, sys.argv[2])
    with open(sys.argv[2], encoding="utf-8") as file:
        passed, failed = judge(readings, json.load(file))
    for case, why in readings.skipped.items():
        print(f"skipped {case}: {why}")
    skipped = f", {len(readings.skipped)} skipped" if readings.skipped else ""
    print(f"\n{passed} passed, {failed} failed{skipped}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
