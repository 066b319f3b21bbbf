// SPDX-License-Identifier: GPL-2.0

//! The connection table against a slow model: long random histories of everything that can
//! happen to it.

#![allow(missing_docs)]

mod common;

use std::collections::HashMap;

use common::memory::{Resizer, TakenChunk};
use common::numbered::{connection, forward, reply, template, touch, Numbered};
use common::{empty_table, Random, Table, CHUNK};
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::connection_table::Fate;
use switchyard_core::core::connections::{Connections as _, Insertion, SteadyConnections as _};
use switchyard_core::core::timeouts::Timeouts;
use switchyard_core::core::tuple::{Ipv4Address, Ipv6Address};

/// The numbers that a connection is made of, and whether it is a template.
type Numbers = (u32, u32, bool);

/// Chunks that the table may have.
const CHUNKS: u32 = 4;

/// A table and what it should be: a map.
struct History<'a, A: Numbered> {
    table: &'a Table<A>,
    model: HashMap<Numbers, Connection<A>>,
    resizer: Resizer<'a, A>,
    wanted: usize,
    taken: HashMap<u32, TakenChunk>,
    timeouts: Timeouts,
    random: Random,
    now: u32,
    /// How often each kind of thing happened.
    happened: HashMap<&'static str, u32>,
}

fn numbers<A: Numbered>(connection: &Connection<A>) -> Numbers {
    // The service's number tells the client's.
    (
        connection.service_id ^ u32::from(connection.service.port),
        connection.service.port.into(),
        connection.template,
    )
}

impl<A: Numbered> History<'_, A> {
    fn happened(&mut self, what: &'static str) {
        *self.happened.entry(what).or_default() += 1;
    }

    fn chunks(&self) -> usize {
        (0..CHUNKS).filter(|chunk| self.table.has(*chunk)).count()
    }

    /// One step of the history.
    fn step(&mut self, clients: u32, buckets: usize) {
        self.now += self.random.below(300);
        let (client, service) = (self.random.below(clients), self.random.below(6));
        let wanted: Connection<A> = if self.random.below(4) == 0 {
            template(client, service, self.random.below(3))
        } else {
            connection(client, service, self.random.below(3))
        };
        let key = numbers(&wanted);
        let known = self.model.get(&key).copied();
        let found = forward(self.table, &wanted);
        assert_eq!(found.map(|found| found.connection), known);
        match self.random.below(24) {
            0..9 => self.insert(Connection {
                last_seen: self.now,
                ..wanted
            }),
            9..13 => {
                if let Some(found) = found {
                    assert_eq!(self.table.remove(found.handle), known);
                    assert_eq!(self.table.remove(found.handle), None);
                    self.model.remove(&key);
                    self.happened("removed");
                }
            }
            13..17 => {
                if let (Some(found), Some(known)) = (found, known) {
                    let state = State::from_value(1 + self.random.below(8));
                    touch(self.table, &found, self.now, |_| state);
                    let last_seen = self.now;
                    self.model.insert(
                        key,
                        Connection {
                            state,
                            last_seen,
                            ..known
                        },
                    );
                    let replied = reply(self.table, &known).map(|found| found.handle);
                    assert_eq!(replied, known.has_replies().then_some(found.handle));
                    self.happened("touched");
                }
            }
            17 => self.expire(),
            18 => self.change_chunks(),
            19 if self.random.below(20) == 0 => {
                let sizes = [buckets, buckets * 2, buckets * 8];
                self.wanted = sizes[self.random.below(3) as usize];
            }
            19..22 => {
                let was_idle = self.resizer.is_idle();
                let before = self.table.buckets();
                self.resizer.step(self.wanted);
                if !was_idle && self.resizer.is_idle() {
                    self.happened("resized");
                }
                if self.table.buckets() < before {
                    self.happened("shrunk");
                }
            }
            22 => {
                let limit = CHUNK * (1 + self.random.below(CHUNKS));
                self.table.budget().set_limit(limit);
            }
            _ => self.compare(),
        }
        let half_open = |known: &&Connection<A>| known.state.is_half_open();
        let half_open = self.model.values().filter(half_open).count();
        assert_eq!(self.table.half_open() as usize, half_open);
        assert_eq!(self.table.count() as usize, self.model.len());
        assert_eq!(
            self.table.free_count() as usize,
            self.chunks() * CHUNK as usize - self.model.len()
        );
    }

    fn insert(&mut self, wanted: Connection<A>) {
        let known = self.model.get(&numbers(&wanted)).copied();
        let clash = self.model.values().copied().find(|other| {
            wanted.has_replies()
                && other.has_replies()
                && other.protocol == wanted.protocol
                && (other.client, other.destination) == (wanted.client, wanted.destination)
        });
        let count = self.model.len();
        if self.random.below(2) == 0 {
            let entered = self.table.enter(&wanted);
            if entered {
                assert!(known.is_none() && clash.is_none());
                self.model.insert(numbers(&wanted), wanted);
                self.happened("entered");
            } else {
                self.happened("not entered");
            }
            assert_eq!(
                forward(self.table, &wanted).map(|found| found.connection),
                if entered { Some(wanted) } else { known }
            );
            return;
        }
        match self.table.insert(&wanted) {
            Insertion::Made(_) => {
                assert!(known.is_none() && clash.is_none());
                self.model.insert(numbers(&wanted), wanted);
                self.happened("made");
            }
            Insertion::Exists(found) => {
                assert_eq!(Some(found.connection), known);
                self.happened("existed");
            }
            Insertion::Clash(found) => {
                assert!(known.is_none());
                assert_eq!(Some(found.connection), clash);
                self.happened("clashed");
            }
            Insertion::Full => {
                // Seven entries in each of 16 buckets hold less than 128 slots.
                let is_full = count == self.chunks() * CHUNK as usize
                    || count >= self.table.budget().limit() as usize
                    || count >= 90;
                assert!(is_full, "{count}");
                self.happened("full");
            }
        }
    }

    fn expire(&mut self) {
        let (now, timeouts) = (self.now, self.timeouts);
        let mut gone = 0;
        let (mut removed, mut turned) = (0, 0);
        let model = &mut self.model;
        let expired = self
            .table
            .expire(0..CHUNKS * CHUNK, now, &timeouts, |connection| {
                gone += 1;
                let known = model.remove(&numbers(connection)).expect("known");
                assert_eq!(known, *connection);
                assert!(known.is_expired(now, &timeouts));
                if known.state != State::Established {
                    removed += 1;
                    return Fate::Remove;
                }
                turned += 1;
                let turned = Connection {
                    state: State::Expired,
                    last_seen: now,
                    ..known
                };
                model.insert(numbers(&known), turned);
                Fate::Turn(State::Expired)
            });
        assert_eq!(expired, gone);
        assert!(self
            .model
            .values()
            .all(|known| known.template || !known.is_expired(now, &timeouts)));
        *self.happened.entry("expired").or_default() += removed;
        *self.happened.entry("turned").or_default() += turned;
    }

    fn change_chunks(&mut self) {
        let table = self.table;
        self.taken.retain(|_, taken| !table.free_chunk(taken));
        let chunk = self.random.below(CHUNKS);
        if self.table.has(chunk) {
            let is_free = !table
                .list(chunk * CHUNK..(chunk + 1) * CHUNK)
                .iter()
                .any(|_| true);
            let taken = table.take(chunk);
            assert_eq!(taken.is_some(), is_free);
            if let Some(taken) = taken {
                self.taken.insert(chunk, taken);
                self.happened("chunk taken");
            }
        } else if !self.taken.contains_key(&chunk) {
            table.add(chunk);
        }
    }

    fn compare(&mut self) {
        let table = self.table;
        let mut dumped = table.list(0..50);
        dumped.extend(table.list(50..200));
        assert!(dumped.is_sorted_by(|(a, _), (b, _)| a.index < b.index));
        assert_eq!(dumped.len(), self.model.len());
        for (_, connection) in dumped {
            assert_eq!(self.model.get(&numbers(&connection)), Some(&connection));
        }
        for known in self.model.values() {
            let found = forward(table, known).expect("known");
            assert_eq!(found.connection, *known);
        }
    }
}

fn equals_a_map<A: Numbered>() {
    let mut happened = HashMap::new();
    for (seed, buckets, clients) in [(1, 16, 30), (2, 16, 200), (3, 256, 400), (4, 32, 4)] {
        let table = empty_table(buckets, CHUNKS * CHUNK);
        let mut history = History::<A> {
            table: &table,
            model: HashMap::new(),
            resizer: table.resizer(),
            wanted: buckets,
            taken: HashMap::new(),
            timeouts: Timeouts::default(),
            random: Random(seed),
            now: 0,
            happened: HashMap::new(),
        };
        for _ in 0..25_000 {
            history.step(clients, buckets);
        }
        for (what, count) in history.happened {
            *happened.entry(what).or_insert(0) += count;
        }
    }
    // Whatever can happen did, and often.
    for what in [
        "made",
        "entered",
        "not entered",
        "existed",
        "clashed",
        "full",
        "removed",
        "touched",
        "expired",
        "turned",
        "resized",
        "shrunk",
        "chunk taken",
    ] {
        let count = happened.get(what).copied().unwrap_or(0);
        assert!(count > 30, "{what}: {count}; {happened:?}");
    }
}

#[test]
fn equals_a_map_v4() {
    equals_a_map::<Ipv4Address>();
}

#[test]
fn equals_a_map_v6() {
    equals_a_map::<Ipv6Address>();
}
