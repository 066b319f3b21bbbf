#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""mark.py [BEGIN [END [INTERRUPT]]]: tells counter.so at which kernel functions a window
begins, ends, and is given up; without one, that counting ends.  *PART is a function whose
long name has that part.

In the virtual machine; by the instructions that counter.c describes.
"""

import ctypes
import mmap
import struct
import sys

MAGIC = 0x5357495443485944


def address_of(symbol):
    """Where the kernel has the function."""
    with open("/proc/kallsyms", encoding="ascii") as lines:
        for line in lines:
            words = line.split()
            if words[1] in "tT" and (words[2] == symbol or
                                     symbol.startswith("*") and symbol[1:] in words[2]):
                return int(words[0], 16)
    sys.exit(f"mark.py: the kernel has no {symbol}")


def main():
    """Executes the mark."""
    # rbx is the caller's: push %rbx, the marks, pop %rbx, ret.
    code = b"\x53\x48\xb8" + struct.pack("<Q", MAGIC)
    marks = [address_of(symbol) for symbol in sys.argv[1:]] + [0, 0, 0]
    for opcode, mark in zip((b"\xb9", b"\xba", b"\xbb"), marks):
        code += b"\x48" + opcode + struct.pack("<Q", mark)
    code += b"\x5b\xc3"
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()


if __name__ == "__main__":
    main()
