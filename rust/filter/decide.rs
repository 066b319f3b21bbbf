// SPDX-License-Identifier: GPL-2.0

//! The decision (Fig. 6).

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Connections,
    Handle,
    Hit,
    Insertion, //
};
use crate::core::drop_reason::DropReason;
use crate::core::method::Method;
use crate::core::packet::Packet;
use crate::core::tcp::{
    Flags,
    Tcp, //
};
use crate::core::tcp_state;
use crate::core::tuple::{
    selection_hash,
    Address as _,
    Direction,
    Endpoint,
    Ipv4Address,
    Protocol, //
};

use super::context::{
    Context,
    Destination as _,
    Service,
    Services, //
};
use super::reset;
use super::rewrite::translate;
use super::segment::{
    Kind,
    Reading,
    Segment, //
};
use super::verdict::{
    Forward,
    Verdict, //
};

/// How often a destination is chosen anew when the client has a connection to the chosen one
/// through another service, so that the replies to both would look the same.
const CHOICES: u32 = 4;

/// Decides on one packet, and rewrites it if it is to be sent on or answered.
///
/// In the kernel: bottom halves off, under RCU. Nothing here allocates or waits but for the
/// lock of a bucket, and that only for new connections.
#[inline]
pub fn filter<P, C, T>(context: &Context<'_, C, T>, packet: &mut P) -> Verdict
where
    P: Packet,
    C: Services,
    T: Connections<Ipv4Address>,
{
    // Two ways through the same functions: compiled for a header of fixed length, the usual one
    // keeps what it has read in registers.
    match Reading::of_usual(packet) {
        Some(reading) if reading.kind == Kind::Whole => context.decide(packet, &reading.segment),
        Some(reading) => context.unusual(reading.kind, &reading.segment),
        None => context.filter_long(packet),
    }
}

impl<C, T> Context<'_, C, T>
where
    C: Services,
    T: Connections<Ipv4Address>,
{
    /// What becomes of a packet with IP options, or of what is no packet at all.
    #[cold]
    #[inline(never)]
    fn filter_long<P: Packet>(&self, packet: &mut P) -> Verdict {
        let reading = Reading::of(packet);
        match reading.kind {
            Kind::Whole => self.decide(packet, &reading.segment),
            kind => self.unusual(kind, &reading.segment),
        }
    }

    /// What becomes of a whole packet with sound headers.
    #[inline(always)]
    fn decide<P: Packet>(&self, packet: &mut P, segment: &Segment) -> Verdict {
        if let Some(found) = self.find(Direction::Forward, segment) {
            if segment.flags.opens() && found.state.is_ending() {
                // The client uses its port again.
                return self.unknown(packet, segment, Some(found.handle));
            }
            return self.forward(packet, segment, Direction::Forward, &found);
        }
        if let Some(found) = self.find(Direction::Reply, segment) {
            return self.forward(packet, segment, Direction::Reply, &found);
        }
        self.unknown(packet, segment, None)
    }

    /// The connection that a packet belongs to if it goes this way.
    #[inline(always)]
    fn find(&self, direction: Direction, segment: &Segment) -> Option<Hit> {
        let (client, other) = match direction {
            Direction::Forward => (segment.source, segment.destination),
            Direction::Reply => (segment.destination, segment.source),
        };
        self.connections
            .hit(direction, segment.protocol, client, other)
    }

    /// What becomes of a packet that is not a whole one with sound headers.
    #[cold]
    #[inline(never)]
    fn unusual(&self, kind: Kind, segment: &Segment) -> Verdict {
        let if_ours = |reason| {
            if self
                .services
                .is_service_address(segment.destination.address.into())
            {
                Verdict::Drop(reason)
            } else {
                Verdict::Pass
            }
        };
        match kind {
            Kind::Foreign | Kind::Whole => Verdict::Pass,
            Kind::BadIp => Verdict::Drop(DropReason::IpHeader),
            Kind::NoMemory => Verdict::Drop(DropReason::NoMemory),
            Kind::BadTransport => if_ours(DropReason::TransportHeader),
            Kind::LaterFragment => if_ours(DropReason::Fragment),
            Kind::FirstFragment => {
                let known = |direction| self.find(direction, segment).is_some();
                if known(Direction::Forward) || known(Direction::Reply) {
                    Verdict::Drop(DropReason::Fragment)
                } else {
                    if_ours(DropReason::Fragment)
                }
            }
        }
    }

    /// Sends on a packet of a known connection.
    #[inline(always)]
    fn forward<P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment,
        direction: Direction,
        found: &Hit,
    ) -> Verdict {
        let way = Way {
            direction,
            instead: found.instead,
            service_id: found.service_id,
            destination_id: found.destination_id,
        };
        let verdict = send(packet, segment, way, false);
        if matches!(verdict, Verdict::Forward(_)) {
            let next = |state| match segment.protocol {
                Protocol::Tcp => tcp_state::next(state, segment.flags, direction),
                Protocol::Udp | Protocol::Sctp => state,
            };
            self.connections
                .touch(found.handle, found.state, self.now, next);
        }
        verdict
    }

    /// What becomes of a packet of no known connection: it may open one, in the place of the
    /// `former` one, which is at its end.
    #[inline(never)]
    fn unknown<P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment,
        former: Option<Handle>,
    ) -> Verdict {
        if !segment.source.address.may_be_answered() {
            // Neither a connection nor a reset: the stack knows such senders, too.
            return Verdict::Pass;
        }
        let is_tcp = segment.protocol == Protocol::Tcp;
        let Some(service) = self
            .services
            .service(segment.protocol, segment.destination.any())
        else {
            return if !self
                .services
                .is_service_address(segment.destination.address.into())
            {
                Verdict::Pass
            } else if is_tcp {
                refuse(packet, segment)
            } else {
                Verdict::Drop(DropReason::NoService)
            };
        };
        if is_tcp && !segment.flags.opens() {
            return refuse(packet, segment);
        }
        if segment.ttl <= 1 {
            return Verdict::Drop(DropReason::Ttl);
        }
        // Before there is a connection: nothing may go wrong once there is one.
        if packet.head(segment.head_length()).is_none() {
            return Verdict::Drop(DropReason::NoMemory);
        }
        if let Some(former) = former {
            self.remove(former);
        }
        self.open(packet, segment, service)
    }

    /// Takes a connection out and tells the accounts of it.
    fn remove(&self, handle: Handle) {
        if let Some(gone) = self.connections.remove(handle) {
            self.services.closed(&gone);
        }
    }

    /// Opens a connection and sends the packet on.
    fn open<P: Packet>(&self, packet: &mut P, segment: &Segment, service: &C::Service) -> Verdict {
        let hash = selection_hash(segment.protocol, segment.source, segment.destination);
        for attempt in 0..CHOICES {
            // Other attempts fall anywhere: the golden section spreads them.
            let hash = hash.wrapping_add(attempt.wrapping_mul(0x9e37_79b9));
            let Some(choice) = service.select(hash) else {
                break;
            };
            let endpoint = choice.endpoint();
            let Some(address) = Ipv4Address::from_ip(endpoint.address) else {
                break;
            };
            let connection = Connection {
                protocol: segment.protocol,
                template: false,
                method: Method::Nat,
                state: match segment.protocol {
                    Protocol::Tcp => ConnectionState::SynReceived,
                    Protocol::Udp | Protocol::Sctp => ConnectionState::Udp,
                },
                client: segment.source,
                service: segment.destination,
                destination: Endpoint::new(address, endpoint.port),
                service_id: service.id(),
                destination_id: choice.id(),
                timeout: service.timeout(),
                last_seen: self.now,
            };
            match self.insert(&connection) {
                Insertion::Made(_) => {
                    self.services.opened(&connection);
                    let way = Way {
                        direction: Direction::Forward,
                        instead: connection.destination,
                        service_id: connection.service_id,
                        destination_id: connection.destination_id,
                    };
                    return send(packet, segment, way, true);
                }
                Insertion::Exists(found) => {
                    let hit = Hit {
                        handle: found.handle,
                        state: found.connection.state,
                        method: found.connection.method,
                        instead: found.connection.destination,
                        service_id: found.connection.service_id,
                        destination_id: found.connection.destination_id,
                    };
                    return self.forward(packet, segment, Direction::Forward, &hit);
                }
                Insertion::Clash(_) => {}
                Insertion::Full => return Verdict::Drop(DropReason::TableFull),
            }
        }
        match segment.protocol {
            Protocol::Tcp => refuse(packet, segment),
            Protocol::Udp | Protocol::Sctp => Verdict::Drop(DropReason::NoDestination),
        }
    }

    /// Inserts a connection; one of another service that is in the way gives way if it is at
    /// its end.
    fn insert(&self, connection: &Connection) -> Insertion {
        let insertion = self.connections.insert(connection);
        let Insertion::Clash(found) = insertion else {
            return insertion;
        };
        if !found.connection.state.is_ending() {
            return insertion;
        }
        self.remove(found.handle);
        self.connections.insert(connection)
    }
}

/// How a packet of a connection goes on.
#[derive(Clone, Copy)]
struct Way {
    direction: Direction,
    /// What takes the place of its receiver (forward) or sender (reply).
    instead: Endpoint,
    service_id: u32,
    destination_id: u32,
}

/// Rewrites a packet of a connection, and says where it is to go.
#[inline(always)]
fn send<P: Packet>(packet: &mut P, segment: &Segment, way: Way, is_new: bool) -> Verdict {
    if segment.ttl <= 1 {
        return Verdict::Drop(DropReason::Ttl);
    }
    // Ethernet pads short frames, and the padding is not to go on.
    if packet.len() > segment.length && !packet.trim(segment.length) {
        return Verdict::Drop(DropReason::NoMemory);
    }
    let state = packet.checksum_state();
    let Some(head) = packet.head(segment.head_length()) else {
        return Verdict::Drop(DropReason::NoMemory);
    };
    if !translate(head, segment, state, way.direction, way.instead) {
        return Verdict::Drop(DropReason::NoMemory);
    }
    Verdict::Forward(Forward {
        next: match way.direction {
            Direction::Forward => way.instead.address,
            Direction::Reply => segment.destination.address,
        },
        direction: way.direction,
        service_id: way.service_id,
        destination_id: way.destination_id,
        length: segment.length,
        is_new,
    })
}

/// Answers a TCP segment with a reset, unless it is one itself.
fn refuse<P: Packet>(packet: &mut P, segment: &Segment) -> Verdict {
    if segment.flags.has(Flags::RST) {
        return Verdict::Drop(DropReason::NoConnection);
    }
    let answer = packet.peek(segment.head_length()).and_then(|head| {
        let payload = segment.length.wrapping_sub(segment.offset);
        let tcp = Tcp::parse(head.get(segment.offset..)?, payload)?;
        Some(reset::answer(segment, &tcp))
    });
    match answer {
        Some(answer) if packet.replace(&answer) => Verdict::Reply(segment.source.address),
        _ => Verdict::Drop(DropReason::NoMemory),
    }
}
