// SPDX-License-Identifier: GPL-2.0

//! The memory of one family's connections, and the moment's look at it that packets get.

use ::core::{
    convert::Infallible,
    sync::atomic::{
        AtomicBool,
        AtomicU32,
        Ordering::{
            Acquire,
            Relaxed,
            Release, //
        }, //
    },
};
use kernel::{
    alloc::{
        allocator::{
            KVmalloc,
            Vmalloc, //
        },
        Allocator,
        Box, //
    },
    prelude::*,
    sync::Arc, //
};

use super::{
    array::{
        Array,
        LEAST, //
    },
    shared::Shared, //
};
use crate::{
    core::{
        books::{
            Books,
            Budget, //
        },
        connection_table::ConnectionTable,
        free_list::{
            FreeGroup,
            GROUP, //
        },
        memory::{
            Layout,
            Memory, //
        },
        slot::{
            Slot,
            Stored, //
        },
        tuple::{
            Ipv4Address,
            Ipv6Address,
            Seed, //
        },
    },
    net::{
        bh::BottomHalf,
        random,
        rcu::{
            RcuArc,
            RcuBox,
            Retired, //
        },
    },
};

/// Slots in a chunk: half a megabyte for IPv4, three quarters for IPv6.
pub(super) const CHUNK: u32 = 1 << 13;

/// Chunks that there may be at most.
const CHUNKS: u32 = 1 << 12;

/// Connections that a table may have at most: 33,554,432.
pub(crate) const MOST: u32 = CHUNK * CHUNKS;

/// A family that the kernel has memory for.
pub(crate) trait Held: Stored {
    /// What gives the memory of chunks.
    type Memory: Allocator + 'static;
}

impl Held for Ipv4Address {
    /// Half a megabyte is what the kernel's page allocator gives without waste, and what it gives
    /// costs no look at page tables.
    type Memory = KVmalloc;
}

impl Held for Ipv6Address {
    /// The page allocator would give a whole megabyte.
    type Memory = Vmalloc;
}

/// A chunk of slots.
pub(super) type Chunk<A> = [Slot<A>; CHUNK as usize];

/// The arrays of buckets as those who change the table know them.
pub(super) struct Arrays {
    pub(super) current: Arc<Array>,
    pub(super) next: Option<Arc<Array>>,
    pub(super) fills: AtomicBool,
}

/// The connections of one family.
pub(crate) struct Family<A: Held> {
    /// The array of buckets for lookups.
    pub(super) current: RcuArc<Array>,
    /// The arrays for changes.
    pub(super) arrays: RcuArc<Arrays>,
    chunks: KVVec<RcuBox<Chunk<A>, A::Memory>>,
    groups: KVVec<FreeGroup>,
    books: Books,
    /// How many chunks there are, and the number of the last one plus 1.
    present: AtomicU32,
    end: AtomicU32,
    /// Whether the collector knows that slots are running out, or there is nothing that it could
    /// do about it.
    pub(super) knows: AtomicBool,
}

/// A chunk that has been taken out and is still to be freed.
pub(super) type RetiredChunk<A> = Retired<Box<Chunk<A>, <A as Held>::Memory>>;

impl<A: Held> Family<A> {
    /// An empty table without slots. Sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn new() -> Result<Self> {
        let array = Arc::new(Array::new(LEAST)?, GFP_KERNEL)?;
        let arrays = Arrays {
            current: array.clone(),
            next: None,
            fills: AtomicBool::new(false),
        };
        let mut chunks = KVVec::with_capacity(usize::try_from(CHUNKS)?, GFP_KERNEL)?;
        for _ in 0..CHUNKS {
            chunks.push(RcuBox::new(), GFP_KERNEL)?;
        }
        let groups = CHUNKS.div_ceil(GROUP);
        let mut free = KVVec::with_capacity(usize::try_from(groups)?, GFP_KERNEL)?;
        for _ in 0..groups {
            free.push(FreeGroup::new(), GFP_KERNEL)?;
        }
        Ok(Self {
            current: RcuArc::new(array),
            arrays: RcuArc::new(Arc::new(arrays, GFP_KERNEL)?),
            chunks,
            groups: free,
            books: Books::new(Seed([random::u64(), random::u64()])),
            present: AtomicU32::new(0),
            end: AtomicU32::new(0),
            knows: AtomicBool::new(false),
        })
    }

    /// How many slots there are.
    pub(super) fn slots(&self) -> u32 {
        self.present.load(Relaxed).wrapping_mul(CHUNK)
    }

    /// The index after that of the last slot.
    pub(super) fn end(&self) -> u32 {
        self.end.load(Relaxed).wrapping_mul(CHUNK)
    }

    /// How many slots are free.
    pub(super) fn free(&self) -> u32 {
        self.books.free()
    }

    /// How many connections there are.
    pub(crate) fn count(&self) -> u32 {
        // Either may be ahead of the other while a chunk comes or goes.
        self.slots().saturating_sub(self.free())
    }

    /// How many of them are half open.
    pub(crate) fn half_open(&self) -> u32 {
        self.books.half_open()
    }

    /// Bytes that slots and buckets take.
    pub(crate) fn bytes(&self) -> u64 {
        let arrays = self.arrays.get();
        let buckets = arrays.current.len() + arrays.next.as_ref().map_or(0, |next| next.len());
        let buckets = buckets.saturating_mul(::core::mem::size_of::<crate::core::bucket::Bucket>());
        let slots = u64::from(self.slots()) * ::core::mem::size_of::<Slot<A>>() as u64;
        slots.saturating_add(buckets as u64)
    }

    /// Adds a chunk at the lowest place but those that `taken` names. Sleeps; for one caller at
    /// a time.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENOSPC` if there is no place.
    pub(super) fn add_chunk(&self, shared: &Shared, taken: impl Fn(u32) -> bool) -> Result {
        let (number, place) = (0..)
            .zip(self.chunks.iter())
            .find(|(number, place)| !place.is_some() && !taken(*number))
            .ok_or(ENOSPC)?;
        let slots = pin_init::init_array_from_fn(|_| Slot::new());
        let chunk = Box::<Chunk<A>, A::Memory>::init::<Infallible>(slots, GFP_KERNEL)?;
        place.put(chunk).map_err(|_| ENOSPC)?;
        let end = self.end.load(Relaxed).max(number.wrapping_add(1));
        self.end.store(end, Relaxed);
        self.present.fetch_add(1, Relaxed);
        let bh = BottomHalf::disable();
        self.table(shared, &bh).add_chunk(number);
        Ok(())
    }

    /// Takes the last chunk away of those without a connection, if there is one: its number, and
    /// what is to be dropped. For one caller at a time.
    pub(super) fn take_chunk(&self, shared: &Shared) -> Option<(u32, RetiredChunk<A>)> {
        let end = self.end.load(Relaxed);
        let bh = BottomHalf::disable();
        let table = self.table(shared, &bh);
        let number = (0..end)
            .rev()
            .find(|number| table.free_in(*number) == CHUNK && table.take_chunk(*number))?;
        let chunk = self.chunks.get(number as usize)?.take()?;
        self.present.fetch_sub(1, Relaxed);
        let is_there = |number: &u32| {
            self.chunks
                .get(*number as usize)
                .is_some_and(|chunk| chunk.is_some())
        };
        let last = (0..end).rev().find(is_there);
        self.end
            .store(last.map_or(0, |last| last.wrapping_add(1)), Relaxed);
        Some((number, chunk))
    }

    /// The table, for as long as bottom halves are disabled.
    #[inline(always)]
    pub(super) fn table<'a>(
        &'a self,
        shared: &'a Shared,
        bh: &'a BottomHalf,
    ) -> ConnectionTable<A, View<'a, A>> {
        ConnectionTable::new(View {
            family: self,
            shared,
            bh,
        })
    }
}

/// A moment's look at a family's memory: while bottom halves are disabled, which keeps what is
/// replaced meanwhile.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, A: Held> {
    family: &'a Family<A>,
    shared: &'a Shared,
    bh: &'a BottomHalf,
}

impl<A: Held> Memory<A> for View<'_, A> {
    const CHUNK: u32 = CHUNK;

    type Buckets = Array;

    #[inline(always)]
    fn current(&self) -> &Array {
        self.family.current.read_bh(self.bh)
    }

    #[inline(always)]
    fn layout(&self) -> Layout<'_, Array> {
        let arrays = self.family.arrays.read_bh(self.bh);
        Layout {
            current: &arrays.current,
            next: arrays.next.as_deref(),
            fills: arrays.fills.load(Acquire),
        }
    }

    #[inline(always)]
    fn chunk(&self, chunk: u32) -> Option<&[Slot<A>]> {
        let chunk = self.family.chunks.get(chunk as usize)?.read_bh(self.bh)?;
        Some(chunk)
    }

    #[inline(always)]
    fn groups(&self) -> &[FreeGroup] {
        &self.family.groups
    }

    #[inline(always)]
    fn books(&self) -> &Books {
        &self.family.books
    }

    #[inline(always)]
    fn budget(&self) -> &Budget {
        &self.shared.budget
    }
}

impl Arrays {
    /// Says that the next array is to be filled.
    pub(super) fn fill(&self) {
        self.fills.store(true, Release);
    }
}
