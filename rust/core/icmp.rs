// SPDX-License-Identifier: GPL-2.0

//! ICMP messages of both families as a switch sees them (RFC 792, RFC 4443): echo, and errors
//! with the packet that they are about.
//!
//! The families' numbers are in `icmpv4` and `icmpv6`.

use zerocopy::{
    network_endian::{U16, U32},
    FromBytes, //
};

use super::checksum::{
    fold,
    sum, //
};
use super::ipv4;
use super::ipv6::{
    self,
    Ipv6, //
};
use super::network::Network;
use super::protocol::Protocol;
use super::tuple::{
    Endpoint,
    Ipv4Address,
    Ipv6Address, //
};

/// Bytes of the header.
pub const HEADER_LENGTH: usize = 8;

/// Bytes of an IP packet that [`parse`] may want, counted from the ICMP header on: the header, the
/// longest IP header that is followed and a TCP header.
pub const MOST_READ: usize = HEADER_LENGTH + ipv6::LONGEST_CHAIN + super::tcp::HEADER_LENGTH;

/// The header as it lies in the packet.
#[derive(
    Clone,
    Copy,
    Debug,
    zerocopy_derive::FromBytes,
    zerocopy_derive::Immutable,
    zerocopy_derive::IntoBytes,
    zerocopy_derive::KnownLayout,
    zerocopy_derive::Unaligned,
)]
#[repr(C)]
pub struct Header {
    /// The type.
    pub kind: u8,
    /// What of the type.
    pub code: u8,
    /// Checksum over header and data; that of ICMPv6 over a pseudo-header as well.
    pub checksum: U16,
    /// Identifier and number of an echo, MTU of a packet that was too big.
    pub rest: U32,
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No route to its destination.
    NoRoute,
    /// Its destination does not answer.
    NoHost,
    /// Nobody listens on its port.
    NoPort,
    /// It is forbidden.
    Prohibited,
    /// It is longer than a link takes that it has to go by.
    TooBig {
        /// Bytes that the link takes; 0 if a router of before RFC 1191 does not tell.
        mtu: u32,
    },
    /// Its hops ran out.
    NoHops,
    /// Some of its fragments did not come.
    NoFragments,
    /// Something else, such as a header field.
    Other,
}

/// What a message's header means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An answer is asked for.
    EchoRequest,
    /// The answer.
    EchoReply,
    /// A packet did not arrive, and its beginning follows.
    Error(Cause),
    /// Anything else; an affair of the link or of the stack.
    Other,
}

/// An IP version with the numbers of its ICMP.
pub trait Messages: Network {
    /// The type of an echo reply.
    const ECHO_REPLY: u8;

    /// What this header means.
    fn meaning(header: &Header) -> Meaning;

    /// Type, code and the rest of the header of the error that says this.
    fn error(cause: Cause) -> (u8, u8, u32);

    /// The packet that an error quotes at the beginning of `bytes`; its offsets count from there.
    ///
    /// The quote may have been cut anywhere, so no length but those of the headers is checked, and
    /// no checksum: routers change what they quote. `None` if its ports did not come or it is no
    /// transport protocol that can be balanced.
    fn quote(bytes: &[u8]) -> Option<Quote<Self>>;
}

/// The packet that an error is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quote<A> {
    /// Its transport protocol.
    pub protocol: Protocol,
    /// Its sender.
    pub source: Endpoint<A>,
    /// Its receiver.
    pub destination: Endpoint<A>,
    /// Where its IP header is, in bytes.
    pub ip: usize,
    /// Where its transport header is, of which at least the ports came.
    pub transport: usize,
    /// Bytes of its transport header and data as it was, by its IP header.
    pub length: usize,
}

/// A message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Message<A> {
    /// What it means.
    pub meaning: Meaning,
    /// What an error is about, if that can be told.
    pub quote: Option<Quote<A>>,
}

/// Reads the message whose header is `offset` bytes into a packet.
///
/// `bytes` is the packet's beginning, its IP header parsed and with no padding behind its end: all
/// of it, or [`MOST_READ`] bytes from `offset` on. `None` if the header does not fit.
pub fn parse<A: Messages>(bytes: &[u8], offset: usize) -> Option<Message<A>> {
    let (header, quoted) = Header::ref_from_prefix(bytes.get(offset..)?).ok()?;
    let meaning = A::meaning(header);
    let begin = offset.wrapping_add(HEADER_LENGTH);
    let quote = match meaning {
        Meaning::Error(_) => A::quote(quoted).map(|quote| Quote {
            ip: begin,
            transport: quote.transport.wrapping_add(begin),
            ..quote
        }),
        _ => None,
    };
    Some(Message { meaning, quote })
}

/// Whether a message's checksum is right; `message` is all of it, from its header on.
pub fn is_sound<A: Network>(message: &[u8], source: A, destination: A) -> bool {
    let pseudo = pseudo_header(source, destination, message.len());
    fold(pseudo.wrapping_add(sum(message))) == u16::MAX
}

/// The sum that a message's checksum begins with.
pub(super) fn pseudo_header<A: Network>(source: A, destination: A, length: usize) -> u64 {
    match A::FAMILY {
        super::tuple::Family::V4 => 0,
        super::tuple::Family::V6 => A::pseudo_header(source, destination, A::ICMP, length as u32),
    }
}

/// The ports that a transport header begins with.
fn ports(header: &[u8]) -> Option<(u16, u16)> {
    let [a, b, c, d] = *header.first_chunk::<4>()?;
    Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
}

/// [`Messages::quote`] for IPv4.
pub(super) fn quote_ipv4(bytes: &[u8]) -> Option<Quote<Ipv4Address>> {
    let (header, _) = ipv4::Header::ref_from_prefix(bytes).ok()?;
    let transport = ipv4::announced_length(header.version_ihl);
    let is_first = header.piece().offset == 0;
    if header.version_ihl >> 4 != 4 || transport < ipv4::HEADER_LENGTH || !is_first {
        return None;
    }
    let protocol = Protocol::from_number(header.protocol)?;
    let (source, destination) = ports(bytes.get(transport..)?)?;
    let at = |address: U32, port| Endpoint::new(Ipv4Address::from_bits(address.get()), port);
    Some(Quote {
        protocol,
        source: at(header.source, source),
        destination: at(header.destination, destination),
        ip: 0,
        transport,
        length: usize::from(header.total_length.get()).saturating_sub(transport),
    })
}

/// [`Messages::quote`] for IPv6.
pub(super) fn quote_ipv6(bytes: &[u8]) -> Option<Quote<Ipv6Address>> {
    // Nothing is known of where the packet ended but what its header says.
    let ip = Ipv6::parse(bytes, usize::MAX).ok()?;
    if ip.fragment == super::fragment::Fragment::Later {
        return None;
    }
    let protocol = Protocol::from_number(ip.protocol)?;
    let (source, destination) = ports(bytes.get(ip.header_length..)?)?;
    Some(Quote {
        protocol,
        source: Endpoint::new(ip.source, source),
        destination: Endpoint::new(ip.destination, destination),
        ip: 0,
        transport: ip.header_length,
        length: ip.total_length.saturating_sub(ip.header_length),
    })
}
