// SPDX-License-Identifier: GPL-2.0

//! Which way the fragments of a packet go, without putting the packet together.
//!
//! Only the first fragment has ports. The decision about it is kept, and later ones follow it; those
//! that come before it are held, for a short while and within bounds.
//!
//! All memory is handed in at the beginning. The decisions are in sets of [`WAYS`]: a set that is full
//! forgets its oldest. Held fragments are in a ring in the order in which they came, so that the
//! oldest give way to new ones: a flood of fragments shortens the time for which each is held, and as
//! fragments out of order are milliseconds apart, honest ones still find together.
//!
//! Cards spread fragments by their addresses alone, so all of a packet mostly come to one CPU, but
//! nothing warrants it. So tables are shared, each under a lock of the caller's, who takes several and
//! chooses one by [`Key::hash`]. Fragments are rare, and whole packets never get here.
//!
//! The time is the caller's wrapping milliseconds.

use ::core::ops::DerefMut;

use super::fragment::{
    Fault,
    Piece, //
};
use super::tuple::{
    IpAddress,
    Seed, //
};

/// Decisions in a set.
pub const WAYS: usize = 8;

/// For how long later fragments follow the first, in milliseconds. Receivers wait longer (RFC 8200,
/// 4.5: a minute), but identifications come again, those of IPv4 after 65,536 packets.
pub const FOLLOW_TIME: u32 = 10_000;

/// For how long fragments are held for the first, in milliseconds.
pub const HOLD_TIME: u32 = 2_000;

/// How many fragments of one packet are held: of 65,535 bytes in pieces for IPv6's smallest MTU there
/// are 54.
pub const MOST_HELD: u8 = 64;

/// No held fragment.
const NOTHING: u64 = u64::MAX;

/// What names a packet that was fragmented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    source: IpAddress,
    destination: IpAddress,
    identification: u32,
    protocol: u8,
}

impl Key {
    /// The key of the packet that this is a piece of. The protocol counts for IPv4 alone (RFC 791;
    /// RFC 8200, 4.5).
    pub fn new(source: IpAddress, destination: IpAddress, protocol: u8, piece: &Piece) -> Self {
        Self {
            source,
            destination,
            identification: piece.identification,
            protocol: match source {
                IpAddress::V4(_) => protocol,
                IpAddress::V6(_) => 0,
            },
        }
    }

    /// A hash that nobody can aim at. The table uses its lower half; the upper may choose a table.
    pub fn hash(&self, seed: Seed) -> u64 {
        let number = (u64::from(self.identification) << 8) | u64::from(self.protocol);
        let hash = seed.hash_more(0, seed.hash_address(self.source));
        let hash = seed.hash_more(hash, seed.hash_address(self.destination));
        seed.hash_more(hash, number)
    }
}

/// What is known of a packet.
#[derive(Clone, Copy, Debug)]
enum Known<D> {
    /// Nothing; the entry is free, or fragments are held.
    Nothing,
    /// Its first fragment.
    First {
        /// What was decided about it.
        decision: D,
        /// Where it ended.
        end: u32,
    },
    /// Its fragments overlap: no more of it goes on (RFC 5722).
    Faulty,
}

/// A place for what is known of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Entry<D> {
    key: Key,
    known: Known<D>,
    /// When it was learnt, or when the last fragment was held.
    since: u32,
    /// The number of the fragment that was held last.
    last: u64,
    /// How many were held.
    count: u8,
    used: bool,
}

impl<D> Entry<D> {
    /// A free one.
    pub fn new() -> Self {
        Self {
            key: Key::default(),
            known: Known::Nothing,
            since: 0,
            last: NOTHING,
            count: 0,
            used: false,
        }
    }

    /// Whether it counts at this time.
    fn is_alive(&self, now: u32, hold_time: u32) -> bool {
        let time = match self.known {
            Known::Nothing => hold_time,
            Known::First { .. } | Known::Faulty => FOLLOW_TIME,
        };
        self.used && age(self.since, now) < time
    }
}

impl<D> Default for Entry<D> {
    fn default() -> Self {
        Self::new()
    }
}

/// A place for a held fragment.
#[derive(Debug)]
pub struct Held<H> {
    handle: Option<H>,
    bytes: u32,
    since: u32,
    /// The number of the one of the same packet that was held before it.
    previous: u64,
}

impl<H> Held<H> {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            handle: None,
            bytes: 0,
            since: 0,
            previous: NOTHING,
        }
    }
}

impl<H> Default for Held<H> {
    fn default() -> Self {
        Self::new()
    }
}

/// What becomes of a later fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Later<D> {
    /// It goes where the first one went.
    Follow(D),
    /// The first one has not come: [`FragmentTable::hold`] it.
    Unknown,
    /// It does not go on.
    Fault(Fault),
}

/// Milliseconds since then; a moment ahead of `now` counts as now.
fn age(since: u32, now: u32) -> u32 {
    let age = now.wrapping_sub(since);
    if age > u32::MAX / 2 {
        0
    } else {
        age
    }
}

/// The decisions `D` about first fragments, and the later ones, `H`, that came before them.
#[derive(Debug)]
pub struct FragmentTable<E, Q> {
    entries: E,
    queue: Q,
    seed: Seed,
    /// The number of the oldest that may be held, and of the next to be.
    head: u64,
    tail: u64,
    bytes: usize,
    most_bytes: usize,
    /// For how long fragments are held, in milliseconds.
    hold_time: u32,
}

impl<D, H, E, Q> FragmentTable<E, Q>
where
    D: Copy,
    E: DerefMut<Target = [Entry<D>]>,
    Q: DerefMut<Target = [Held<H>]>,
{
    /// A table of free entries, a multiple of [`WAYS`], and of empty places for held fragments
    /// that together have at most `most_bytes`. `None` if there are no entries or no places.
    pub fn new(entries: E, queue: Q, most_bytes: usize, seed: Seed) -> Option<Self> {
        let fits = !entries.is_empty() && entries.len() % WAYS == 0 && !queue.is_empty();
        fits.then_some(Self {
            entries,
            queue,
            seed,
            head: 0,
            tail: 0,
            bytes: 0,
            most_bytes,
            hold_time: HOLD_TIME,
        })
    }

    /// Sets how many bytes may be held, and for how many milliseconds at most.
    pub fn retune(&mut self, most_bytes: usize, hold_time: u32) {
        self.most_bytes = most_bytes;
        self.hold_time = hold_time;
    }

    /// Remembers what was decided about a first fragment. Afterwards [`Self::release`] gives those
    /// that were held for it, each of which is to be asked about again.
    ///
    /// A first fragment that comes again, or begins another packet with the same identification,
    /// replaces what was known.
    pub fn first(&mut self, key: Key, piece: &Piece, decision: D, now: u32) {
        if let Some(entry) = self.place(key, now) {
            entry.known = Known::First {
                decision,
                end: piece.end(),
            };
            entry.since = now;
        }
    }

    /// What becomes of a later fragment, whose piece was [checked](Piece::check).
    pub fn later(&mut self, key: Key, piece: &Piece, now: u32) -> Later<D> {
        let Some(entry) = self.find(key, now) else {
            return Later::Unknown;
        };
        match entry.known {
            Known::Nothing => Later::Unknown,
            Known::Faulty => Later::Fault(Fault::Overlap),
            Known::First { decision, end } => {
                if piece.offset < end {
                    entry.known = Known::Faulty;
                    Later::Fault(Fault::Overlap)
                } else {
                    Later::Follow(decision)
                }
            }
        }
    }

    /// Holds a fragment of `bytes` bytes until the first one comes. It is given back if its packet
    /// has too many already, or if there is no room, which [`Self::overdue`] makes.
    pub fn hold(&mut self, key: Key, handle: H, bytes: u32, now: u32) -> Result<(), H> {
        if !self.has_room(bytes) {
            return Err(handle);
        }
        let number = self.tail;
        let Some(entry) = self.place(key, now) else {
            return Err(handle);
        };
        if entry.count >= MOST_HELD {
            return Err(handle);
        }
        entry.count = entry.count.wrapping_add(1);
        entry.since = now;
        let previous = ::core::mem::replace(&mut entry.last, number);
        let Some(held) = self.held(number) else {
            return Err(handle);
        };
        *held = Held {
            handle: Some(handle),
            bytes,
            since: now,
            previous,
        };
        self.tail = self.tail.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(bytes as usize);
        Ok(())
    }

    /// One of the fragments that are held for a packet; to be called until there are no more.
    pub fn release(&mut self, key: Key, now: u32) -> Option<H> {
        let number = self.find(key, now)?.last;
        // What has been held for too long is gone, and so are those before it.
        let alive = self.head <= number && number < self.tail;
        let previous = match self.held(number) {
            Some(held) if alive => held.previous,
            _ => NOTHING,
        };
        if let Some(entry) = self.find(key, now) {
            entry.last = previous;
            entry.count = if previous == NOTHING {
                0
            } else {
                entry.count.saturating_sub(1)
            };
        }
        if alive {
            self.take(number)
        } else {
            None
        }
    }

    /// The oldest fragment if it has been held for too long, or if otherwise there were no room for
    /// one more of `bytes` bytes; to be called until there is none, before [`Self::hold`] and now and
    /// then, with 0.
    pub fn overdue(&mut self, bytes: u32, now: u32) -> Option<H> {
        while self.head != self.tail {
            let number = self.head;
            let full = bytes != 0 && !self.has_room(bytes);
            let hold_time = self.hold_time;
            let held = self.held(number)?;
            let is_due = held.handle.is_none() || age(held.since, now) >= hold_time;
            if !full && !is_due {
                return None;
            }
            let handle = self.take(number);
            self.head = number.wrapping_add(1);
            if handle.is_some() {
                return handle;
            }
        }
        None
    }

    /// How many fragments are held.
    pub fn held_count(&self) -> usize {
        self.queue
            .iter()
            .filter(|held| held.handle.is_some())
            .count()
    }

    /// How many bytes these have.
    pub fn held_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether one more fragment of so many bytes may be held.
    fn has_room(&self, bytes: u32) -> bool {
        let used = self.tail.wrapping_sub(self.head);
        used < self.queue.len() as u64
            && self.bytes.saturating_add(bytes as usize) <= self.most_bytes
    }

    /// The place of the held fragment with this number.
    fn held(&mut self, number: u64) -> Option<&mut Held<H>> {
        let at = number.checked_rem(self.queue.len() as u64)?;
        self.queue.get_mut(at as usize)
    }

    /// Takes a held fragment out of its place.
    fn take(&mut self, number: u64) -> Option<H> {
        let held = self.held(number)?;
        let handle = held.handle.take()?;
        let bytes = held.bytes as usize;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(handle)
    }

    /// The set that a key belongs to.
    fn set(&mut self, key: Key) -> Option<&mut [Entry<D>]> {
        let sets = (self.entries.len() / WAYS) as u64;
        let set = u64::from(key.hash(self.seed) as u32).checked_rem(sets)? as usize;
        let begin = set.wrapping_mul(WAYS);
        self.entries.get_mut(begin..begin.wrapping_add(WAYS))
    }

    /// What is known of a packet.
    fn find(&mut self, key: Key, now: u32) -> Option<&mut Entry<D>> {
        let hold_time = self.hold_time;
        self.set(key)?
            .iter_mut()
            .find(|entry| entry.key == key && entry.is_alive(now, hold_time))
    }

    /// The same, in an entry made for it if nothing is known. An old one that has to give way may
    /// leave fragments behind, which become overdue.
    fn place(&mut self, key: Key, now: u32) -> Option<&mut Entry<D>> {
        let hold_time = self.hold_time;
        let entry = self.set(key)?.iter_mut().max_by_key(|entry| {
            if !entry.is_alive(now, hold_time) {
                u64::from(u32::MAX) + 1
            } else if entry.key == key {
                u64::MAX
            } else {
                u64::from(age(entry.since, now))
            }
        })?;
        if entry.key != key || !entry.is_alive(now, hold_time) {
            *entry = Entry {
                key,
                since: now,
                used: true,
                ..Entry::new()
            };
        }
        Some(entry)
    }
}
