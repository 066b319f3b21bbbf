// SPDX-License-Identifier: GPL-2.0

//! TCP options (RFC 9293, 3.2).

use zerocopy::FromBytes;

use super::checksum::Difference;
use super::packet::ChecksumState;
use super::tcp::{
    Flags,
    Header,
    HEADER_LENGTH, //
};

/// Ends the options.
const END: u8 = 0;
/// Fills a byte.
const NO_OPERATION: u8 = 1;
/// The longest segment that the sender takes (RFC 6691).
const MAXIMUM_SEGMENT: u8 = 2;

/// Bytes of a TCP header with all the options there can be.
pub const MOST_HEADER: usize = 60;

/// Lowers the maximum segment size that a SYN announces to `limit`: what fits into a tunnel.
///
/// `header` is the TCP header with its options, as far as its length says. Whether it was changed;
/// it never is without SYN, with options that lie, or without the option (a sender then has to
/// assume 536 bytes or, for IPv6, 1220).
pub fn clamp_segment_size(header: &mut [u8], limit: u16, state: ChecksumState) -> bool {
    let Ok((fixed, options)) = Header::mut_from_prefix(header) else {
        return false;
    };
    if !Flags(fixed.flags).has(Flags::SYN) {
        return false;
    }
    let length = usize::from(fixed.data_offset >> 4) << 2;
    let Some(options) = length
        .checked_sub(HEADER_LENGTH)
        .and_then(|length| options.get_mut(..length))
    else {
        return false;
    };
    let Some(at) = find(options, MAXIMUM_SEGMENT, 4) else {
        return false;
    };
    let value = options
        .get_mut(at.wrapping_add(2)..)
        .and_then(<[u8]>::first_chunk_mut::<2>);
    let Some(value) = value else {
        return false;
    };
    let old = u16::from_be_bytes(*value);
    if old <= limit {
        return false;
    }
    *value = limit.to_be_bytes();
    if state == ChecksumState::Full {
        // At an odd place the bytes count for two words, each the other way around.
        let change = if at % 2 == 0 {
            Difference::NONE.word(old, limit)
        } else {
            Difference::NONE.word(old.swap_bytes(), limit.swap_bytes())
        };
        fixed.checksum.set(change.apply(fixed.checksum.get()));
    }
    true
}

/// Where the first option of this kind and length is.
fn find(options: &[u8], kind: u8, length: u8) -> Option<usize> {
    let mut at = 0_usize;
    // Each turn takes a byte at least, of 40.
    loop {
        match *options.get(at..)? {
            [END, ..] => return None,
            [NO_OPERATION, ..] => at = at.wrapping_add(1),
            [found, size, ..] if found == kind => return (size == length).then_some(at),
            [_, size, ..] if size >= 2 => at = at.wrapping_add(usize::from(size)),
            _ => return None,
        }
    }
}
