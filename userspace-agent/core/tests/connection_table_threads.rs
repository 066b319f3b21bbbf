// SPDX-License-Identifier: GPL-2.0

//! The connection table under threads: packet handlers that insert, look up, touch and remove,
//! and a collector that expires, re-sizes, and adds and takes chunks, all at once.

#![allow(missing_docs)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;

use common::numbered::{connection, forward, made, reply, touch, Numbered};
use common::{empty_table, Random, Table, CHUNK};
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::connection_table::Fate;
use switchyard_core::core::connections::{
    Connections as _, Found, Insertion, SteadyConnections as _,
};
use switchyard_core::core::timeouts::Timeouts;
use switchyard_core::core::tuple::{Ipv4Address, Ipv6Address};

const CLIENTS: u32 = 600;
/// Rounds that a worker does at least, and how many at most until all has been done often enough.
const ROUNDS: (u32, u32) = (20_000, 2_000_000);
const RESIZED: u32 = 10;
const TAKEN: u32 = 10;
const MADE: u64 = 1000;
const REMOVED: u64 = 1000;
const WORKERS: u64 = 4;
const CHUNKS: u32 = 12;
/// Connections that stay, and must be found at any moment.
const PERMANENT: u32 = 40;

/// What all threads share.
struct Shared<A: Numbered> {
    table: Table<A>,
    permanent: Vec<Connection<A>>,
    made: AtomicU64,
    removed: AtomicU64,
    clock: AtomicU32,
    resized: AtomicU32,
    taken: AtomicU32,
    stop: AtomicBool,
}

impl<A: Numbered> Shared<A> {
    fn new() -> Self {
        let table = empty_table(16, CHUNKS * CHUNK);
        for chunk in 0..CHUNKS {
            table.add(chunk);
        }
        let permanent: Vec<_> = (0..PERMANENT)
            .map(|n| Connection {
                state: State::Established,
                ..connection(99_999 + n * 3, n * 4, n)
            })
            .collect();
        // In all chunks, so that lookups meet every place.
        for connection in &permanent {
            made(&table, connection);
        }
        Self {
            table,
            permanent,
            made: AtomicU64::new(PERMANENT.into()),
            removed: AtomicU64::new(0),
            clock: AtomicU32::new(0),
            resized: AtomicU32::new(0),
            taken: AtomicU32::new(0),
            stop: AtomicBool::new(false),
        }
    }

    /// Whether each thing has been done often enough for the test to mean something.  How much
    /// a round does depends on how the threads happen to take turns.
    fn is_enough(&self) -> bool {
        self.resized.load(Ordering::Relaxed) >= RESIZED
            && self.taken.load(Ordering::Relaxed) >= TAKEN
            && self.made.load(Ordering::Relaxed) >= MADE
            && self.removed.load(Ordering::Relaxed) >= REMOVED
    }

    fn gone(&self, connection: &Connection<A>) {
        check(connection);
        self.removed.fetch_add(1, Ordering::Relaxed);
    }

    /// A packet handler.
    fn work(&self, seed: u64) {
        let mut random = Random(seed);
        for round in 0..ROUNDS.1 {
            if round >= ROUNDS.0 && self.is_enough() {
                break;
            }
            // What is found is used in the same read-side section.
            let table = self.table.view();
            let now = self.clock.fetch_add(random.below(3), Ordering::Relaxed);
            let stays = self.permanent[random.below(PERMANENT) as usize];
            let found = if round % 2 == 0 {
                forward(&table, &stays)
            } else {
                reply(&table, &stays)
            };
            let found = found.expect("a connection that stays was missed");
            touch(&table, &found, now, |state| state);

            let service = random.below(3);
            let wanted = connection(random.below(CLIENTS), service, service);
            match forward(&table, &wanted) {
                Some(found) => {
                    check(&found.connection);
                    match random.below(4) {
                        0 => {
                            if let Some(gone) = table.remove(found.handle) {
                                self.gone(&gone);
                            }
                        }
                        1 => touch(&table, &found, now, |_| State::Closed),
                        2 => touch(&table, &found, now, |_| State::SynReceived),
                        _ => touch(&table, &found, now, |state| state),
                    }
                }
                None if random.below(2) == 0 => {
                    let entered = table.enter(&Connection {
                        last_seen: now,
                        ..wanted
                    });
                    self.made.fetch_add(entered.into(), Ordering::Relaxed);
                }
                None => match table.insert(&Connection {
                    last_seen: now,
                    ..wanted
                }) {
                    Insertion::Made(_) => {
                        self.made.fetch_add(1, Ordering::Relaxed);
                    }
                    Insertion::Exists(found) => check(&found.connection),
                    Insertion::Clash(found) => panic!("{found:?}"),
                    Insertion::Full => {}
                },
            }
        }
    }

    /// The collector.
    fn collect(&self) {
        let table = &self.table;
        let timeouts = Timeouts {
            syn_received: 30_000,
            ..Timeouts::default()
        };
        let mut random = Random(99);
        let mut resizer = table.resizer();
        let mut wanted = 16;
        let mut taken = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let now = self.clock.load(Ordering::Relaxed);
            let first = random.below(CHUNKS) * CHUNK;
            table.expire(first..first + CHUNK, now, &timeouts, |connection| {
                check(connection);
                if connection.state == State::Closed {
                    return Fate::Turn(State::Expired);
                }
                self.gone(connection);
                Fate::Remove
            });
            for _ in 0..4 {
                let was_idle = resizer.is_idle();
                resizer.step(wanted);
                if !was_idle && resizer.is_idle() {
                    self.resized.fetch_add(1, Ordering::Relaxed);
                }
                if resizer.is_idle() {
                    wanted = 16 << random.below(6);
                }
            }
            let before = taken.len();
            taken.retain(|(_, chunk)| !table.free_chunk(chunk));
            self.taken
                .fetch_add((before - taken.len()) as u32, Ordering::Relaxed);
            let chunk = random.below(CHUNKS);
            if table.has(chunk) {
                if let Some(chunk_taken) = table.take(chunk) {
                    taken.push((chunk, chunk_taken));
                }
            } else if taken.iter().all(|(taken, _)| *taken != chunk) {
                table.add(chunk);
            }
        }
        while !resizer.is_idle() {
            resizer.step(wanted);
        }
    }
}

/// That it is of one piece.
fn check<A: Numbered>(got: &Connection<A>) {
    let service = u32::from(got.service.port);
    let client = got.service_id ^ service;
    let destination = got.destination_id ^ got.service_id;
    let wanted = Connection {
        state: got.state,
        last_seen: got.last_seen,
        ..connection(client, service, destination)
    };
    assert_eq!(*got, wanted, "a mixture of two connections");
}

/// Nobody ever sees a mixture of two connections, one that stays is never missed, each goes
/// once, and the books balance.
fn everything_at_once<A: Numbered>() {
    let shared = Shared::<A>::new();
    thread::scope(|scope| {
        let shared = &shared;
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| scope.spawn(move || shared.work(77 + worker)))
            .collect();
        let collector = scope.spawn(|| shared.collect());
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        shared.stop.store(true, Ordering::Relaxed);
        collector.join().expect("collector");
        for result in results {
            result.expect("worker");
        }
    });
    assert!(
        shared.is_enough(),
        "resized {:?}, chunks taken {:?}, made {:?}, removed {:?}",
        shared.resized,
        shared.taken,
        shared.made,
        shared.removed
    );

    let table = &shared.table;
    let (made_count, removed) = (shared.made.into_inner(), shared.removed.into_inner());
    let live = table.list(0..u32::MAX);
    assert_eq!(made_count - removed, live.len() as u64);
    assert_eq!(u64::from(table.count()), live.len() as u64);
    let half_open = live
        .iter()
        .filter(|(_, connection)| connection.state.is_half_open());
    assert_eq!(table.half_open() as usize, half_open.count());
    for (handle, connection) in &live {
        let found = |found: Option<Found<A>>| found.map(|found| found.handle);
        assert_eq!(found(forward(table, connection)), Some(*handle));
    }
    // Every slot can still be had, each once, and every bucket is empty again.
    for (handle, _) in live {
        assert!(table.remove(handle).is_some());
    }
    for chunk in 0..CHUNKS {
        if !table.has(chunk) {
            table.add(chunk);
        }
    }
    table.resizer().run(256);
    let mut seen: Vec<_> = (0..CHUNKS * CHUNK)
        .map(|n| made(table, &connection(n * 2, 1, 1)).index)
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..CHUNKS * CHUNK).collect::<Vec<_>>());
}

#[test]
fn everything_at_once_v4() {
    everything_at_once::<Ipv4Address>();
}

#[test]
fn everything_at_once_v6() {
    everything_at_once::<Ipv6Address>();
}
