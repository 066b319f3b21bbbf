// SPDX-License-Identifier: GPL-2.0

//! Network address translation in place: one endpoint is exchanged, the time to live counted
//! down, and both checksums are kept right incrementally.

use zerocopy::FromBytes;

use crate::core::checksum::{
    update_transport,
    Difference, //
};
use crate::core::ipv4;
use crate::core::packet::ChecksumState;
use crate::core::tcp;
use crate::core::tuple::{
    Direction,
    Endpoint,
    Protocol, //
};
use crate::core::udp;

use super::segment::Segment;

/// Exchanges one endpoint of a packet: forward its receiver for the destination, in the reply
/// its sender for the service.
///
/// `head` is the packet's beginning, [`Segment::head_length`] bytes, as it was read into
/// `segment`; `ttl` of that is at least 1. False if it is too short, which cannot be.
#[inline(always)]
pub fn translate(
    head: &mut [u8],
    segment: &Segment,
    state: ChecksumState,
    direction: Direction,
    to: Endpoint,
) -> bool {
    let Some((ip, transport)) = head.split_at_mut_checked(segment.offset) else {
        return false;
    };
    let Ok((ip, _)) = ipv4::Header::mut_from_prefix(ip) else {
        return false;
    };
    let (from, address) = match direction {
        Direction::Forward => (segment.destination, &mut ip.destination),
        Direction::Reply => (segment.source, &mut ip.source),
    };
    let difference = Difference::NONE.double_word(from.address.bits(), to.address.bits());
    address.set(to.address.bits());

    ip.ttl = segment.ttl.wrapping_sub(1);
    // The time to live is the upper half of its word.
    let header = difference.word(u16::from(segment.ttl) << 8, u16::from(ip.ttl) << 8);
    ip.checksum.set(header.apply(ip.checksum.get()));

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
                .set(update_transport(old, state, difference, from.port, to.port));
        }
        Protocol::Udp | Protocol::Sctp => {
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
                let new = update_transport(old, state, difference, from.port, to.port);
                udp.checksum.set(if new == 0 { 0xffff } else { new });
            }
        }
    }
    true
}
