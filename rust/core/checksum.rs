// SPDX-License-Identifier: GPL-2.0

//! The Internet checksum (RFC 1071) and its incremental update (RFC 1624).

use super::packet::ChecksumState;

/// Folds a sum of 16-bit words into one word by adding the carries back. Only 0 gives 0.
#[inline(always)]
pub const fn fold(sum: u64) -> u16 {
    // Each time both halves come to hold the sum of both, the upper one with the carry of the lower.
    let sum = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    (sum.wrapping_add(sum.rotate_left(16)) >> 16) as u16
}

/// The unfolded sum of `bytes` as big-endian words; an odd last byte counts as a high one.
pub fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(2);
    let last = match words.remainder() {
        [byte] => u64::from(*byte) << 8,
        _ => 0,
    };
    words.fold(last, |sum, word| match word {
        [high, low] => sum.wrapping_add(u64::from(u16::from_be_bytes([*high, *low]))),
        _ => sum,
    })
}

/// The unfolded sum of the TCP or UDP pseudo-header (RFC 9293, 3.1); `length` is that of the
/// transport header and data in bytes.
pub const fn pseudo_header(source: u32, destination: u32, protocol: u8, length: u16) -> u64 {
    // The two halves of an address need not be added one by one: fold() does it.
    source as u64 + destination as u64 + protocol as u64 + length as u64
}

/// The unfolded sum of a 128-bit field.
#[inline(always)]
pub const fn words(long: u128) -> u64 {
    // 32 bits at a time: fold() adds their halves.
    let [a, b, c, d] = [
        (long >> 96) as u32,
        (long >> 64) as u32,
        (long >> 32) as u32,
        long as u32,
    ];
    a as u64 + b as u64 + c as u64 + d as u64
}

/// What a change of some fields does to every checksum that covers them.
///
/// Collected once and applied to the IP and the transport checksum alike. The sum is
/// unfolded: it holds at least 2^31 changes, so it needs no check. It is made of words as they lie
/// in memory: the sum is the same in either byte order, but for the order of its own bytes
/// (RFC 1071, 2.B), and nothing of a packet has to be turned around.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Difference(u64);

impl Difference {
    /// No change.
    pub const NONE: Self = Self(0);

    /// Adds the change of an aligned 16-bit field, both values in host order.
    #[inline(always)]
    pub const fn word(self, old: u16, new: u16) -> Self {
        Self(
            self.0
                .wrapping_add((!old.to_be()) as u64 + new.to_be() as u64),
        )
    }

    /// Adds the change of a byte that is the upper half of its aligned 16-bit field and becomes
    /// less by so much, of which there must be as many.
    #[inline(always)]
    pub const fn upper_less(self, by: u8) -> Self {
        let change = !((by as u16) << 8);
        Self(self.0.wrapping_add(change.to_be() as u64))
    }

    /// Adds the change of a 32-bit field that is aligned to 16 bits.
    #[inline(always)]
    pub const fn double_word(self, old: u32, new: u32) -> Self {
        Self(
            self.0
                .wrapping_add((!old.to_be()) as u64 + new.to_be() as u64),
        )
    }

    /// Adds the change of a 128-bit field that is aligned to 16 bits.
    #[inline(always)]
    pub const fn long(self, old: u128, new: u128) -> Self {
        let change = words(!old.to_be()).wrapping_add(words(new.to_be()));
        Self(self.0.wrapping_add(change))
    }

    /// Adds another change.
    #[inline(always)]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The checksum after the change: equation 3 of RFC 1624.
    #[inline(always)]
    pub const fn apply(self, checksum: u16) -> u16 {
        u16::from_be(!fold(self.0.wrapping_add((!checksum.to_be()) as u64)))
    }

    /// The pseudo-header's sum after the change; it is not complemented.
    #[inline(always)]
    pub const fn apply_partial(self, sum: u16) -> u16 {
        u16::from_be(fold(self.0.wrapping_add(sum.to_be() as u64)))
    }
}

/// The transport checksum after addresses and a port have changed.
///
/// A partial one covers the addresses, but not yet the ports.
#[inline(always)]
pub const fn update_transport(
    checksum: u16,
    state: ChecksumState,
    addresses: Difference,
    old_port: u16,
    new_port: u16,
) -> u16 {
    match state {
        ChecksumState::Full => addresses.word(old_port, new_port).apply(checksum),
        ChecksumState::Partial => addresses.apply_partial(checksum),
    }
}
