// SPDX-License-Identifier: GPL-2.0

//! Where buckets and slots lie.

use ::core::ops::Deref;
use kernel::{
    prelude::*,
    sync::SetOnce, //
};

use crate::core::{
    bucket::Bucket,
    slot::{
        Slot,
        Slots,
        Stored, //
    },
};

/// Slots in a chunk: half a megabyte.
pub(super) const CHUNK: u32 = 1 << 13;

/// The buckets, made once.
pub(crate) struct Buckets(KVVec<Bucket>);

impl Buckets {
    pub(super) fn new(count: u32) -> Result<Self> {
        let count = usize::try_from(count)?;
        let mut buckets = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            buckets.push(Bucket::new(), GFP_KERNEL)?;
        }
        Ok(Self(buckets))
    }
}

impl Deref for Buckets {
    type Target = [Bucket];

    #[inline]
    fn deref(&self) -> &[Bucket] {
        &self.0
    }
}

/// The slots, in chunks that are added as connections grow and stay for the table's life.
pub(crate) struct Chunks<A: Stored> {
    chunks: KVVec<SetOnce<KVVec<Slot<A>>>>,
}

impl<A: Stored> Chunks<A> {
    /// Room for `limit` slots, rounded up to whole chunks, none of them there yet.
    pub(super) fn new(limit: u32) -> Result<Self> {
        let count = usize::try_from(limit.div_ceil(CHUNK).max(1))?;
        let mut chunks = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            chunks.push(SetOnce::new(), GFP_KERNEL)?;
        }
        Ok(Self { chunks })
    }

    /// Makes chunk `chunk`. Sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENOSPC` if there is no such chunk or it is there already.
    pub(super) fn add(&self, chunk: u32) -> Result {
        let place = self.chunks.get(usize::try_from(chunk)?).ok_or(ENOSPC)?;
        let count = usize::try_from(CHUNK)?;
        let mut slots = KVVec::with_capacity(count, GFP_KERNEL)?;
        for _ in 0..count {
            slots.push(Slot::new(), GFP_KERNEL)?;
        }
        if place.populate(slots) {
            Ok(())
        } else {
            Err(ENOSPC)
        }
    }
}

impl<A: Stored> Slots<A> for Chunks<A> {
    #[inline]
    fn slot(&self, index: u32) -> Option<&Slot<A>> {
        let index = index as usize;
        let chunk = self.chunks.get(index / CHUNK as usize)?;
        chunk.as_ref()?.get(index % CHUNK as usize)
    }

    fn limit(&self) -> u32 {
        u32::try_from(self.chunks.len())
            .unwrap_or(u32::MAX)
            .saturating_mul(CHUNK)
    }
}
