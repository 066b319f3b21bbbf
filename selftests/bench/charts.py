#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""charts.py RESULTS DIR: draws results.json as bar charts, SVG files in DIR."""

import json
import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

METHODS = ("forward", "nft-dnat", "ipvs-nat", "ipvs-dr", "ipvs-tun",
           "switchyard-nat", "switchyard-dr", "switchyard-tun")
KINDS = {"known": "one known flow", "new": "every packet a new flow",
         "64k": "65,542 known flows at random", "1m": "1,000,016 known flows at random"}
COLOURS = {"switchyard": "#c8501e", "ipvs": "#3b6ea5", "nft": "#7a8b99", "forward": "#7a8b99"}
WIDTH, LABEL, ROW, BAR = 720, 150, 22, 15


class Chart:
    """An SVG file that grows downwards."""

    def __init__(self, title, unit, scale_to):
        self.parts, self.y = [], 24
        self.title, self.unit = title, unit
        self.low, self.high = min(0, *scale_to), max(0, *scale_to)
        self.text(8, self.y, title, "font-weight='bold' font-size='15'")
        self.y += 18
        self.text(8, self.y, unit)

    def text(self, x, y, words, style=""):
        """Writes words."""
        self.parts.append(f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(words)}</text>")

    def heading(self, words):
        """Begins a group of bars."""
        self.y += 28
        self.text(8, self.y, words, "font-style='italic'")
        self.y += 6

    def bar(self, name, value, colour):
        """A bar from zero to the value."""
        room = WIDTH - LABEL - 70
        unit = room / (self.high - self.low)
        zero, end = LABEL - self.low * unit, LABEL + (value - self.low) * unit
        self.y += ROW
        self.text(LABEL - 6, self.y - 4, name, "text-anchor='end'")
        self.parts.append(f"<rect x='{min(zero, end):.1f}' y='{self.y - BAR}' height='{BAR}' "
                          f"width='{max(abs(end - zero), 1):.1f}' fill='{colour}'/>")
        self.text(max(zero, end) + 5, self.y - 4, f"{value:,.0f}")

    def save(self, path):
        """Writes the file."""
        path.write_text(
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{self.y + 16}' "
            f"viewBox='0 0 {WIDTH} {self.y + 16}' font-family='sans-serif' font-size='12'>\n"
            "<!-- SPDX-License-Identifier: GPL-2.0 -->\n"
            "<!-- Drawn by selftests/bench/charts.py: do not edit. -->\n"
            f"<title>{escape(self.title)}: {escape(self.unit)}</title>\n"
            "<rect width='100%' height='100%' fill='white'/>\n"
            + "\n".join(self.parts) + "\n</svg>\n", encoding="utf-8")


def colour_of(method):
    """One for each balancer."""
    return next(colour for name, colour in COLOURS.items() if method.startswith(name))


def draw_packets(results, instrument, path, title, unit):
    """The overheads of an instrument's cases, grouped by family and flows."""
    found = {}
    for result in results:
        match = re.match(r"(.*?)(6?)(?:-(known|new|64k|1m))?$", result["case"])
        if result["instrument"] == instrument and match and match[1] in METHODS:
            found[match[2], match[3] or "known", match[1]] = result["overhead"]
    if not found:
        return
    chart = Chart(title, unit, found.values())
    for family in ("", "6"):
        for kind, words in KINDS.items():
            rows = [(method, found[family, kind, method]) for method in METHODS
                    if (family, kind, method) in found]
            if rows:
                chart.heading(f"IPv{family or 4}, {words}")
            for method, value in rows:
                chart.bar(method, value, colour_of(method))
    chart.save(path)


def draw_memory(results, path):
    """Bytes for each connection."""
    rows = [(result["case"].removesuffix("-1m"), result["value"]) for result in results
            if result["instrument"] == "memory"]
    if rows:
        chart = Chart("Memory for a connection",
                      "bytes, hash table included, of 1,000,016 connections",
                      [value for _, value in rows])
        for case, value in rows:
            chart.bar(case, value, colour_of(case))
        chart.save(path)


def main():
    """Draws all of them."""
    with open(sys.argv[1], encoding="utf-8") as file:
        results = json.load(file)
    target = Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    draw_packets(results, "instructions", target / "instructions.svg",
                 "Instructions for a packet",
                 "instructions above a blind redirect (tc's mirred)")
    draw_packets(results, "nanoseconds", target / "nanoseconds.svg", "Time for a packet",
                 "nanoseconds above a blind redirect (tc's mirred), user-mode Linux")
    draw_memory(results, target / "memory.svg")


if __name__ == "__main__":
    main()
