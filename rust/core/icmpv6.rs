// SPDX-License-Identifier: GPL-2.0

//! The numbers of ICMPv6 (RFC 4443).

use super::icmp::{
    quote_ipv6,
    Cause,
    Header,
    Meaning,
    Messages,
    Quote, //
};
use super::tuple::Ipv6Address;

const UNREACHABLE: u8 = 1;
const TOO_BIG: u8 = 2;
const TIME_EXCEEDED: u8 = 3;
const ECHO: u8 = 128;
const ECHO_REPLY: u8 = 129;

impl Messages for Ipv6Address {
    const ECHO_REPLY: u8 = ECHO_REPLY;

    fn meaning(header: &Header) -> Meaning {
        let cause = match (header.kind, header.code) {
            (ECHO_REPLY, _) => return Meaning::EchoReply,
            (ECHO, _) => return Meaning::EchoRequest,
            (UNREACHABLE, 0 | 2) => Cause::NoRoute,
            (UNREACHABLE, 1 | 5 | 6) => Cause::Prohibited,
            (UNREACHABLE, 3) => Cause::NoHost,
            (UNREACHABLE, 4) => Cause::NoPort,
            (TOO_BIG, _) => Cause::TooBig {
                mtu: header.rest.get(),
            },
            (TIME_EXCEEDED, 0) => Cause::NoHops,
            (TIME_EXCEEDED, _) => Cause::NoFragments,
            // All types below 128 are errors (RFC 4443, 2.1).
            (0..128, _) => Cause::Other,
            _ => return Meaning::Other,
        };
        Meaning::Error(cause)
    }

    fn error(cause: Cause) -> (u8, u8, u32) {
        match cause {
            Cause::NoRoute => (UNREACHABLE, 0, 0),
            Cause::Prohibited => (UNREACHABLE, 1, 0),
            Cause::NoHost | Cause::Other => (UNREACHABLE, 3, 0),
            Cause::NoPort => (UNREACHABLE, 4, 0),
            Cause::TooBig { mtu } => (TOO_BIG, 0, mtu),
            Cause::NoHops => (TIME_EXCEEDED, 0, 0),
            Cause::NoFragments => (TIME_EXCEEDED, 1, 0),
        }
    }

    fn quote(bytes: &[u8]) -> Option<Quote<Self>> {
        quote_ipv6(bytes)
    }
}
