// SPDX-License-Identifier: GPL-2.0

//! Packets whose headers can be written where they are.

use ::core::{
    marker::PhantomData,
    ops::Deref,
    slice, //
};

use super::skb::SkBuff;

/// A number of bytes.
pub(crate) trait Length {
    /// The number.
    const LENGTH: u32;
}

/// A packet whose first `L` bytes are known to lie together and to be nobody else's.
///
/// # Invariants
///
/// So many bytes from `data` on are linear, and no clone shares them.
pub(crate) struct WithHead<L> {
    packet: SkBuff,
    _length: PhantomData<L>,
}

impl<L: Length> WithHead<L> {
    /// The packet, if it is one; else as it was.
    #[inline(always)]
    pub(crate) fn new(packet: SkBuff) -> Result<Self, SkBuff> {
        let raw = packet.raw();
        if raw.cloned() != 0 || raw.len.wrapping_sub(raw.data_len) < L::LENGTH {
            return Err(packet);
        }
        // INVARIANT: Just seen.
        Ok(Self {
            packet,
            _length: PhantomData,
        })
    }

    /// Those bytes.
    #[inline(always)]
    pub(crate) fn head(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariant; they live while `self` does.
        unsafe { slice::from_raw_parts_mut(self.packet.raw().data, L::LENGTH as usize) }
    }

    /// The packet.
    #[inline(always)]
    pub(crate) fn into_packet(self) -> SkBuff {
        self.packet
    }
}

impl<L> Deref for WithHead<L> {
    type Target = SkBuff;

    #[inline(always)]
    fn deref(&self) -> &SkBuff {
        &self.packet
    }
}
