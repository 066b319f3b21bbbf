// SPDX-License-Identifier: GPL-2.0

//! A TCP segment that makes its receiver say where it stands.
//!
//! An acknowledgment with numbers outside of the window is answered with one that has the right
//! ones (RFC 9293, 3.10.7.4). Whoever gets that answer can reset its sender by just these numbers
//! (RFC 5961, 3.2), without having followed the connection.

use zerocopy::{
    network_endian::{U128, U16, U32},
    IntoBytes, //
};

use super::checksum::{
    fold,
    sum, //
};
use super::icmp_error::Errors;
use super::ipv4;
use super::ipv6;
use super::prefix::Prefix;
use super::protocol::Protocol;
use super::tcp::{
    self,
    Flags, //
};
use super::tuple::{
    Endpoint,
    Ipv4Address,
    Ipv6Address, //
};

/// Hops that it may take.
const HOPS: u8 = 64;

/// An IP version with probes.
pub trait Probe: Errors {
    /// A probe from one end to another, complete with checksums; `None` never comes back.
    fn probe(from: Endpoint<Self>, to: Endpoint<Self>) -> Option<Prefix>;
}

fn header<A: Errors>(from: Endpoint<A>, to: Endpoint<A>) -> tcp::Header {
    let mut tcp = tcp::Header {
        source: U16::new(from.port),
        destination: U16::new(to.port),
        sequence: U32::ZERO,
        acknowledgment: U32::ZERO,
        data_offset: (tcp::HEADER_LENGTH << 2) as u8,
        flags: Flags::ACK.0,
        window: U16::ZERO,
        checksum: U16::ZERO,
        urgent: U16::ZERO,
    };
    let pseudo = A::pseudo_header(
        from.address,
        to.address,
        Protocol::Tcp.number(),
        tcp::HEADER_LENGTH as u32,
    );
    tcp.checksum = U16::new(!fold(pseudo.wrapping_add(sum(tcp.as_bytes()))));
    tcp
}

impl Probe for Ipv4Address {
    fn probe(from: Endpoint<Self>, to: Endpoint<Self>) -> Option<Prefix> {
        let mut ip = ipv4::Header {
            version_ihl: ipv4::USUAL,
            tos: 0,
            total_length: U16::new((ipv4::HEADER_LENGTH + tcp::HEADER_LENGTH) as u16),
            identification: U16::ZERO,
            fragment: U16::new(ipv4::DONT_FRAGMENT),
            ttl: HOPS,
            protocol: Protocol::Tcp.number(),
            checksum: U16::ZERO,
            source: U32::new(from.address.bits()),
            destination: U32::new(to.address.bits()),
        };
        ip.checksum = U16::new(!fold(sum(ip.as_bytes())));
        Prefix::of([ip.as_bytes(), header(from, to).as_bytes()])
    }
}

impl Probe for Ipv6Address {
    fn probe(from: Endpoint<Self>, to: Endpoint<Self>) -> Option<Prefix> {
        let ip = ipv6::Header {
            version_class_flow: U32::new(6 << 28),
            payload_length: U16::new(tcp::HEADER_LENGTH as u16),
            next_header: Protocol::Tcp.number(),
            hop_limit: HOPS,
            source: U128::new(from.address.bits()),
            destination: U128::new(to.address.bits()),
        };
        Prefix::of([ip.as_bytes(), header(from, to).as_bytes()])
    }
}
