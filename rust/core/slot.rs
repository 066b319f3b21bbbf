// SPDX-License-Identifier: GPL-2.0

//! A slot: one cache line that holds one connection, readable while others change it.
//!
//! The sequence number is odd while the slot holds a connection and even while it is free or
//! being filled; each use has numbers of its own. A reader copies the fields between two looks
//! at it and discards what it copied if it changed (a seqlock whose readers never wait), so
//! bytes of two connections are never mixed.

use ::core::sync::atomic::{
    fence,
    AtomicU32,
    AtomicU64,
    Ordering, //
};

use super::connection::Connection;
use super::connection_state::ConnectionState;
use super::connection_table::Hit;
use super::tuple::{
    Direction,
    Endpoint,
    Protocol, //
};

/// Which use of which slot: what a connection is known by after it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The slot's index.
    pub index: u32,
    /// The slot's sequence number during this use.
    pub sequence: u32,
}

/// One cache line that holds one connection. All zeros is a free slot.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Slot {
    /// Odd while the slot holds a connection.
    sequence: AtomicU32,
    /// When the last packet came, in the caller's milliseconds.
    last_seen: AtomicU32,
    /// The client, packed with the protocol number.
    client: AtomicU64,
    /// The service, packed with 0.
    service: AtomicU64,
    /// The destination, packed with 0.
    destination: AtomicU64,
    /// `sequence` in the upper half, [`ConnectionState`] in the lower: a late change of state
    /// meant for an earlier use fails.
    state: AtomicU64,
    /// The hash that the buckets know the connection by.
    hash: AtomicU64,
    service_id: AtomicU32,
    destination_id: AtomicU32,
    /// The service's own timeout in milliseconds.
    timeout: AtomicU32,
    /// While free: the next free slot's index plus 1, or 0.
    next_free: AtomicU32,
}

const _: () = assert!(::core::mem::size_of::<Slot>() == 64);

/// What lookups compare: the client packed with the protocol, and one other side.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Which of the slot's endpoints [`Self::other`] is: the service (`false`) or the
    /// destination.
    pub to_destination: bool,
    /// The client, packed with the protocol number.
    pub client: u64,
    /// The other side, packed with 0.
    pub other: u64,
}

impl Key {
    /// The key of a packet of this direction between a client and something else.
    #[inline(always)]
    pub const fn new(
        direction: Direction,
        protocol: Protocol,
        client: Endpoint,
        other: Endpoint,
    ) -> Self {
        Self {
            to_destination: matches!(direction, Direction::Reply),
            client: client.pack(protocol as u16),
            other: other.pack(0),
        }
    }
}

impl Slot {
    /// A free slot.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the use that is on, if one is.
    #[inline(always)]
    pub fn live_sequence(&self) -> Option<u32> {
        let sequence = self.sequence.load(Ordering::Acquire);
        (sequence & 1 == 1).then_some(sequence)
    }

    /// Whether `sequence` is still the use that is on, for what was read before.
    #[inline(always)]
    fn still(&self, sequence: u32) -> bool {
        fence(Ordering::Acquire);
        self.sequence.load(Ordering::Relaxed) == sequence
    }

    /// Whether the fields match a key: a moment ago, unless the sequence still holds.
    #[inline(always)]
    fn matches(&self, key: Key) -> bool {
        let other = if key.to_destination {
            &self.destination
        } else {
            &self.service
        };
        self.client.load(Ordering::Relaxed) == key.client
            && other.load(Ordering::Relaxed) == key.other
    }

    /// The connection with this key, if the slot holds it.
    pub fn read_if(&self, index: u32, key: Key) -> Option<(Handle, Connection)> {
        let sequence = self.live_sequence()?;
        if !self.matches(key) {
            return None;
        }
        let connection = self.copy()?;
        self.still(sequence)
            .then_some((Handle { index, sequence }, connection))
    }

    /// As much of it as a packet needs.
    #[inline(always)]
    pub fn hit_if(&self, index: u32, key: Key) -> Option<Hit> {
        let sequence = self.live_sequence()?;
        if !self.matches(key) {
            return None;
        }
        let instead = if key.to_destination {
            &self.service
        } else {
            &self.destination
        };
        let hit = Hit {
            handle: Handle { index, sequence },
            state: state_of(self.state.load(Ordering::Relaxed)),
            instead: Endpoint::unpack(instead.load(Ordering::Relaxed)).0,
            service_id: self.service_id.load(Ordering::Relaxed),
            destination_id: self.destination_id.load(Ordering::Relaxed),
        };
        self.still(sequence).then_some(hit)
    }

    /// The connection that the slot holds, whichever it is.
    pub fn read(&self, index: u32) -> Option<(Handle, Connection)> {
        let sequence = self.live_sequence()?;
        let connection = self.copy()?;
        self.still(sequence)
            .then_some((Handle { index, sequence }, connection))
    }

    /// The hash of the connection of this use, if it is still on.
    pub fn hash(&self, sequence: u32) -> Option<u64> {
        if self.live_sequence()? != sequence {
            return None;
        }
        let hash = self.hash.load(Ordering::Relaxed);
        self.still(sequence).then_some(hash)
    }

    /// Copies the fields; they may be of two uses until the sequence was looked at again.
    #[inline(always)]
    fn copy(&self) -> Option<Connection> {
        let (client, protocol) = Endpoint::unpack(self.client.load(Ordering::Relaxed));
        Some(Connection {
            protocol: Protocol::from_number((protocol & 0xff) as u8)?,
            state: state_of(self.state.load(Ordering::Relaxed)),
            client,
            service: Endpoint::unpack(self.service.load(Ordering::Relaxed)).0,
            destination: Endpoint::unpack(self.destination.load(Ordering::Relaxed)).0,
            service_id: self.service_id.load(Ordering::Relaxed),
            destination_id: self.destination_id.load(Ordering::Relaxed),
            timeout: self.timeout.load(Ordering::Relaxed),
            last_seen: self.last_seen.load(Ordering::Relaxed),
        })
    }

    /// Fills a free slot; nobody sees it before [`Self::publish`].
    ///
    /// The slot must be the caller's alone: taken from the free list and not yet published.
    pub fn fill(&self, connection: &Connection, hash: u64) {
        // Whoever sees one of the stores below also sees that the previous use has ended.
        fence(Ordering::Release);
        let set = |field: &AtomicU64, value| field.store(value, Ordering::Relaxed);
        let protocol = u16::from(connection.protocol.number());
        set(&self.client, connection.client.pack(protocol));
        set(&self.service, connection.service.pack(0));
        set(&self.destination, connection.destination.pack(0));
        set(&self.hash, hash);
        let sequence = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        set(&self.state, state_word(sequence, connection.state));
        let set = |field: &AtomicU32, value| field.store(value, Ordering::Relaxed);
        set(&self.service_id, connection.service_id);
        set(&self.destination_id, connection.destination_id);
        set(&self.timeout, connection.timeout);
        set(&self.last_seen, connection.last_seen);
    }

    /// Begins a use with what [`Self::fill`] wrote and returns its number.
    pub fn publish(&self) -> u32 {
        let sequence = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        self.sequence.store(sequence, Ordering::Release);
        sequence
    }

    /// Ends the use that is on. The caller holds the lock of the connection's bucket.
    pub fn retire(&self) {
        let sequence = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        self.sequence.store(sequence, Ordering::Release);
    }

    /// Notes a packet: its time, and what it does to the state that was `seen`.
    ///
    /// Writes only what changes. `next` may be called again with a newer state, if another CPU
    /// was faster.
    #[inline(always)]
    pub fn touch(
        &self,
        sequence: u32,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) {
        // After the use has ended this makes the next one look a little younger at worst.
        if self.last_seen.load(Ordering::Relaxed) != now {
            self.last_seen.store(now, Ordering::Relaxed);
        }
        let mut seen = seen;
        loop {
            let wanted = next(seen);
            if wanted == seen {
                return;
            }
            match self.state.compare_exchange(
                state_word(sequence, seen),
                state_word(sequence, wanted),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(word) if word >> 32 == u64::from(sequence) => seen = state_of(word),
                Err(_) => return,
            }
        }
    }

    /// While free: the next free slot's index plus 1, or 0.
    pub fn next_free(&self) -> u32 {
        self.next_free.load(Ordering::Relaxed)
    }

    /// Sets what [`Self::next_free`] returns.
    pub fn set_next_free(&self, link: u32) {
        self.next_free.store(link, Ordering::Relaxed);
    }
}

/// The word that holds a state and the use it belongs to.
const fn state_word(sequence: u32, state: ConnectionState) -> u64 {
    ((sequence as u64) << 32) | state as u64
}

/// The state in such a word.
#[inline(always)]
fn state_of(word: u64) -> ConnectionState {
    ConnectionState::from_value((word & 0xffff_ffff) as u32)
}

/// Where the slots are. They are given piece by piece and never taken back, so that an index
/// once valid stays so as long as the table.
pub trait Slots {
    /// The slot with this index, if it is there yet.
    fn slot(&self, index: u32) -> Option<&Slot>;

    /// How many slots there can be at most.
    fn limit(&self) -> u32;
}
