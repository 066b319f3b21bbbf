// SPDX-License-Identifier: GPL-2.0

//! What ten million connections take.

#![allow(missing_docs)]

mod common;

use std::mem::size_of;
use std::sync::{Mutex, PoisonError};

use common::numbered::{connection, Numbered};
use switchyard_core::core::books::{Books, Budget};
use switchyard_core::core::bucket::Bucket;
use switchyard_core::core::connection_table::ConnectionTable;
use switchyard_core::core::connections::{Connections as _, Insertion};
use switchyard_core::core::free_list::{FreeGroup, GROUP};
use switchyard_core::core::memory::{Buckets, Layout, Memory};
use switchyard_core::core::resize::wanted_buckets;
use switchyard_core::core::slot::{Slot, Stored};
use switchyard_core::core::tuple::{Ipv4Address, Ipv6Address, Seed};

const MANY: u32 = 10_000_000;

/// What the module keeps free (rust/connections/keeper.rs), its chunks, and its fewest buckets.
const HEADROOM: u32 = 8 * CHUNK;
const CHUNK: u32 = 1 << 13;
const LEAST: usize = 1 << 15;

/// Bytes for so many connections that came one by one: slots, those kept free, and buckets.
fn bytes<A: Stored>(connections: u32) -> usize {
    let slots = (connections + HEADROOM).next_multiple_of(CHUNK) as usize;
    let buckets = wanted_buckets(connections + HEADROOM / 2, LEAST, LEAST);
    slots * size_of::<Slot<A>>() + buckets * size_of::<Bucket>()
}

#[test]
fn per_connection() {
    let each = |bytes: usize, count: u32| bytes as f64 / f64::from(count);
    assert!(each(bytes::<Ipv4Address>(MANY), MANY) < 92.0);
    assert!(each(bytes::<Ipv6Address>(MANY), MANY) < 124.0);
    // Also where the table has just grown.
    for count in (5_000_000..=30_000_000).step_by(10_007) {
        assert!(each(bytes::<Ipv4Address>(count), count) <= 96.0, "{count}");
        assert!(each(bytes::<Ipv6Address>(count), count) <= 128.0, "{count}");
    }
}

struct Array(Vec<Bucket>);

impl Buckets for Array {
    fn bucket(&self, index: usize) -> Option<&Bucket> {
        self.0.get(index)
    }

    fn mask(&self) -> usize {
        self.0.len() - 1
    }
}

struct Store<A: Stored> {
    array: Array,
    chunks: Vec<Box<[Slot<A>]>>,
    groups: Vec<FreeGroup>,
    books: Books,
    budget: Budget,
}

impl<A: Stored> Memory<A> for &Store<A> {
    const CHUNK: u32 = CHUNK;

    type Buckets = Array;

    fn current(&self) -> &Array {
        &self.array
    }

    fn layout(&self) -> Layout<'_, Array> {
        Layout {
            current: &self.array,
            next: None,
            fills: false,
        }
    }

    fn chunk(&self, chunk: u32) -> Option<&[Slot<A>]> {
        self.chunks.get(chunk as usize).map(|chunk| &**chunk)
    }

    fn groups(&self) -> &[FreeGroup] {
        &self.groups
    }

    fn books(&self) -> &Books {
        &self.books
    }

    fn budget(&self) -> &Budget {
        &self.budget
    }
}

/// Bytes of this process's memory that are in use.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("a number");
    line.trim()
        .trim_end_matches(" kB")
        .parse::<usize>()
        .expect("a number")
        * 1024
}

/// What one of these tests takes is not to be counted for another.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Ten million connections in memory that is really had, and each found.
fn really<A: Numbered>(most: f64) {
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = resident();
    let chunks = (MANY + HEADROOM).div_ceil(CHUNK);
    let buckets = wanted_buckets(MANY + HEADROOM / 2, LEAST, LEAST);
    let store = Store::<A> {
        array: Array((0..buckets).map(|_| Bucket::new()).collect()),
        chunks: (0..chunks)
            .map(|_| (0..CHUNK).map(|_| Slot::new()).collect())
            .collect(),
        groups: (0..chunks.div_ceil(GROUP))
            .map(|_| FreeGroup::new())
            .collect(),
        books: Books::new(Seed([1, 2])),
        budget: Budget::new(MANY),
    };
    let table = ConnectionTable::<A, _>::new(&store);
    for chunk in 0..chunks {
        table.add_chunk(chunk);
    }
    for number in 0..MANY {
        let made = table.insert(&connection(number, 0, 0));
        assert!(matches!(made, Insertion::Made(_)), "{number}: {made:?}");
    }
    assert!(matches!(
        table.insert(&connection(MANY, 0, 0)),
        Insertion::Full
    ));
    for number in 0..MANY {
        assert!(common::numbered::forward(&table, &connection::<A>(number, 0, 0)).is_some());
    }
    let each = (resident() - before) as f64 / f64::from(MANY);
    println!("{each:.1} bytes a connection");
    assert!(each <= most, "{each}");
}

/// `cargo test --release -p switchyard-core --test connection_table_memory -- --ignored --nocapture`
#[test]
#[ignore = "takes a gigabyte, and minutes where nothing is optimised"]
fn really_v4() {
    really::<Ipv4Address>(96.0);
}

#[test]
#[ignore = "takes more than a gigabyte, and minutes where nothing is optimised"]
fn really_v6() {
    really::<Ipv6Address>(128.0);
}
