// SPDX-License-Identifier: GPL-2.0

//! The decision (Fig. 6) on packets of no known connection: new connections, and refusals.

use crate::core::connection::Connection;
use crate::core::connection_state::ConnectionState;
use crate::core::connections::{
    Connections,
    Found,
    Handle,
    Hit,
    Insertion, //
};
use crate::core::drop_reason::DropReason;
use crate::core::method::Method;
use crate::core::packet::Packet;
use crate::core::tcp::Tcp;
use crate::core::tuple::{
    client_hash,
    selection_hash,
    Direction,
    Endpoint,
    IpAddress,
    Ipv4Address,
    Ipv6Address,
    Protocol, //
};

use super::context::{
    Context,
    Destination,
    Service,
    Services,
    Tables, //
};
use super::decide::VerdictOf;
use super::report::Report;
use super::segment::Segment;
use super::verdict::{
    Forward,
    Verdict, //
};
use super::version::Version;

/// How often a destination is chosen anew when the client has a connection to the chosen one
/// through another service, so that the replies to both would look the same.
const CHOICES: u32 = 4;

/// The number of the destination that this machine's own sockets are as the last resort: that of
/// none in the configuration.
pub(super) const LAST_RESORT: u32 = 0;

/// How far apart the hashes of successive choices are: the golden section spreads them.
pub(super) const ANOTHER: u32 = 0x9e37_79b9;

impl<'a, C, T4, T6> Context<'a, C, T4, T6>
where
    C: Services,
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
{
    /// What becomes of a packet of no known connection: it may open one, in the place of the
    /// `former` one, which is at its end or has lost its destination.
    #[inline(never)]
    pub(super) fn unknown<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        former: Option<Handle>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        if !segment.source.address.may_be_answered() {
            // Neither a connection nor a reset: the stack knows such senders, too.
            return Verdict::Pass;
        }
        let to: Endpoint<IpAddress> = segment.destination.any();
        let Some(service) = self.services.service(segment.protocol, to) else {
            if self.services.is_service_address(to.address) {
                return self.refuse(packet, segment);
            }
            return self.unknown_reply(segment).unwrap_or(Verdict::Pass);
        };
        if !segment.opens() {
            return if self.stateless && !segment.resets() {
                self.stateless(packet, segment, service)
            } else {
                self.refuse(packet, segment)
            };
        }
        // What is handed to the control CPUs does not travel on: it may be at its last hop.
        if segment.ttl <= 1 && !stays_here(service) {
            return Verdict::Report(Report::HopLimit);
        }
        // Before there is a connection: nothing may go wrong once there is one.
        if packet.head(segment.head_length()).is_none() {
            return Verdict::Drop(DropReason::NoMemory);
        }
        if let Some(former) = former {
            self.remove::<A>(former);
        }
        let options = service.options();
        if options.one_packet && segment.protocol == Protocol::Udp {
            let hash = hash_of_packet(service, segment);
            return match self.select(service, hash) {
                Some(destination) => self.unremembered(segment, service, destination),
                None => self.without_destination(packet, segment, service),
            };
        }
        let half_open = segment.protocol != Protocol::Udp;
        if half_open && self.connections().half_open() >= self.half_open_limit {
            return self.stateless(packet, segment, service);
        }
        self.open(packet, segment, service)
    }

    /// Lets the scheduler choose.
    pub(super) fn select(&self, service: &'a C::Service, hash: u32) -> Option<&'a C::Destination> {
        if self.dry {
            service.peek(hash)
        } else {
            service.select(hash)
        }
    }

    /// Takes a connection out and tells the accounts of it.
    fn remove<A: Version>(&self, handle: Handle)
    where
        Self: Tables<A>,
    {
        if let Some(gone) = self.connections().remove(handle) {
            self.services.closed(&gone);
        }
    }

    /// Opens a connection and sends the packet on.
    fn open<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        service: &'a C::Service,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let hash = hash_of_packet(service, segment);
        for attempt in 0..CHOICES {
            let hash = hash.wrapping_add(attempt.wrapping_mul(ANOTHER));
            // Who keeps clients together cannot send one of their connections elsewhere.
            let chosen = if attempt == 0 {
                self.choose(segment, service, hash)
            } else {
                self.select(service, hash)
            };
            let Some(destination) = chosen else {
                break;
            };
            let Some(connection) = self.connection_to(segment, service, destination) else {
                break;
            };
            match self.insert(&connection) {
                Insertion::Made(_) => {
                    self.services.opened(&connection);
                    let mut forward = first(segment, service, destination, connection.destination);
                    forward.is_new = true;
                    return Verdict::Forward(forward);
                }
                Insertion::Exists(found) => return self.forward_known(packet, segment, &found),
                Insertion::Clash(_) => {}
                Insertion::Full => return self.full(service),
            }
        }
        if service.options().local_fallback && segment.protocol != Protocol::Udp {
            return self.open_here(packet, segment, service);
        }
        self.without_destination(packet, segment, service)
    }

    /// Opens a connection to this machine's own sockets, as no destination can take it. It is
    /// remembered, so that it goes on when there is a destination again.
    #[cold]
    fn open_here<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        service: &'a C::Service,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let connection = Connection {
            protocol: segment.protocol,
            state: ConnectionState::SynReceived,
            method: Method::Local,
            client: segment.source,
            service: segment.destination,
            destination: Endpoint::default(),
            service_id: service.id(),
            destination_id: LAST_RESORT,
            timeout: service.timeout(),
            last_seen: self.now,
            template: false,
        };
        match self.insert(&connection) {
            Insertion::Made(_) => {
                self.services.opened(&connection);
                let mut forward = here(segment, service);
                forward.is_new = true;
                Verdict::Forward(forward)
            }
            Insertion::Exists(found) => self.forward_known(packet, segment, &found),
            // What is not translated clashes with nothing.
            Insertion::Clash(_) | Insertion::Full => self.full(service),
        }
    }

    /// What becomes of a packet of a connection that there is no room for.
    #[cold]
    fn full<A: Version>(&self, service: &C::Service) -> VerdictOf<'a, A, C> {
        self.services.dropped(service.id(), DropReason::TableFull);
        Verdict::Drop(DropReason::TableFull)
    }

    /// Sends on the packet of a connection that another CPU was faster to make.
    #[cold]
    fn forward_known<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        found: &Found<A>,
    ) -> VerdictOf<'a, A, C>
    where
        Self: Tables<A>,
    {
        let hit = Hit {
            handle: found.handle,
            state: found.connection.state,
            method: found.connection.method,
            instead: found.connection.destination,
            service_id: found.connection.service_id,
            destination_id: found.connection.destination_id,
        };
        // Its destination is there and its state is no ending one, or it would not have been made
        // just now: this does not come back here.
        self.forward(packet, segment, Direction::Forward, &hit)
    }

    /// The connection that a packet opens to a destination; `None` if the families do not fit.
    fn connection_to<A: Version>(
        &self,
        segment: &Segment<A>,
        service: &C::Service,
        destination: &C::Destination,
    ) -> Option<Connection<A>> {
        Some(Connection {
            protocol: segment.protocol,
            state: match segment.protocol {
                Protocol::Tcp | Protocol::Sctp => ConnectionState::SynReceived,
                Protocol::Udp => ConnectionState::Udp,
            },
            method: destination.method(),
            client: segment.source,
            service: segment.destination,
            destination: translated(segment, destination)?,
            service_id: service.id(),
            destination_id: destination.id(),
            timeout: service.timeout(),
            last_seen: self.now,
            template: false,
        })
    }

    /// Inserts a connection; one of another service that is in the way gives way if it is at
    /// its end.
    fn insert<A: Version>(&self, connection: &Connection<A>) -> Insertion<A>
    where
        Self: Tables<A>,
    {
        let insertion = self.connections().insert(connection);
        let Insertion::Clash(found) = insertion else {
            return insertion;
        };
        if !found.connection.state.is_ending() {
            return insertion;
        }
        self.remove(found.handle);
        self.connections().insert(connection)
    }

    /// What becomes of a packet for which a service has no destination, and of which nothing is
    /// remembered: the next one may go elsewhere.
    #[cold]
    pub(super) fn without_destination<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
        service: &C::Service,
    ) -> VerdictOf<'a, A, C> {
        if service.options().local_fallback {
            return Verdict::Forward(here(segment, service));
        }
        let reason = service.refusal();
        self.services.dropped(service.id(), reason);
        match segment.protocol {
            Protocol::Tcp => self.refuse(packet, segment),
            Protocol::Udp | Protocol::Sctp => Verdict::Drop(reason),
        }
    }

    /// Answers a TCP segment with a reset, unless it is one itself; anything else ends here.
    #[cold]
    #[inline(never)]
    pub(super) fn refuse<A: Version, P: Packet>(
        &self,
        packet: &mut P,
        segment: &Segment<A>,
    ) -> VerdictOf<'a, A, C> {
        match segment.protocol {
            Protocol::Udp => return Verdict::Drop(DropReason::NoService),
            Protocol::Sctp => return Verdict::Drop(DropReason::NoConnection),
            Protocol::Tcp if segment.resets() => return Verdict::Drop(DropReason::NoConnection),
            Protocol::Tcp => {}
        }
        let answer = packet.peek(segment.head_length()).and_then(|head| {
            let payload = segment.length.wrapping_sub(segment.offset);
            let tcp = Tcp::parse(head.get(segment.offset..)?, payload)?;
            Some(A::reset(segment, &tcp))
        });
        match answer {
            Some(answer) if packet.replace(answer.as_slice()) => {
                Verdict::Answer(Some(DropReason::ResetSent))
            }
            _ => Verdict::Drop(DropReason::NoMemory),
        }
    }
}

/// The hash by which a client's destination is chosen: `seen` is what it connects to.
pub(super) fn hash_of<A: Version, S: Service>(
    service: &S,
    protocol: Protocol,
    client: Endpoint<A>,
    seen: Endpoint<A>,
) -> u32 {
    if service.options().by_client {
        client_hash(client.address)
    } else {
        selection_hash(protocol, client, seen)
    }
}

/// The hash by which a packet's destination is chosen.
pub(super) fn hash_of_packet<A: Version, S: Service>(service: &S, segment: &Segment<A>) -> u32 {
    hash_of(
        service,
        segment.protocol,
        segment.source,
        segment.destination,
    )
}

/// Whether connections of a service are given to this machine itself.
fn stays_here<S: Service>(service: &S) -> bool {
    match service.select_stateless(0) {
        Some(destination) => destination.method() == Method::Local,
        None => service.options().local_fallback,
    }
}

/// What takes the place of the receiver of a packet to a destination; nothing unless addresses
/// are translated. `None` if the families do not fit.
pub(super) fn translated<A: Version, D: Destination>(
    segment: &Segment<A>,
    destination: &D,
) -> Option<Endpoint<A>> {
    instead_of(segment.destination, destination)
}

/// The same for a packet to `seen`.
#[inline(always)]
pub(super) fn instead_of<A: Version, D: Destination>(
    seen: Endpoint<A>,
    destination: &D,
) -> Option<Endpoint<A>> {
    if destination.method() != Method::Nat {
        return Some(Endpoint::default());
    }
    let endpoint = destination.endpoint();
    let port = match endpoint.port {
        0 => seen.port,
        port => port,
    };
    Some(Endpoint::new(A::from_ip(endpoint.address)?, port))
}

/// A packet to this machine's own sockets as the last resort.
fn here<'a, A: Version, S: Service, D>(segment: &Segment<A>, service: &S) -> Forward<'a, A, D> {
    Forward {
        segment: *segment,
        direction: Direction::Forward,
        method: Method::Local,
        instead: Endpoint::default(),
        is_later_fragment: false,
        destination: None,
        next: segment.destination.address.into(),
        encapsulation: Default::default(),
        service_id: service.id(),
        destination_id: LAST_RESORT,
        is_new: false,
    }
}

/// The first packet to a destination.
pub(super) fn first<'a, A: Version, S, D>(
    segment: &Segment<A>,
    service: &S,
    destination: &'a D,
    instead: Endpoint<A>,
) -> Forward<'a, A, D>
where
    S: Service<Destination = D>,
    D: Destination,
{
    Forward {
        segment: *segment,
        direction: Direction::Forward,
        method: destination.method(),
        instead,
        is_later_fragment: false,
        destination: Some(destination),
        next: destination.endpoint().address,
        encapsulation: destination.encapsulation(),
        service_id: service.id(),
        destination_id: destination.id(),
        is_new: false,
    }
}
