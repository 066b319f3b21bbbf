// SPDX-License-Identifier: GPL-2.0

//! What the tests share: storage for a table, and a configuration.

#![allow(dead_code, missing_docs, unreachable_pub)] // each test uses its part

pub mod memory;
pub mod numbered;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

pub use self::memory::{Table, CHUNK};
use switchyard_core::core::connection::Connection;
use switchyard_core::core::method::{Encapsulation, Method};
use switchyard_core::core::scheduler::Scheduler;
use switchyard_core::core::slot::Stored;
use switchyard_core::core::tuple::{Endpoint, IpAddress, Ipv4Address, Protocol, Seed};
use switchyard_core::filter::{Context, Destination, Options, Service, Services};

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

/// A service with a filled table.
pub struct Virtual {
    pub id: u32,
    pub timeout: u32,
    pub scheduler: Scheduler,
    pub table: Vec<u16>,
    pub destinations: Vec<Server>,
    pub turn: Cell<u32>,
}

impl Service for Virtual {
    type Destination = Server;

    fn options(&self) -> Options {
        Options::default()
    }

    fn select_stateless(&self, hash: u32) -> Option<&Server> {
        let index = self.scheduler.select(&self.table, hash, 0)?;
        self.destinations.get(usize::from(index))
    }

    fn id(&self) -> u32 {
        self.id
    }

    fn timeout(&self) -> u32 {
        self.timeout
    }

    fn select(&self, hash: u32) -> Option<&Server> {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let index = self.scheduler.select(&self.table, hash, turn)?;
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
        use switchyard_core::core::candidate::Candidate;

        let mut candidates: Vec<_> = destinations
            .iter()
            .enumerate()
            .map(|(index, (endpoint, weight))| Candidate::new(index as u16, *endpoint, *weight))
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
            timeout: 0,
            scheduler,
            table,
            destinations,
            turn: Cell::new(0),
        };
        self.services.insert((protocol, endpoint.any()), service);
    }

    fn count(&self, connection: &Connection, change: i64) {
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

    fn opened(&self, connection: &Connection) {
        self.count(connection, 1);
    }

    fn closed(&self, connection: &Connection) {
        self.count(connection, -1);
    }
}

pub fn context<'a>(config: &'a Config, table: &'a Table, now: u32) -> Context<'a, Config, Table> {
    Context {
        services: config,
        connections: table,
        now,
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
