#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py OUTPUT RESULTS: makes of guest.sh's output a table and a JSON file.

Exits with 1 when the rounds of a case differ by more than its tolerance.
"""

import json
import sys

# Two rounds of the same case may differ by this part of their mean.  New flows cost what
# is done in the background for them, too, of which a round has a turn more or less.
TOLERANCE = 0.005
TOLERANCE_NEW = 0.1
FLOOR = "redirect"


def read(path):
    """The kernel's release, and instructions per packet by case, round by round."""
    kernel, readings = "", {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words[:1] == ["kernel"]:
                kernel = words[1]
            elif words[:1] == ["reading"]:
                _, case, _, nanoseconds, packets = words
                readings.setdefault(case, []).append(int(nanoseconds) / int(packets))
    return kernel, readings


def peer_of(case):
    """The case of IPVS that a case is compared with: the same kind of flows."""
    kind = case.rpartition("-")[2]
    return f"ipvs-nat-{kind}" if kind in ("known", "new") else None


def evaluate(kernel, readings):
    """One object for each case, as results.json has them."""
    means = {case: sum(values) / len(values) for case, values in readings.items()}
    floor = means[FLOOR]
    results = []
    for case, values in readings.items():
        overhead, peer = means[case] - floor, peer_of(case)
        ratio = None
        if peer in means and case not in ("generator", FLOOR):
            ratio = round(overhead / (means[peer] - floor), 3)
        results.append({
            "instrument": "instructions",
            "case": case,
            "value": round(means[case], 1),
            "unit": "instructions/packet",
            "overhead": round(overhead, 1),
            "floor": round(floor, 1),
            "vs_ipvs": ratio,
            "spread": round((max(values) - min(values)) / means[case], 5),
            "rounds": [round(value, 1) for value in values],
            "kernel": kernel,
        })
    return results


def print_table(results):
    """Prints what a person wants to see."""
    print(f"\n{results[0]['kernel']}, one CPU, instructions per packet\n")
    print(f"{'CASE':<22} {'PER PACKET':>10} {'ABOVE FLOOR':>12} {'OF IPVS':>8} {'SPREAD':>8}")
    for result in results:
        ratio = result["vs_ipvs"]
        above = "" if result["case"] == "generator" else f"{result['overhead']:,.0f}"
        print(f"{result['case']:<22} {result['value']:>10,.0f} {above:>12} "
              f"{'' if ratio is None else format(ratio, '.2f'):>8} {result['spread']:>8.2%}")
    print(f"\nfloor: tc's mirred redirect; spread: between {len(results[0]['rounds'])} rounds")


def main():
    """Reads, writes, prints, judges."""
    kernel, readings = read(sys.argv[1])
    if not kernel or FLOOR not in readings:
        sys.exit("bench: there is no reading of the floor")
    results = evaluate(kernel, readings)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        json.dump(results, out, indent=2)
        out.write("\n")
    print_table(results)
    status = 0
    for result in results:
        allowed = TOLERANCE_NEW if result["case"].endswith("-new") else TOLERANCE
        if len(result["rounds"]) < 2 or result["spread"] > allowed:
            print(f"bench: {result['case']}: the rounds do not agree within {allowed:.1%}: "
                  f"{result['rounds']}")
            status = 1
        elif result["spread"] > TOLERANCE:
            print(f"note: {result['case']}: good to {result['spread']:.1%} only: "
                  f"{result['rounds']}")
    sys.exit(status)


if __name__ == "__main__":
    main()
