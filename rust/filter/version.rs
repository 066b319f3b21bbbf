// SPDX-License-Identifier: GPL-2.0

//! What differs between IPv4 and IPv6 for the filter, which is generic over the rest.

use crate::core::icmp_error::Errors;
use crate::core::packet::Packet;
use crate::core::tcp::Tcp;
use crate::core::tuple::Endpoint;

use super::reset;
use super::segment::{
    Reading,
    Segment, //
};
use super::transport;

/// An IP version, named by the type of its addresses, as the filter reads it.
pub trait Version: Errors {
    /// Bytes that [`Self::is_usual`] looks at.
    const USUAL_HEAD: usize;

    /// Whether a packet of `len` bytes that begins with `head`, of at least [`Self::USUAL_HEAD`]
    /// bytes, is one for the express way ([`super::express`]) as far as can be told by itself:
    /// whole, sound, without padding, options and extension headers, with hops left. `is_sound` is
    /// asked about its transport header and how long that and the data are.
    fn is_usual(head: &[u8], len: usize, is_sound: impl Fn(&[u8], usize) -> bool) -> bool;

    /// The addresses of sender and receiver in the header at the beginning of `head`.
    fn addresses(head: &[u8]) -> Option<(Self, Self)>;

    /// Sender and receiver of a usual packet.
    #[inline(always)]
    fn ends(head: &[u8]) -> Option<(Endpoint<Self>, Endpoint<Self>)> {
        let (source, destination) = Self::addresses(head)?;
        let (from, to) = transport::ports(head.get(Self::HEADER_LENGTH..)?)?;
        Some((Endpoint::new(source, from), Endpoint::new(destination, to)))
    }

    /// The number of the protocol after the header at the beginning of `head`, sound or not.
    fn next_protocol(head: &[u8]) -> Option<u8>;

    /// Reads a packet's headers if the IP header is of the usual form, without options or
    /// extension headers; else `None`, and [`Self::read`] tells more.
    fn read_usual<P: Packet>(packet: &mut P) -> Option<Reading<Self>>;

    /// Reads a packet's headers.
    fn read<P: Packet>(packet: &mut P) -> Reading<Self>;

    /// Whether a router may fragment a packet.
    fn may_be_fragmented<P: Packet>(packet: &mut P) -> bool;

    /// The reset that answers a segment, which is none itself ([`reset`]).
    fn reset(segment: &Segment<Self>, tcp: &Tcp) -> reset::Reset;
}
