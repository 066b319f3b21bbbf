// SPDX-License-Identifier: GPL-2.0

//! Network address translation in place: one endpoint is exchanged, the time to live counted
//! down, and all checksums are kept right incrementally.

use zerocopy::FromBytes;

use crate::core::checksum::update_transport;
use crate::core::crc32c;
use crate::core::packet::ChecksumState;
use crate::core::sctp;
use crate::core::tcp;
use crate::core::tuple::{
    Direction,
    Endpoint,
    Protocol, //
};
use crate::core::udp;

use super::network::Network;
use super::segment::Segment;

/// Exchanges one endpoint of a packet: forward its receiver for the destination, in the reply
/// its sender for the service.
///
/// `head` is the packet's beginning, [`Segment::head_length`] bytes, as it was read into
/// `segment`; `ttl` of that is at least 1. False if it is too short, which cannot be.
#[inline(always)]
pub fn translate<A: Network>(
    head: &mut [u8],
    segment: &Segment<A>,
    state: ChecksumState,
    direction: Direction,
    to: Endpoint<A>,
) -> bool {
    let Some((ip, transport)) = head.split_at_mut_checked(segment.offset) else {
        return false;
    };
    let Some(difference) = A::exchange(ip, segment, direction, to.address) else {
        return false;
    };
    let from = match direction {
        Direction::Forward => segment.destination.port,
        Direction::Reply => segment.source.port,
    };
    match segment.protocol {
        Protocol::Tcp => {
            let Ok((tcp, _)) = tcp::Header::mut_from_prefix(transport) else {
                return false;
            };
            match direction {
                Direction::Forward => tcp.destination.set(to.port),
                Direction::Reply => tcp.source.set(to.port),
            }
            let old = tcp.checksum.get();
            tcp.checksum
                .set(update_transport(old, state, difference, from, to.port));
        }
        Protocol::Udp => {
            let Ok((udp, _)) = udp::Header::mut_from_prefix(transport) else {
                return false;
            };
            match direction {
                Direction::Forward => udp.destination.set(to.port),
                Direction::Reply => udp.source.set(to.port),
            }
            let old = udp.checksum.get();
            // 0 stands for none, unless the sum is still being made.
            if old != 0 || state == ChecksumState::Partial {
                let new = update_transport(old, state, difference, from, to.port);
                udp.checksum.set(if new == 0 { 0xffff } else { new });
            }
        }
        Protocol::Sctp => {
            let Ok((sctp, _)) = sctp::Header::mut_from_prefix(transport) else {
                return false;
            };
            let ports = |sctp: &sctp::Header| {
                let ([a, b], [c, d]) = (sctp.source.to_bytes(), sctp.destination.to_bytes());
                [a, b, c, d]
            };
            let old = ports(sctp);
            match direction {
                Direction::Forward => sctp.destination.set(to.port),
                Direction::Reply => sctp.source.set(to.port),
            }
            // Addresses are not covered; without a full sum the whole is still to be worked out.
            if from != to.port && state == ChecksumState::Full {
                let after = segment.length.wrapping_sub(segment.offset.wrapping_add(4));
                let Ok(after) = u16::try_from(after) else {
                    return false;
                };
                let new = crc32c::update(sctp.checksum.get(), old, ports(sctp), after);
                sctp.checksum.set(new);
            }
        }
    }
    true
}
