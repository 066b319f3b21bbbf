// SPDX-License-Identifier: GPL-2.0

//! The connection table against a slow model, and under threads.

#![allow(missing_docs)]

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;

use common::{empty_table, endpoint, grow, table, Random, Table};
use switchyard_core::core::bucket::{self, Bucket};
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::connection_table::{buckets_for, ConnectionTable, Fate};
use switchyard_core::core::connections::{Connections, Found, Handle, Insertion};
use switchyard_core::core::method::Method;
use switchyard_core::core::slot::Slots;
use switchyard_core::core::timeouts::Timeouts;
use switchyard_core::core::tuple::{Direction, Endpoint, Ipv4Address, Protocol, Seed};

/// A connection that is told from others by three small numbers. Everything else follows from
/// them, so that a mixture of two would show.
fn connection(client: u32, service: u32, destination: u32) -> Connection {
    let protocol = if client % 2 == 0 {
        Protocol::Tcp
    } else {
        Protocol::Udp
    };
    Connection {
        protocol,
        template: false,
        method: Method::Nat,
        state: if client % 2 == 0 {
            State::SynReceived
        } else {
            State::Udp
        },
        client: Endpoint::new(Ipv4Address::from_bits(0x0100_0000 + client), client as u16),
        service: Endpoint::new(
            Ipv4Address::from_bits(0x0200_0000 + service),
            service as u16,
        ),
        destination: Endpoint::new(Ipv4Address::from_bits(0x0300_0000 + destination), 80),
        service_id: client ^ service,
        destination_id: client ^ service ^ destination,
        timeout: client.wrapping_mul(3),
        last_seen: 0,
    }
}

fn forward(table: &Table, wanted: &Connection) -> Option<Found> {
    table.lookup(
        Direction::Forward,
        wanted.protocol,
        wanted.client,
        wanted.service,
    )
}

fn reply(table: &Table, wanted: &Connection) -> Option<Found> {
    table.lookup(
        Direction::Reply,
        wanted.protocol,
        wanted.client,
        wanted.destination,
    )
}

fn touch(table: &Table, found: &Found, now: u32, next: impl Fn(State) -> State) {
    table.touch(found.handle, found.connection.state, now, next);
}

fn made(table: &Table, connection: &Connection) -> Handle {
    match table.insert(connection) {
        Insertion::Made(handle) => handle,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_directions_find_one() {
    let table = table(16, 8);
    let wanted = connection(2, 3, 4);
    assert!(forward(&table, &wanted).is_none() && reply(&table, &wanted).is_none());
    let handle = made(&table, &wanted);
    for found in [forward(&table, &wanted), reply(&table, &wanted)] {
        let found = found.expect("inserted");
        assert_eq!((found.handle, found.connection), (handle, wanted));
    }
    // Neither the other protocol, nor the directions mixed up.
    let other = Connection {
        protocol: Protocol::Udp,
        ..wanted
    };
    assert!(forward(&table, &other).is_none() && reply(&table, &other).is_none());
    assert!(table
        .lookup(
            Direction::Forward,
            Protocol::Tcp,
            wanted.service,
            wanted.client
        )
        .is_none());
    assert!(table
        .lookup(
            Direction::Reply,
            Protocol::Tcp,
            wanted.client,
            wanted.service
        )
        .is_none());

    assert_eq!(table.remove(handle), Some(wanted));
    assert_eq!(table.remove(handle), None);
    assert!(forward(&table, &wanted).is_none() && reply(&table, &wanted).is_none());
    assert_eq!(table.free_count(), 8);
}

#[test]
fn duplicates_and_clashes() {
    let table = table(16, 8);
    let first = connection(2, 3, 4);
    let handle = made(&table, &first);
    match table.insert(&connection(2, 3, 5)) {
        Insertion::Exists(found) => assert_eq!((found.handle, found.connection), (handle, first)),
        other => panic!("{other:?}"),
    }
    match table.insert(&connection(2, 9, 4)) {
        Insertion::Clash(found) => assert_eq!((found.handle, found.connection), (handle, first)),
        other => panic!("{other:?}"),
    }
    made(&table, &connection(2, 9, 5));
    assert_eq!(table.free_count(), 6);
}

#[test]
fn an_old_handle_does_nothing() {
    let table = table(16, 1);
    let first = connection(2, 3, 4);
    let handle = made(&table, &first);
    let stale = forward(&table, &first).expect("inserted");
    table.remove(handle);
    let second = connection(4, 3, 4);
    let newer = made(&table, &second);
    assert_eq!(handle.index, newer.index);
    touch(&table, &stale, 0, |_| State::Closed);
    assert_eq!(table.remove(handle), None);
    assert_eq!(
        forward(&table, &second).expect("inserted").connection,
        second
    );
}

#[test]
fn full_and_growing() {
    let table = empty_table(64, 2, 100);
    assert_eq!(table.limit(), 200);
    assert!(matches!(
        table.insert(&connection(0, 0, 0)),
        Insertion::Full
    ));
    for chunk in 0..2 {
        grow(&table, chunk);
        for client in 0..100 {
            made(&table, &connection(chunk as u32 * 100 + client, 1, 2));
        }
        assert_eq!(table.free_count(), 0);
        assert!(matches!(
            table.insert(&connection(9999, 0, 0)),
            Insertion::Full
        ));
    }
    assert_eq!(table.iter(0..u32::MAX).count(), 200);
    for client in 0..200 {
        assert!(forward(&table, &connection(client, 1, 2)).is_some());
    }
}

/// One client endpoint with many services fills its home and what follows; more do not fit, and
/// what is taken out makes room again.
#[test]
fn a_crowded_home() {
    let table = table(32, 1000);
    let room = ((bucket::REACH + 1) * bucket::ENTRIES) as u32;
    for service in 0..room {
        made(&table, &connection(2, service, service));
    }
    assert!(matches!(
        table.insert(&connection(2, room, room)),
        Insertion::Full
    ));
    assert_eq!(table.free_count(), 1000 - room);
    let mut random = Random(5);
    let mut present = vec![true; room as usize];
    for _ in 0..4000 {
        let service = random.below(room);
        let wanted = connection(2, service, service);
        let found = forward(&table, &wanted);
        assert_eq!(found.is_some(), present[service as usize]);
        assert_eq!(
            reply(&table, &wanted).map(|f| f.handle),
            found.map(|f| f.handle)
        );
        match found {
            Some(found) => assert_eq!(table.remove(found.handle), Some(wanted)),
            None => drop(made(&table, &wanted)),
        }
        present[service as usize] ^= true;
    }
}

#[test]
fn sizes() {
    let new = |count: usize| {
        let buckets: Vec<_> = (0..count).map(|_| Bucket::new()).collect();
        ConnectionTable::new(
            buckets,
            common::Chunks::<Ipv4Address>::new(1, 1),
            Seed([0, 0]),
        )
        .is_some()
    };
    assert!(new(16) && new(1024));
    assert!(!new(0) && !new(8) && !new(24));
    assert_eq!(buckets_for(0), 16);
    assert_eq!(buckets_for(1 << 20), 1 << 18);
    assert_eq!(buckets_for(1_000_000), 1 << 18);
    assert_eq!(buckets_for(u32::MAX), 1 << 30);
}

/// A full table of the usual size has room near every bucket.
#[test]
fn nothing_refused_below_the_limit() {
    let limit = 1 << 16;
    for seed in 0..3 {
        let buckets: Vec<_> = (0..buckets_for(limit)).map(|_| Bucket::new()).collect();
        let table = ConnectionTable::new(buckets, common::Chunks::new(1, limit), Seed([seed, 9]))
            .expect("sizes");
        grow(&table, 0);
        for client in 0..limit {
            made(&table, &connection(client * 2, 1, 2));
        }
    }
}

#[test]
fn timeouts() {
    let table = table(16, 16);
    // The clock wraps on the way.
    let start = u32::MAX - 5_000;
    let at = |seconds: u32| start.wrapping_add(seconds * 1000);
    let mut expected = Vec::new();
    for (client, state, timeout, seconds) in [
        (2, State::SynReceived, 5_000, 60),
        (4, State::Established, 0, 900),
        (6, State::Established, 77_000, 77),
        (8, State::FinClient, 5_000, 120),
        (10, State::FinDestination, 5_000, 120),
        (12, State::TimeWait, 5_000, 60),
        (14, State::Closed, 5_000, 10),
        (1, State::Udp, 0, 300),
        (3, State::Udp, 1_000, 1),
        (16, State::Established, u32::MAX, 86_400),
    ] {
        let connection = Connection {
            state,
            timeout,
            last_seen: start,
            ..connection(client, 1, 2)
        };
        made(&table, &connection);
        assert_eq!(
            connection.expires(start, &Timeouts::default()),
            seconds * 1000
        );
        // Seen by another CPU after this one read its clock: not four billion milliseconds ago.
        assert_eq!(connection.idle(start.wrapping_sub(3)), 0);
        expected.push((seconds, connection));
    }
    expected.sort_by_key(|(seconds, _)| *seconds);
    let mut gone = Vec::new();
    for second in 0..=900 {
        table.expire(
            0..u32::MAX,
            at(second),
            &Timeouts::default(),
            |connection| {
                gone.push((second, *connection));
                Fate::Remove
            },
        );
    }
    table.expire(0..u32::MAX, at(86_399), &Timeouts::default(), |_| {
        panic!("too early")
    });
    table.expire(
        0..u32::MAX,
        at(86_400),
        &Timeouts::default(),
        |connection| {
            gone.push((86_400, *connection));
            Fate::Remove
        },
    );
    let key = |(second, connection): &(u32, Connection)| (*second, connection.client);
    expected.sort_by_key(key);
    gone.sort_by_key(key);
    assert_eq!(gone, expected);
    assert_eq!(table.free_count(), 16);
}

#[test]
fn touching() {
    let table = table(16, 4);
    let wanted = connection(2, 3, 4);
    made(&table, &wanted);
    let found = forward(&table, &wanted).expect("inserted");
    touch(&table, &found, 10, |state| state);
    touch(&table, &found, 20, |_| State::Established);
    let newer = forward(&table, &wanted).expect("inserted");
    assert_eq!(newer.handle, found.handle);
    assert_eq!(
        (newer.connection.last_seen, newer.connection.state),
        (20, State::Established)
    );
    // The snapshot of an overtaken CPU: the step is taken from where the other one has got.
    touch(&table, &found, 30, |state| match state {
        State::SynReceived => State::FinClient,
        State::Established => State::FinDestination,
        other => panic!("{other:?}"),
    });
    let newest = forward(&table, &wanted).expect("inserted");
    assert_eq!(newest.connection.state, State::FinDestination);
}

/// Long random histories: the table always equals a map.
#[test]
fn equals_a_map() {
    for (seed, buckets, clients) in [(1, 16, 30), (2, 16, 200), (3, 256, 400), (4, 32, 4)] {
        let mut random = Random(seed);
        let mut now = 0_u32;
        let table = empty_table(buckets, 4, 32);
        let mut chunks = 0;
        let mut model: HashMap<(u32, u32), Connection> = HashMap::new();
        for step in 0..40_000 {
            now += random.below(300);
            let (client, service) = (random.below(clients), random.below(5));
            let wanted = connection(client, service, random.below(3));
            let known = model.get(&(client, service)).copied();
            let found = forward(&table, &wanted);
            assert_eq!(found.map(|found| found.connection), known, "{seed} {step}");
            match random.below(20) {
                0..8 => {
                    let wanted = Connection {
                        last_seen: now,
                        ..wanted
                    };
                    let clash = model.values().copied().find(|other| {
                        other.protocol == wanted.protocol
                            && (other.client, other.destination)
                                == (wanted.client, wanted.destination)
                    });
                    match table.insert(&wanted) {
                        Insertion::Made(_) => {
                            assert!(known.is_none() && clash.is_none());
                            model.insert((client, service), wanted);
                        }
                        Insertion::Exists(found) => assert_eq!(Some(found.connection), known),
                        Insertion::Clash(found) => {
                            assert!(known.is_none());
                            assert_eq!(Some(found.connection), clash);
                        }
                        Insertion::Full => {
                            // 7 entries in each of 16 buckets hold less than 128 slots.
                            let full = model.len() == chunks * 32 || model.len() >= 112;
                            assert!(full, "{seed} {step} {}", model.len());
                        }
                    }
                }
                8..13 => {
                    if let Some(found) = found {
                        assert_eq!(table.remove(found.handle), known);
                        model.remove(&(client, service));
                    }
                }
                13..17 => {
                    if let (Some(found), Some(known)) = (found, known) {
                        let state = State::from_value(1 + random.below(7));
                        touch(&table, &found, now, |_| state);
                        model.insert(
                            (client, service),
                            Connection {
                                state,
                                last_seen: now,
                                ..known
                            },
                        );
                        let reply = reply(&table, &known).expect("the other way");
                        assert_eq!(reply.handle, found.handle);
                    }
                }
                17 => {
                    let mut gone = 0;
                    let expired = table.expire(0..128, now, &Timeouts::default(), |connection| {
                        let key = (
                            connection.client.port.into(),
                            connection.service.port.into(),
                        );
                        let known = model.remove(&key).expect("known");
                        assert_eq!(known, *connection);
                        assert!(known.is_expired(now, &Timeouts::default()));
                        gone += 1;
                        Fate::Remove
                    });
                    assert_eq!(expired, gone);
                    assert!(model
                        .values()
                        .all(|known| !known.is_expired(now, &Timeouts::default())));
                }
                18 if chunks < 4 && step > chunks * 500 => {
                    grow(&table, chunks);
                    chunks += 1;
                }
                _ => {
                    let mut dumped: Vec<_> = table.iter(0..50).chain(table.iter(50..200)).collect();
                    assert_eq!(dumped.len(), model.len());
                    dumped.sort_by_key(|(handle, _)| handle.index);
                    dumped.dedup_by_key(|(handle, _)| handle.index);
                    assert_eq!(dumped.len(), model.len());
                    for (_, connection) in dumped {
                        let key = (
                            connection.client.port.into(),
                            connection.service.port.into(),
                        );
                        assert_eq!(model.get(&key), Some(&connection));
                    }
                }
            }
            assert_eq!(table.free_count() as usize, chunks * 32 - model.len());
        }
    }
}

/// The protocols' ports tell clients apart above; here it is the addresses.
#[test]
fn seeds_differ() {
    let client = endpoint("10.0.0.1", 1);
    let hash = |seed| Seed(seed).hash(Protocol::Tcp, client);
    assert_ne!(hash([1, 2]), hash([1, 3]));
    assert_ne!(hash([1, 2]), hash([2, 2]));
    assert_ne!(Seed([1, 2]).hash(Protocol::Udp, client), hash([1, 2]));
}

/// Clients that differ in a few bits spread over buckets and tags as by chance.
#[test]
fn hash_spreads() {
    for seed in [[0, 0], [1, 2], [u64::MAX, 0x1234_5678_9abc_def0]] {
        for shift in [0, 16, 24] {
            let mut low = vec![0_u32; 1024];
            let mut high = vec![0_u32; 1024];
            for number in 0..16_384_u32 {
                let client = Endpoint::new(
                    Ipv4Address::from_bits((number / 64) << shift),
                    (number % 64) as u16,
                );
                let hash = Seed(seed).hash(Protocol::Tcp, client);
                low[(hash & 1023) as usize] += 1;
                high[((hash >> 32) & 1023) as usize] += 1;
            }
            for counts in [low, high] {
                // 16 a bucket: chi squared has 1023 degrees of freedom, mean 1023, deviation 45.
                let chi: f64 = counts
                    .iter()
                    .map(|n| (f64::from(*n) - 16.0).powi(2) / 16.0)
                    .sum();
                assert!((800.0..1300.0).contains(&chi), "{seed:?} {shift} {chi}");
            }
        }
    }
}

/// Threads insert, look up, touch, remove and expire at once. Nobody ever sees a mixture of two
/// connections, one that stays is never missed, each goes once, and the books balance.
#[test]
fn threads() {
    const CLIENTS: u32 = 600;
    const ROUNDS: u32 = 60_000;
    let table = table(64, 256);
    // These stay: they must be found at any moment.
    let permanent: Vec<_> = (0..40).map(|n| connection(100_000 + n * 2, n, n)).collect();
    for connection in &permanent {
        made(
            &table,
            &Connection {
                state: State::Established,
                ..*connection
            },
        );
    }
    let (inserted, removed) = (AtomicU64::new(0), AtomicU64::new(0));
    let clock = AtomicU32::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let (table, permanent, inserted, removed) = (&table, &permanent, &inserted, &removed);
        let (clock, done) = (&clock, &done);
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                scope.spawn(move || {
                    let mut random = Random(77 + worker);
                    for round in 0..ROUNDS {
                        let now = clock.fetch_add(random.below(3), Ordering::Relaxed);
                        let stays = permanent[random.below(40) as usize];
                        let found = if round % 2 == 0 {
                            forward(table, &stays)
                        } else {
                            reply(table, &stays)
                        };
                        let found = found.expect("a connection that stays was missed");
                        touch(table, &found, now, |state| state);

                        let (client, service) = (random.below(CLIENTS), random.below(3));
                        let wanted = connection(client, service, service);
                        let check = |found: &Found| {
                            let got = found.connection;
                            let same = Connection {
                                state: wanted.state,
                                last_seen: 0,
                                ..got
                            };
                            assert_eq!(same, wanted, "a mixture of two connections");
                        };
                        match forward(table, &wanted) {
                            Some(found) => {
                                check(&found);
                                match random.below(3) {
                                    0 => {
                                        if let Some(gone) = table.remove(found.handle) {
                                            check(&Found {
                                                connection: gone,
                                                ..found
                                            });
                                            removed.fetch_add(1, Ordering::Relaxed);
                                        }
                                    }
                                    1 => touch(table, &found, now, |_| State::Closed),
                                    _ => touch(table, &found, now, |state| state),
                                }
                            }
                            None => match table.insert(&Connection {
                                last_seen: now,
                                ..wanted
                            }) {
                                Insertion::Made(_) => {
                                    inserted.fetch_add(1, Ordering::Relaxed);
                                }
                                Insertion::Exists(found) => check(&found),
                                Insertion::Clash(found) => panic!("{found:?}"),
                                Insertion::Full => {}
                            },
                        }
                    }
                })
            })
            .collect();
        let collector = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let now = clock.load(Ordering::Relaxed);
                let gone = table.expire(0..256, now, &Timeouts::default(), |connection| {
                    assert_eq!(
                        connection.destination_id,
                        u32::from(connection.client.port)
                            ^ u32::from(connection.service.port)
                            ^ (connection.destination.address.bits() & 0xffff),
                    );
                    Fate::Remove
                });
                removed.fetch_add(gone.into(), Ordering::Relaxed);
                thread::yield_now();
            }
        });
        for worker in workers {
            worker.join().expect("worker");
        }
        done.store(true, Ordering::Relaxed);
        collector.join().expect("collector");
    });
    let (inserted, removed) = (inserted.into_inner(), removed.into_inner());
    let live = table.iter(0..256).count() as u64;
    assert_eq!(40 + inserted - removed, live);
    assert_eq!(256 - u64::from(table.free_count()), live);
    assert!(inserted > 1000 && removed > 1000, "{inserted} {removed}");
    // Every slot can still be had, each once.
    for (handle, _) in table.iter(0..256).collect::<Vec<_>>() {
        assert!(table.remove(handle).is_some());
    }
    let mut seen: Vec<_> = (0..256)
        .map(|n| made(&table, &connection(n * 2, 1, 1)).index)
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..256).collect::<Vec<_>>());
    assert_eq!(table.slots().limit(), 256);
}
