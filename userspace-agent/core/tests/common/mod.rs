// SPDX-License-Identifier: GPL-2.0

//! What the tests share: storage for a table, and a configuration.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test uses its part

pub mod memory;
pub mod numbered;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::OnceLock;

pub use self::memory::{Table, CHUNK};
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connections::Connections;
use switchyard_core::core::drop_reason::DropReason;
use switchyard_core::core::method::{Encapsulation, Method};
use switchyard_core::core::packet::Packet;
use switchyard_core::core::scheduler::candidate::Candidate;
use switchyard_core::core::scheduler::{Arrival, Loads, Scheduler};
use switchyard_core::core::slot::Stored;
use switchyard_core::core::tuple::{
    Address, Direction, Endpoint, IpAddress, Ipv4Address, Ipv6Address, Protocol, Seed,
};
use switchyard_core::filter::{
    self, decide, Context, Destination, Options, Report, Service, Services, Tables, Version,
};

/// A table of so many buckets without slots, for at most so many connections.
pub fn empty_table<A: Stored>(buckets: usize, limit: u32) -> Table<A> {
    Table::new(buckets, limit, Seed([1, 2]))
}

/// A table with all its slots.
pub fn table<A: Stored>(buckets: usize, limit: u32) -> Table<A> {
    let table = empty_table(buckets, limit);
    for chunk in 0..limit.div_ceil(CHUNK) {
        table.add(chunk);
    }
    table
}

pub fn address(text: &str) -> Ipv4Address {
    Ipv4Address::from_octets(text.parse::<std::net::Ipv4Addr>().expect(text).octets())
}

pub fn endpoint(text: &str, port: u16) -> Endpoint {
    Endpoint::new(address(text), port)
}

/// A destination for address translation.
pub struct Server {
    pub id: u32,
    pub endpoint: Endpoint<IpAddress>,
}

impl Destination for Server {
    fn id(&self) -> u32 {
        self.id
    }

    fn method(&self) -> Method {
        Method::Nat
    }

    fn endpoint(&self) -> Endpoint<IpAddress> {
        self.endpoint
    }

    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::Ip
    }

    fn is_there(&self) -> bool {
        true
    }
}

/// Destinations that have nothing to do, and all the same weight.
pub struct Idle;

impl Loads for Idle {
    fn active(&self, _index: u16) -> u32 {
        0
    }

    fn inactive(&self, _index: u16) -> u32 {
        0
    }

    fn weight(&self, _index: u16) -> u32 {
        1
    }

    fn takes(&self, _index: u16) -> bool {
        true
    }
}

/// A service with a filled table.
pub struct Virtual {
    pub id: u32,
    pub endpoint: Endpoint<IpAddress>,
    pub timeout: u32,
    pub scheduler: Scheduler,
    pub table: Vec<u16>,
    pub destinations: Vec<Server>,
    pub turn: Cell<u32>,
    pub options: Options,
}

impl Service for Virtual {
    type Destination = Server;

    fn endpoint(&self) -> Option<Endpoint<IpAddress>> {
        Some(self.endpoint)
    }

    fn options(&self) -> Options {
        self.options
    }

    fn select_stateless(&self, hash: u32) -> Option<&Server> {
        let index = self
            .scheduler
            .select(&self.table, &Idle, Arrival { hash, turn: 0 })?;
        self.destinations.get(usize::from(index))
    }

    fn id(&self) -> u32 {
        self.id
    }

    fn timeout(&self) -> u32 {
        self.timeout
    }

    fn peek(&self, hash: u32) -> Option<&Server> {
        let turn = self.turn.get();
        let index = self
            .scheduler
            .select(&self.table, &Idle, Arrival { hash, turn })?;
        self.destinations.get(usize::from(index))
    }

    fn is_simple(&self) -> bool {
        self.options.affinity == 0 && !self.options.one_packet && !self.scheduler.takes_turns()
    }

    fn select(&self, hash: u32) -> Option<&Server> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let index = self
            .scheduler
            .select(&self.table, &Idle, Arrival { hash, turn })?;
        self.destinations.get(usize::from(index))
    }
}

/// A configuration, and how many connections each destination has.
#[derive(Default)]
pub struct Config {
    pub services: HashMap<(Protocol, Endpoint<IpAddress>), Virtual>,
    pub active: RefCell<HashMap<u32, i64>>,
}

impl Config {
    /// Adds a service with these destinations and weights, numbered `first`, `first + 1`, ...
    pub fn add(
        &mut self,
        protocol: Protocol,
        endpoint: Endpoint,
        scheduler: Scheduler,
        destinations: &[(Endpoint, u32)],
        first: u32,
    ) {
        let mut candidates: Vec<_> = destinations
            .iter()
            .enumerate()
            .map(|(index, (endpoint, weight))| {
                Candidate::new(index as u16, endpoint.any(), *weight)
            })
            .collect();
        let mut table = vec![0; scheduler.table_len(&candidates) as usize];
        if scheduler.fill(&mut table, &mut candidates).is_err() {
            table.clear();
        }
        let destinations = destinations
            .iter()
            .zip(first..)
            .map(|((destination, _), id)| Server {
                id,
                endpoint: destination.any(),
            })
            .collect();
        let service = Virtual {
            id: self.services.len() as u32,
            endpoint: endpoint.any(),
            timeout: 0,
            scheduler,
            table,
            destinations,
            turn: Cell::new(0),
            options: Options::default(),
        };
        self.services.insert((protocol, endpoint.any()), service);
    }

    fn count<A: Address>(&self, connection: &Connection<A>, change: i64) {
        *self
            .active
            .borrow_mut()
            .entry(connection.destination_id)
            .or_default() += change;
    }
}

impl Services for Config {
    type Destination = Server;
    type Service = Virtual;

    fn destination(&self, id: u32) -> Option<&Server> {
        self.services
            .values()
            .flat_map(|service| &service.destinations)
            .find(|server| server.id == id)
    }

    fn service(&self, protocol: Protocol, endpoint: Endpoint<IpAddress>) -> Option<&Virtual> {
        self.services.get(&(protocol, endpoint))
    }

    fn is_service_address(&self, address: IpAddress) -> bool {
        self.services
            .keys()
            .any(|(_, endpoint)| endpoint.address == address)
    }

    fn behind(
        &self,
        protocol: Protocol,
        endpoint: Endpoint<IpAddress>,
        f: &mut dyn FnMut(&Virtual) -> bool,
    ) -> bool {
        self.services
            .iter()
            .filter(|((of, _), service)| {
                *of == protocol && service.destinations.iter().any(|d| d.endpoint == endpoint)
            })
            .any(|(_, service)| f(service))
    }

    fn service_endpoint(&self, id: u32) -> Option<Endpoint<IpAddress>> {
        let found = self.services.values().find(|service| service.id == id)?;
        Some(found.endpoint)
    }

    fn is_tunnel_port(&self, _port: u16) -> bool {
        false
    }

    fn is_destination_address(&self, address: IpAddress) -> bool {
        self.services
            .values()
            .flat_map(|service| &service.destinations)
            .any(|server| server.endpoint.address == address)
    }

    fn opened<A: Address>(&self, connection: &Connection<A>) {
        self.count(connection, 1);
    }

    fn closed<A: Address>(&self, connection: &Connection<A>) {
        self.count(connection, -1);
    }
}

/// A switch of IPv4 without a limit for half-open connections.
pub fn context<'a>(
    config: &'a Config,
    table: &'a Table,
    now: u32,
) -> Context<'a, Config, Table, Table<Ipv6Address>> {
    static NONE: OnceLock<Table<Ipv6Address>> = OnceLock::new();
    Context {
        services: config,
        connections4: table,
        connections6: NONE.get_or_init(|| empty_table(16, 1)),
        fragments: &(),
        now,
        half_open_limit: u32::MAX,
        dry: false,
        stateless: false,
    }
}

/// What became of a packet, all of which fit the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Forward(Forward),
    Answer(Option<DropReason>),
    Message(IpAddress, Option<DropReason>),
    Report(Report),
    Hold,
    Drop(DropReason),
}

/// A packet that was sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    pub next: IpAddress,
    pub method: Method,
    pub direction: Direction,
    pub service_id: u32,
    pub destination_id: u32,
    pub length: usize,
    pub is_new: bool,
}

/// Decides on a packet and rewrites it.
pub fn filter<'a, A: Version, P: Packet, T4, T6>(
    context: &Context<'a, Config, T4, T6>,
    packet: &mut P,
) -> Verdict
where
    T4: Connections<Ipv4Address>,
    T6: Connections<Ipv6Address>,
    Context<'a, Config, T4, T6>: Tables<A>,
{
    match decide::<A, _, _, _, _>(context, packet) {
        filter::Verdict::Pass => Verdict::Pass,
        filter::Verdict::Answer(reason) => Verdict::Answer(reason),
        filter::Verdict::Message(to, reason) => Verdict::Message(to, reason),
        filter::Verdict::Report(report) => Verdict::Report(report),
        filter::Verdict::Drop(reason) => Verdict::Drop(reason),
        filter::Verdict::Hold(_) => Verdict::Hold,
        filter::Verdict::First(forward, _) | filter::Verdict::Forward(forward) => {
            match forward.rewrite(packet) {
                Err(reason) => Verdict::Drop(reason),
                Ok(()) => Verdict::Forward(Forward {
                    next: forward.next,
                    method: forward.method,
                    direction: forward.direction,
                    service_id: forward.service_id,
                    destination_id: forward.destination_id,
                    length: forward.length(),
                    is_new: forward.is_new,
                }),
            }
        }
    }
}

/// Random numbers that are the same in every run (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        (((self.next() >> 32) * u64::from(limit)) >> 32) as u32
    }
}
