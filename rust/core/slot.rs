// SPDX-License-Identifier: GPL-2.0

//! A slot: memory for one connection, readable while others change it.
//!
//! The sequence number is odd while the slot holds a connection and even while it is free or
//! being filled; each use has numbers of its own. A reader copies the fields between two looks
//! at it and discards what it copied if it changed (a seqlock whose readers never wait), so
//! bytes of two connections are never mixed. For a packet that changes nothing the first look is at
//! the state, whose word has the number as well ([`Slot::seems`]).
//!
//! What depends on the family is how the three endpoints lie there: [`super::slot_v4`],
//! [`super::slot_v6`].

use ::core::fmt::Debug;

use super::atomic::{
    fence,
    AtomicU32,
    AtomicU64,
    Ordering, //
};
use super::connection::{
    idle,
    lifetime,
    Connection, //
};
use super::connection_state::ConnectionState;
use super::connections::{
    Handle,
    Hit,
    Steady, //
};
use super::method::{
    Mark,
    Method, //
};
use super::timeouts::Timeouts;
use super::tuple::{
    Address,
    Direction,
    Endpoint,
    Ipv4Address,
    Protocol,
    Seed, //
};

/// An address family whose connections the table can hold.
pub trait Stored: Address + 'static {
    /// An endpoint and 16 bits more, cheap to compare.
    type Packed: Copy + PartialEq + Debug;
    /// The endpoints of a connection as they lie in a slot. All zeros at first.
    type Ends: Ends<Self::Packed>;
    /// Nothing but the alignment of a slot.
    type Alignment: Default + Debug + Send + Sync;

    /// Puts an endpoint and 16 bits more together.
    fn pack(endpoint: Endpoint<Self>, more: u16) -> Self::Packed;

    /// The endpoint and the 16 bits that [`Self::pack`] put together.
    fn unpack(packed: Self::Packed) -> (Endpoint<Self>, u16);

    /// Hashes a client with its protocol. All 64 bits may be used.
    fn hash_client(seed: Seed, client: Self::Packed) -> u64;
}

/// The endpoints of a connection, each load and store by itself.
pub trait Ends<P>: Default + Debug + Send + Sync {
    /// The client, packed with the protocol number and whether it is a template.
    fn client(&self) -> P;
    /// The service, packed with 0.
    fn service(&self) -> P;
    /// The destination, packed with the method.
    fn destination(&self) -> P;
    /// Sets them, in this order.
    fn set(&self, client: P, service: P, destination: P);
}

/// Memory for one connection: a cache line for IPv4, three half ones for IPv6. All zeros is a
/// free slot.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Slot<A: Stored = Ipv4Address> {
    alignment: A::Alignment,
    /// Odd while the slot holds a connection.
    sequence: AtomicU32,
    /// When the last packet came, in the caller's milliseconds.
    last_seen: AtomicU32,
    /// `sequence` in the upper half, [`ConnectionState`] in the lower: a late change of state
    /// meant for an earlier use fails. 0 once the use has ended.
    state: AtomicU64,
    ends: A::Ends,
    service_id: AtomicU32,
    destination_id: AtomicU32,
    /// The service's own timeout in milliseconds.
    timeout: AtomicU32,
    /// While free: the next free slot, as [`super::free_list`] counts.
    next_free: AtomicU32,
}

/// Which use of a slot was seen, and in which state.
#[derive(Clone, Copy, Debug)]
pub struct Seen(u64);

/// Beside the protocol number: this is a template.
const TEMPLATE: u16 = 0x100;

/// What is packed with the client.
#[inline(always)]
const fn client_mark(protocol: Protocol, template: bool) -> u16 {
    protocol as u16 | if template { TEMPLATE } else { 0 }
}

/// What lookups compare: the client with the protocol, and one other side.
#[derive(Clone, Copy, Debug)]
pub struct Key<A: Stored> {
    /// Which of the slot's endpoints [`Self::other`] is: the service (`false`) or the
    /// destination.
    to_destination: bool,
    client: A::Packed,
    other: A::Packed,
}

impl<A: Stored> Key<A> {
    /// The key of a packet of this direction between a client and something else.
    #[inline(always)]
    pub fn new(
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Self {
        let mark = match direction {
            Direction::Forward => 0,
            // Others are not found from there.
            Direction::Reply => Mark::of(Method::Nat).0,
        };
        Self {
            to_destination: matches!(direction, Direction::Reply),
            client: A::pack(client, client_mark(protocol, false)),
            other: A::pack(other, mark),
        }
    }

    /// The key of a template.
    pub fn template(protocol: Protocol, client: Endpoint<A>, service: Endpoint<A>) -> Self {
        Self {
            to_destination: false,
            client: A::pack(client, client_mark(protocol, true)),
            other: A::pack(service, 0),
        }
    }

    /// The key by which a connection's client finds it.
    pub fn of(connection: &Connection<A>) -> Self {
        Self {
            to_destination: false,
            client: A::pack(
                connection.client,
                client_mark(connection.protocol, connection.template),
            ),
            other: A::pack(connection.service, 0),
        }
    }

    /// The key by which a connection's destination finds it, if it does.
    pub fn of_reply(connection: &Connection<A>) -> Option<Self> {
        connection.has_replies().then(|| {
            Self::new(
                Direction::Reply,
                connection.protocol,
                connection.client,
                connection.destination,
            )
        })
    }

    /// Its hash: that of its client alone.
    #[inline(always)]
    pub fn hash(&self, seed: Seed) -> u64 {
        A::hash_client(seed, self.client)
    }
}

impl<A: Stored> Slot<A> {
    /// A free slot.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the use that is on, if one is.
    #[inline(always)]
    fn live_sequence(&self) -> Option<u32> {
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
    fn matches(&self, key: Key<A>) -> bool {
        self.ends.client() == key.client
            && key.other
                == if key.to_destination {
                    self.ends.destination()
                } else {
                    self.ends.service()
                }
    }

    /// The connection with this key, if the slot holds it.
    pub fn read_if(&self, index: u32, key: Key<A>) -> Option<(Handle, Connection<A>)> {
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
    pub fn hit_if(&self, index: u32, key: Key<A>) -> Option<Hit<A>> {
        let sequence = self.live_sequence()?;
        if !self.matches(key) {
            return None;
        }
        let (instead, method) = if key.to_destination {
            (A::unpack(self.ends.service()).0, Method::Nat)
        } else {
            let (destination, mark) = A::unpack(self.ends.destination());
            (destination, Mark(mark).method())
        };
        let hit = Hit {
            handle: Handle { index, sequence },
            state: state_of(self.state.load(Ordering::Relaxed)),
            method,
            instead,
            service_id: self.service_id.load(Ordering::Relaxed),
            destination_id: self.destination_id.load(Ordering::Relaxed),
        };
        self.still(sequence).then_some(hit)
    }

    /// Whether the slot seems to hold a connection with this key, in this state; what tells
    /// [`Self::steady`] which use of the slot that is.
    #[inline(always)]
    pub fn seems(&self, key: Key<A>, state: ConnectionState) -> Option<Seen> {
        // Before the fields that it stands for; its lower half is 0 for a use that has ended.
        let word = self.state.load(Ordering::Acquire);
        (word as u32 == state as u32 && self.matches(key)).then_some(Seen(word))
    }

    /// As much as a packet needs that changes nothing of the connection that was `seen`, if it is
    /// still the one; that the packet came is noted.
    #[inline(always)]
    pub fn steady(&self, seen: Seen, key: Key<A>, now: impl FnOnce() -> u32) -> Option<Steady<A>> {
        let (instead, mark) = if key.to_destination {
            // Others are not found from there.
            (A::unpack(self.ends.service()).0, Mark::of(Method::Nat))
        } else {
            let (destination, mark) = A::unpack(self.ends.destination());
            (destination, Mark(mark))
        };
        let destination_id = self.destination_id.load(Ordering::Relaxed);
        if !self.still((seen.0 >> 32) as u32) {
            return None;
        }
        self.see(now());
        Some(Steady {
            instead,
            mark,
            destination_id,
        })
    }

    /// Notes when a packet came. Writes only if the clock has moved.
    #[inline(always)]
    fn see(&self, now: u32) {
        // After the use has ended this makes the next one look a little younger at worst.
        if self.last_seen.load(Ordering::Relaxed) != now {
            self.last_seen.store(now, Ordering::Relaxed);
        }
    }

    /// The connection that the slot holds, whichever it is.
    pub fn read(&self, index: u32) -> Option<(Handle, Connection<A>)> {
        let sequence = self.live_sequence()?;
        let connection = self.copy()?;
        self.still(sequence)
            .then_some((Handle { index, sequence }, connection))
    }

    /// Whether the slot seems to hold a connection that has been idle for its timeout: a glance
    /// at a few fields, of which most of expiry's work consists. `least` is that of the timeouts.
    #[inline(always)]
    pub fn seems_expired(&self, now: u32, timeouts: &Timeouts, least: u32) -> bool {
        if self.live_sequence().is_none() {
            return false;
        }
        let idle = idle(self.last_seen.load(Ordering::Relaxed), now);
        let timeout = self.timeout.load(Ordering::Relaxed);
        // Most have seen a packet a moment ago. Without a timeout of its own this is as if it were
        // the longest.
        if idle < least && timeout.wrapping_sub(1) >= least.wrapping_sub(1) {
            return false;
        }
        let (_, mark) = A::unpack(self.ends.client());
        let state = state_of(self.state.load(Ordering::Relaxed));
        idle >= lifetime(mark & TEMPLATE != 0, state, timeout, timeouts)
    }

    /// The hash of the connection that the slot holds, and the number of the use.
    pub fn hash(&self, seed: Seed) -> Option<(u32, u64)> {
        let sequence = self.live_sequence()?;
        let client = self.ends.client();
        self.still(sequence)
            .then(|| (sequence, A::hash_client(seed, client)))
    }

    /// Copies the fields; they may be of two uses until the sequence was looked at again.
    #[inline(always)]
    fn copy(&self) -> Option<Connection<A>> {
        let (client, mark) = A::unpack(self.ends.client());
        let (destination, method) = A::unpack(self.ends.destination());
        Some(Connection {
            protocol: Protocol::from_number((mark & 0xff) as u8)?,
            template: mark & TEMPLATE != 0,
            state: state_of(self.state.load(Ordering::Relaxed)),
            method: Mark(method).method(),
            client,
            service: A::unpack(self.ends.service()).0,
            destination,
            service_id: self.service_id.load(Ordering::Relaxed),
            destination_id: self.destination_id.load(Ordering::Relaxed),
            timeout: self.timeout.load(Ordering::Relaxed),
            last_seen: self.last_seen.load(Ordering::Relaxed),
        })
    }

    /// Fills a free slot; nobody sees it before [`Self::publish`].
    ///
    /// The slot must be the caller's alone: taken from the free list and not yet published.
    #[inline(always)]
    pub fn fill(&self, connection: &Connection<A>) {
        // Whoever sees one of the stores below also sees that the previous use has ended.
        fence(Ordering::Release);
        self.ends.set(
            A::pack(
                connection.client,
                client_mark(connection.protocol, connection.template),
            ),
            A::pack(connection.service, 0),
            A::pack(connection.destination, Mark::of(connection.method).0),
        );
        let set = |field: &AtomicU32, value| field.store(value, Ordering::Relaxed);
        set(&self.service_id, connection.service_id);
        set(&self.destination_id, connection.destination_id);
        set(&self.timeout, connection.timeout);
        set(&self.last_seen, connection.last_seen);
        // Whoever sees the use in this word sees all that was stored before.
        let sequence = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        self.state
            .store(state_word(sequence, connection.state), Ordering::Release);
    }

    /// Begins a use with what [`Self::fill`] wrote and returns its number.
    #[inline(always)]
    pub fn publish(&self) -> u32 {
        let sequence = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        self.sequence.store(sequence, Ordering::Release);
        sequence
    }

    /// Ends the use that is on and returns the state that it was in, which is its last: no
    /// change of state succeeds after this. The caller holds the lock of the connection's bucket.
    pub fn retire(&self) -> ConnectionState {
        let state = state_of(self.state.swap(0, Ordering::Relaxed));
        let sequence = self.sequence.load(Ordering::Relaxed).wrapping_add(1);
        self.sequence.store(sequence, Ordering::Release);
        state
    }

    /// Notes a packet: its time, and what it does to the state that was `seen`. Returns from
    /// which state to which it went, if it did.
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
    ) -> Option<(ConnectionState, ConnectionState)> {
        self.see(now);
        let mut seen = seen;
        loop {
            let wanted = next(seen);
            if wanted == seen {
                return None;
            }
            match self.state.compare_exchange(
                state_word(sequence, seen),
                state_word(sequence, wanted),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((seen, wanted)),
                Err(word) if word >> 32 == u64::from(sequence) => seen = state_of(word),
                Err(_) => return None,
            }
        }
    }

    /// While free: the link to the next free slot.
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
