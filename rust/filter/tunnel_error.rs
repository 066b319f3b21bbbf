// SPDX-License-Identifier: GPL-2.0

//! Errors about packets on their way through a tunnel: the client is told what they mean for what
//! was inside (RFC 2003, 4; RFC 2473, 8).

use crate::core::connections::Connections;
use crate::core::drop_reason::DropReason;
use crate::core::icmp::{
    Cause,
    Messages,
    HEADER_LENGTH, //
};
use crate::core::icmp_error::{
    build,
    quoted_length, //
};
use crate::core::method::Method;
use crate::core::packet::Packet;
use crate::core::tunnel::{
    Inner,
    Tunnelled, //
};
use crate::core::tuple::{
    Direction,
    Ipv4Address,
    Ipv6Address, //
};

use super::context::{
    Context,
    Destination as _,
    Services,
    Tables, //
};
use super::decide::VerdictOf;
use super::segment::Segment;
use super::verdict::Verdict;
use super::version::Version;

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// What becomes of an error about a tunnelled packet of ours; `None` if it is about none.
    pub(super) fn tunnel_error<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        cause: Cause,
        sound: bool,
    ) -> Option<VerdictOf<'a, A, C>> {
        let begin = segment.offset.wrapping_add(HEADER_LENGTH);
        let quoted = packet.peek(segment.length)?.get(begin..)?;
        let tunnelled = Tunnelled::read(quoted, |port| self.services.is_tunnel_port(port))?;
        // What it is about was sent by the one that it is sent to.
        if tunnelled.tunnel.source != segment.destination.address.into() {
            return None;
        }
        let inner = quoted.get(tunnelled.inner..).unwrap_or_default();
        match inner.first().map(|first| first >> 4) {
            Some(4) => self.relay::<A, Ipv4Address, P>(packet, segment, &tunnelled, cause, sound),
            Some(6) => self.relay::<A, Ipv6Address, P>(packet, segment, &tunnelled, cause, sound),
            _ => None,
        }
    }

    /// Makes the error one about the inner packet, to the client.
    fn relay<A: Version, B: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        tunnelled: &Tunnelled,
        cause: Cause,
        sound: bool,
    ) -> Option<VerdictOf<'a, A, C>>
    where
        Self: Tables<B>,
    {
        let begin = segment.offset.wrapping_add(HEADER_LENGTH);
        let behind = begin.wrapping_add(tunnelled.inner);
        let bytes = packet.peek(segment.length)?;
        let inner = bytes.get(behind..)?;
        let outer = Inner::read(bytes.get(begin..)?)?.length;
        let quote = <B as Messages>::quote(inner)?;
        let found = Tables::<B>::connections(self).hit(
            Direction::Forward,
            quote.protocol,
            quote.source,
            quote.destination,
        )?;
        let destination = self.services.destination(found.destination_id)?;
        let is_its = found.method == Method::Tunnel
            && destination.endpoint().address == tunnelled.tunnel.destination;
        if !is_its {
            return None;
        }
        if !sound {
            return Some(Verdict::Drop(DropReason::TransportHeader));
        }
        let cause = tunnelled.cause(cause, outer);
        let kept = quoted_length::<B>(inner.len());
        let prefix = build::<B>(quote.destination.address, cause, inner.get(..kept)?);
        if let Cause::TooBig { mtu } = cause {
            let overhead = tunnelled.inner as u32;
            packet.learn_mtu(begin, mtu.saturating_add(overhead));
        }
        let Some(prefix) = prefix else {
            return Some(Verdict::Drop(DropReason::IcmpErrorUnknown));
        };
        let done = packet.behead(behind)
            && packet.trim(kept)
            && packet.prepend(prefix.as_slice(), B::FAMILY);
        Some(if done {
            Verdict::Message(quote.source.address.into(), None)
        } else {
            Verdict::Drop(DropReason::NoMemory)
        })
    }
}
