// SPDX-License-Identifier: GPL-2.0

//! An array of buckets.

use ::core::convert::Infallible;
use kernel::prelude::*;

use crate::core::{
    bucket::Bucket,
    memory::Buckets, //
};

/// Buckets in a piece: 256 kilobytes.
const PIECE: usize = 1 << 12;

/// The fewest buckets that a table has: two megabytes, for the first quarter of a million of new
/// connections to find room before the collector has come to make more.
pub(super) const LEAST: usize = 1 << 15;

/// An array of buckets in pieces of a size that the kernel can find in one stretch, where it
/// costs no look at page tables.
pub(crate) struct Array {
    pieces: KVVec<KVBox<[Bucket; PIECE]>>,
    mask: usize,
}

impl Array {
    /// So many empty buckets: a power of two, at least [`LEAST`]. Sleeps.
    ///
    /// Very many take a while: `meanwhile` is called from time to time.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for other numbers.
    pub(super) fn new(count: usize, meanwhile: &mut dyn FnMut()) -> Result<Self> {
        if !count.is_power_of_two() || count < LEAST {
            return Err(EINVAL);
        }
        let mut pieces = KVVec::with_capacity(count / PIECE, GFP_KERNEL)?;
        for _ in 0..count / PIECE {
            let piece = pin_init::init_array_from_fn(|_| Bucket::new());
            pieces.push(KVBox::init::<Infallible>(piece, GFP_KERNEL)?, GFP_KERNEL)?;
            meanwhile();
        }
        Ok(Self {
            pieces,
            mask: count.wrapping_sub(1),
        })
    }

    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.pieces.len().wrapping_mul(PIECE)
    }
}

impl Buckets for Array {
    #[inline(always)]
    fn bucket(&self, index: usize) -> Option<&Bucket> {
        self.pieces.get(index / PIECE)?.get(index % PIECE)
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.mask
    }
}
