// SPDX-License-Identifier: GPL-2.0

//! All orders of a few operations on a table of two buckets with two entries each.

#![allow(missing_docs)]

use std::time::{Duration, Instant};

use loom::model::Builder;
use loom::sync::{Arc, RwLock, RwLockReadGuard};

use switchyard_core_loom::atomic::{spawn, AtomicU32, Ordering};
use switchyard_core_loom::core::books::{Books, Budget};
use switchyard_core_loom::core::bucket::Bucket;
use switchyard_core_loom::core::connection::Connection;
use switchyard_core_loom::core::connection_state::ConnectionState as State;
use switchyard_core_loom::core::connection_table::{ConnectionTable, Fate, Settled};
use switchyard_core_loom::core::connections::{
    Connections as _, Found, Insertion, SteadyConnections as _, Treatment,
};
use switchyard_core_loom::core::free_list::FreeGroup;
use switchyard_core_loom::core::memory::{Buckets, Layout, Memory};
use switchyard_core_loom::core::method::Method;
use switchyard_core_loom::core::resize::{Resize, Stages};
use switchyard_core_loom::core::slot::{Key, Slot};
use switchyard_core_loom::core::timeouts::Timeouts;
use switchyard_core_loom::core::tuple::{Direction, Endpoint, Ipv4Address, Protocol, Seed};

const CHUNK: u32 = 2;
const SEED: Seed = Seed([1, 2]);

struct Array(Vec<Bucket>);

impl Array {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| Bucket::new()).collect())
    }
}

impl Buckets for Array {
    fn bucket(&self, index: usize) -> Option<&Bucket> {
        self.0.get(index)
    }

    fn mask(&self) -> usize {
        self.0.len() - 1
    }
}

/// A table's memory: two arrays, of which a number says which are used, and two chunks.
struct Store {
    arrays: [Array; 2],
    current: AtomicU32,
    /// The current array, whether the other one is the next, whether it is filled: bits 0 to 2.
    layout: AtomicU32,
    chunks: Vec<Vec<Slot>>,
    is_there: AtomicU32,
    groups: [FreeGroup; 1],
    books: Books,
    budget: Budget,
    /// Held while one reads; whoever takes it for himself has waited for all who did.
    reading: RwLock<()>,
}

impl Store {
    /// Arrays of these sizes, the first one current, and so many chunks.
    fn new(sizes: [usize; 2], chunks: usize) -> Arc<Self> {
        let store = Self {
            arrays: sizes.map(Array::new),
            current: AtomicU32::new(0),
            layout: AtomicU32::new(0),
            chunks: (0..chunks)
                .map(|_| (0..CHUNK).map(|_| Slot::new()).collect())
                .collect(),
            is_there: AtomicU32::new((1 << chunks) - 1),
            groups: [FreeGroup::new()],
            books: Books::new(SEED),
            budget: Budget::new(100),
            reading: RwLock::new(()),
        };
        for chunk in 0..chunks {
            store.view().add_chunk(chunk as u32);
        }
        Arc::new(store)
    }

    fn view(&self) -> ConnectionTable<Ipv4Address, View<'_>> {
        ConnectionTable::new(View {
            store: self,
            _reading: None,
        })
    }

    /// With a read-side section, where grace periods matter.
    fn reading(&self) -> ConnectionTable<Ipv4Address, View<'_>> {
        ConnectionTable::new(View {
            store: self,
            _reading: Some(self.reading.read().expect("lock")),
        })
    }

    fn synchronize(&self) {
        drop(self.reading.write().expect("lock"));
    }

    /// References in an array.
    fn references(&self, array: usize) -> usize {
        self.arrays[array]
            .0
            .iter()
            .map(|bucket| bucket.indexes().count())
            .sum()
    }

    /// That all is as it should be when nothing goes on and there are these connections.
    fn check(&self, live: &[Connection]) {
        let table = self.view();
        for connection in live {
            assert_eq!(
                forward(&table, connection).map(|found| found.connection.client),
                Some(connection.client)
            );
        }
        assert_eq!(table.iter(0..u32::MAX).count(), live.len());
        let current = self.current.load(Ordering::Relaxed) as usize;
        assert_eq!(self.references(current), live.len());
        assert_eq!(self.budget.used() as usize, live.len());
        let half_open = live.iter().filter(|one| one.state.is_half_open());
        assert_eq!(self.books.half_open() as usize, half_open.count());
        let there = self.is_there.load(Ordering::Relaxed).count_ones() * CHUNK;
        assert_eq!(table.free_count() + live.len() as u32, there);
        let free: u32 = (0..self.chunks.len() as u32)
            .map(|chunk| table.free_in(chunk))
            .sum();
        assert_eq!(free, table.free_count());
        // And all can be had.
        for number in 0..free {
            let connection = connection(100 + number, 7, 7);
            match table.insert(&connection) {
                Insertion::Made(handle) => drop(table.remove(handle)),
                other => panic!("{other:?}"),
            }
        }
    }
}

struct View<'a> {
    store: &'a Store,
    _reading: Option<RwLockReadGuard<'a, ()>>,
}

impl Memory<Ipv4Address> for View<'_> {
    const CHUNK: u32 = CHUNK;

    type Buckets = Array;

    fn current(&self) -> &Array {
        &self.store.arrays[self.store.current.load(Ordering::Acquire) as usize]
    }

    fn layout(&self) -> Layout<'_, Array> {
        let layout = self.store.layout.load(Ordering::Acquire);
        let current = (layout & 1) as usize;
        Layout {
            current: &self.store.arrays[current],
            next: (layout & 2 != 0).then(|| &self.store.arrays[1 - current]),
            fills: layout & 4 != 0,
        }
    }

    fn chunk(&self, chunk: u32) -> Option<&[Slot]> {
        let there = self.store.is_there.load(Ordering::Acquire);
        (chunk < u32::BITS && there & (1 << chunk) != 0)
            .then(|| self.store.chunks.get(chunk as usize))?
            .map(Vec::as_slice)
    }

    fn groups(&self) -> &[FreeGroup] {
        &self.store.groups
    }

    fn books(&self) -> &Books {
        &self.store.books
    }

    fn budget(&self) -> &Budget {
        &self.store.budget
    }
}

/// From the first array to the second.
struct Publisher<'a>(&'a Store);

impl Publisher<'_> {
    fn layout(&self, layout: u32) {
        self.0.layout.store(layout, Ordering::Release);
    }
}

impl Stages for Publisher<'_> {
    fn announce(&mut self, buckets: usize) -> bool {
        assert_eq!(self.0.arrays[1].0.len(), buckets);
        self.layout(2);
        true
    }

    fn fill(&mut self) {
        self.layout(2 | 4);
    }

    fn switch(&mut self) {
        self.0.current.store(1, Ordering::Release);
    }

    fn settle(&mut self) {
        self.layout(1);
    }

    fn abandon(&mut self) {
        self.layout(0);
    }

    fn free(&mut self) {}

    fn has_elapsed(&self) -> bool {
        self.0.synchronize();
        true
    }
}

/// All steps of a change to the second array.
fn resize(store: &Store) {
    let mut resize = Resize::new();
    let mut publisher = Publisher(store);
    let [from, to] = [0, 1].map(|array| store.arrays[array].0.len());
    loop {
        resize.advance(&mut publisher, from, to);
        if resize.is_copying() {
            resize.copy(&store.reading(), &mut publisher);
        }
        if resize.is_idle() {
            break;
        }
    }
    assert_eq!(store.current.load(Ordering::Relaxed), 1);
}

/// The `number`th client whose home in four buckets is bucket 0, and so in two buckets as well.
fn client(number: u32) -> Endpoint {
    (0..)
        .map(|port| Endpoint::new(Ipv4Address::from_bits(7), port))
        .filter(|client| {
            Key::new(Direction::Forward, Protocol::Tcp, *client, *client).hash(SEED) & 3 == 0
        })
        .nth(number as usize)
        .expect("one of four")
}

/// A client whose home is bucket 1 in two buckets.
fn neighbour() -> Endpoint {
    (0..)
        .map(|port| Endpoint::new(Ipv4Address::from_bits(6), port))
        .find(|client| {
            Key::new(Direction::Forward, Protocol::Tcp, *client, *client).hash(SEED) & 1 == 1
        })
        .expect("one of two")
}

fn connection(number: u32, service: u16, destination: u16) -> Connection {
    Connection {
        protocol: Protocol::Tcp,
        template: false,
        state: State::SynReceived,
        method: Method::Nat,
        client: if number < 100 {
            client(number)
        } else {
            Endpoint::new(Ipv4Address::from_bits(number), 1)
        },
        service: Endpoint::new(Ipv4Address::from_bits(8), service),
        destination: Endpoint::new(Ipv4Address::from_bits(9), destination),
        service_id: number,
        destination_id: number,
        timeout: number,
        last_seen: 0,
    }
}

fn forward(table: &ConnectionTable<Ipv4Address, View<'_>>, wanted: &Connection) -> Option<Found> {
    table.lookup(
        Direction::Forward,
        wanted.protocol,
        wanted.client,
        wanted.service,
    )
}

/// Seconds for one test. Those that need more have tried some orders and not all; it is said.
const SECONDS: u64 = 5;

/// Tries every order, with at most so many switches from a thread that could have gone on.
fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    // How often it looks at the clock.
    builder.checkpoint_interval = 50;
    builder.max_duration = Some(Duration::from_secs(SECONDS));
    let start = Instant::now();
    let orders = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = orders.clone();
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let orders = orders.load(std::sync::atomic::Ordering::Relaxed);
    let all = if start.elapsed().as_secs() < SECONDS {
        "all"
    } else {
        "not all"
    };
    println!("{orders} orders, {all} with {preemptions} preemptions");
    assert!(orders > 50, "{orders}");
}

#[test]
fn a_lookup_sees_all_or_nothing() {
    check(2, || {
        let store = Store::new([2, 4], 1);
        let old = connection(0, 1, 1);
        let new = connection(1, 2, 2);
        let handle = match store.view().insert(&old) {
            Insertion::Made(handle) => handle,
            other => panic!("{other:?}"),
        };
        // The other slot is taken as well, so that the new one has to take the old one's.
        let other = connection(2, 3, 3);
        assert!(matches!(store.view().insert(&other), Insertion::Made(_)));
        let writer = {
            let store = store.clone();
            spawn(1, move || {
                assert_eq!(store.view().remove(handle), Some(old));
                assert!(matches!(store.view().insert(&new), Insertion::Made(_)));
            })
        };
        let table = store.view();
        for wanted in [old, new] {
            let found = forward(&table, &wanted);
            assert!(found.is_none_or(|found| found.connection == wanted));
        }
        let hit = table.hit(Direction::Reply, old.protocol, old.client, old.destination);
        assert!(hit.is_none_or(|hit| hit.service_id == 0 && hit.instead == old.service));
        // One that stays is not missed.
        assert!(forward(&table, &other).is_some());
        writer.join().expect("writer");
        store.check(&[new, other]);
    });
}

/// The same of those that are simply entered, beside those that are inserted.
#[test]
fn of_an_entry_and_an_insertion_one_is_made() {
    check(2, || {
        let store = Store::new([2, 4], 2);
        let threads: Vec<_> = (1..3)
            .map(|number| {
                let store = store.clone();
                spawn(number, move || {
                    let wanted = connection(0, 1, 1);
                    if store.view().enter(&wanted) {
                        return true;
                    }
                    // Whoever was faster may have done either, and it is found at once.
                    match store.view().insert(&wanted) {
                        Insertion::Made(_) => true,
                        Insertion::Exists(found) => {
                            assert_eq!(found.connection, wanted);
                            assert!(forward(&store.view(), &wanted).is_some());
                            false
                        }
                        other => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        let made = threads
            .into_iter()
            .map(|thread| thread.join().expect("writer"))
            .filter(|made| *made);
        assert_eq!(made.count(), 1);
        store.check(&[connection(0, 1, 1)]);
    });
}

/// One that is entered where there is one place left, which another of another home takes as well:
/// neither is lost, and one that stays there is not missed meanwhile.
#[test]
fn an_entry_and_one_from_elsewhere() {
    check(2, || {
        let store = Store::new([2, 4], 2);
        // Bucket 0 is full, and one of its connections lies in bucket 1.
        let stay: Vec<_> = (0..2).map(|number| connection(number, 1, 1)).collect();
        for connection in &stay {
            assert!(store.view().enter(connection));
        }
        let neighbour = Connection {
            client: neighbour(),
            ..connection(50, 2, 2)
        };
        let spilled = connection(2, 1, 1);
        let threads = [(1, neighbour), (2, spilled)].map(|(number, wanted)| {
            let store = store.clone();
            spawn(number, move || {
                if number == 1 && store.view().enter(&wanted) {
                    return;
                }
                let made = store.view().insert(&wanted);
                assert!(matches!(made, Insertion::Made(_)), "{made:?}");
            })
        });
        let table = store.view();
        for connection in &stay {
            assert!(forward(&table, connection).is_some());
        }
        drop(table);
        for thread in threads {
            thread.join().expect("writer");
        }
        store.check(&[stay[0], stay[1], neighbour, spilled]);
    });
}

#[test]
fn of_two_insertions_one_is_made() {
    check(2, || {
        let store = Store::new([2, 4], 1);
        let threads: Vec<_> = (1..3)
            .map(|number| {
                let store = store.clone();
                spawn(number, move || {
                    match store.view().insert(&connection(0, 1, 1)) {
                        Insertion::Made(handle) => (handle, true),
                        Insertion::Exists(found) => (found.handle, false),
                        other => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        let both: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().expect("writer"))
            .collect();
        assert_eq!(both[0].0, both[1].0);
        assert!(both[0].1 != both[1].1);
        store.check(&[connection(0, 1, 1)]);
    });
}

#[test]
fn of_two_removals_one_counts() {
    check(2, || {
        let store = Store::new([2, 4], 1);
        let Insertion::Made(handle) = store.view().insert(&connection(0, 1, 1)) else {
            panic!("not made");
        };
        let threads: Vec<_> = (1..3)
            .map(|number| {
                let store = store.clone();
                spawn(number, move || store.view().remove(handle).is_some())
            })
            .collect();
        let removed = threads
            .into_iter()
            .map(|thread| thread.join().expect("writer"))
            .filter(|removed| *removed);
        assert_eq!(removed.count(), 1);
        store.check(&[]);
    });
}

/// What is half open is counted once, whoever ends that: a packet, the collector or both.
#[test]
fn half_open_is_counted_once() {
    check(2, || {
        let store = Store::new([2, 4], 1);
        let wanted = connection(0, 1, 1);
        assert!(matches!(store.view().insert(&wanted), Insertion::Made(_)));
        let collector = {
            let store = store.clone();
            spawn(1, move || {
                let mut told = 0;
                store.view().expire(
                    0..CHUNK,
                    60_000,
                    &Timeouts::default(),
                    |_| {
                        told += 1;
                        Fate::Remove
                    },
                    |_| {},
                );
                told
            })
        };
        let table = store.view();
        if let Some(found) = forward(&table, &wanted) {
            let seen = found.connection.state;
            table.touch(found.handle, seen, 1, |_| State::Established);
        }
        let told = collector.join().expect("collector");
        let state = State::Established;
        let live = Connection { state, ..wanted };
        store.check(if told == 1 {
            &[]
        } else {
            std::slice::from_ref(&live)
        });
    });
}

#[test]
fn a_turn_and_a_packet() {
    check(2, || {
        let store = Store::new([2, 4], 1);
        let wanted = connection(0, 1, 1);
        assert!(matches!(store.view().insert(&wanted), Insertion::Made(_)));
        let collector = {
            let store = store.clone();
            spawn(1, move || {
                let mut steps = Vec::new();
                store.view().expire(
                    0..CHUNK,
                    60_000,
                    &Timeouts::default(),
                    |_| Fate::Turn(State::Expired),
                    |done| match done {
                        Settled::Turned { connection, from } => {
                            steps.push((*from, connection.state));
                        }
                        Settled::Removed(_) => panic!("nobody takes it out"),
                    },
                );
                steps
            })
        };
        let table = store.view();
        let found = forward(&table, &wanted).expect("nobody takes it out");
        let own = table.touch(
            found.handle,
            found.connection.state,
            1,
            |state| match state {
                State::SynReceived => State::Established,
                other => other,
            },
        );
        let mut steps = collector.join().expect("collector");
        steps.extend(own);
        let found = forward(&table, &wanted).expect("nobody takes it out");
        let state = found.connection.state;
        assert!(matches!(state, State::Established | State::Expired));
        // Whoever keeps accounts by the steps told comes to what there is.
        let counted = |wanted: State| {
            let one = |state: State| i32::from(state == wanted);
            let told: i32 = steps.iter().map(|(from, to)| one(*to) - one(*from)).sum();
            told + one(State::SynReceived)
        };
        for wanted in [State::SynReceived, State::Established, State::Expired] {
            assert_eq!(counted(wanted), i32::from(state == wanted), "{steps:?}");
        }
        store.check(&[Connection { state, ..wanted }]);
    });
}

/// A chunk goes away while slots are taken and given back: whoever got one of its slots keeps it.
#[test]
fn a_chunk_goes() {
    check(2, || {
        let store = Store::new([2, 4], 2);
        // The first chunk is full but for one.
        let stays = connection(0, 1, 1);
        assert!(matches!(store.view().insert(&stays), Insertion::Made(_)));
        let packets = {
            let store = store.clone();
            spawn(1, move || {
                let made: Vec<_> = (1..3)
                    .map(|number| {
                        let table = store.reading();
                        match table.insert(&connection(number, 1, 1)) {
                            Insertion::Made(handle) => Some(handle),
                            Insertion::Full => None,
                            other => panic!("{other:?}"),
                        }
                    })
                    .collect();
                assert!(made[0].is_some());
                for handle in made.into_iter().flatten() {
                    let gone = store.reading().remove(handle).expect("ours");
                    assert_eq!(gone, connection(gone.service_id, 1, 1));
                }
            })
        };
        if store.reading().take_chunk(1) {
            store.is_there.store(1, Ordering::Release);
            store.synchronize();
        }
        packets.join().expect("packets");
        store.check(&[stays]);
    });
}

/// Whatever is inserted, found and taken out while the table grows or shrinks is not lost, not
/// doubled, and leaves nothing behind.
fn resized_meanwhile(sizes: [usize; 2], preemptions: usize) {
    check(preemptions, move || {
        let store = Store::new(sizes, 2);
        let stays = connection(0, 1, 1);
        let leaves = connection(1, 2, 2);
        let comes = connection(2, 3, 3);
        assert!(matches!(store.view().insert(&stays), Insertion::Made(_)));
        let Insertion::Made(handle) = store.view().insert(&leaves) else {
            panic!("not made");
        };
        let packets = {
            let store = store.clone();
            spawn(1, move || {
                assert!(matches!(store.reading().insert(&comes), Insertion::Made(_)));
                let table = store.reading();
                assert!(forward(&table, &stays).is_some());
                assert!(forward(&table, &comes).is_some());
                drop(table);
                assert!(matches!(
                    store.reading().insert(&comes),
                    Insertion::Exists(_)
                ));
                assert_eq!(store.reading().remove(handle), Some(leaves));
                assert!(forward(&store.reading(), &leaves).is_none());
            })
        };
        resize(&store);
        packets.join().expect("packets");
        store.check(&[stays, comes]);
    });
}

#[test]
fn grown_meanwhile() {
    resized_meanwhile([2, 4], 1);
}

#[test]
fn shrunk_meanwhile() {
    resized_meanwhile([4, 2], 1);
}

/// Two CPUs that know of different arrays never both make the same connection.
#[test]
fn made_once_while_resized() {
    check(1, || {
        let store = Store::new([2, 4], 2);
        let wanted = connection(0, 1, 1);
        let packets: Vec<_> = (1..3)
            .map(|number| {
                let store = store.clone();
                spawn(number, move || match store.reading().insert(&wanted) {
                    Insertion::Made(_) => true,
                    Insertion::Exists(_) => false,
                    other => panic!("{other:?}"),
                })
            })
            .collect();
        resize(&store);
        let made = packets
            .into_iter()
            .map(|thread| thread.join().expect("packets"))
            .filter(|made| *made);
        assert_eq!(made.count(), 1);
        store.check(&[wanted]);
    });
}

/// The last step alone: one CPU still changes both arrays, another only the new one.
#[test]
fn made_once_while_settled() {
    check(1, || {
        let store = Store::new([2, 4], 1);
        store.layout.store(2 | 4, Ordering::Relaxed);
        store.current.store(1, Ordering::Relaxed);
        let wanted = connection(0, 1, 1);
        let insert = move |store: &Store| match store.view().insert(&wanted) {
            Insertion::Made(_) => true,
            Insertion::Exists(_) => false,
            other => panic!("{other:?}"),
        };
        let one = {
            let store = store.clone();
            spawn(1, move || insert(&store))
        };
        let other = {
            let store = store.clone();
            spawn(2, move || {
                store.layout.store(1, Ordering::Release);
                insert(&store)
            })
        };
        assert!(one.join().expect("one") != other.join().expect("other"));
        store.check(&[wanted]);
    });
}

/// A slot alone: what is read of it belongs to one use.
#[test]
fn a_slot_is_read_whole() {
    check(3, || {
        let slot = Arc::new(Slot::<Ipv4Address>::new());
        let old = connection(0, 1, 1);
        // The same but for what is not compared.
        let new = Connection {
            destination_id: 9,
            timeout: 9,
            ..old
        };
        slot.fill(&old);
        let first = slot.publish();
        let writer = {
            let slot = slot.clone();
            spawn(1, move || {
                slot.retire();
                slot.fill(&new);
                slot.publish();
            })
        };
        if let Some((handle, read)) = slot.read_if(0, Key::of(&old)) {
            let wanted = if handle.sequence == first { old } else { new };
            assert_eq!(read, wanted);
        }
        writer.join().expect("writer");
        assert_eq!(slot.read(0).map(|(_, read)| read), Some(new));
    });
}

/// The same of as much of it as a packet of a connection that only goes on needs.
#[test]
fn a_slot_is_had_whole() {
    check(3, || {
        let slot = Arc::new(Slot::<Ipv4Address>::new());
        let old = Connection {
            state: State::Established,
            ..connection(0, 1, 1)
        };
        // The same but for what is not compared.
        let new = Connection {
            destination: connection(0, 1, 2).destination,
            destination_id: 9,
            ..old
        };
        slot.fill(&old);
        slot.publish();
        let writer = {
            let slot = slot.clone();
            spawn(1, move || {
                slot.retire();
                slot.fill(&new);
                slot.publish();
            })
        };
        let key = Key::of(&old);
        let seen = slot.seems(key, State::Established);
        if let Some(had) = seen.and_then(|seen| slot.steady(seen, key, || 7)) {
            let of = |one: Connection| (Treatment::Translated(one.destination), one.destination_id);
            let had = (had.treatment(), had.destination_id);
            assert!(had == of(old) || had == of(new), "{had:?}");
        }
        writer.join().expect("writer");
    });
}

/// A chunk of free slots alone.
fn group() -> (Arc<FreeGroup>, Arc<Vec<Slot<Ipv4Address>>>) {
    let slots: Vec<_> = (0..4).map(|_| Slot::new()).collect();
    let group = FreeGroup::new();
    group.fill(0, &slots);
    (Arc::new(group), Arc::new(slots))
}

/// Takes a slot out of it.
fn pop(group: &FreeGroup, slots: &[Slot<Ipv4Address>]) -> Option<u32> {
    group
        .pop(|number| (number == 0).then_some(slots))
        .map(|(_, place, _)| place)
}

/// A top that went and came back, with as many below it as before, is not mistaken for one that
/// stayed.
#[test]
fn no_slot_is_had_twice() {
    check(2, || {
        let (group, slots) = group();
        let held = pop(&group, &slots).expect("four");
        let other = {
            let (group, slots) = (group.clone(), slots.clone());
            spawn(1, move || {
                let first = pop(&group, &slots).expect("three for two");
                let second = pop(&group, &slots);
                group.push(0, &slots[held as usize], held);
                group.push(0, &slots[first as usize], first);
                second
            })
        };
        let mine = pop(&group, &slots);
        let mut all = vec![mine, other.join().expect("other")];
        all.extend((0..4).map(|_| pop(&group, &slots)));
        let mut all: Vec<_> = all.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3]);
    });
}

/// What comes back just when the last one is taken is not forgotten.
#[test]
fn no_slot_is_forgotten() {
    check(3, || {
        let (group, slots) = group();
        let held = pop(&group, &slots).expect("four");
        pop(&group, &slots).expect("three");
        pop(&group, &slots).expect("two");
        let other = {
            let (group, slots) = (group.clone(), slots.clone());
            spawn(1, move || group.push(0, &slots[held as usize], held))
        };
        let last = pop(&group, &slots);
        other.join().expect("other");
        assert_eq!(last.iter().count() + pop(&group, &slots).iter().count(), 2);
    });
}
