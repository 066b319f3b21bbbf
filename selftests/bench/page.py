#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""page.py RESULTS PAGE: writes Documentation/measurements.md from results.json."""

import json
import sys

from table import HEADS, number, thing_of

HEAD = """<!-- SPDX-License-Identifier: GPL-2.0 -->
<!-- Written by selftests/bench/page.py: do not edit. -->
# Measurements

Made by `make bench`, which writes this page, the charts and
[selftests/bench/results.json](../selftests/bench/results.json). What the cases are, and how they are measured, is told in
[selftests/bench/README.md](../selftests/bench/README.md).

"""


def row(*cells):
    """A row of a table."""
    return f"| {' | '.join(cells)} |\n"


def packets(results):
    """The cases counted by packets: instructions and nanoseconds abreast."""
    by_case = {}
    for result in results:
        if result["instrument"] in (*HEADS, "memory") and thing_of(result["case"]) == "packet":
            by_case.setdefault(result["case"], {})[result["instrument"]] = result
    text = row("case", *(f"{name}, {what}" for name in HEADS
                         for what in ("all", "overhead", "of IPVS")), "bytes a connection")
    text += row("---", *["---:"] * 7)
    for case, found in by_case.items():
        cells = []
        for name in HEADS:
            result = found.get(name, {})
            overhead = None if case.startswith("generator") else result.get("overhead")
            cells += [number(result.get("value")), number(overhead),
                      number(result.get("vs_ipvs"), ".2f")]
        text += row(case, *cells, number(found.get("memory", {}).get("value"), ".1f"))
    return text


def others(results):
    """Sockets' work."""
    text = row("case", "instructions", "per", "overhead", "of IPVS", "of the floor",
               "a second, of 10^9")
    text += row("---", "---:", "---", "---:", "---:", "---:", "---:")
    for result in results:
        if result["instrument"] in HEADS and thing_of(result["case"]) != "packet":
            text += row(result["case"], number(result["value"]), result["unit"].partition("/")[2],
                        number(result["overhead"]), number(result["vs_ipvs"], ".2f"),
                        number(result["value"] / result["floor"], ".3f"), number(1e9 / result["value"]))
    return text


def windows(results):
    """Packets inside the switch, one by one."""
    text = row("case", "usual packet", "costliest packet", "above twice the usual", "packets", "by CPU: usual, packets")
    text += row("---", "---:", "---:", "---:", "---:", "---")
    for result in results:
        if result["instrument"] == "windows":
            cpus = [cpu.split(":") for cpu in result["cpus"]]
            text += row(result["case"], number(result["value"]), number(result["worst"]),
                        number(result["dear"]), number(result["windows"]),
                        "; ".join(f"CPU {cpu}: {usual}, {count}" for cpu, usual, count in cpus))
    text += "\nCache lines that several CPUs wrote to, packets' own `sk_buff`s aside, which the kernel's " \
            "allocator hands from one CPU to the other:\n\n"
    text += row("case", "lines", "writes", "by")
    text += row("---", "---:", "---:", "---")
    for result in results:
        for shared in result.get("shared", []):
            if shared["by"] != ["a_packet"]:
                text += row(result["case"], number(shared["lines"]), number(shared["writes"]),
                            ", ".join(f"`{name}`" for name in shared["by"]))
    return text


def main():
    """Writes the page."""
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    kernels = {result["instrument"]: result["kernel"] for result in results}
    text = HEAD
    text += f"Instructions on kernel {kernels['instructions']}"
    if "nanoseconds" in kernels:
        text += f"; nanoseconds on user-mode Linux {kernels['nanoseconds']}"
    text += ".\n\n## A packet\n\nThe overhead is what a case costs above `redirect`, which decides nothing.\n\n"
    text += packets(results)
    for name in ("instructions", "nanoseconds", "memory"):
        if name in kernels:
            text += f"\n![{name}](charts/{name}.svg)\n"
    if any(thing_of(result["case"]) != "packet" for result in results):
        text += "\n## Connections, bulk, requests, swaps\n\nInstructions of both ends together.\n\n"
        text += others(results)
    if "windows" in kernels:
        text += "\n## Inside the switch\n\nInstructions from the receive handler to the driver " \
                "that sends, of packets that no interrupt fell into.\n\n"
        text += windows(results)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(text)


if __name__ == "__main__":
    main()
