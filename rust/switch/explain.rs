// SPDX-License-Identifier: GPL-2.0

//! What would become of a packet, without anything becoming of it.

use kernel::prelude::*;

use super::{
    forward::Forward,
    Switch, //
};
use crate::{
    config::Snapshot,
    connections::Table,
    core::{
        connection_state::ConnectionState,
        connections::Connections,
        drop_reason::DropReason,
        method::Method,
        packet::{
            ChecksumState,
            Packet as _,
            SlicePacket, //
        },
        tunnel::{
            self,
            Inner,
            Tunnel, //
        },
        tuple::{
            selection_hash,
            Direction,
            Endpoint,
            Family,
            IpAddress,
            Ipv4Address,
            Ipv6Address,
            Protocol, //
        },
    },
    filter::{
        decide,
        dry::Dry,
        segment::Kind,
        Context,
        Services,
        Tables,
        Verdict,
        Version, //
    },
    net::{
        bh::BottomHalf,
        clock,
        device::NetDevice,
        namespace::Namespace,
        route, //
    },
};

/// What the switch would do; netlink's `verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Leave it to the ordinary stack.
    Pass,
    /// Send it to a destination.
    Forward,
    /// Send it from a destination to the client.
    Reply,
    /// Give it to the sockets of this machine.
    Local,
    /// Answer it with a TCP reset.
    Reset,
    /// Answer it with an ICMP or ICMPv6 message.
    Icmp,
    /// Drop it.
    Drop,
    /// Keep it, a fragment, until the rest of its packet has come.
    Hold,
}

/// What would become of a packet, and why.
pub(crate) struct Explanation {
    /// What the switch would do.
    pub(crate) fate: Fate,
    /// Why it would not leave, if so.
    pub(crate) drop_reason: Option<DropReason>,
    /// Number of the service that it is for.
    pub(crate) service_id: Option<u32>,
    /// Number of the destination that it goes to or comes from.
    pub(crate) destination_id: Option<u32>,
    /// How it gets there.
    pub(crate) method: Option<Method>,
    /// The state of the connection that it belongs to; `None` if there is none yet.
    pub(crate) state: Option<ConnectionState>,
    /// The address that it is sent to on the link.
    pub(crate) next_hop: Option<IpAddress>,
    /// The device that it leaves by.
    pub(crate) out_ifindex: Option<u32>,
    /// The packet as it leaves, from its IP header on; empty if it does not.
    pub(crate) result: KVVec<u8>,
    /// What was found out, in words, one finding after the other.
    pub(crate) steps: KVec<&'static CStr>,
}

/// Room before a packet for the headers of a tunnel.
const ROOM: usize = 64;

/// More than there are findings about one packet.
const MOST_STEPS: usize = 16;

/// A configuration that is asked and keeps no account.
struct DryView<'a>(&'a Snapshot);

impl Services for DryView<'_> {
    type Destination = <Snapshot as Services>::Destination;
    type Service = <Snapshot as Services>::Service;

    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Self::Service> {
        Services::service(self.0, protocol, endpoint)
    }

    fn is_service_address(&self, address: IpAddress) -> bool {
        self.0.is_service_address(address)
    }

    fn destination(&self, id: u32) -> Option<&Self::Destination> {
        Services::destination(self.0, id)
    }

    fn service_endpoint(&self, id: u32) -> Option<Endpoint<IpAddress>> {
        self.0.service_endpoint(id)
    }

    fn is_tunnel_port(&self, port: u16) -> bool {
        self.0.is_tunnel_port(port)
    }

    fn behind(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
        f: &mut dyn FnMut(&Self::Service) -> bool,
    ) -> bool {
        self.0.behind(protocol, endpoint, f)
    }

    fn is_destination_address(&self, address: IpAddress) -> bool {
        self.0.is_destination_address(address)
    }
}

impl Explanation {
    fn new(len: usize) -> Result<Self> {
        Ok(Self {
            fate: Fate::Pass,
            drop_reason: None,
            service_id: None,
            destination_id: None,
            method: None,
            state: None,
            next_hop: None,
            out_ifindex: None,
            result: KVVec::with_capacity(len.saturating_add(ROOM), GFP_KERNEL)?,
            steps: KVec::with_capacity(MOST_STEPS, GFP_KERNEL)?,
        })
    }

    fn step(&mut self, step: &'static CStr) {
        // There is room for all that there is to say.
        let _ = self.steps.push_within_capacity(step);
    }

    fn end(&mut self, fate: Fate, reason: Option<DropReason>) {
        self.fate = fate;
        self.drop_reason = reason;
    }

    /// Keeps the packet as it leaves.
    fn leave(&mut self, packet: &SlicePacket<'_>) {
        for byte in packet.as_slice() {
            let _ = self.result.push_within_capacity(*byte);
        }
    }
}

impl Switch {
    /// Says what would become of `packet`, its bytes from the IP header on, if it came by the
    /// device of index `ifindex` or by any one. Sleeps.
    ///
    /// Nothing is sent, opened, counted or touched, but that the kernel may ask for the link-layer
    /// address of a neighbour that it does not know. What is known of fragments is not looked at.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if there is no such device.
    pub(crate) fn explain(
        &self,
        net: &Namespace,
        packet: &[u8],
        ifindex: Option<u32>,
    ) -> Result<Explanation> {
        if let Some(ifindex) = ifindex {
            NetDevice::by_index(net, ifindex).ok_or(ENODEV)?;
        }
        let mut found = Explanation::new(packet.len())?;
        let mut bytes = KVVec::from_elem(0_u8, ROOM, GFP_KERNEL)?;
        bytes.extend_from_slice(packet, GFP_KERNEL)?;
        let bh = BottomHalf::disable();
        match packet.first().map(|first| first >> 4) {
            Some(4) => self.explain_as::<Ipv4Address>(net, &mut bytes, &mut found, &bh),
            Some(6) => self.explain_as::<Ipv6Address>(net, &mut bytes, &mut found, &bh),
            _ => found.step(c"it is no IP packet"),
        }
        drop(bh);
        Ok(found)
    }

    fn explain_as<A: Version>(
        &self,
        net: &Namespace,
        bytes: &mut [u8],
        found: &mut Explanation,
        bh: &BottomHalf,
    ) where
        for<'a> DryContext<'a>: Tables<A>,
    {
        let view = DryView(self.config.current.read_bh(bh));
        let connections4 = Dry(self.connections.v4(bh));
        let connections6 = Dry(self.connections.v6(bh));
        let now = clock::coarse_milliseconds();
        let half_open_limit = self.tuning.half_open_limit();
        let half_open = connections4.half_open().max(connections6.half_open());
        let context: DryContext<'_> = Context {
            services: &view,
            connections4: &connections4,
            connections6: &connections6,
            fragments: &(),
            now,
            half_open_limit,
            dry: true,
            stateless: self.is_stateless(half_open, half_open_limit, now),
        };
        let mut packet = SlicePacket::with_room(bytes, ROOM, ChecksumState::Full);
        read::<A>(&context, &mut packet, found);
        match decide::<A, _, _, _, _>(&context, &mut packet) {
            Verdict::Pass => {
                let to = A::read(&mut packet).segment.destination.address.into();
                self.explain_pass(net, to, found, bh);
            }
            Verdict::Drop(reason) => found.end(Fate::Drop, Some(reason)),
            Verdict::Hold(_) => {
                found.step(c"its first fragment is waited for, and it goes the same way");
                found.end(Fate::Hold, None);
            }
            Verdict::Report(report) => {
                found.step(c"its sender is told that it cannot go on");
                found.end(Fate::Icmp, Some(report.reason()));
            }
            Verdict::Answer(reason) => {
                found.leave(&packet);
                match reason {
                    Some(reason) => found.end(Fate::Reset, Some(reason)),
                    None => found.end(Fate::Icmp, None),
                }
            }
            Verdict::Message(to, reason) => {
                found.step(c"it becomes a message about a packet of a connection");
                found.leave(&packet);
                found.end(Fate::Icmp, reason);
                self.explain_hop(net, to, found, bh);
            }
            Verdict::Forward(forward) | Verdict::First(forward, _) => {
                self.explain_forward(net, &mut packet, &forward, found, bh);
            }
        }
    }

    /// Says what becomes of a packet that the filter leaves alone.
    fn explain_pass(
        &self,
        net: &Namespace,
        to: IpAddress,
        found: &mut Explanation,
        bh: &BottomHalf,
    ) {
        let yard = self.yard.read_bh(bh);
        let is_its = yard.as_ref().is_some_and(|yard| {
            yard.device().is_up() && route::is_local_to(net, to, yard.device(), bh)
        });
        if is_its {
            found.step(c"the address is yard0's");
            found.end(Fate::Local, None);
        } else {
            found.step(c"it is left to the ordinary stack");
            found.end(Fate::Pass, None);
        }
    }

    /// Says by which way it goes; the length that fits there.
    fn explain_hop(
        &self,
        net: &Namespace,
        to: IpAddress,
        found: &mut Explanation,
        bh: &BottomHalf,
    ) -> Option<(u32, IpAddress)> {
        let yard = self.yard_index(bh);
        let hop = self
            .routes
            .with(bh, |routes| routes.resolve(net, to, yard, bh));
        match hop {
            Some(Ok(hop)) => {
                found.next_hop = Some(hop.neighbour());
                found.out_ifindex = Some(hop.ifindex());
                Some((hop.mtu(), hop.source()))
            }
            _ => {
                found.step(c"there is no route to where it is to go");
                found.end(Fate::Drop, Some(DropReason::NoRoute));
                None
            }
        }
    }

    /// Says how a packet is sent on.
    fn explain_forward<A: Version>(
        &self,
        net: &Namespace,
        packet: &mut SlicePacket<'_>,
        forward: &Forward<'_, A>,
        found: &mut Explanation,
        bh: &BottomHalf,
    ) {
        found.service_id = Some(forward.service_id);
        found.destination_id = (forward.destination_id != 0).then_some(forward.destination_id);
        found.method = Some(forward.method);
        found.step(match (forward.is_new, forward.direction) {
            (true, _) => c"a new connection is opened for it",
            (false, Direction::Forward) => c"it goes to a destination",
            (false, Direction::Reply) => c"it goes back to the client",
        });
        if forward.method == Method::Local {
            found.leave(packet);
            return found.end(Fate::Local, None);
        }
        let Some((mtu, source)) = self.explain_hop(net, forward.next, found, bh) else {
            return;
        };
        let overhead = match forward.method {
            Method::Tunnel => tunnel::overhead(forward.next.family(), forward.encapsulation),
            _ => 0,
        };
        let room = (mtu as usize).saturating_sub(overhead);
        if forward.length() > room {
            found.step(c"it is longer than the way takes");
            if forward.next.family() != Family::V4 || !A::may_be_fragmented(packet) {
                return found.end(Fate::Icmp, Some(DropReason::TooBig));
            }
        }
        let mut left = forward.rewrite(packet).is_ok();
        if forward.method == Method::Tunnel {
            let tunnel = Tunnel {
                source,
                destination: forward.next,
                encapsulation: forward.encapsulation,
            };
            let segment = &forward.segment;
            let flow = selection_hash(segment.protocol, segment.source, segment.destination);
            let headers =
                Inner::read(packet.as_slice()).and_then(|inner| tunnel.headers(inner, flow, 0));
            left = headers
                .is_some_and(|headers| packet.prepend(headers.as_slice(), forward.next.family()));
        }
        if left {
            found.leave(packet);
        }
        found.end(
            match forward.direction {
                Direction::Forward => Fate::Forward,
                Direction::Reply => Fate::Reply,
            },
            None,
        );
    }
}

/// What the filter consults.
type DryContext<'a> =
    Context<'a, DryView<'a>, Dry<Table<'a, Ipv4Address>>, Dry<Table<'a, Ipv6Address>>>;

/// Says what was read of a packet, and what is known of its connection and its service.
fn read<'a, A: Version>(
    context: &DryContext<'a>,
    packet: &mut SlicePacket<'_>,
    found: &mut Explanation,
) where
    DryContext<'a>: Tables<A>,
{
    let reading = A::read(packet);
    let segment = reading.segment;
    found.step(match reading.kind {
        Kind::Foreign => return found.step(c"it is of no protocol that is balanced"),
        Kind::BadIp => return found.step(c"its IP header is malformed"),
        Kind::NoMemory => return found.step(c"there is no memory for its headers"),
        Kind::UnknownExtension => {
            return found.step(c"its extension headers cannot be passed over");
        }
        Kind::BadTransport => return found.step(c"its transport header is malformed"),
        Kind::LaterFragment => return found.step(c"it is a later fragment"),
        Kind::Icmp => return found.step(c"it is an ICMP message"),
        Kind::FirstFragment => c"it is a first fragment, and is decided on as a whole packet is",
        Kind::Whole => c"its headers are sound",
    });
    let connections = Tables::<A>::connections(context);
    let known = connections
        .lookup(
            Direction::Forward,
            segment.protocol,
            segment.source,
            segment.destination,
        )
        .or_else(|| {
            connections.lookup(
                Direction::Reply,
                segment.protocol,
                segment.destination,
                segment.source,
            )
        });
    if let Some(known) = known {
        found.state = Some(known.connection.state);
        found.service_id = Some(known.connection.service_id);
        found.destination_id = Some(known.connection.destination_id);
        return found.step(c"it belongs to a known connection");
    }
    found.step(c"no connection is known that it belongs to");
    let to = segment.destination.any();
    match context.services.service(segment.protocol, to) {
        Some(service) => {
            found.service_id = Some(service.id);
            found.step(c"a service listens there");
        }
        None if context.services.is_service_address(to.address) => {
            found.step(c"the address is a service's, and no service listens on that port");
        }
        None => found.step(c"no service has that address"),
    }
}
