// SPDX-License-Identifier: GPL-2.0

//! What differs between IPv4 and IPv6 for the filter, which is generic over the rest.

use crate::core::checksum::Difference;
use crate::core::packet::Packet;
use crate::core::tcp::Tcp;
use crate::core::tuple::{
    Address,
    Direction, //
};

use super::reset;
use super::segment::{
    Reading,
    Segment, //
};
use super::verdict::Report;

/// A network protocol, named by the type of its addresses.
pub trait Network: Address {
    /// Bytes of an IP header without options or extension headers.
    const HEADER_LENGTH: usize;

    /// Reads a packet's headers if the IP header is of the usual form, without options or
    /// extension headers; else `None`, and [`Self::read`] tells more.
    fn read_usual<P: Packet>(packet: &mut P) -> Option<Reading<Self>>;

    /// Reads a packet's headers.
    fn read<P: Packet>(packet: &mut P) -> Reading<Self>;

    /// Exchanges one address in an IP header and counts the hops left down, which are at least 1;
    /// what that does to the checksums that cover the addresses. `None` if `header` is too short.
    ///
    /// Forward it is the receiver's address, in the reply the sender's.
    fn exchange(
        header: &mut [u8],
        segment: &Segment<Self>,
        direction: Direction,
        to: Self,
    ) -> Option<Difference>;

    /// Counts the hops left down and leaves the rest as it is; false if `header` is too short.
    fn hop(header: &mut [u8], segment: &Segment<Self>) -> bool;

    /// Whether a router may fragment a packet.
    fn may_be_fragmented<P: Packet>(packet: &mut P) -> bool;

    /// Turns a packet into the ICMP or ICMPv6 message about it to its sender, from `source` or, if
    /// there is none, as if from its receiver. False if that was not possible, or if nobody may
    /// be told of it (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)).
    fn report<P: Packet>(packet: &mut P, report: Report, source: Option<Self>) -> bool;

    /// The reset that answers a segment, which is none itself ([`reset`]).
    fn reset(segment: &Segment<Self>, tcp: &Tcp) -> reset::Reset;
}
