// SPDX-License-Identifier: GPL-2.0

//! The connection table: shared by all CPUs, read without a lock and without a write.
//!
//! A hit costs two cache lines, the bucket and the slot (IPv6: another one, as the slot is
//! longer). One entry serves both directions, since it is found by its client alone (see
//! [`super::tuple`]). All memory is another's ([`Memory`]): a new connection takes a free slot
//! and never waits for memory. [`super::resize`] replaces the buckets while all this goes on.

use ::core::cell::Cell;
use ::core::marker::PhantomData;
use ::core::ops::Range;
use ::core::slice;

use super::books::{
    Books,
    Budget, //
};
use super::bucket::{
    self,
    Look, //
};
use super::connection::Connection;
use super::connection_state::ConnectionState;
use super::connections::{
    Connections,
    Found,
    Handle,
    Hit,
    Insertion,
    Missing,
    Reach,
    Sought,
    Steady,
    SteadyConnections, //
};
use super::free_list::{
    FreeGroup,
    GROUP, //
};
use super::home::{
    Home,
    Homes, //
};
use super::memory::{
    Buckets,
    Memory, //
};
use super::slot::{
    Key,
    Seen,
    Slot,
    Stored, //
};
use super::timeouts::Timeouts;
use super::tuple::{
    Address,
    Direction,
    Endpoint,
    Protocol, //
};

/// What is to become of a connection that has been idle for its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is taken out.
    Remove,
    /// It stays and is in this state from now on, as if a packet had just come.
    Turn(ConnectionState),
}

/// What became of a connection that had been idle for its timeout.
///
/// Another CPU may have seen a packet of it between the moment when its [`Fate`] was chosen and
/// that when it was done: accounts have to be kept by the states told here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled<A: Address> {
    /// It was taken out, in the state that it is told with.
    Removed(Connection<A>),
    /// It has gone from one state to another.
    Turned {
        /// The connection, in its new state.
        connection: Connection<A>,
        /// The state that it was in.
        from: ConnectionState,
    },
}

/// The slots of [`ConnectionTable::slots`]. A type of its own, as the names of functions tell those
/// of closures in full, and there is a limit to the length of a name.
struct Slots<'a, A: Stored, M> {
    memory: &'a M,
    /// Chunks that are still to come.
    chunks: Range<u32>,
    /// The indexes that are asked for.
    wanted: Range<u32>,
    /// What is still to come of the present chunk, and the index of the first.
    present: slice::Iter<'a, Slot<A>>,
    index: u32,
}

impl<'a, A: Stored, M: Memory<A>> Iterator for Slots<'a, A, M> {
    type Item = (u32, &'a Slot<A>);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(slot) = self.present.next() {
                let index = self.index;
                self.index = index.wrapping_add(1);
                return Some((index, slot));
            }
            let chunk = self.chunks.next()?;
            let first = chunk.wrapping_mul(M::CHUNK);
            // Only of the first and the last chunk it may be a part.
            let begin = self.wanted.start.saturating_sub(first).min(M::CHUNK);
            let end = self.wanted.end.saturating_sub(first).min(M::CHUNK);
            let end = end.max(begin);
            let slots = self.memory.chunk(chunk).unwrap_or_default();
            let wanted = slots.get(begin as usize..end as usize);
            self.present = wanted.unwrap_or_default().iter();
            self.index = first.wrapping_add(begin);
        }
    }
}

/// The table that lies in a memory.
///
/// In the kernel, what changes it is called with bottom halves off.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionTable<A, M> {
    memory: M,
    family: PhantomData<A>,
}

/// Gives a slot back.
fn push<A: Stored, M: Memory<A>>(groups: &[FreeGroup], books: &Books, index: u32, slot: &Slot<A>) {
    let chunk = index / M::CHUNK;
    if let Some(group) = groups.get((chunk / GROUP) as usize) {
        books.add_free(1);
        group.push(chunk % GROUP, slot, index % M::CHUNK);
    }
}

/// Ends the use of a slot to which nothing refers yet.
///
/// Takes what it needs by itself: with a reference to the memory's look, that could not be kept in
/// registers by those who nearly never call this.
#[cold]
#[inline(never)]
fn withdraw<A: Stored, M: Memory<A>>(
    groups: &[FreeGroup],
    books: &Books,
    budget: &Budget,
    index: u32,
    slot: &Slot<A>,
) {
    books.step(slot.retire(), ConnectionState::None);
    push::<A, M>(groups, books, index, slot);
    budget.give();
}

impl<A: Stored, M: Memory<A>> ConnectionTable<A, M> {
    /// The table in this memory.
    #[inline(always)]
    pub const fn new(memory: M) -> Self {
        Self {
            memory,
            family: PhantomData,
        }
    }

    /// The memory.
    #[inline(always)]
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// How many slots are free.
    pub fn free_count(&self) -> u32 {
        self.memory.books().free()
    }

    /// Gives the table the slots of a new chunk, which the memory has from now on. Each may be
    /// given once until it was taken back.
    pub fn add_chunk(&self, chunk: u32) {
        let group = self.memory.groups().get((chunk / GROUP) as usize);
        if let (Some(group), Some(slots)) = (group, self.memory.chunk(chunk)) {
            self.memory.books().add_free(M::CHUNK);
            group.fill(chunk % GROUP, slots);
        }
    }

    /// Takes a chunk back if none of its slots is in use; whether it did. Nobody gets one of them
    /// any more, but some may still look at them: the memory is to be kept for a grace period, and
    /// the chunk's place is not to be used again before.
    pub fn take_chunk(&self, chunk: u32) -> bool {
        let sealed = self
            .memory
            .groups()
            .get((chunk / GROUP) as usize)
            .is_some_and(|group| group.seal(chunk % GROUP, M::CHUNK));
        if sealed {
            self.memory.books().sub_free(M::CHUNK);
        }
        sealed
    }

    /// How many slots of a chunk are free.
    pub fn free_in(&self, chunk: u32) -> u32 {
        self.memory
            .groups()
            .get((chunk / GROUP) as usize)
            .map_or(0, |group| group.count(chunk % GROUP))
    }

    /// Takes a free slot: its index, and itself.
    #[inline(always)]
    fn pop(&self) -> Option<(u32, &Slot<A>)> {
        let mut first = 0_u32;
        for group in self.memory.groups() {
            let popped = group.pop(|number| self.memory.chunk(first.wrapping_add(number)));
            if let Some((number, place, slot)) = popped {
                self.memory.books().sub_free(1);
                let chunk = first.wrapping_add(number);
                return Some((chunk.wrapping_mul(M::CHUNK).wrapping_add(place), slot));
            }
            first = first.wrapping_add(GROUP);
        }
        None
    }

    /// Gives a slot back.
    fn push(&self, index: u32, slot: &Slot<A>) {
        push::<A, M>(self.memory.groups(), self.memory.books(), index, slot);
    }

    /// Takes a free slot, if there may be another connection.
    #[inline(always)]
    fn take_slot(&self) -> Option<(u32, &Slot<A>)> {
        let budget = self.memory.budget();
        if !budget.take() {
            return None;
        }
        let slot = self.pop();
        if slot.is_none() {
            budget.give();
        }
        slot
    }

    /// Gives back what [`Self::take_slot`] gave.
    fn give_slot(&self, index: u32, slot: &Slot<A>) {
        self.push(index, slot);
        self.memory.budget().give();
    }

    /// All there is to know of the connection with this key.
    fn find_key(&self, key: Key<A>) -> Option<Found<A>> {
        let hash = key.hash(self.memory.books().seed());
        Home::new(self.memory.current(), hash).find(|index| {
            let (handle, connection) = self.memory.slot(index)?.read_if(index, key)?;
            Some(Found { handle, connection })
        })
    }

    /// Fills a slot and refers to it; `None` if there is no room near its bucket.
    fn insert_slot(
        &self,
        connection: &Connection<A>,
        index: u32,
        slot: &Slot<A>,
    ) -> Option<Insertion<A>> {
        slot.fill(connection);
        let key = Key::of(connection);
        let hash = key.hash(self.memory.books().seed());
        // Who else could insert the same client waits for these locks.
        let homes = Homes::lock(self.memory.layout(), hash)?;
        let reply = Key::of_reply(connection);
        let clash = Cell::new(None);
        let exists = homes.find(|index| {
            let slot = self.memory.slot(index)?;
            let found = |(handle, connection)| Found { handle, connection };
            if let Some(same) = slot.read_if(index, key) {
                return Some(found(same));
            }
            if let Some(same) = reply.and_then(|reply| slot.read_if(index, reply)) {
                clash.set(Some(found(same)));
            }
            None
        });
        if let Some(found) = exists {
            return Some(Insertion::Exists(found));
        }
        if let Some(found) = clash.into_inner() {
            return Some(Insertion::Clash(found));
        }
        // Counted first: the other end may be answered, and seen by another CPU, at once.
        let books = self.memory.books();
        books.step(ConnectionState::None, connection.state);
        let sequence = slot.publish();
        if homes.put(index) {
            return Some(Insertion::Made(Handle { index, sequence }));
        }
        books.step(slot.retire(), ConnectionState::None);
        None
    }

    /// Under the locks of a connection's homes: lets `decide` say what is to become of it, and
    /// does that. `None` if it is gone already, or nothing has become of it.
    fn settle(
        &self,
        handle: Handle,
        now: u32,
        decide: impl FnOnce(&Connection<A>) -> Option<Fate>,
    ) -> Option<Settled<A>> {
        let books = self.memory.books();
        let slot = self.memory.slot(handle.index)?;
        let (sequence, hash) = slot.hash(books.seed())?;
        if sequence != handle.sequence {
            return None;
        }
        let homes = Homes::lock(self.memory.layout(), hash)?;
        // Only under these locks can the use end, so what is read now stays true, but for the
        // state.
        let (held, mut connection) = slot.read(handle.index)?;
        if held != handle {
            return None;
        }
        if let Fate::Turn(state) = decide(&connection)? {
            let (from, to) = slot.touch(sequence, connection.state, now, |_| state)?;
            books.step(from, to);
            connection.state = to;
            return Some(Settled::Turned { connection, from });
        }
        homes.take(handle.index);
        connection.state = slot.retire();
        drop(homes);
        books.step(connection.state, ConnectionState::None);
        self.push(handle.index, slot);
        self.memory.budget().give();
        Some(Settled::Removed(connection))
    }

    /// Looks through a range of slots, which bounds the work done at once, for connections that
    /// have been idle for their timeout, and does with each what `told` says; returns with how
    /// many it did something.
    ///
    /// `told` is called exactly once for each of them, under its bucket's lock: it must not ask
    /// this table for anything, nor send packets. `settled` is called afterwards, with no lock
    /// held.
    pub fn expire(
        &self,
        range: Range<u32>,
        now: u32,
        timeouts: &Timeouts,
        mut told: impl FnMut(&Connection<A>) -> Fate,
        mut settled: impl FnMut(&Settled<A>),
    ) -> u32 {
        let mut expired = 0_u32;
        let least = timeouts.least();
        for (index, slot) in self.slots(range) {
            if !slot.seems_expired(now, timeouts, least) {
                continue;
            }
            let decide = |connection: &Connection<A>| {
                connection
                    .is_expired(now, timeouts)
                    .then(|| told(connection))
            };
            let done = slot
                .read(index)
                .and_then(|(handle, _)| self.settle(handle, now, decide));
            if let Some(done) = done {
                settled(&done);
                expired = expired.wrapping_add(1);
            }
        }
        expired
    }

    /// The connections in a range of slots. To go on later, begin after the last index seen
    /// ([`Handle::index`]): what lives all the while is told of exactly once.
    pub fn iter(&self, range: Range<u32>) -> impl Iterator<Item = (Handle, Connection<A>)> + '_ {
        self.slots(range)
            .filter_map(|(index, slot)| slot.read(index))
    }

    /// The slots in a range that are there, with their indexes.
    #[inline(always)]
    fn slots(&self, range: Range<u32>) -> Slots<'_, A, M> {
        let groups = u32::try_from(self.memory.groups().len()).unwrap_or(u32::MAX);
        let chunks = range
            .end
            .div_ceil(M::CHUNK)
            .min(groups.saturating_mul(GROUP));
        Slots {
            memory: &self.memory,
            chunks: range.start / M::CHUNK..chunks,
            wanted: range,
            present: [].iter(),
            index: 0,
        }
    }

    /// Puts references to the connections at home in buckets `homes` of the current array into
    /// the next one, if there is one, unless they are there; whether there was room for all.
    ///
    /// Everybody must have come to fill the next one by themselves before this begins.
    pub fn copy(&self, homes: Range<usize>) -> bool {
        let layout = self.memory.layout();
        let Some(next) = layout.next else {
            return true;
        };
        homes
            .into_iter()
            .all(|home| self.copy_home(layout.current, next, home) == Some(true))
    }

    /// The same for one bucket; `None` if there is no such bucket.
    fn copy_home(&self, current: &M::Buckets, next: &M::Buckets, home: usize) -> Option<bool> {
        let seed = self.memory.books().seed();
        // The hash of which this is the home: only its lower half matters here.
        let from = Home::new(current, home as u64);
        let lock = from.lock()?;
        for distance in ::core::iter::once(0).chain(from.bucket(0)?.spill()) {
            for index in from.bucket(distance)?.indexes() {
                // Those at home here cannot change under the lock; others do not matter.
                let Some((_, hash)) = self.memory.slot(index).and_then(|slot| slot.hash(seed))
                else {
                    continue;
                };
                if hash as usize & current.mask() != home {
                    continue;
                }
                let to = Home::new(next, hash);
                let to_lock = to.lock()?;
                if !to.has(index) && !to.put(&to_lock, index) {
                    return Some(false);
                }
            }
        }
        drop(lock);
        Some(true)
    }
}

impl<A: Stored, M: Memory<A>> Connections<A> for ConnectionTable<A, M> {
    #[inline(always)]
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>> {
        let key = Key::new(direction, protocol, client, other);
        let hash = key.hash(self.memory.books().seed());
        Home::new(self.memory.current(), hash)
            .find(|index| self.memory.slot(index)?.hit_if(index, key))
    }

    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.find_key(Key::new(direction, protocol, client, other))
    }

    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>> {
        self.find_key(Key::template(protocol, client, service))
    }

    #[inline(never)]
    fn insert(&self, connection: &Connection<A>) -> Insertion<A> {
        let Some((index, slot)) = self.take_slot() else {
            return Insertion::Full;
        };
        let insertion = self
            .insert_slot(connection, index, slot)
            .unwrap_or(Insertion::Full);
        if !matches!(insertion, Insertion::Made(_)) {
            self.give_slot(index, slot);
        }
        insertion
    }

    #[inline(always)]
    fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) -> Option<(ConnectionState, ConnectionState)> {
        let slot = self.memory.slot(handle.index)?;
        let (from, to) = slot.touch(handle.sequence, seen, now, next)?;
        self.memory.books().step(from, to);
        Some((from, to))
    }

    fn remove(&self, handle: Handle) -> Option<Connection<A>> {
        match self.settle(handle, 0, |_| Some(Fate::Remove))? {
            Settled::Removed(connection) | Settled::Turned { connection, .. } => Some(connection),
        }
    }

    #[inline(always)]
    fn half_open(&self) -> u32 {
        self.memory.books().half_open()
    }
}

/// Looks for a connection that only goes on.
///
/// What is found is small enough to be had in registers: where it is, and which use of that was
/// seen.
struct LookSteady<'a, A: Stored, M> {
    memory: &'a M,
    key: Key<A>,
    state: ConnectionState,
}

impl<'a, A: Stored, M: Memory<A>> Look for LookSteady<'a, A, M> {
    type Found = (&'a Slot<A>, Seen);

    #[inline(always)]
    fn look(&self, index: u32) -> Option<Self::Found> {
        let slot = self.memory.slot(index)?;
        Some((slot, slot.seems(self.key, self.state)?))
    }
}

impl<A: Stored, M: Memory<A>> SteadyConnections<A> for ConnectionTable<A, M> {
    #[inline(always)]
    fn steady(
        &self,
        sought: Sought<A>,
        reach: Reach,
        now: impl FnOnce() -> u32,
    ) -> Result<Steady<A>, Missing> {
        let Sought {
            direction,
            protocol,
            client,
            other,
            state,
        } = sought;
        let key = Key::new(direction, protocol, client, other);
        let hash = key.hash(self.memory.books().seed());
        let look = LookSteady {
            memory: &self.memory,
            key,
            state,
        };
        let home = Home::new(self.memory.current(), hash);
        let Some(bucket) = home.bucket(0) else {
            return Err(Missing { beyond: false });
        };
        let found = match reach {
            Reach::Home => bucket.find(bucket::tag(hash), &look),
            Reach::All => home.find(look),
        };
        found
            .and_then(|(slot, seen)| slot.steady(seen, key, now))
            .ok_or_else(|| Missing {
                beyond: reach == Reach::Home && !bucket.spill().is_empty(),
            })
    }

    #[inline(always)]
    fn has_none(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> bool {
        let hash = Key::new(direction, protocol, client, other).hash(self.memory.books().seed());
        Home::new(self.memory.current(), hash)
            .bucket(0)
            .is_some_and(|home| home.has_none(bucket::tag(hash)))
    }

    #[inline(always)]
    fn enter(&self, connection: &Connection<A>) -> bool {
        let layout = self.memory.layout();
        if layout.next.is_some() {
            return false;
        }
        let hash = Key::of(connection).hash(self.memory.books().seed());
        let tag = bucket::tag(hash);
        let Some(home) = Home::new(layout.current, hash).bucket(0) else {
            return false;
        };
        // Who else could insert the same client waits for this lock. Whatever is like it has its tag.
        let Some(_lock) = home.lock_if_simple() else {
            return false;
        };
        let Some(room) = home.room(tag) else {
            return false;
        };
        let Some((index, slot)) = self.take_slot() else {
            return false;
        };
        slot.fill(connection);
        self.memory
            .books()
            .step(ConnectionState::None, connection.state);
        slot.publish();
        let entered = room.put(tag, index);
        if !entered {
            let (groups, books) = (self.memory.groups(), self.memory.books());
            withdraw::<A, M>(groups, books, self.memory.budget(), index, slot);
        }
        entered
    }
}
