// SPDX-License-Identifier: GPL-2.0

//! Network address translation of either family and every transport protocol.
//!
//! Checksums are kept right from what changed alone: no data is read.

use zerocopy::{
    network_endian::U16,
    FromBytes, //
};

use super::checksum::{
    update_transport,
    Difference, //
};
use super::crc32c;
use super::network::{
    End,
    Network, //
};
use super::packet::ChecksumState;
use super::sctp;
use super::tuple::{
    Endpoint,
    Protocol, //
};

/// Where the checksum of a TCP header is.
const TCP_CHECKSUM: usize = 16;
/// Where that of a UDP header is.
const UDP_CHECKSUM: usize = 6;

/// Where a packet's transport header is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transport {
    /// The protocol.
    pub protocol: Protocol,
    /// Bytes before the header.
    pub offset: usize,
    /// Bytes of header and data. Only SCTP's checksum depends on it: a fragment's cannot be
    /// updated, since how much follows is not known.
    pub length: usize,
}

/// Puts an endpoint in the place of one end's in the packet that begins with `head`, and takes
/// `hops` off those left.
///
/// `head` reaches to the transport header's end, and `from` is what stands there. False if it is
/// too short; what was changed then is not worth sending.
#[inline(always)]
pub fn translate<A: Network>(
    head: &mut [u8],
    transport: Transport,
    state: ChecksumState,
    end: End,
    to: Endpoint<A>,
    hops: u8,
) -> bool {
    let Some((ip, rest)) = head.split_at_mut_checked(transport.offset) else {
        return false;
    };
    let Some(exchange) = A::exchange(ip, end, to.address, hops) else {
        return false;
    };
    let Transport {
        protocol, length, ..
    } = transport;
    exchange_port(
        rest,
        protocol,
        length,
        state,
        end,
        exchange.address,
        to.port,
    )
    .is_some()
}

/// Puts a port in the place of one end's in a transport header, and updates the transport
/// checksum for that and for the change of `addresses`, if it is there: of a header that an ICMP
/// error quotes it may be missing.
///
/// What changed, for checksums that cover the header; `None` if there are no ports.
#[inline(always)]
pub fn exchange_port(
    header: &mut [u8],
    protocol: Protocol,
    length: usize,
    state: ChecksumState,
    end: End,
    addresses: Difference,
    to: u16,
) -> Option<Difference> {
    let ports = header.first_chunk_mut::<4>()?;
    let before = *ports;
    let [source, destination] = zerocopy::transmute_mut!(ports);
    let port: &mut U16 = match end {
        End::Source => source,
        End::Destination => destination,
    };
    let from = port.get();
    port.set(to);
    let change = Difference::NONE.word(from, to);
    let at = match protocol {
        Protocol::Tcp => TCP_CHECKSUM,
        Protocol::Udp => UDP_CHECKSUM,
        Protocol::Sctp => {
            let after = *header.first_chunk::<4>()?;
            return Some(exchange_crc(header, length, state, before, after, change));
        }
    };
    let Some(field) = header.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<2>) else {
        return Some(change);
    };
    let old = u16::from_be_bytes(*field);
    // A UDP checksum of 0 stands for none, unless the sum is still being made.
    let is_udp = protocol == Protocol::Udp;
    if is_udp && old == 0 && state == ChecksumState::Full {
        return Some(change);
    }
    let new = update_transport(old, state, addresses, from, to);
    let new = if is_udp && new == 0 { 0xffff } else { new };
    *field = new.to_be_bytes();
    Some(change.word(old, new))
}

/// Updates SCTP's checksum, if it is there and not left to the device.
fn exchange_crc(
    header: &mut [u8],
    length: usize,
    state: ChecksumState,
    before: [u8; 4],
    after: [u8; 4],
    change: Difference,
) -> Difference {
    let following = length
        .checked_sub(before.len())
        .and_then(|following| u16::try_from(following).ok());
    let (Some(following), ChecksumState::Full) = (following, state) else {
        return change;
    };
    let Ok((header, _)) = sctp::Header::mut_from_prefix(header) else {
        return change;
    };
    let old = header.checksum.get();
    let new = crc32c::update(old, before, after, following);
    header.checksum.set(new);
    change.double_word(old.swap_bytes(), new.swap_bytes())
}
