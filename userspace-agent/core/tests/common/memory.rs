// SPDX-License-Identifier: GPL-2.0

//! A table's memory for the tests, with grace periods and a watch over what was freed.
//!
//! Nothing is really freed before the end. What would be is marked, and whoever then still looks
//! at it fails.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use switchyard_core::core::books::{Books, Budget};
use switchyard_core::core::bucket::Bucket;
use switchyard_core::core::connection::Connection;
use switchyard_core::core::connection_state::ConnectionState;
use switchyard_core::core::connection_table::{ConnectionTable, Fate, Settled};
use switchyard_core::core::connections::{
    Connections, Found, Handle, Hit, Insertion, Missing, Reach, Sought, Steady, SteadyConnections,
};
use switchyard_core::core::free_list::{FreeGroup, GROUP};
use switchyard_core::core::memory::{Buckets, Layout, Memory};
use switchyard_core::core::resize::{wanted_buckets, Resize, Stages};
use switchyard_core::core::slot::{Slot, Stored};
use switchyard_core::core::timeouts::Timeouts;
use switchyard_core::core::tuple::{Direction, Endpoint, Ipv4Address, Protocol, Seed};

/// Slots in a chunk.
pub const CHUNK: u32 = 32;

/// Values that stay where they are.
struct Arena<T> {
    items: Vec<OnceLock<T>>,
    used: AtomicUsize,
}

impl<T> Arena<T> {
    fn new(room: usize) -> Self {
        Self {
            items: (0..room).map(|_| OnceLock::new()).collect(),
            used: AtomicUsize::new(0),
        }
    }

    fn add(&self, value: T) -> usize {
        let place = self.used.fetch_add(1, Ordering::Relaxed);
        assert!(self.items[place].set(value).is_ok());
        place
    }

    fn get(&self, place: usize) -> &T {
        self.items[place].get().expect("added")
    }
}

/// Something that is marked when it would be freed.
struct Freeable<T> {
    value: T,
    freed: AtomicBool,
}

impl<T> Freeable<T> {
    fn new(value: T) -> Self {
        Self {
            value,
            freed: AtomicBool::new(false),
        }
    }

    fn get(&self) -> &T {
        assert!(!self.freed.load(Ordering::SeqCst), "used after free");
        &self.value
    }

    fn free(&self) {
        assert!(!self.freed.swap(true, Ordering::SeqCst), "freed twice");
    }
}

/// An array of buckets.
pub struct Array(Freeable<Vec<Bucket>>);

impl Array {
    fn new(count: usize) -> Self {
        Self(Freeable::new((0..count).map(|_| Bucket::new()).collect()))
    }
}

impl Buckets for Array {
    fn bucket(&self, index: usize) -> Option<&Bucket> {
        self.0.get().get(index)
    }

    fn mask(&self) -> usize {
        self.0.get().len() - 1
    }
}

/// Grace periods: a reader holds the token of the time in which it began.
#[derive(Default)]
struct Clock {
    current: Mutex<Arc<()>>,
    former: Mutex<Vec<Weak<()>>>,
}

impl Clock {
    fn enter(&self) -> Arc<()> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    fn start(&self) -> Grace {
        let token = std::mem::take(&mut *self.current.lock().expect("clock"));
        let mut former = self.former.lock().expect("clock");
        former.push(Arc::downgrade(&token));
        drop(token);
        former.retain(|token| token.strong_count() > 0);
        Grace(former.clone())
    }
}

/// A grace period that has begun: those who read then.
#[derive(Default)]
struct Grace(Vec<Weak<()>>);

impl Grace {
    fn has_elapsed(&self) -> bool {
        self.0.iter().all(|token| token.strong_count() == 0)
    }
}

/// A table with all that belongs to it.
pub struct Table<A: Stored = Ipv4Address> {
    arrays: Arena<Array>,
    /// Where the array of lookups is.
    current: AtomicUsize,
    /// Where the current array is in the upper half; in the lower where the next one is plus 1,
    /// twice, and whether it is to be filled.
    layout: AtomicU64,
    chunks: Arena<Freeable<Vec<Slot<A>>>>,
    /// For each chunk, where it is plus 1.
    places: Vec<AtomicUsize>,
    groups: Vec<FreeGroup>,
    books: Books,
    budget: Budget,
    clock: Clock,
}

const fn layout(current: usize, next: Option<usize>, fills: bool) -> u64 {
    let next = match next {
        Some(next) => next as u64 + 1,
        None => 0,
    };
    (current as u64) << 32 | next << 1 | fills as u64
}

impl<A: Stored> Table<A> {
    /// A table of so many buckets, for at most so many connections, without slots.
    pub fn new(buckets: usize, limit: u32, seed: Seed) -> Self {
        let chunks = limit.div_ceil(CHUNK) as usize;
        let table = Self {
            arrays: Arena::new(1 << 14),
            current: AtomicUsize::new(0),
            layout: AtomicU64::new(layout(0, None, false)),
            chunks: Arena::new((1 << 14) + chunks),
            places: (0..chunks).map(|_| AtomicUsize::new(0)).collect(),
            groups: (0..chunks.div_ceil(GROUP as usize))
                .map(|_| FreeGroup::new())
                .collect(),
            books: Books::new(seed),
            budget: Budget::new(limit),
            clock: Clock::default(),
        };
        assert!(buckets.is_power_of_two() && buckets > switchyard_core::core::bucket::REACH);
        table.arrays.add(Array::new(buckets));
        table
    }

    /// What a packet handler has.
    pub fn view(&self) -> ConnectionTable<A, View<'_, A>> {
        ConnectionTable::new(View {
            table: self,
            _token: self.clock.enter(),
        })
    }

    /// Adds a chunk that is not there.
    pub fn add(&self, chunk: u32) {
        let slots = (0..CHUNK).map(|_| Slot::new()).collect();
        let place = self.chunks.add(Freeable::new(slots));
        let before = self.places[chunk as usize].swap(place + 1, Ordering::AcqRel);
        assert_eq!(before, 0, "there is one");
        self.view().add_chunk(chunk);
    }

    pub fn has(&self, chunk: u32) -> bool {
        self.places[chunk as usize].load(Ordering::Relaxed) != 0
    }

    /// Takes a chunk away if it is free; its place may be used again when the grace period is
    /// over, which is when the chunk is freed, in [`Self::free_chunk`].
    pub fn take(&self, chunk: u32) -> Option<TakenChunk> {
        if !self.has(chunk) || !self.view().take_chunk(chunk) {
            return None;
        }
        let place = self.places[chunk as usize].swap(0, Ordering::AcqRel);
        Some(TakenChunk {
            place: place - 1,
            grace: self.clock.start(),
        })
    }

    /// Frees a chunk that was taken away, if it is time.
    pub fn free_chunk(&self, taken: &TakenChunk) -> bool {
        if !taken.grace.has_elapsed() {
            return false;
        }
        self.chunks.get(taken.place).free();
        true
    }

    /// All that several CPUs share of the table, as it stands there.
    pub fn shared(&self) -> String {
        let array = self.arrays.get(self.current.load(Ordering::Acquire));
        let chunks: Vec<_> = self
            .places
            .iter()
            .filter_map(|place| place.load(Ordering::Acquire).checked_sub(1))
            .map(|place| self.chunks.get(place).get())
            .collect();
        let Self { books, budget, .. } = self;
        format!("{books:?} {budget:?} {:?} {chunks:?}", array.0.get())
    }

    pub fn buckets(&self) -> usize {
        self.arrays.get(self.current.load(Ordering::Acquire)).mask() + 1
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// How many connections there are.
    pub fn count(&self) -> u32 {
        self.budget.used()
    }

    pub fn free_count(&self) -> u32 {
        self.books.free()
    }

    pub fn slots(&self) -> u32 {
        self.places.len() as u32 * CHUNK
    }

    pub fn resizer(&self) -> Resizer<'_, A> {
        Resizer {
            table: self,
            resize: Resize::new(),
            stages: Pointers {
                table: self,
                old: 0,
                new: 0,
                grace: Grace::default(),
                freed: None,
                refusals: 0,
            },
        }
    }

    pub fn expire(
        &self,
        range: std::ops::Range<u32>,
        now: u32,
        timeouts: &Timeouts,
        told: impl FnMut(&Connection<A>) -> Fate,
    ) -> u32 {
        self.view().expire(range, now, timeouts, told, |_| {})
    }

    /// The same, with what became of each.
    pub fn settle(
        &self,
        now: u32,
        timeouts: &Timeouts,
        told: impl FnMut(&Connection<A>) -> Fate,
    ) -> Vec<Settled<A>> {
        let mut settled = Vec::new();
        self.view()
            .expire(0..u32::MAX, now, timeouts, told, |done| settled.push(*done));
        settled
    }

    pub fn list(&self, range: std::ops::Range<u32>) -> Vec<(Handle, Connection<A>)> {
        self.view().iter(range).collect()
    }
}

impl<A: Stored> Connections<A> for Table<A> {
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>> {
        self.view().hit(direction, protocol, client, other)
    }

    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.view().lookup(direction, protocol, client, other)
    }

    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.view().template(protocol, client, service)
    }

    fn insert(&self, connection: &Connection<A>) -> Insertion<A> {
        self.view().insert(connection)
    }

    fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) -> Option<(ConnectionState, ConnectionState)> {
        self.view().touch(handle, seen, now, next)
    }

    fn remove(&self, handle: Handle) -> Option<Connection<A>> {
        self.view().remove(handle)
    }

    fn half_open(&self) -> u32 {
        self.view().half_open()
    }
}

impl<A: Stored> SteadyConnections<A> for Table<A> {
    fn steady(
        &self,
        sought: Sought<A>,
        reach: Reach,
        now: impl FnOnce() -> u32,
    ) -> Result<Steady<A>, Missing> {
        self.view().steady(sought, reach, now)
    }

    fn has_none(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> bool {
        self.view().has_none(direction, protocol, client, other)
    }

    fn enter(&self, connection: &Connection<A>) -> bool {
        self.view().enter(connection)
    }
}

/// A moment's look at a table's memory.
pub struct View<'a, A: Stored> {
    table: &'a Table<A>,
    _token: Arc<()>,
}

impl<A: Stored> Memory<A> for View<'_, A> {
    const CHUNK: u32 = CHUNK;

    type Buckets = Array;

    fn current(&self) -> &Array {
        self.table
            .arrays
            .get(self.table.current.load(Ordering::Acquire))
    }

    fn layout(&self) -> Layout<'_, Array> {
        let word = self.table.layout.load(Ordering::Acquire);
        let next = (word as u32 >> 1) as usize;
        Layout {
            current: self.table.arrays.get((word >> 32) as usize),
            next: next.checked_sub(1).map(|next| self.table.arrays.get(next)),
            fills: word & 1 == 1,
        }
    }

    fn chunk(&self, chunk: u32) -> Option<&[Slot<A>]> {
        let place = self.table.places.get(chunk as usize)?;
        let place = place.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.table.chunks.get(place).get())
    }

    fn groups(&self) -> &[FreeGroup] {
        &self.table.groups
    }

    fn books(&self) -> &Books {
        &self.table.books
    }

    fn budget(&self) -> &Budget {
        &self.table.budget
    }
}

/// A chunk that was taken away and not yet freed.
pub struct TakenChunk {
    place: usize,
    grace: Grace,
}

/// Whoever changes a table's size.
pub struct Resizer<'a, A: Stored> {
    table: &'a Table<A>,
    resize: Resize,
    pub stages: Pointers<'a, A>,
}

impl<A: Stored> Resizer<'_, A> {
    pub fn is_idle(&self) -> bool {
        self.resize.is_idle()
    }

    /// One step, towards `wanted` buckets if it is the first.
    pub fn step(&mut self, wanted: usize) -> bool {
        let went = self
            .resize
            .advance(&mut self.stages, self.table.buckets(), wanted);
        self.resize.copy(&self.table.view(), &mut self.stages);
        went
    }

    /// What the table should have.
    pub fn wanted(&self, least: usize) -> usize {
        wanted_buckets(self.table.count(), self.table.buckets(), least)
    }

    /// All steps to `wanted` buckets, alone.
    pub fn run(&mut self, wanted: usize) {
        self.step(wanted);
        while !self.is_idle() {
            self.step(wanted);
        }
    }
}

/// What is published.
pub struct Pointers<'a, A: Stored> {
    table: &'a Table<A>,
    old: usize,
    new: usize,
    grace: Grace,
    freed: Option<usize>,
    /// So many times there is no memory.
    pub refusals: u32,
}

impl<A: Stored> Pointers<'_, A> {
    fn publish(&mut self, word: u64) {
        self.table.layout.store(word, Ordering::Release);
        self.grace = self.table.clock.start();
    }
}

impl<A: Stored> Stages for Pointers<'_, A> {
    fn announce(&mut self, buckets: usize) -> bool {
        if self.refusals > 0 {
            self.refusals -= 1;
            return false;
        }
        self.old = self.table.current.load(Ordering::Relaxed);
        self.new = self.table.arrays.add(Array::new(buckets));
        self.publish(layout(self.old, Some(self.new), false));
        true
    }

    fn fill(&mut self) {
        self.publish(layout(self.old, Some(self.new), true));
    }

    fn switch(&mut self) {
        self.table.current.store(self.new, Ordering::Release);
        self.grace = self.table.clock.start();
    }

    fn settle(&mut self) {
        self.publish(layout(self.new, None, false));
        self.freed = Some(self.old);
    }

    fn abandon(&mut self) {
        self.publish(layout(self.old, None, false));
        self.freed = Some(self.new);
    }

    fn free(&mut self) {
        let freed = self.freed.take().expect("something to free");
        self.table.arrays.get(freed).0.free();
    }

    fn has_elapsed(&self) -> bool {
        self.grace.has_elapsed()
    }
}
