# SPDX-License-Identifier: GPL-2.0
"""
Drives "yardctl top" in a terminal of its own.

    terminal.py SERVICE COMMAND...

Prints "ok TEXT" or "not ok TEXT" for each thing that it tries; SERVICE is a word that has
to come up on the screen.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

ENTERED, LEFT = b"\x1b[?1049h", b"\x1b[?1049l"
PATIENCE = 20


def result(good, text):
    """One result."""
    print("ok" if good else "not ok", text, flush=True)


class Terminal:
    """A terminal with a command in it."""

    def __init__(self, command, rows=30, columns=120):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            # Until the size is what it is to be.
            os.read(0, 1)
            os.execvp(command[0], command)
        self.size(rows, columns)
        self.before = termios.tcgetattr(self.fd)
        self.seen = b""
        os.write(self.fd, b"\n")

    def size(self, rows, columns):
        """Sets the size, of which the command is told."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until, seconds=PATIENCE):
        """Reads until a condition holds for what was read in all; whether it did."""
        end = time.monotonic() + seconds
        while not until(self.seen):
            left = end - time.monotonic()
            if left <= 0:
                return False
            if select.select([self.fd], [], [], min(left, 0.2))[0]:
                try:
                    more = os.read(self.fd, 65536)
                except OSError:
                    more = b""
                if not more:
                    return until(self.seen)
                self.seen += more
        return True

    def has(self, words):
        """Waits for these bytes, after what was waited for before."""
        good = self.read(lambda seen: words in seen)
        self.seen = b""
        return good

    def press(self, keys):
        """Presses keys."""
        os.write(self.fd, keys)

    def status(self, flags=0):
        """What became of the command; None if nothing for long."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            # Whatever it says must be taken, or it waits.
            self.read(lambda seen: False, 0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG | flags)
            if pid:
                return status
        return None

    def restored(self):
        """Whether the terminal is as it was."""
        after = termios.tcgetattr(self.fd)
        return LEFT in self.seen and b"\x1b[?25h" in self.seen and after == self.before


def main():
    """Everything."""
    service, command = sys.argv[1].encode(), sys.argv[2:]

    top = Terminal(command)
    result(top.has(ENTERED), "it takes the terminal")
    result(top.has(service), "the service is on the screen")
    top.press(b"?")
    result(top.has(b"any key goes back"), "the keys are explained")
    top.press(b"x")
    top.press(b"/no-such-thing\r")
    result(top.has(b"no-such-thing"), "a filter is written")
    top.press(b"\x1b")
    result(top.has(service), "Esc shows all")
    top.size(50, 150)
    # The last line is where the terminal ends.
    result(top.has(b"\x1b[50;1H"), "it takes the new size")
    top.press(b"\x1a")
    status = top.status(os.WUNTRACED)
    result(status is not None and os.WIFSTOPPED(status), "Ctrl-Z stops it")
    result(top.restored(), "with the terminal as it was")
    top.seen = b""
    os.kill(top.pid, signal.SIGCONT)
    result(top.has(ENTERED), "it goes on")
    top.press(b"q")
    status = top.status()
    result(status == 0, f"q ends it: {status}")
    result(top.restored(), "and the terminal is as it was")

    top = Terminal(command)
    top.has(service)
    os.kill(top.pid, signal.SIGTERM)
    status = top.status()
    killed = status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status)
    result(killed == signal.SIGTERM, "SIGTERM ends it")
    result(top.restored(), "and the terminal is as it was then, too")


if __name__ == "__main__":
    main()
