#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""path.py FROM TO PORT SIZE: what a socket comes to know of its path.

Sends datagrams that make IP packets of SIZE bytes and must not be fragmented, from the address FROM
to TO, until the socket knows that they are too long; prints the MTU that it knows then, or "-"
if that does not happen within three seconds.
"""

import errno
import socket
import sys
import time

# <linux/in.h>, <linux/in6.h>: option level, that of discovery, that of the MTU; header bytes.
IPV4 = (socket.IPPROTO_IP, 10, 14, 28)
IPV6 = (socket.IPPROTO_IPV6, 23, 24, 48)
DO = 2


def main(source, target, port, size):
    """Sends, and says what the socket knows."""
    is_six = ":" in target
    level, discover, mtu, headers = IPV6 if is_six else IPV4
    family = socket.AF_INET6 if is_six else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as made:
        made.setsockopt(level, discover, DO)
        made.bind((source, 0))
        made.connect((target, int(port)))
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                made.send(bytes(int(size) - headers))
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    return made.getsockopt(level, mtu)
                if error.errno != errno.ECONNREFUSED:
                    raise
            time.sleep(0.05)
    return "-"


print(main(*sys.argv[1:]))
