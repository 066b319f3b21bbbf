// SPDX-License-Identifier: GPL-2.0

//! Socket buffers cut into the segments that a device would make of them.
//!
//! C header: [`include/net/gso.h`](srctree/include/net/gso.h)

use ::core::ptr::{
    self,
    NonNull, //
};
use kernel::error::from_err_ptr;

use super::{
    bh::BottomHalf,
    skb::SkBuff, //
};
use crate::{
    core::drop_reason::DropReason,
    sys, //
};

/// The segments of a packet, to be taken one after the other; dropping it frees the rest.
///
/// # Invariants
///
/// It begins a list, linked by `next`, of buffers that are nobody else's; null is its end.
pub(crate) struct Segments(*mut sys::sk_buff);

impl SkBuff {
    /// Cuts a packet that is to be segmented, its data beginning at the IP header or at the link-layer
    /// header, into its segments, which begin likewise and are complete, with lengths and checksums. Bottom halves are disabled.
    ///
    /// # Errors
    ///
    /// [`DropReason::Transmit`] if it cannot be cut or there is no memory; it was dropped.
    pub(crate) fn into_segments(self) -> Result<Segments, DropReason> {
        // SAFETY: The buffer is ours and its network header is set; what it can do for devices is
        // nothing, so that nothing is left to be done.
        match from_err_ptr(unsafe { sys::__skb_gso_segment(self.as_ptr(), 0, false) }) {
            // INVARIANT: The list is new. What was cut, `self`, is freed here.
            Ok(first) if !first.is_null() => Ok(Segments(first)),
            _ => {
                self.discard(DropReason::Transmit);
                Err(DropReason::Transmit)
            }
        }
    }
}

impl SkBuff {
    /// Whether it is to be cut where its parts meet, as SCTP's are: its headers are together, and
    /// what follows may not be moved to them.
    #[inline]
    pub(crate) fn is_of_parts(&self) -> bool {
        // SAFETY: The buffer is ours.
        unsafe { sys::skb_is_gso(self.as_ptr()) && sys::skb_is_gso_sctp(self.as_ptr()) }
    }

    /// Has the stack receive each of its segments instead of it, by the same device.
    ///
    /// # Errors
    ///
    /// As [`Self::into_segments`].
    #[cold]
    pub(crate) fn receive_segments(self, bh: &BottomHalf) -> Result<(), DropReason> {
        // SAFETY: The buffer is ours and came by an Ethernet device, its header before the data.
        unsafe { sys::skb_push(self.as_ptr(), sys::ETH_HLEN) };
        for mut segment in self.into_segments()? {
            if segment.pull_link_header() {
                segment.receive_again(bh);
            }
        }
        Ok(())
    }
}

impl Iterator for Segments {
    type Item = SkBuff;

    fn next(&mut self) -> Option<SkBuff> {
        let segment = NonNull::new(self.0)?;
        // SAFETY: By the type invariants. INVARIANT: The list begins with the next one then, and
        // the one taken is in no list.
        unsafe {
            let link = &raw mut (*segment.as_ptr()).__bindgen_anon_1.__bindgen_anon_1.next;
            self.0 = link.replace(ptr::null_mut());
            Some(SkBuff::from_raw(segment.as_ptr()))
        }
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        for segment in self {
            drop(segment);
        }
    }
}
