// SPDX-License-Identifier: GPL-2.0

//! Where a table's buckets and slots lie.
//!
//! The memory is another's: in the kernel it is replaced under RCU, in tests it is what shows a
//! mistake. A value of [`Memory`] is had for a moment, for one packet say, and while it lives
//! nothing that it has given references to is freed.

use super::books::{
    Books,
    Budget, //
};
use super::bucket::Bucket;
use super::free_list::FreeGroup;
use super::slot::{
    Slot,
    Stored, //
};

/// An array of buckets.
pub trait Buckets {
    /// The bucket of this index, which is at most [`Self::mask`].
    fn bucket(&self, index: usize) -> Option<&Bucket>;

    /// How many there are, less 1: a power of two, and more than [`super::bucket::REACH`].
    fn mask(&self) -> usize;
}

/// The arrays that connections have to be in: those who change the table keep both up.
#[derive(Debug)]
pub struct Layout<'a, B> {
    /// The array that is complete, or was, and is still looked at.
    pub current: &'a B,
    /// The one that is to take its place, while the table is re-sized.
    pub next: Option<&'a B>,
    /// Whether new connections are put into `next` as well; else it is only looked through for
    /// what is to be taken out.
    pub fills: bool,
}

/// A moment's look at a table's memory.
///
/// All that is given stays valid as long as the value itself.
pub trait Memory<A: Stored> {
    /// Slots in a chunk: a power of two, at most 2^15.
    const CHUNK: u32;

    /// The array of buckets.
    type Buckets: Buckets;

    /// The array in which lookups find a connection: one load.
    fn current(&self) -> &Self::Buckets;

    /// The arrays that a change has to be made in.
    fn layout(&self) -> Layout<'_, Self::Buckets>;

    /// The slots of a chunk, [`Self::CHUNK`] of them, if it is there.
    fn chunk(&self, chunk: u32) -> Option<&[Slot<A>]>;

    /// The free slots of all chunks that there may ever be.
    fn groups(&self) -> &[FreeGroup];

    /// The table's accounts.
    fn books(&self) -> &Books;

    /// How many connections there may be.
    fn budget(&self) -> &Budget;

    /// The slot of this index, if its chunk is there.
    #[inline(always)]
    fn slot(&self, index: u32) -> Option<&Slot<A>> {
        self.chunk(index / Self::CHUNK)?
            .get((index % Self::CHUNK) as usize)
    }
}
