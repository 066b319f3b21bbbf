# SPDX-License-Identifier: GPL-2.0
"""
An agent for HAProxy's agent-check that says what a file has.

    agent_check.py PORT WORDS TOLD

Answers whoever connects to PORT with the line in the file WORDS.  Each time that this is
another than before, TOLD gets a line: the time, in microseconds since 1970, and the words.
"""

import socket
import sys
import time


def main():
    """Answers until it is killed."""
    port, words, told = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    listener = socket.create_server(("", port), backlog=16)
    before = None
    with open(told, "w", encoding="ascii", buffering=1) as log:
        while True:
            client, _ = listener.accept()
            with client, open(words, encoding="ascii") as file:
                line = file.readline().strip()
                now = time.time()
                try:
                    client.sendall(line.encode() + b"\n")
                except OSError:
                    continue
                if line and line != before:
                    log.write(f"{int(now * 1e6)} {line}\n")
                    before = line


if __name__ == "__main__":
    main()
