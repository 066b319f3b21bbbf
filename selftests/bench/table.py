#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py RESULTS INSTRUMENT:OUTPUT...: makes of guest.sh's outputs a table and a JSON file.

Exits with 1 when the rounds of a case do not agree.
"""

import json
import re
import statistics
import sys

HEADS = ("instructions", "nanoseconds")
# What a reading counts is per packet, but for these cases.
THINGS = {"tcp-open": "connection", "tcp-bulk": "MB", "request": "request", "swap": "swap"}
# Two counts of the same case may differ by this part of their mean.  New flows cost what
# is done in the background for them, too, of which a round has a turn more or less; and a table of many
# is as full as its growth, step by step, happened to leave it.
TOLERANCE = 0.01
TOLERANCE_MANY = 0.02
TOLERANCE_NEW = 0.1
# Writes to a cache line that other CPUs write to as well, a packet; what is done once a second is fewer.
SHARED = 0.01


class Readings:
    """What one machine printed."""

    def __init__(self, instrument, path):
        self.instrument, self.kernel = instrument, ""
        self.cases, self.memory, self.skipped, self.windows, self.shared = {}, {}, {}, {}, {}
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                self.read(line.split())
        if not self.kernel or not self.cases and not self.windows:
            sys.exit(f"bench: there is no reading in {path}")

    def read(self, words):
        """Takes a line."""
        match words:
            case ["kernel", release]:
                self.kernel = release
            case ["reading", case, _, packets, *times]:
                self.cases.setdefault(case, []).append([int(time) / int(packets) for time in times])
            case ["memory", case, size, connections]:
                self.memory.setdefault(case, []).append(int(size) / int(connections))
            case ["window", case, *counts]:
                self.windows[case] = ([int(count) for count in counts[:5]], counts[5:])
            case ["shared", case, lines, writes, *functions]:
                self.shared.setdefault(case, []).append(
                    {"lines": int(lines), "writes": int(writes), "by": functions})
            case ["skipped", case, *why]:
                self.skipped[case] = " ".join(why)

    def value(self, case):
        """Of counts the median: in a few of them is what the kernel does now and then.  Of times a
        low quantile: nothing makes them shorter than they are, and much that is not ours makes them
        longer."""
        readings = self.readings(case)
        if self.instrument == "instructions":
            return statistics.median(readings)
        return statistics.quantiles(readings, n=10)[0]

    def readings(self, case):
        """Of all rounds."""
        return [reading for readings in self.cases[case] for reading in readings]

    def spread(self, case):
        """Of counts from the least of the rounds' medians to the greatest; of times between the low
        quantile of the first half of the readings and of the second."""
        readings = self.readings(case)
        if len(readings) < 2:
            return None
        if self.instrument == "instructions":
            medians = self.medians(case)
            width = max(medians) - min(medians)
        else:
            half = len(readings) // 2
            low = [statistics.quantiles(part, n=10)[0] for part in (readings[:half], readings[half:])]
            width = abs(low[0] - low[1])
        return width / self.value(case)

    def medians(self, case):
        """Of each round."""
        return [statistics.median(readings) for readings in self.cases[case]]


def family_of(case):
    """"6" for the cases of IPv6."""
    return "6" if re.search(r"6(-(known|new|64k|1m))?$", case) else ""


def thing_of(case):
    """What a case's reading is divided by."""
    return next((thing for prefix, thing in THINGS.items() if case.startswith(prefix)), "packet")


def floor_of(case):
    """The redirect of the same family and the same work of the generator, to which choosing
    flows at random is some; of sockets the way without us."""
    if thing_of(case) != "packet":
        return {"request": "request-plain", "swap-al": "swap-alone"}.get(
            case[:7], case[:9] + "forward")
    many = "-64k" if case.endswith(("-64k", "-1m")) else ""
    return "redirect" + family_of(case) + many


def peer_of(case):
    """The case of IPVS that a case is compared with: the same method, family and flows."""
    if case.startswith("tcp-"):
        return case[:9] + ("ipvs-dr" if case.endswith("-dr") else "ipvs-nat")
    match = re.match(r"[a-z]+-([a-z]+)(6?)-(known|new|64k|1m)$", case)
    if not match:
        return None
    method = match[1] if match[1] in ("dr", "tun") else "nat"
    return f"ipvs-{method}{match[2]}-{match[3]}"


def evaluate(readings):
    """One object for each case, as results.json has them."""
    results = []
    for case in readings.cases:
        values = readings.readings(case)
        if readings.instrument == "instructions":
            values = readings.medians(case)
        if floor_of(case) not in readings.cases:
            sys.exit(f"bench: there is no reading of {floor_of(case)}, the floor of {case}")
        value, floor = readings.value(case), readings.value(floor_of(case))
        overhead, peer, ratio = value - floor, peer_of(case), None
        if peer in readings.cases and case != floor_of(case):
            ratio = round(overhead / (readings.value(peer) - floor), 3)
        spread = readings.spread(case)
        results.append({
            "instrument": readings.instrument,
            "case": case,
            "value": round(value, 1),
            "unit": f"{'ns' if readings.instrument == 'nanoseconds' else readings.instrument}"
                    f"/{thing_of(case)}",
            "floor": round(floor, 1),
            "overhead": round(overhead, 1),
            "vs_ipvs": ratio,
            "spread": None if spread is None else round(spread, 5),
            "rounds": [round(value, 1) for value in values] if len(values) < 10 else len(values),
            "kernel": readings.kernel,
        })
    for case, ((usual, worst, dear, windows, interrupted), cpus) in readings.windows.items():
        results.append({
            "instrument": "windows", "case": case, "value": usual,
            "unit": "instructions/packet in the switch", "floor": None, "overhead": None,
            "vs_ipvs": None, "worst": worst, "dear": dear, "windows": windows, "interrupted": interrupted,
            "cpus": cpus, "shared": readings.shared.get(case, []), "kernel": readings.kernel,
        })
    for case, values in readings.memory.items():
        value, peer = statistics.mean(values), peer_of(case)
        ratio = round(value / statistics.mean(readings.memory[peer]), 3) \
            if peer in readings.memory else None
        results.append({
            "instrument": "memory", "case": case, "value": round(value, 1),
            "unit": "bytes/connection", "floor": None, "overhead": None, "vs_ipvs": ratio,
            "spread": None, "rounds": [round(value, 1) for value in values],
            "kernel": readings.kernel,
        })
    return results


def number(value, form=",.0f"):
    """A number, or nothing."""
    return "" if value is None else format(value, form)


def print_packets(results):
    """A row for each case, the instruments abreast."""
    by_case = {}
    for result in results:
        if result["instrument"] in (*HEADS, "memory") and thing_of(result["case"]) == "packet":
            by_case.setdefault(result["case"], {})[result["instrument"]] = result
    heads = [name for name in HEADS if any(name in row for row in by_case.values())]
    if not heads:
        return
    print(f"\n{'':<24}" + "".join(f"{name.upper() + ' A PACKET':>35}" for name in heads))
    print(f"{'CASE':<24}" + f"{'ALL':>9}{'OVERHEAD':>10}{'OF IPVS':>9}{'SPREAD':>7}" * len(heads)
          + f"{'BYTES/CONN':>12}")
    for case, row in by_case.items():
        line = f"{case:<24}"
        for name in heads:
            result = row.get(name)
            if result is None:
                line += " " * 35
                continue
            overhead = None if case.startswith("generator") else result["overhead"]
            line += f"{number(result['value']):>9}{number(overhead):>10}" \
                    f"{number(result['vs_ipvs'], '.2f'):>9}{number(result['spread'], '.1%'):>7}"
        memory = row.get("memory")
        print(f"{line}{number(memory and memory['value'], '.1f'):>12}".rstrip())
    print("\noverhead: above redirect, which is tc's mirred; of IPVS: of IPVS's overhead with the\n"
          "same method and flows; times: the lowest tenth of their readings ends there;\n"
          "spread: of instructions between rounds, of times between halves of the rounds")


def print_others(results):
    """What is not counted by packets: sockets' work, and the ways it goes."""
    others = [result for result in results if thing_of(result["case"]) != "packet"
              and result["instrument"] in HEADS]
    if not others:
        return
    print(f"\n{'CASE':<28}{'INSTRUCTIONS':>13}{'PER':>12}{'OVERHEAD':>11}{'OF IPVS':>9}"
          f"{'OF FLOOR':>10}{'SPREAD':>8}{'A SECOND':>10}")
    for result in others:
        thing = result["unit"].partition("/")[2]
        print(f"{result['case']:<28}{number(result['value']):>13}{thing:>12}"
              f"{number(result['overhead']):>11}{number(result['vs_ipvs'], '.2f'):>9}"
              f"{result['value'] / result['floor']:>10.3f}{number(result['spread'], '.1%'):>8}"
              f"{number(1e9 / result['value']):>10}")
    print("\nboth ends' work is in it; floor: forward, without a balancer, or the plain device;\n"
          "a second: what a CPU of 10^9 instructions a second does")


def print_windows(results):
    """What packets cost inside the switch, one by one."""
    windows = [result for result in results if result["instrument"] == "windows"]
    if not windows:
        return
    print(f"\n{'INSIDE THE SWITCH':<24}{'USUAL':>9}{'WORST':>9}{'DEAR':>7}{'PACKETS':>11}"
          f"{'INTERRUPTED':>13}   CPU:USUAL:PACKETS")
    for result in windows:
        print(f"{result['case']:<24}{result['value']:>9,}{result['worst']:>9,}"
              f"{result['dear']:>7,}{result['windows']:>11,}{result['interrupted']:>13,}   {' '.join(result['cpus'])}")
    print("\ninstructions from the receive handler to the driver that sends; packets during which\n"
          "there was an interrupt are not looked at; dear: more than twice the usual")
    for result in windows:
        for shared in result["shared"]:
            print(f"{result['case']}: {shared['lines']} cache lines written to by several CPUs, "
                  f"{shared['writes']} times in all: {', '.join(shared['by'])}")


def print_table(results):
    """Prints what a person wants to see."""
    seen = set()
    for result in results:
        if result["instrument"] not in seen and result["instrument"] in HEADS:
            seen.add(result["instrument"])
            print(f"{result['instrument']}: kernel {result['kernel']}")
    print_packets(results)
    print_others(results)
    print_windows(results)


def judge(results):
    """Whether the counts agree from round to round; says which do not.  And whether the CPUs keep
    to themselves."""
    fine = True
    for result in results:
        for shared in result.get("shared", []):
            if shared["by"] != ["a_packet"] and shared["writes"] > SHARED * result["windows"]:
                print(f"bench: {result['case']}: several CPUs write to the same cache lines: "
                      f"{', '.join(shared['by'])}")
                fine = False
        if result["instrument"] != "instructions" or result["spread"] is None:
            continue
        loose = result["case"].endswith("-new") or thing_of(result["case"]) != "packet"
        many = result["case"].endswith(("-64k", "-1m"))
        allowed = TOLERANCE_NEW if loose else TOLERANCE_MANY if many else TOLERANCE
        if result["spread"] > allowed:
            print(f"bench: {result['case']}: the rounds do not agree within {allowed:.1%}: "
                  f"{result['rounds']}")
            fine = False
    return fine


def main():
    """Reads, writes, prints, judges."""
    results, skipped = [], {}
    for argument in sys.argv[2:]:
        readings = Readings(*argument.split(":", 1))
        results += evaluate(readings)
        skipped |= readings.skipped
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        json.dump(results, out, indent=2)
        out.write("\n")
    print_table(results)
    for case, why in skipped.items():
        print(f"skipped: {case}: {why}")
    sys.exit(not judge(results))


if __name__ == "__main__":
    main()
