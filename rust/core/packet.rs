// SPDX-License-Identifier: GPL-2.0

//! A packet as the filter sees it: bytes from the IP header on.

use super::tuple::Family;

/// How far the transport checksum that stands in the packet has been worked out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumState {
    /// A full checksum.
    Full,
    /// Only the pseudo-header's sum, not complemented; the device or a later stage adds the
    /// rest (`CHECKSUM_PARTIAL`, as on GRO and TSO packets).
    Partial,
}

/// A packet in whatever buffer it came: an sk_buff, an XDP buffer, a plain slice.
///
/// The bytes begin with the IP header. There may be more of them than the IP total length
/// says, since Ethernet pads short frames.
pub trait Packet {
    /// Bytes from the IP header to the end, padding included.
    fn len(&self) -> usize;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it is TCP, longer than its headers can say, so that they say nothing: merged segments,
    /// or what a device is to cut into such (BIG TCP). It ends where its bytes end.
    fn is_big(&self) -> bool {
        false
    }

    /// The first `len` bytes, to be read only.
    ///
    /// The buffer may be rearranged so that they lie together, but neither copied for
    /// writing nor changed. `None` if the packet is shorter or memory is lacking.
    fn peek(&mut self, len: usize) -> Option<&[u8]>;

    /// The first `len` bytes, to be written: together, and shared with nobody else.
    ///
    /// `None` if the packet is shorter or memory is lacking.
    fn head(&mut self, len: usize) -> Option<&mut [u8]>;

    /// What the transport checksum field holds.
    fn checksum_state(&self) -> ChecksumState;

    /// Cuts the packet's end off so that `len` bytes stay; false if that failed.
    fn trim(&mut self, len: usize) -> bool;

    /// Puts headers before the packet, which make it another one, of this family, that is complete as
    /// it stands, with all its checksums: no segmentation or other offload is left to be done.
    /// False if that failed.
    fn prepend(&mut self, headers: &[u8], family: Family) -> bool;

    /// Takes the first `len` bytes away; false if there are not as many.
    fn behead(&mut self, len: usize) -> bool;

    /// Has the system remember that packets to where the one went that an error quotes, `offset`
    /// bytes into this packet, may have `mtu` bytes.
    fn learn_mtu(&mut self, offset: usize, mtu: u32) {
        let _ = (offset, mtu);
    }

    /// Makes the packet consist of `bytes`, which are no longer than it was.
    ///
    /// They are complete: the checksum state becomes [`ChecksumState::Full`], and no
    /// segmentation or other offload is left to be done. False if that failed.
    fn replace(&mut self, bytes: &[u8]) -> bool;
}

/// A packet in a plain slice, for tests, fuzzing and benchmarks.
#[derive(Debug)]
pub struct SlicePacket<'a> {
    bytes: &'a mut [u8],
    /// Where the packet begins: what is before it is room for headers.
    start: usize,
    len: usize,
    state: ChecksumState,
}

impl<'a> SlicePacket<'a> {
    /// A packet of all of `bytes`.
    pub fn new(bytes: &'a mut [u8], state: ChecksumState) -> Self {
        Self::with_room(bytes, 0, state)
    }

    /// A packet of `bytes` but the first `room`, which headers may be put into.
    pub fn with_room(bytes: &'a mut [u8], room: usize, state: ChecksumState) -> Self {
        let start = room.min(bytes.len());
        let len = bytes.len().wrapping_sub(start);
        Self {
            bytes,
            start,
            len,
            state,
        }
    }

    /// Puts bytes before the packet; false without room for them.
    fn push(&mut self, headers: &[u8]) -> bool {
        let Some(start) = self.start.checked_sub(headers.len()) else {
            return false;
        };
        let Some(place) = self.bytes.get_mut(start..self.start) else {
            return false;
        };
        place.copy_from_slice(headers);
        self.start = start;
        self.len = self.len.wrapping_add(headers.len());
        true
    }

    /// The packet's bytes as they are now.
    pub fn as_slice(&self) -> &[u8] {
        let rest = self.bytes.get(self.start..).unwrap_or_default();
        rest.get(..self.len).unwrap_or_default()
    }
}

impl Packet for SlicePacket<'_> {
    fn len(&self) -> usize {
        self.len
    }

    fn peek(&mut self, len: usize) -> Option<&[u8]> {
        self.as_slice().get(..len)
    }

    fn head(&mut self, len: usize) -> Option<&mut [u8]> {
        let rest = self.bytes.get_mut(self.start..)?;
        rest.get_mut(..self.len)?.get_mut(..len)
    }

    fn checksum_state(&self) -> ChecksumState {
        self.state
    }

    fn trim(&mut self, len: usize) -> bool {
        let fits = len <= self.len;
        if fits {
            self.len = len;
        }
        fits
    }

    fn behead(&mut self, len: usize) -> bool {
        let fits = len <= self.len;
        if fits {
            self.start = self.start.wrapping_add(len);
            self.len = self.len.wrapping_sub(len);
        }
        fits
    }

    fn prepend(&mut self, headers: &[u8], _family: Family) -> bool {
        let done = self.push(headers);
        if done {
            self.state = ChecksumState::Full;
        }
        done
    }

    fn replace(&mut self, bytes: &[u8]) -> bool {
        let Some(head) = self.head(bytes.len()) else {
            return false;
        };
        head.copy_from_slice(bytes);
        self.len = bytes.len();
        self.state = ChecksumState::Full;
        true
    }
}
