# SPDX-License-Identifier: GPL-2.0
"""
Generic-netlink messages by hand: the kernel's client makes only good ones.

    answer = ask(sock, family, command, [attr(1, u8(6)), nest(2, [attr(1, b"")])])


Lengths and offsets are in bytes; offsets count from the start of the netlink header,
as NLMSGERR_ATTR_OFFS does.
"""

import errno
import socket
import struct
from collections import namedtuple

NLA_F_NESTED = 0x8000
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR = 1, 4, 0x300, 0x10
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADERS = 16 + 4

# error: a positive errno, or 0; replies: a list of (flags, attribute bytes)
Answer = namedtuple("Answer", "error message offset missing nest replies interrupted")


def u8(value):
    """The bytes of a u8."""
    return struct.pack("B", value)


def be16(value):
    """The bytes of a u16 in network byte order."""
    return struct.pack(">H", value)


def u32(value):
    """The bytes of a u32."""
    return struct.pack("I", value)


class Attr:
    """An attribute: a number and either bytes or a list of attributes."""

    def __init__(self, number, value, flags=0):
        self.number, self.value, self.flags = number, value, flags
        self.offset = None

    def pack(self, at):
        """The attribute's bytes when it begins at offset `at`, which is remembered."""
        self.offset = at
        if isinstance(self.value, list):
            payload = pack(self.value, at + 4)
        else:
            payload = self.value
        header = struct.pack("HH", len(payload) + 4, self.number | self.flags)
        return header + payload + bytes(-len(payload) % 4)


def attr(number, value):
    """An attribute with a value."""
    return Attr(number, value)


def nest(number, attributes):
    """An attribute with attributes in it."""
    return Attr(number, attributes, NLA_F_NESTED)


def pack(attributes, at):
    """The bytes of attributes, one after the other, from offset `at` on."""
    result = b""
    for one in attributes:
        result += one.pack(at + len(result))
    return result


def unpack(data):
    """(number, payload) of each attribute in `data`."""
    at = 0
    while at + 4 <= len(data):
        length, number = struct.unpack_from("HH", data, at)
        yield number & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3


def open_socket():
    """A generic-netlink socket that is told in full what was wrong."""
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
    for option in (10, 11, 12):  # NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK
        sock.setsockopt(270, option, 1)
    sock.settimeout(10)
    return sock


def message(family, command, attributes, dump=False, tail=b"", sequence=1):
    """A whole request; `tail` is put after the attributes as it is."""
    body = struct.pack("BBH", command, 1, 0) + pack(attributes, HEADERS) + tail
    flags = NLM_F_REQUEST | NLM_F_ACK | (NLM_F_DUMP if dump else 0)
    return struct.pack("IHHII", len(body) + 16, family, flags, sequence, 0) + body


def _explain(data):
    text = offset = missing = where = None
    for number, payload in unpack(data):
        if number == 1:
            text = payload.rstrip(b"\0").decode()
        elif number == 2:
            offset = struct.unpack("I", payload)[0]
        elif number == 5:
            missing = struct.unpack("I", payload)[0]
        elif number == 6:
            where = struct.unpack("I", payload)[0]
    return text, offset, missing, where


def answer(sock):
    """What the kernel answers to the request that was sent: up to its acknowledgement."""
    replies, interrupted = [], False
    while True:
        data, at = sock.recv(1 << 17), 0
        while at + 16 <= len(data):
            length, kind, flags = struct.unpack_from("IHH", data, at)
            payload = data[at + 16 : at + length]
            at += (length + 3) & ~3
            interrupted |= bool(flags & NLM_F_DUMP_INTR)
            if kind in (NLMSG_ERROR, NLMSG_DONE):
                error = -struct.unpack_from("i", payload)[0]
                told = payload[20:] if kind == NLMSG_ERROR else payload[4:]
                # NLM_F_ACK_TLVS: there is more to it than the number.
                return Answer(error, *_explain(told if flags & 0x200 else b""), replies, interrupted)
            replies.append(payload[4:])


def ask(sock, *args, **kwargs):
    """Sends a request and returns the kernel's answer."""
    sock.send(message(*args, **kwargs))
    return answer(sock)


def name(error):
    """The name of an errno."""
    if error == errno.EOPNOTSUPP:
        # Python knows it by its other name.
        return "EOPNOTSUPP"
    return errno.errorcode.get(error, str(error))
