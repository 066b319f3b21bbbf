// SPDX-License-Identifier: GPL-2.0

//! The numbers of ICMP (RFC 792, RFC 1191, RFC 1812).

use super::icmp::{
    quote_ipv4,
    Cause,
    Header,
    Meaning,
    Messages,
    Quote, //
};
use super::tuple::Ipv4Address;

const ECHO_REPLY: u8 = 0;
const UNREACHABLE: u8 = 3;
const ECHO: u8 = 8;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER_PROBLEM: u8 = 12;

impl Messages for Ipv4Address {
    const ECHO_REPLY: u8 = ECHO_REPLY;

    fn meaning(header: &Header) -> Meaning {
        let cause = match (header.kind, header.code) {
            (ECHO_REPLY, _) => return Meaning::EchoReply,
            (ECHO, _) => return Meaning::EchoRequest,
            (UNREACHABLE, 0 | 5 | 6 | 11) => Cause::NoRoute,
            (UNREACHABLE, 1 | 7 | 8 | 12) => Cause::NoHost,
            (UNREACHABLE, 3) => Cause::NoPort,
            (UNREACHABLE, 4) => Cause::TooBig {
                mtu: header.rest.get() & 0xffff,
            },
            (UNREACHABLE, 9 | 10 | 13) => Cause::Prohibited,
            (TIME_EXCEEDED, 0) => Cause::NoHops,
            (TIME_EXCEEDED, _) => Cause::NoFragments,
            (UNREACHABLE | PARAMETER_PROBLEM, _) => Cause::Other,
            // Redirects quote a packet as well, but are for the one that sent it alone.
            _ => return Meaning::Other,
        };
        Meaning::Error(cause)
    }

    fn error(cause: Cause) -> (u8, u8, u32) {
        match cause {
            Cause::NoRoute => (UNREACHABLE, 0, 0),
            Cause::NoHost | Cause::Other => (UNREACHABLE, 1, 0),
            Cause::NoPort => (UNREACHABLE, 3, 0),
            Cause::TooBig { mtu } => (UNREACHABLE, 4, mtu.min(0xffff)),
            Cause::Prohibited => (UNREACHABLE, 13, 0),
            Cause::NoHops => (TIME_EXCEEDED, 0, 0),
            Cause::NoFragments => (TIME_EXCEEDED, 1, 0),
        }
    }

    fn quote(bytes: &[u8]) -> Option<Quote<Self>> {
        quote_ipv4(bytes)
    }
}
