# SPDX-License-Identifier: GPL-2.0
"""
Changes the weights of all destinations of two services, again and again.

    changes.py ADDRESS RATE SECONDS SERVER...

The services are TCP port 80 and UDP port 7 of the address, the servers have the same
ports. RATE transactions a second, each of which changes all weights; prints how many
there were and how many milliseconds that took.
"""

import socket
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent.parent))
sys.path.append(str(HERE))

# pylint: disable=wrong-import-position
from net.lib.py import YnlFamily  # noqa: E402
import genetlink as nl  # noqa: E402

SPEC = HERE.parent.parent / "net/lib/specs/switchyard.yaml"


class Encoder:
    """Makes requests once, as the kernel's client takes its time to."""

    def __init__(self):
        self.ynl = YnlFamily(str(SPEC), schema="")

    def number(self, kind, attribute):
        """The number of an attribute."""
        return self.ynl.attr_sets[kind][attribute].value

    def change(self, service, server, weight):
        """The change of one weight."""
        protocol, address, port = service
        service = [
            nl.attr(self.number("service", "protocol"), nl.u8(protocol)),
            nl.attr(self.number("service", "address"), socket.inet_aton(address)),
            nl.attr(self.number("service", "port"), nl.be16(port)),
        ]
        destination = [
            nl.nest(self.number("destination", "service"), service),
            nl.attr(self.number("destination", "address"), socket.inet_aton(server)),
            nl.attr(self.number("destination", "port"), nl.be16(port)),
            nl.attr(self.number("destination", "weight"), nl.u32(weight)),
        ]
        kind = self.ynl.consts["change-kind"].entries["set"].value
        return nl.nest(
            self.number("apply", "change"),
            [
                nl.attr(self.number("change", "kind"), nl.u32(kind)),
                nl.nest(self.number("change", "destination"), destination),
            ],
        )

    def request(self, changes):
        """A whole request."""
        command = self.ynl.ops["apply"].req_value
        return nl.message(self.ynl.nlproto.family_id, command, changes)


def main():
    """Makes the changes."""
    address, rate, seconds, *servers = sys.argv[1:]
    rate, encoder = int(rate), Encoder()
    requests = [
        encoder.request(
            [
                encoder.change((protocol, address, port), server, 1 + (count * 7 + i * 13) % 50)
                for protocol, port in ((6, 80), (17, 7))
                for i, server in enumerate(servers)
            ]
        )
        for count in range(50)
    ]
    sock = nl.open_socket()
    begin = time.monotonic()
    total = rate * int(seconds)
    for count in range(total):
        sock.send(requests[count % len(requests)])
        answer = nl.answer(sock)
        if answer.error:
            sys.exit(f"refused: {answer}")
        # Who is late does not wait.
        time.sleep(max(0.0, begin + (count + 1) / rate - time.monotonic()))
    print(total, round((time.monotonic() - begin) * 1000))


if __name__ == "__main__":
    main()
