// SPDX-License-Identifier: GPL-2.0

//! A switch between a client's wire and a server's wire, made of the very core and filter: what the
//! kernel does around them (routes, MTUs, tunnels, reports) in a few words.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test uses its part

use std::cell::RefCell;
use std::net::IpAddr;

use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState;
use switchyard_core::core::connections::{
    Connections, Found, Handle, Hit, Insertion, Reach, Steady, SteadyConnections as _, Treatment,
};
use switchyard_core::core::drop_reason::DropReason;
use switchyard_core::core::fragment::Piece;
use switchyard_core::core::fragment_table::{Entry, FragmentTable, Held, Key, Later};
use switchyard_core::core::ipv4;
use switchyard_core::core::method::{Encapsulation, Method};
use switchyard_core::core::packet::{ChecksumState, Packet, SlicePacket};
use switchyard_core::core::slot::Stored;
use switchyard_core::core::tunnel::{overhead, Inner, Tunnel};
use switchyard_core::core::tuple::{
    selection_hash, Address, Direction, Endpoint, IpAddress, Ipv4Address, Ipv6Address, Protocol,
    Seed,
};
use switchyard_core::filter::dry::Dry;
use switchyard_core::filter::express::goes_on;
use switchyard_core::filter::opening::{is_no_reply, may_open, Opening};
use switchyard_core::filter::{
    decide, look, AsItIs, Context, Decision, Destination, Express, Forward, Fragments, Options,
    Report, Service, Services, Tables, Verdict, Version,
};
use zerocopy::FromBytes as _;

use super::common::{table, Table};

/// Bytes of an IP packet that both wires take.
pub const MTU: usize = 1500;

/// Room for the headers of tunnels and errors.
const ROOM: usize = 64;

#[derive(Debug)]
pub struct Server {
    id: u32,
    endpoint: Endpoint<IpAddress>,
    method: Method,
    encapsulation: Encapsulation,
    weight: u32,
    is_there: bool,
}

impl Destination for Server {
    fn id(&self) -> u32 {
        self.id
    }

    fn method(&self) -> Method {
        self.method
    }

    fn endpoint(&self) -> Endpoint<IpAddress> {
        self.endpoint
    }

    fn encapsulation(&self) -> Encapsulation {
        self.encapsulation
    }

    fn is_there(&self) -> bool {
        self.is_there
    }
}

#[derive(Debug)]
pub struct Virtual {
    id: u32,
    protocol: Protocol,
    address: IpAddress,
    prefix: u8,
    ports: (u16, u16),
    options: Options,
    servers: Vec<Server>,
}

impl Service for Virtual {
    type Destination = Server;

    fn id(&self) -> u32 {
        self.id
    }

    fn endpoint(&self) -> Option<Endpoint<IpAddress>> {
        let port = match self.ports {
            (first, last) if first == last => first,
            _ => 0,
        };
        let is_one = self.prefix == self.address.length();
        is_one.then_some(Endpoint::new(self.address, port))
    }

    fn timeout(&self) -> u32 {
        0
    }

    fn options(&self) -> Options {
        self.options
    }

    fn is_simple(&self) -> bool {
        self.options.affinity == 0 && !self.options.one_packet
    }

    fn select(&self, hash: u32) -> Option<&Server> {
        self.select_stateless(hash)
    }

    fn peek(&self, hash: u32) -> Option<&Server> {
        self.select_stateless(hash)
    }

    fn select_stateless(&self, hash: u32) -> Option<&Server> {
        let there = || self.servers.iter().filter(|server| server.is_there);
        let total: u32 = there().map(|server| server.weight).sum();
        let mut left = hash.checked_rem(total)?;
        there().find(|server| {
            let found = left < server.weight;
            left = left.wrapping_sub(server.weight);
            found
        })
    }
}

/// Services that were written down as the tables of packets do it.
#[derive(Debug, Default)]
pub struct Config(Vec<Virtual>);

pub fn address(text: &str) -> IpAddress {
    match text.parse().expect(text) {
        IpAddr::V4(address) => Ipv4Address::from_octets(address.octets()).into(),
        IpAddr::V6(address) => Ipv6Address::from_octets(address.octets()).into(),
    }
}

fn protocol(text: &str) -> Protocol {
    [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
        .into_iter()
        .find(|protocol| protocol.name() == text)
        .expect(text)
}

impl Config {
    /// Takes a line; false if it is none of a configuration.
    pub fn line(&mut self, line: &str) -> bool {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["service", of, at, prefix, first, last, options @ ..] => {
                assert!(options.iter().all(|option| *option == "one-packet"));
                self.0.push(Virtual {
                    id: self.0.len() as u32 + 1,
                    protocol: protocol(of),
                    address: address(at),
                    prefix: prefix.parse().expect(prefix),
                    ports: (first.parse().expect(first), last.parse().expect(last)),
                    options: Options {
                        one_packet: options.contains(&"one-packet"),
                        ..Options::default()
                    },
                    servers: Vec::new(),
                });
                true
            }
            ["destination", at, port, method, encapsulation, weight] => {
                let id = 100 * self.0.len() as u32;
                let service = self.0.last_mut().expect("a service before");
                service.servers.push(Server {
                    id: id + service.servers.len() as u32,
                    endpoint: Endpoint::new(address(at), port.parse().expect(port)),
                    method: match *method {
                        "nat" => Method::Nat,
                        "direct" => Method::Direct,
                        "tunnel" => Method::Tunnel,
                        "local" => Method::Local,
                        other => panic!("{other}"),
                    },
                    encapsulation: match encapsulation.split_once(':') {
                        Some(("gue", port)) => Encapsulation::Gue {
                            port: port.parse().expect(port),
                        },
                        _ => Encapsulation::Ip,
                    },
                    weight: weight.parse().expect(weight),
                    is_there: true,
                });
                true
            }
            _ => false,
        }
    }

    /// The destinations of this address are up, or down.
    pub fn set_up(&mut self, at: IpAddress, is_up: bool) {
        for server in self.servers_at(at) {
            server.is_there = is_up;
        }
    }

    /// Removes the destinations of this address and adds the like of them, which are others.
    pub fn replace(&mut self, at: IpAddress) {
        let ids = self.0.iter().flat_map(|service| &service.servers);
        let mut last = ids.map(|server| server.id).max().unwrap_or(0);
        for server in self.servers_at(at) {
            last += 1;
            server.id = last;
            server.is_there = true;
        }
    }

    fn servers_at(&mut self, at: IpAddress) -> impl Iterator<Item = &mut Server> {
        let servers = self.0.iter_mut().flat_map(|service| &mut service.servers);
        servers.filter(move |server| server.endpoint.address == at)
    }
}

impl Services for Config {
    type Destination = Server;
    type Service = Virtual;

    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Virtual> {
        self.0
            .iter()
            .filter(|service| {
                let (first, last) = service.ports;
                service.protocol == protocol
                    && service.address.family() == endpoint.address.family()
                    && endpoint.address.prefix(service.prefix) == service.address
                    && (first == 0 || (first..=last).contains(&endpoint.port))
            })
            .max_by_key(|service| {
                let (first, last) = service.ports;
                let ports = if first == 0 { u16::MAX } else { last - first };
                (service.prefix, u16::MAX - ports)
            })
    }

    fn is_service_address(&self, address: IpAddress) -> bool {
        self.0.iter().any(|service| {
            service.address.family() == address.family()
                && address.prefix(service.prefix) == service.address
        })
    }

    fn destination(&self, id: u32) -> Option<&Server> {
        let mut servers = self.0.iter().flat_map(|service| &service.servers);
        servers.find(|server| server.id == id)
    }

    fn service_endpoint(&self, id: u32) -> Option<Endpoint<IpAddress>> {
        self.0.iter().find(|service| service.id == id)?.endpoint()
    }

    fn is_tunnel_port(&self, port: u16) -> bool {
        let mut servers = self.0.iter().flat_map(|service| &service.servers);
        servers.any(|server| server.encapsulation == Encapsulation::Gue { port })
    }

    fn behind(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
        f: &mut dyn FnMut(&Virtual) -> bool,
    ) -> bool {
        self.0
            .iter()
            .filter(|service| {
                service.protocol == protocol
                    && service.servers.iter().any(|server| {
                        server.method == Method::Nat
                            && server.endpoint.address == endpoint.address
                            && [0, endpoint.port].contains(&server.endpoint.port)
                    })
            })
            .any(f)
    }

    fn is_destination_address(&self, address: IpAddress) -> bool {
        let mut servers = self.0.iter().flat_map(|service| &service.servers);
        servers.any(|server| server.method == Method::Nat && server.endpoint.address == address)
    }
}

/// A wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

impl Side {
    pub fn of(text: &str) -> Self {
        match text {
            "client" => Self::Client,
            "server" => Self::Server,
            other => panic!("{other}"),
        }
    }

    /// The wire that an address is reached by, if any is.
    fn towards(address: IpAddress) -> Option<Self> {
        let is_in = |net: &str, bits| address.prefix(bits) == self::address(net).prefix(bits);
        if is_in("10.0.1.0", 24) || is_in("2001:db8:1::", 48) {
            Some(Self::Client)
        } else if is_in("10.2.1.0", 24) || is_in("2001:db8:2::", 48) {
            Some(Self::Server)
        } else {
            None
        }
    }

    /// The switch's own address there.
    fn own<A: Address>(self) -> A {
        let both = match self {
            Self::Client => ["10.0.1.1", "2001:db8:1::1"],
            Self::Server => ["10.2.1.1", "2001:db8:2::1"],
        };
        let mut both = both
            .into_iter()
            .filter_map(|text| A::from_ip(address(text)));
        both.next().expect("of either family")
    }
}

/// What became of a packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What left, and by which wire.
    pub out: Vec<(Side, Vec<u8>)>,
    /// What it was counted for, if it was dropped.
    pub drop: Option<DropReason>,
    /// Whether the ordinary stack got it.
    pub pass: bool,
    /// Whether it is held until its first fragment comes.
    pub held: bool,
    /// Whether something left that had been held.
    pub released: bool,
}

/// A fragment that waits, and the wire it came by.
type Waiting = (Side, Vec<u8>, ChecksumState);

type PartTable = FragmentTable<Vec<Entry<Decision>>, Vec<Held<Waiting>>>;

/// Fragments, and the time.
struct Parts {
    table: RefCell<PartTable>,
    now: u32,
}

impl Fragments for Parts {
    fn first(&self, key: Key, piece: &Piece, decision: Decision) {
        self.table
            .borrow_mut()
            .first(key, piece, decision, self.now);
    }

    fn later(&self, key: Key, piece: &Piece) -> Later<Decision> {
        self.table.borrow_mut().later(key, piece, self.now)
    }
}

/// Fragments that are looked at and left as they are.
struct Foreseen<'a>(&'a Parts);

impl Fragments for Foreseen<'_> {
    fn first(&self, _key: Key, _piece: &Piece, _decision: Decision) {}

    fn later(&self, key: Key, piece: &Piece) -> Later<Decision> {
        self.0.later(key, piece)
    }
}

/// Connections that belong to somebody else.
struct Borrowed<'a, A: Stored>(&'a Table<A>);

impl<A: Stored> Connections<A> for Borrowed<'_, A> {
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>> {
        self.0.hit(direction, protocol, client, other)
    }

    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.0.lookup(direction, protocol, client, other)
    }

    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.0.template(protocol, client, service)
    }

    fn insert(&self, connection: &Connection<A>) -> Insertion<A> {
        self.0.insert(connection)
    }

    fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) -> Option<(ConnectionState, ConnectionState)> {
        self.0.touch(handle, seen, now, next)
    }

    fn remove(&self, handle: Handle) -> Option<Connection<A>> {
        self.0.remove(handle)
    }

    fn half_open(&self) -> u32 {
        self.0.half_open()
    }
}

type Dried<'a, A> = Dry<Borrowed<'a, A>>;
type DryContext<'a> = Context<'a, Config, Dried<'a, Ipv4Address>, Dried<'a, Ipv6Address>>;

/// A switch.
pub struct Switch {
    parts: Parts,
    pub config: Config,
    pub connections4: Table<Ipv4Address>,
    pub connections6: Table<Ipv6Address>,
    pub now: u32,
    pub half_open_limit: u32,
    /// How many packets took the express way.
    pub expressed: u64,
    /// How many of them opened a connection.
    pub opened: u64,
}

/// What the express way makes of a packet: where it goes, and its bytes.
type Expressed = Option<(IpAddress, Vec<u8>)>;

impl Switch {
    /// A switch for a few thousand connections.
    pub fn new(config: Config) -> Self {
        Self::of_size(config, 1024, 8192)
    }

    /// A switch of so many buckets and connections in each family.
    pub fn of_size(config: Config, buckets: usize, limit: u32) -> Self {
        let entries = vec![Entry::new(); 64];
        let places = (0..32).map(|_| Held::new()).collect();
        let table_of_parts = FragmentTable::new(entries, places, 100_000, Seed([5, 6]));
        Self {
            parts: Parts {
                table: RefCell::new(table_of_parts.expect("sizes")),
                now: 0,
            },
            config,
            connections4: table(buckets, limit),
            connections6: table(buckets, limit),
            now: 1000,
            half_open_limit: u32::MAX,
            expressed: 0,
            opened: 0,
        }
    }

    /// What becomes of an IP packet that came by a wire, padding included.
    pub fn receive(&mut self, from: Side, bytes: &[u8], state: ChecksumState) -> Outcome {
        // As an Ethernet header would say it.
        match bytes.first().map(|first| first >> 4) {
            Some(6) => {
                let expressed = self.express(&self.connections6, bytes, state);
                let expressed = self.count_opening(expressed);
                let outcome = self.receive_as::<Ipv6Address>(from, bytes, state);
                self.compare(expressed, outcome)
            }
            _ => {
                let expressed = self.express(&self.connections4, bytes, state);
                let expressed = self.count_opening(expressed);
                let outcome = self.receive_as::<Ipv4Address>(from, bytes, state);
                self.compare(expressed, outcome)
            }
        }
    }

    /// What the express way makes of a packet, and whether it opens a connection.
    fn express<A: Version + Stored>(
        &self,
        table: &Table<A>,
        bytes: &[u8],
        state: ChecksumState,
    ) -> (Expressed, bool) {
        let (config, now) = (&self.config, self.now);
        let known = express_as(config, table, now, bytes, state);
        if known.is_some() || bytes.len() < A::USUAL_HEAD {
            return (known, false);
        }
        let opens = match A::next_protocol(bytes) {
            Some(6) => self.express_opening::<A, true>(table, bytes, state),
            Some(17) => self.express_opening::<A, false>(table, bytes, state),
            // None of these goes that way, whatever it looks like.
            _ => None,
        };
        let is_some = opens.is_some();
        (opens, is_some)
    }

    /// The same of one that opens a connection. Of two that do, one enters it; the other leaves that
    /// to the general way, and so each is seen to find what the other would have done.
    fn express_opening<A: Version + Stored, const TCP: bool>(
        &self,
        table: &Table<A>,
        bytes: &[u8],
        state: ChecksumState,
    ) -> Expressed {
        let protocol = if TCP { Protocol::Tcp } else { Protocol::Udp };
        if !A::is_usual(bytes, bytes.len(), may_open::<TCP>)
            || !is_no_reply::<A, _>(table, bytes, protocol)
            || (TCP && table.half_open() >= self.half_open_limit)
        {
            return None;
        }
        let opening = Opening::new::<_, TCP>(&self.config, bytes)?;
        let (client, seen) = A::ends(bytes)?;
        let is_full = table.free_count() == 0 || table.budget().used() >= table.budget().limit();
        if is_full || !table.has_none(Direction::Forward, protocol, client, seen) {
            // It may be there in another state.
            assert!(is_full || !opening.enter::<_, TCP>(table, self.now));
            return None;
        }
        let found = opening.express::<TCP>();
        let mut out = bytes.to_vec();
        assert!(match opening.treatment() {
            Treatment::Translated(to) => found.change(&mut out, state, to),
            Treatment::Direct => found.change::<A>(&mut out, state, AsItIs),
            Treatment::Other => return None,
        });
        if self.opened % 2 == 0 && Side::towards(found.next::<A>(bytes)?).is_some() {
            assert!(opening.enter::<_, TCP>(table, self.now), "there is room");
        }
        Some((found.next::<A>(bytes)?, out))
    }

    fn count_opening(&mut self, (expressed, opens): (Expressed, bool)) -> Expressed {
        self.opened += u64::from(opens);
        expressed
    }

    /// What takes the express way becomes there what it becomes in general, but for what its way
    /// out has to say.
    fn compare(&mut self, expressed: Expressed, outcome: Outcome) -> Outcome {
        let Some((to, bytes)) = expressed else {
            return outcome;
        };
        self.expressed += 1;
        match (Side::towards(to), outcome.drop) {
            (Some(side), None) => assert_eq!(outcome.out, [(side, bytes)]),
            (Some(_), reason) => assert_eq!(reason, Some(DropReason::TooBig)),
            (None, reason) => assert_eq!(reason, Some(DropReason::NoRoute)),
        }
        outcome
    }

    fn receive_as<A: Version>(&mut self, from: Side, bytes: &[u8], state: ChecksumState) -> Outcome
    where
        for<'a> Context<'a, Config, Table<Ipv4Address>, Table<Ipv6Address>>: Tables<A>,
        for<'a> DryContext<'a>: Tables<A>,
    {
        self.parts.now = self.now;
        let mut buffer = vec![0; ROOM];
        buffer.extend(bytes);
        let context = Context {
            services: &self.config,
            connections4: &self.connections4,
            connections6: &self.connections6,
            fragments: &self.parts,
            now: self.now,
            half_open_limit: self.half_open_limit,
            dry: false,
            stateless: self.half_open_limit == 0,
        };
        // What would be done is found out without its being done, and done afterwards.
        let mut copy = buffer.clone();
        let half_open = context.connections4.half_open() + context.connections6.half_open();
        let foreseen = {
            let dry4 = Dry(Borrowed(context.connections4));
            let dry6 = Dry(Borrowed(context.connections6));
            let context: DryContext<'_> = Context {
                services: context.services,
                connections4: &dry4,
                connections6: &dry6,
                fragments: &Foreseen(&self.parts),
                now: context.now,
                half_open_limit: context.half_open_limit,
                dry: true,
                stateless: context.stateless,
            };
            let mut packet = SlicePacket::with_room(&mut copy, ROOM, state);
            told(&decide::<
                A,
                _,
                Config,
                Dried<'_, Ipv4Address>,
                Dried<'_, Ipv6Address>,
            >(&context, &mut packet))
        };
        let still = context.connections4.half_open() + context.connections6.half_open();
        assert_eq!(half_open, still, "a connection of a dry run");
        let mut packet = SlicePacket::with_room(&mut buffer, ROOM, state);
        let mut outcome = Outcome::default();
        let mut waiting_for = None;
        let verdict =
            decide::<A, _, Config, Table<Ipv4Address>, Table<Ipv6Address>>(&context, &mut packet);
        assert_eq!(told(&verdict), foreseen);
        let unchanged = match verdict {
            Verdict::Pass => {
                outcome.pass = true;
                true
            }
            Verdict::Drop(reason) => {
                outcome.drop = Some(reason);
                true
            }
            Verdict::Answer(reason) => {
                outcome.drop = reason;
                outcome.out.push((from, packet.as_slice().to_vec()));
                false
            }
            Verdict::Message(to, reason) => {
                outcome.drop = reason;
                leave(&mut outcome, to, packet.as_slice());
                false
            }
            Verdict::Report(report) => {
                tell::<A>(&mut outcome, from, report, &mut packet);
                false
            }
            Verdict::Forward(forward) => {
                send(&mut outcome, from, &forward, &mut packet);
                false
            }
            Verdict::First(forward, key) => {
                send(&mut outcome, from, &forward, &mut packet);
                waiting_for = Some(key);
                false
            }
            Verdict::Hold(key) => {
                outcome.held = self.hold(key, (from, bytes.to_vec(), state));
                if !outcome.held {
                    outcome.drop = Some(DropReason::FragmentLimit);
                }
                true
            }
        };
        if unchanged {
            assert_eq!(packet.as_slice(), bytes, "changed and {outcome:?}");
        }
        while let Some((from, bytes, state)) = waiting_for.and_then(|key| self.release(key)) {
            let mut one = self.receive(from, &bytes, state);
            outcome.out.append(&mut one.out);
            outcome.drop = outcome.drop.or(one.drop);
            outcome.released = true;
        }
        outcome
    }

    /// Holds a fragment; false if there is no room.
    fn hold(&self, key: Key, held: Waiting) -> bool {
        let mut table = self.parts.table.borrow_mut();
        let bytes = held.1.len() as u32;
        while table.overdue(bytes, self.now).is_some() {}
        table.hold(key, held, bytes, self.now).is_ok()
    }

    /// One that was held for a first fragment.
    fn release(&self, key: Key) -> Option<Waiting> {
        self.parts.table.borrow_mut().release(key, self.now)
    }
}

/// What the express way makes of a packet.
fn express_as<A: Version + Stored>(
    config: &Config,
    table: &Table<A>,
    now: u32,
    bytes: &[u8],
    state: ChecksumState,
) -> Expressed {
    if bytes.len() < A::USUAL_HEAD {
        return None;
    }
    if A::next_protocol(bytes)? == 6 {
        express_of::<A, true>(config, table, now, bytes, state)
    } else {
        express_of::<A, false>(config, table, now, bytes, state)
    }
}

fn express_of<A: Version + Stored, const TCP: bool>(
    config: &Config,
    table: &Table<A>,
    now: u32,
    bytes: &[u8],
    state: ChecksumState,
) -> Expressed {
    if !A::is_usual(bytes, bytes.len(), goes_on::<TCP>) {
        return None;
    }
    [Reach::Home, Reach::All].into_iter().find_map(|reach| {
        if let Ok(steady) = look::<A, _, TCP, false>(table, bytes, reach, || now) {
            return set_out::<A, TCP, false>(config, &steady, bytes, state);
        }
        let steady = look::<A, _, TCP, true>(table, bytes, reach, || now).ok()?;
        set_out::<A, TCP, true>(config, &steady, bytes, state)
    })
}

/// What leaves, and where it goes.
fn set_out<A: Version, const TCP: bool, const REPLY: bool>(
    config: &Config,
    steady: &Steady<A>,
    bytes: &[u8],
    state: ChecksumState,
) -> Expressed {
    let found = Express::<_, TCP, REPLY>::new(config, steady.destination_id)?;
    let mut out = bytes.to_vec();
    assert!(match steady.treatment() {
        Treatment::Translated(to) => found.change(&mut out, state, to),
        Treatment::Direct => found.change::<A>(&mut out, state, AsItIs),
        Treatment::Other => return None,
    });
    Some((found.next::<A>(bytes)?, out))
}

/// A verdict in words, as far as a dry run can tell it.
fn told<A: Version>(verdict: &Verdict<'_, A, Server>) -> String {
    let forwarded =
        |forward: &Forward<'_, A, Server>| format!("{:?} to {}", forward.method, forward.next);
    match verdict {
        Verdict::Pass => "pass".into(),
        Verdict::Forward(forward) | Verdict::First(forward, _) => forwarded(forward),
        Verdict::Hold(_) => "hold".into(),
        Verdict::Answer(reason) => format!("answer {reason:?}"),
        Verdict::Report(report) => format!("report {report:?}"),
        Verdict::Message(to, reason) => format!("message to {to} {reason:?}"),
        Verdict::Drop(reason) => format!("drop {reason:?}"),
    }
}

/// Sends what is complete, or drops it for want of a route.
fn leave(outcome: &mut Outcome, to: IpAddress, bytes: &[u8]) {
    match Side::towards(to) {
        Some(side) => outcome.out.push((side, bytes.to_vec())),
        None => outcome.drop = Some(DropReason::NoRoute),
    }
}

/// Tells the sender, if anybody may be told.
fn tell<A: Version>(
    outcome: &mut Outcome,
    from: Side,
    report: Report,
    packet: &mut SlicePacket<'_>,
) {
    outcome.drop = Some(report.reason());
    if report.turn::<A, _>(packet, from.own()) {
        outcome.out.push((from, packet.as_slice().to_vec()));
    }
}

/// Sends a packet on, by its method.
fn send<A: Version>(
    outcome: &mut Outcome,
    from: Side,
    forward: &Forward<'_, A, Server>,
    packet: &mut SlicePacket<'_>,
) {
    if forward.method == Method::Local {
        outcome.pass = true;
        return;
    }
    let Some(side) = Side::towards(forward.next) else {
        outcome.drop = Some(DropReason::NoRoute);
        return;
    };
    let outside = match forward.method {
        Method::Tunnel => overhead(forward.next.family(), forward.encapsulation),
        _ => 0,
    };
    // Without it a router may cut the packet, and so may we: not a matter of core.
    if forward.length() + outside > MTU && !may_be_cut(packet) {
        let room = (MTU - outside) as u32;
        return tell::<A>(outcome, from, Report::TooBig(room), packet);
    }
    if let Err(reason) = forward.rewrite(packet) {
        outcome.drop = Some(reason);
        return;
    }
    if forward.method == Method::Tunnel {
        let own = match forward.next {
            IpAddress::V4(_) => side.own::<Ipv4Address>().into(),
            IpAddress::V6(_) => side.own::<Ipv6Address>().into(),
        };
        let tunnel = Tunnel {
            source: own,
            destination: forward.next,
            encapsulation: forward.encapsulation,
        };
        let segment = &forward.segment;
        let flow = hash(
            segment.protocol,
            segment.source.any(),
            segment.destination.any(),
        );
        let inner = Inner::read(packet.as_slice()).expect("sound");
        let headers = tunnel.headers(inner, flow, 1);
        if !headers.is_some_and(|headers| packet.prepend(headers.as_slice(), forward.next.family()))
        {
            outcome.drop = Some(DropReason::TooBig);
            return;
        }
    }
    outcome.out.push((side, packet.as_slice().to_vec()));
}

fn may_be_cut(packet: &SlicePacket<'_>) -> bool {
    ipv4::Header::ref_from_prefix(packet.as_slice()).is_ok_and(|(header, _)| {
        header.version_ihl >> 4 == 4 && header.fragment.get() & ipv4::DONT_FRAGMENT == 0
    })
}

fn hash(protocol: Protocol, from: Endpoint<IpAddress>, to: Endpoint<IpAddress>) -> u32 {
    match (from.address, to.address) {
        (IpAddress::V4(a), IpAddress::V4(b)) => selection_hash(
            protocol,
            Endpoint::new(a, from.port),
            Endpoint::new(b, to.port),
        ),
        (IpAddress::V6(a), IpAddress::V6(b)) => selection_hash(
            protocol,
            Endpoint::new(a, from.port),
            Endpoint::new(b, to.port),
        ),
        _ => 0,
    }
}
