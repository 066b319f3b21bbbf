// SPDX-License-Identifier: GPL-2.0

//! The connection table, case by case; long histories and threads have files of their own.

#![allow(missing_docs)]

mod common;

use common::numbered::{connection, forward, made, reply, template, touch, Numbered};
use common::{empty_table, endpoint, table, Random, Table, CHUNK};
use switchyard_core::core::bucket;
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState as State;
use switchyard_core::core::connection_table::{Fate, Settled};
use switchyard_core::core::connections::{Connections as _, Insertion};
use switchyard_core::core::method::Method;
use switchyard_core::core::resize::wanted_buckets;
use switchyard_core::core::slot::Stored;
use switchyard_core::core::timeouts::{Timeouts, LONGEST_TIMEOUT};
use switchyard_core::core::tuple::{
    selection_hash, Direction, Endpoint, Ipv4Address, Ipv6Address, Protocol, Seed,
};

/// The test for each family.
macro_rules! for_both {
    ($($name:ident)+) => {$(
        mod $name {
            #[test]
            fn v4() {
                super::$name::<super::Ipv4Address>();
            }

            #[test]
            fn v6() {
                super::$name::<super::Ipv6Address>();
            }
        }
    )+};
}

for_both! {
    both_directions_find_one only_nat_has_replies templates_apart duplicates_and_clashes
    an_old_handle_does_nothing full_and_growing a_crowded_home nothing_refused_below_the_limit
    timeouts turning touching half_open budgets chunks_drain resized no_room_to_shrink
    refused_memory
}

fn both_directions_find_one<A: Numbered>() {
    let table = table::<A>(16, 8);
    let wanted = connection(3, 4, 4);
    assert!(forward(&table, &wanted).is_none() && reply(&table, &wanted).is_none());
    let handle = made(&table, &wanted);
    for found in [forward(&table, &wanted), reply(&table, &wanted)] {
        let found = found.expect("inserted");
        assert_eq!((found.handle, found.connection), (handle, wanted));
    }
    let hit = |direction, other| {
        table
            .hit(direction, wanted.protocol, wanted.client, other)
            .expect("inserted")
    };
    let forth = hit(Direction::Forward, wanted.service);
    let back = hit(Direction::Reply, wanted.destination);
    assert_eq!((forth.handle, back.handle), (handle, handle));
    assert_eq!(
        (forth.instead, back.instead),
        (wanted.destination, wanted.service)
    );
    assert_eq!((forth.method, back.method), (Method::Nat, Method::Nat));
    assert_eq!(
        (forth.state, forth.service_id),
        (wanted.state, wanted.service_id)
    );
    // Neither the other protocol, nor the directions mixed up.
    let other = Connection {
        protocol: Protocol::Udp,
        ..wanted
    };
    assert!(forward(&table, &other).is_none() && reply(&table, &other).is_none());
    for (direction, client, other) in [
        (Direction::Forward, wanted.service, wanted.client),
        (Direction::Reply, wanted.client, wanted.service),
        (Direction::Forward, wanted.client, wanted.destination),
    ] {
        assert!(table
            .lookup(direction, Protocol::Tcp, client, other)
            .is_none());
        assert!(table.hit(direction, Protocol::Tcp, client, other).is_none());
    }

    assert_eq!(table.remove(handle), Some(wanted));
    assert_eq!(table.remove(handle), None);
    assert!(forward(&table, &wanted).is_none() && reply(&table, &wanted).is_none());
    assert_eq!(table.count(), 0);
}

/// Whatever else there may be, no packet from a destination finds a connection that is not
/// translated: not even one from nobody's address.
fn only_nat_has_replies<A: Numbered>() {
    for (service, method) in [(2, Method::Direct), (3, Method::Tunnel)] {
        let table = table::<A>(16, 8);
        let wanted = connection(3, service, 4);
        assert_eq!(wanted.method, method);
        made(&table, &wanted);
        assert!(reply(&table, &wanted).is_none());
        let hit = table
            .hit(
                Direction::Forward,
                wanted.protocol,
                wanted.client,
                wanted.service,
            )
            .expect("inserted");
        assert_eq!((hit.method, hit.instead), (method, Endpoint::default()));
        assert_eq!(hit.destination_id, wanted.destination_id);
        // Two of them do not clash.
        made(&table, &connection(3, service + 4, 4));
        let local = Connection {
            method: Method::Local,
            ..connection(3, service + 8, 4)
        };
        made(&table, &local);
        assert_eq!(
            forward(&table, &local).map(|found| found.connection),
            Some(local)
        );
    }
}

/// A template and a connection whose client and service are the very same do not meet.
fn templates_apart<A: Numbered>() {
    let table = table::<A>(16, 8);
    let template = template::<A>(3, 4, 5);
    let twin = Connection {
        client: template.client,
        service: template.service,
        template: false,
        ..connection(3, 4, 5)
    };
    let handle = made(&table, &template);
    assert!(forward(&table, &twin).is_none() && reply(&table, &template).is_none());
    made(&table, &twin);
    let found = forward(&table, &template).expect("inserted");
    assert_eq!((found.handle, found.connection), (handle, template));
    assert_eq!(
        forward(&table, &twin).map(|found| found.connection),
        Some(twin)
    );
    assert!(matches!(table.insert(&template), Insertion::Exists(found) if found.handle == handle));
    // It has a timeout of its own.
    table.touch(handle, State::None, 10_000, |state| state);
    let young = 10_000 + template.timeout - 1;
    let timeouts = Timeouts::default();
    assert_eq!(
        table.expire(0..u32::MAX, young, &timeouts, |_| panic!("too early")),
        0
    );
    let mut gone = Vec::new();
    table.expire(0..u32::MAX, young + 1, &timeouts, |connection| {
        gone.push(*connection);
        Fate::Remove
    });
    let last_seen = 10_000;
    assert_eq!(
        gone,
        [Connection {
            last_seen,
            ..template
        }]
    );
    assert!(forward(&table, &template).is_none() && forward(&table, &twin).is_some());
}

fn duplicates_and_clashes<A: Numbered>() {
    let table = table::<A>(16, 8);
    let first = connection(3, 4, 4);
    let handle = made(&table, &first);
    match table.insert(&connection(3, 4, 5)) {
        Insertion::Exists(found) => assert_eq!((found.handle, found.connection), (handle, first)),
        other => panic!("{other:?}"),
    }
    match table.insert(&connection(3, 9, 4)) {
        Insertion::Clash(found) => assert_eq!((found.handle, found.connection), (handle, first)),
        other => panic!("{other:?}"),
    }
    made(&table, &connection(3, 9, 5));
    assert_eq!(table.count(), 2);
    assert_eq!(table.free_count(), CHUNK - 2);
}

fn an_old_handle_does_nothing<A: Numbered>() {
    let table = table::<A>(16, 1);
    let first = connection(2, 4, 4);
    let handle = made(&table, &first);
    let stale = forward(&table, &first).expect("inserted");
    table.remove(handle);
    let second = connection(5, 4, 4);
    let newer = made(&table, &second);
    assert_eq!(handle.index, newer.index);
    touch(&table, &stale, 0, |_| State::Closed);
    assert_eq!(table.remove(handle), None);
    assert_eq!(
        forward(&table, &second).expect("inserted").connection,
        second
    );
    assert_eq!(table.half_open(), 1);
}

fn full_and_growing<A: Numbered>() {
    let table = empty_table::<A>(64, 3 * CHUNK);
    let first = connection(0, 1, 2);
    assert!(matches!(table.insert(&first), Insertion::Full));
    // With a hole in the middle.
    for (round, chunk) in [0, 2, 1].into_iter().enumerate() {
        table.add(chunk);
        for client in 0..CHUNK {
            made(&table, &connection(round as u32 * CHUNK + client, 1, 2));
        }
        assert_eq!(table.free_count(), 0);
        assert!(matches!(
            table.insert(&connection(9999, 0, 0)),
            Insertion::Full
        ));
        let list = table.list(0..u32::MAX);
        assert_eq!(list.len() as u32, (round as u32 + 1) * CHUNK);
        assert_eq!(
            table.list(0..CHUNK * 2 + 5).len() as u32,
            [CHUNK, CHUNK + 5, CHUNK * 2 + 5][round]
        );
        assert!(list.is_sorted_by_key(|(handle, _)| handle.index));
    }
    assert_eq!(table.list(CHUNK - 3..CHUNK + 4).len(), 7);
    assert_eq!(table.list(4..4).len(), 0);
    for client in 0..CHUNK * 3 {
        assert!(forward(&table, &connection::<A>(client, 1, 2)).is_some());
    }
}

/// One client endpoint with many services fills its home and what follows; more do not fit, and
/// what is taken out makes room again.
fn a_crowded_home<A: Numbered>() {
    let table = table::<A>(32, 1000);
    let room = ((bucket::REACH + 1) * bucket::ENTRIES) as u32;
    let crowd = |service| connection::<A>(3, service * 4, service);
    for service in 0..room {
        made(&table, &crowd(service));
    }
    assert!(matches!(table.insert(&crowd(room)), Insertion::Full));
    assert_eq!((table.count(), table.half_open()), (room, room));
    let mut random = Random(5);
    let mut present = vec![true; room as usize];
    for _ in 0..4000 {
        let service = random.below(room);
        let wanted = crowd(service);
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

/// A table of the size that it should have has room for every home, and also while many more come
/// before it has grown.
fn nothing_refused_below_the_limit<A: Numbered>() {
    let limit: u32 = 1 << 14;
    for seed in 0..3 {
        // As full as it gets before it grows.
        let buckets = wanted_buckets(limit, 1 << 8, 1 << 8);
        for (buckets, limit) in [
            (buckets, limit),
            (buckets, buckets as u32 / 2 * 9),
            (1 << 16, (1 << 16) * 5),
        ] {
            let table = Table::<A>::new(buckets, limit, Seed([seed, 9]));
            for chunk in 0..table.slots() / CHUNK {
                table.add(chunk);
            }
            for client in 0..limit {
                made(&table, &connection(client * 2, 1, 2));
            }
        }
    }
}

#[test]
fn bucket_counts() {
    assert_eq!(wanted_buckets(0, 16, 16), 16);
    assert_eq!(wanted_buckets(72, 16, 16), 16);
    assert_eq!(wanted_buckets(73 + 8, 16, 16), 32);
    assert_eq!(wanted_buckets(10_000_000, 1 << 14, 1 << 14), 1 << 22);
    assert_eq!(wanted_buckets(0, 1 << 22, 1 << 14), 1 << 14);
    assert_eq!(wanted_buckets(1 << 22, 1 << 22, 1 << 14), 1 << 22);
    assert_eq!(wanted_buckets((1 << 22) - 1, 1 << 22, 1 << 14), 1 << 21);
    assert_eq!(wanted_buckets(u32::MAX, 1 << 14, 1 << 14), 1 << 30);
    // What was grown is not shrunk at once, nor the other way round.
    for connections in (0..10_000_000).step_by(9973) {
        let wanted = wanted_buckets(connections, 16, 16);
        assert_eq!(wanted_buckets(connections, wanted, 16), wanted);
        let wanted = wanted_buckets(connections, 1 << 23, 16);
        assert_eq!(wanted_buckets(connections, wanted, 16), wanted);
    }
}

fn timeouts<A: Numbered>() {
    let table = table::<A>(16, 16);
    // The clock wraps on the way.
    let start = u32::MAX - 5_000;
    let at = |seconds: u32| start.wrapping_add(seconds * 1000);
    let configured = Timeouts {
        fin_wait: 30_000,
        ..Timeouts::default()
    };
    let mut expected = Vec::new();
    for (client, state, timeout, seconds) in [
        (2, State::SynReceived, 5_000, 60),
        (4, State::Established, 0, 900),
        (6, State::Established, 77_000, 77),
        (8, State::FinClient, 5_000, 30),
        (10, State::FinDestination, 5_000, 30),
        (12, State::TimeWait, 5_000, 60),
        (14, State::Closed, 5_000, 10),
        (18, State::Expired, 5_000, 10),
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
        assert_eq!(connection.expires(start, &configured), seconds * 1000);
        // Seen by another CPU after this one read its clock: not four billion milliseconds ago.
        assert_eq!(connection.idle(start.wrapping_sub(3)), 0);
        expected.push((seconds, connection));
    }
    let mut gone = Vec::new();
    let mut expire = |second| {
        table.expire(0..u32::MAX, at(second), &configured, |connection| {
            gone.push((second, *connection));
            Fate::Remove
        })
    };
    for second in 0..=900 {
        expire(second);
    }
    assert_eq!((expire(86_399), expire(86_400)), (0, 1));
    let key = |(second, connection): &(u32, Connection<A>)| (*second, connection.client);
    expected.sort_by_key(key);
    gone.sort_by_key(key);
    assert_eq!(gone, expected);
    assert_eq!((table.count(), table.half_open()), (0, 0));
    let endless = Timeouts {
        established: u32::MAX,
        ..configured
    };
    assert_eq!(endless.of(State::Established, 0), LONGEST_TIMEOUT);
}

/// Expiry may leave a connection another state instead, and takes it out the next time.
fn turning<A: Numbered>() {
    let table = table::<A>(16, 4);
    let wanted = connection(3, 4, 4);
    let handle = made(&table, &wanted);
    let timeouts = Timeouts::default();
    let mut told = Vec::new();
    for second in 0..100 {
        table.expire(0..u32::MAX, second * 1000, &timeouts, |connection| {
            told.push((second, connection.state));
            if connection.state == State::Expired {
                Fate::Remove
            } else {
                Fate::Turn(State::Expired)
            }
        });
        if second == 65 {
            let found = forward(&table, &wanted).expect("turned, not taken out");
            assert_eq!(found.handle, handle);
            assert_eq!(
                found.connection,
                Connection {
                    state: State::Expired,
                    last_seen: 60_000,
                    ..wanted
                }
            );
            assert_eq!((table.half_open(), table.count()), (0, 1));
            assert!(found.connection.state.is_ending());
        }
    }
    assert_eq!(told, [(60, State::SynReceived), (70, State::Expired)]);
    assert_eq!(table.count(), 0);
}

fn touching<A: Numbered>() {
    let table = table::<A>(16, 4);
    let wanted = connection(2, 4, 4);
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

fn half_open<A: Numbered>() {
    let table = table::<A>(16, 8);
    let syn = connection(3, 4, 4);
    let handle = made(&table, &syn);
    assert_eq!(table.half_open(), 1);
    // UDP is not, and what was refused is not counted.
    made(&table, &connection(1, 4, 4));
    assert!(matches!(table.insert(&syn), Insertion::Exists(_)));
    assert_eq!(table.half_open(), 1);
    for (state, expected) in [
        (State::Established, 0),
        (State::SynReceived, 1),
        (State::SynReceived, 1),
        (State::Closed, 0),
        (State::TimeWait, 0),
        (State::SynReceived, 1),
    ] {
        let found = forward(&table, &syn).expect("inserted");
        touch(&table, &found, 1, |_| state);
        assert_eq!(table.half_open(), expected);
    }
    table.remove(handle);
    assert_eq!(table.half_open(), 0);
}

/// The limit holds whatever memory there is, and may be changed at any time.
fn budgets<A: Numbered>() {
    let table = table::<A>(64, 2 * CHUNK);
    let budget = table.budget();
    budget.set_limit(10);
    let handles: Vec<_> = (0..10)
        .map(|client| made(&table, &connection(client, 1, 1)))
        .collect();
    let one_more = connection(99, 1, 1);
    assert!(matches!(table.insert(&one_more), Insertion::Full));
    budget.set_limit(5);
    for (left, handle) in (0..10).rev().zip(handles) {
        assert!(table.remove(handle).is_some());
        match table.insert(&one_more) {
            Insertion::Made(handle) => {
                assert!(left < 5);
                table.remove(handle);
            }
            other => assert!(left >= 5 && matches!(other, Insertion::Full)),
        }
    }
    // What is refused for other reasons is not paid for.
    made(&table, &one_more);
    assert!(matches!(table.insert(&one_more), Insertion::Exists(_)));
    assert_eq!(budget.used(), 1);
}

/// Slots come from the lowest chunks, so that the highest ones can be taken away.
fn chunks_drain<A: Numbered>() {
    let table = table::<A>(64, 4 * CHUNK);
    let handles: Vec<_> = (0..4 * CHUNK)
        .map(|client| made(&table, &connection(client, 1, 1)))
        .collect();
    for (expected, handle) in (0..).zip(&handles) {
        assert_eq!(handle.index, expected);
    }
    assert!((0..4).all(|chunk| table.take(chunk).is_none()));
    // All but the lowest are given back out of order, and one of each chunk stays.
    let mut random = Random(7);
    let mut freed: Vec<_> = handles
        .iter()
        .filter(|handle| handle.index % CHUNK != 0)
        .collect();
    while !freed.is_empty() {
        let handle = freed.swap_remove(random.below(freed.len() as u32) as usize);
        table.remove(*handle);
    }
    assert!((0..4).all(|chunk| table.take(chunk).is_none()));
    let again = made(&table, &connection(9, 9, 9));
    assert!(again.index < CHUNK);
    table.remove(handles[3 * CHUNK as usize]);
    let taken = table.take(3).expect("free");
    assert!(!table.has(3) && table.take(3).is_none());
    assert_eq!(table.free_count(), 3 * CHUNK - 4);
    assert!(table.free_chunk(&taken));
    // There is no more than what is left.
    for client in 0..3 * CHUNK - 4 {
        assert!(made(&table, &connection(1000 + client, 1, 1)).index < 3 * CHUNK);
    }
    assert!(matches!(
        table.insert(&connection(5000, 1, 1)),
        Insertion::Full
    ));
    table.add(3);
    assert_eq!(
        made(&table, &connection(5000, 1, 1)).index / CHUNK,
        3,
        "the place is used again"
    );
}

/// Up and down by several sizes, with something inserted, removed and found in every step.
fn resized<A: Numbered>() {
    let table = table::<A>(16, 64 * CHUNK);
    let mut resizer = table.resizer();
    let mut random = Random(3);
    let mut present = std::collections::HashMap::new();
    for client in 0..100 {
        let wanted = connection(client, 1, 1);
        present.insert(client, made(&table, &wanted));
    }
    for wanted in [32, 16, 128, 16, 1024, 64, 64] {
        resizer.step(wanted);
        let mut steps = 0;
        while !resizer.is_idle() {
            steps += 1;
            for _ in 0..3 {
                let client = random.below(110);
                match present.remove(&client) {
                    Some(handle) => assert!(table.remove(handle).is_some()),
                    None => drop(present.insert(client, made(&table, &connection(client, 1, 1)))),
                }
            }
            for client in 0..110 {
                let wanted = connection::<A>(client, 1, 1);
                let handle = present.get(&client).copied();
                assert_eq!(forward(&table, &wanted).map(|found| found.handle), handle);
                assert_eq!(reply(&table, &wanted).map(|found| found.handle), handle);
                if handle.is_some() {
                    assert!(matches!(table.insert(&wanted), Insertion::Exists(_)));
                }
            }
            resizer.step(wanted);
        }
        assert_eq!(table.buckets(), wanted);
        assert!(steps >= 4 || wanted == 64);
    }
    // Nothing is left behind in the buckets: each can be filled again.
    for handle in present.values() {
        table.remove(*handle);
    }
    for client in 0..64 * 9 / 2 {
        made(&table, &connection(client, 1, 1));
    }
}

/// What does not fit into fewer buckets stays in more.
fn no_room_to_shrink<A: Numbered>() {
    let table = table::<A>(64, 1000);
    let many = 16 * bucket::ENTRIES as u32 + 1;
    for client in 0..many {
        made(&table, &connection(client, 1, 1));
    }
    let mut resizer = table.resizer();
    resizer.run(16);
    assert_eq!(table.buckets(), 64);
    for client in 0..many {
        assert!(forward(&table, &connection::<A>(client, 1, 1)).is_some());
    }
    made(&table, &connection(many, 1, 1));
    // It is not tried again at once.
    for _ in 0..100 {
        resizer.step(16);
        assert!(resizer.is_idle());
    }
    for _ in 0..1000 {
        resizer.step(128);
    }
    assert_eq!(table.buckets(), 128);
}

/// Without memory for more buckets all stays as it is.
fn refused_memory<A: Numbered>() {
    let table = table::<A>(16, 100);
    for client in 0..60 {
        made(&table, &connection(client, 1, 1));
    }
    let mut resizer = table.resizer();
    resizer.stages.refusals = 3;
    for _ in 0..3 {
        assert!(!resizer.step(64));
        assert!(resizer.is_idle() && table.buckets() == 16);
    }
    resizer.run(64);
    assert_eq!(table.buckets(), 64);
}

#[test]
fn seeds_differ() {
    let client = endpoint("10.0.0.1", 1);
    let hash = |seed, more| Ipv4Address::hash_client(Seed(seed), Ipv4Address::pack(client, more));
    assert_ne!(hash([1, 2], 6), hash([1, 3], 6));
    assert_ne!(hash([1, 2], 6), hash([2, 2], 6));
    assert_ne!(hash([1, 2], 6), hash([1, 2], 17));
    let client = Endpoint::new(Ipv6Address::from_bits(7 << 64 | 9), 1);
    let hash = |seed, more| Ipv6Address::hash_client(Seed(seed), Ipv6Address::pack(client, more));
    assert_ne!(hash([1, 2], 6), hash([1, 3], 6));
    assert_ne!(hash([1, 2], 6), hash([2, 2], 6));
    assert_ne!(hash([1, 2], 6), hash([1, 2], 17));
}

/// Sixteen a bucket, as by chance, or more evenly.
fn assert_spread(hashes: impl Iterator<Item = u64>, what: &str) {
    let mut low = vec![0_u32; 1024];
    let mut high = vec![0_u32; 1024];
    for hash in hashes {
        low[(hash & 1023) as usize] += 1;
        high[((hash >> 32) & 1023) as usize] += 1;
    }
    for counts in [low, high] {
        // Chi squared has 1023 degrees of freedom, mean 1023, deviation 45.
        let chi: f64 = counts
            .iter()
            .map(|n| (f64::from(*n) - 16.0).powi(2) / 16.0)
            .sum();
        assert!(chi < 1300.0, "{what} {chi}");
    }
}

/// Clients that differ in a few bits spread over buckets and tags.
#[test]
fn hash_spreads() {
    for seed in [[0, 0], [1, 2], [u64::MAX, 0x1234_5678_9abc_def0]] {
        for shift in [0, 16, 24] {
            let hashes = (0..16_384_u32).map(|number| {
                let client = Endpoint::new(
                    Ipv4Address::from_bits((number / 64) << shift),
                    (number % 64) as u16,
                );
                Ipv4Address::hash_client(Seed(seed), Ipv4Address::pack(client, 6))
            });
            assert_spread(hashes, &format!("{seed:?} {shift}"));
        }
        for shift in [0, 32, 56, 64, 100, 112] {
            let hashes = (0..16_384_u128).map(|number| {
                let client = Endpoint::new(
                    Ipv6Address::from_bits((0x2001_0db8 << 96) ^ ((number / 64) << shift)),
                    (number % 64) as u16,
                );
                Ipv6Address::hash_client(Seed(seed), Ipv6Address::pack(client, 6))
            });
            assert_spread(hashes, &format!("{seed:?} {shift}"));
        }
    }
}

/// A sum of both halves of an IPv6 address without a secret, as anybody can work it out.
fn sum_of(address: u128) -> u64 {
    ((address >> 64) as u64)
        .rotate_left(32)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ address as u64
}

/// Addresses that have the same such sum.
fn meeting() -> impl Iterator<Item = Ipv6Address> {
    let target = sum_of(1 << 64 | 1);
    (1..16_385_u64).map(move |high| {
        let low = sum_of(u128::from(high) << 64) ^ target;
        let address = u128::from(high) << 64 | u128::from(low);
        assert_eq!(sum_of(address), target);
        Ipv6Address::from_bits(address)
    })
}

/// Whoever may choose all of an IPv6 address, but does not know the secret, cannot make hashes
/// meet.
#[test]
fn chosen_addresses_spread() {
    let seed = Seed([3, 4]);
    let clients = meeting().map(|address| Ipv6Address::pack(Endpoint::new(address, 1), 6));
    assert_spread(
        clients.map(|client| Ipv6Address::hash_client(seed, client)),
        "chosen clients",
    );
    // Tables are chosen by the upper bits, places by the lower ones.
    let ends = |hash: u64| (hash >> 54) << 32 | hash & 0x3ff;
    for seed in SECRETS.map(Seed) {
        let hash = |address: Ipv6Address| ends(seed.hash_address(address.into()));
        assert_spread(meeting().map(hash), "chosen addresses");
        let near = (0..16_384).map(|low| Ipv6Address::from_bits(0x2001_0db8 << 96 | low));
        assert_spread(near.map(hash), "neighbours");
        let near = (0..16_384).map(|low| Ipv4Address::from_bits(0x0a00_0000 | low));
        let hash = |address: Ipv4Address| ends(seed.hash_address(address.into()));
        assert_spread(near.map(hash), "neighbours of IPv4");
    }
}

/// Numbers such as the kernel's random ones.
const SECRETS: [[u64; 2]; 2] = [
    [0x8f1b_2c3d_4e5f_6071, 0xd1e2_f3a4_b5c6_9788],
    [0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1],
];

/// No change of two bits of an address is one that its hash does not see, or sees alike under
/// another secret.
#[test]
fn no_two_bits_cancel_each_other_out() {
    let service = Endpoint::new(Ipv6Address::from_bits(0x2001_0db8 << 96 | 0x80), 80);
    let chosen = |address: u128| {
        let client = Endpoint::new(Ipv6Address::from_bits(address), 40_000);
        u64::from(selection_hash(Protocol::Tcp, client, service))
    };
    let keyed = |seed: [u64; 2]| {
        move |address: u128| Seed(seed).hash_address(Ipv6Address::from_bits(address).into())
    };
    let [one, other] = SECRETS.map(keyed);
    let base = 0x2001_0db8_0001_0002_0003_0004_0005_0006_u128;
    let mut alike = 0;
    for first in 0..128 {
        for second in 0..first {
            let flipped = base ^ (1 << first) ^ (1 << second);
            for hash in [&chosen as &dyn Fn(u128) -> u64, &one, &other] {
                assert_ne!(hash(base), hash(flipped), "bits {first} and {second}");
            }
            let change = |hash: &dyn Fn(u128) -> u64| hash(base) ^ hash(flipped);
            alike += u32::from(change(&one) == change(&other));
        }
    }
    assert_eq!(alike, 0);
}

/// What a connection's accounts are told at its end is what it was at that moment, not what it was
/// when its fate was chosen.
#[test]
fn expiry_tells_the_states_that_there_were() {
    let idle = 2_000_000;
    for fate in [Fate::Remove, Fate::Turn(State::Expired)] {
        let table = table::<Ipv4Address>(16, 4);
        let wanted = connection(3, 4, 4);
        let handle = made(&table, &wanted);
        assert_eq!(
            table.touch(handle, wanted.state, 1, |_| State::Established),
            Some((wanted.state, State::Established))
        );
        let settled = table.settle(idle, &Timeouts::default(), |connection| {
            assert_eq!(connection.state, State::Established);
            // The client's FIN comes by another CPU, just now.
            let step = table.touch(handle, State::Established, 1, |_| State::FinClient);
            assert_eq!(step, Some((State::Established, State::FinClient)));
            fate
        });
        match (fate, settled.as_slice()) {
            (Fate::Remove, [Settled::Removed(gone)]) => assert_eq!(gone.state, State::FinClient),
            (Fate::Turn(to), [Settled::Turned { connection, from }]) => {
                assert_eq!((*from, connection.state), (State::FinClient, to));
            }
            other => panic!("{other:?}"),
        }
    }
}
