#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""hot-path.py OBJECT RULES: what the packet of a known connection can come to.

Reads the object code of the module and follows every call, jump and address of a function from
the entry of the packet path on. What is reached has been looked at by somebody, or it is a fault:
RULES says, a line each, what may be, "KIND PATTERN  # why":

    entry PATTERN     where the walk begins
    cold PATTERN      where it ends: not on the way of a known connection's packet
    extern NAME [from PATTERN]
                      a function outside of the module that may be called, or only from there
    indirect PATTERN  a function that may call by a pointer
    atomic N PATTERN  a function that may have so many locked instructions

Patterns are regular expressions for a whole name, as c++filt shows it. A rule that nothing needs
is a fault as well. So are instructions that trap. The last line is a count; status 1 for faults.
"""

import re
import subprocess
import sys
from collections import deque

FUNCTION = re.compile(r"^([0-9a-f]+) <(\S+)>:$")
INSTRUCTION = re.compile(r"^ +([0-9a-f]+):\t(.*)$")
RELOCATION = re.compile(r"[0-9a-f]+: (R_X86_64_\w+)\s(\S+?)([+-]0x[0-9a-f]+)?(?=\t|$)")
TARGET = re.compile(r"<([^>+]+)(\+0x[0-9a-f]+)?>$")
RETPOLINE = re.compile(r"^__x86_indirect_(thunk|call_thunk|jump_thunk)_|^__SCT__")
# Those that read and write memory at one go, on the bus.
LOCKED = re.compile(r"^(lock |xchg .*\()")
# What the compiler puts in for hardening, and what tracing patches in.
SCAFFOLD = {"__x86_return_thunk", "__fentry__", "__stack_chk_fail"}


class Rule:
    """How many locked instructions a rule allows, from where, and whether anybody needed it."""

    def __init__(self, most, caller):
        self.most = most
        self.caller = caller
        self.needed = False


class Function:
    """What one function of the object refers to."""

    def __init__(self, name):
        self.name = name
        self.internal = set()
        self.external = set()
        self.indirect = False
        self.atomic = 0
        self.traps = []


def run(*command, text=None):
    """The output of a command."""
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def demangled(names):
    """The names as a reader knows them, without hashes."""
    names = list(names)
    shown = run("c++filt", text="\n".join(names)).splitlines()
    return dict(zip(names, (re.sub(r"\[[0-9a-f]{12,}\]", "", name) for name in shown)))


def places(path):
    """The functions' names by section and address; addresses of the code sections."""
    by_place, sizes = {}, {}
    for line in run("readelf", "-sW", path).splitlines():
        field = line.split()
        if len(field) == 8 and field[3] == "FUNC" and field[6].isdigit():
            if not field[7].startswith("__pfx_"):
                by_place[int(field[6]), int(field[1], 16)] = field[7]
                sizes[field[7]] = int(field[2], 0)
    numbers = {}
    for line in run("readelf", "-SW", path).splitlines():
        found = re.match(r"\s+\[ *(\d+)\] (\S+)\s+PROGBITS", line)
        if found:
            numbers[found[2]] = int(found[1])
    return by_place, sizes, numbers


def read(path):
    """The functions of an object by their names."""
    by_place, sizes, numbers = places(path)
    starts = {}
    for (section, address), name in by_place.items():
        starts.setdefault(section, []).append((address, name))

    def at(section, address):
        for start, name in starts.get(section, []):
            if start <= address < start + max(sizes[name], 1):
                return name
        return None

    functions = {}
    current = None

    def refer(name):
        if name != current.name:
            (current.internal if name in sizes else current.external).add(name)

    for line in run("objdump", "-dr", "--no-show-raw-insn", "-w", path).splitlines():
        if found := FUNCTION.match(line):
            current = functions.setdefault(found[2], Function(found[2]))
        elif current is None:
            continue
        elif found := INSTRUCTION.match(line):
            code, _, relocations = found[2].partition("\t")
            code = re.sub(r"\s+", " ", code).strip()
            kind = code.split(" ", 1)[0]
            if LOCKED.match(code):
                current.atomic += 1
            if kind in ("ud2", "ud1", "int3", "hlt"):
                current.traps.append(code)
            jumps = kind == "call" or kind.startswith("j")
            if jumps and "*" in code:
                current.indirect = True
            named = False
            for way, name, offset in RELOCATION.findall(relocations):
                named = True
                if name in numbers:
                    # The addend counts from the end of the four bytes.
                    add = 4 if way in ("R_X86_64_PC32", "R_X86_64_PLT32") else 0
                    offset = int(offset or "0", 16)
                    target = at(numbers.get(name), offset + add)
                    if target:
                        refer(target)
                elif RETPOLINE.match(name):
                    current.indirect = True
                elif name in sizes or (jumps and name not in SCAFFOLD):
                    refer(name)
            if jumps and not named and (found := TARGET.search(code)):
                if found[1] in sizes:
                    refer(found[1])
    return functions


def rules_of(path):
    """The rules by their kind and pattern."""
    rules = {kind: {} for kind in ("entry", "cold", "extern", "indirect", "atomic")}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            words = line.split("#", 1)
            if not words[0].strip():
                continue
            kind, pattern = words[0].strip().split(None, 1)
            if kind not in rules or len(words) < 2:
                sys.exit(f"{path}:{number}: \"KIND PATTERN  # why\" is wanted")
            count = 0
            if kind == "atomic":
                count, pattern = pattern.split(None, 1)
            pattern, _, caller = pattern.partition(" from ")
            rules[kind][re.compile(pattern)] = Rule(int(count), re.compile(caller or ".*"))
    return rules


def main():
    """Walks."""
    path, rules_path = sys.argv[1:]
    functions, rules = read(path), rules_of(rules_path)
    names = set(functions)
    for function in functions.values():
        names |= function.internal | function.external
    shown = demangled(names)

    def allowed(kind, name, count=0, caller=""):
        for pattern, rule in rules[kind].items():
            if pattern.fullmatch(shown.get(name, name)) and count <= rule.most and \
                    rule.caller.fullmatch(shown.get(caller, caller)):
                rule.needed = True
                return True
        return False

    faults, came_from = [], {}
    todo = deque(name for name in functions if allowed("entry", name))
    came_from.update((name, None) for name in todo)

    def way(name):
        steps = []
        while name is not None:
            steps.append(shown.get(name, name))
            name = came_from[name]
        return "".join(f"\n    from {step}" for step in steps)

    outside = {}
    while todo:
        name = todo.popleft()
        function = functions[name]
        if function.indirect and not allowed("indirect", name):
            faults.append(f"a call by a pointer{way(name)}")
        if function.atomic and not allowed("atomic", name, function.atomic):
            faults.append(f"{function.atomic} locked instructions{way(name)}")
        for trap in function.traps:
            faults.append(f"a trap, {trap}{way(name)}")
        for other in sorted(function.external):
            outside.setdefault(other, []).append(name)
        for other in sorted(function.internal):
            if other in came_from or other not in functions or allowed("cold", other):
                continue
            came_from[other] = name
            todo.append(other)
    for other, callers in sorted(outside.items()):
        for name in callers:
            if not allowed("extern", other, 0, name):
                faults.append(f"{shown.get(other, other)}{way(name)}")
    if not came_from:
        faults.append("there is no entry")
    for kind, patterns in rules.items():
        for pattern, rule in patterns.items():
            if not rule.needed:
                faults.append(f"nothing needs the rule \"{kind} {pattern.pattern}\"")
    for fault in faults:
        print(f"not allowed: {fault}")
    print(f"{len(came_from)} functions looked at, {len(outside)} called outside, "
          f"{len(faults)} faults")
    sys.exit(bool(faults))


main()
