// SPDX-License-Identifier: GPL-2.0

//! ICMP messages changed in place: errors about packets that were translated, and echo.

use zerocopy::FromBytes;

use super::checksum::Difference;
use super::icmp::{
    Header,
    Messages,
    Quote,
    HEADER_LENGTH, //
};
use super::network::{
    End,
    Network, //
};
use super::packet::ChecksumState;
use super::rewrite::exchange_port;
use super::tuple::{
    Endpoint,
    Family, //
};

/// Makes an error about a packet that was translated one about the packet that its sender knows.
///
/// `end` is the end of the quoted packet that had been exchanged, and `to` what stood there
/// before: of a packet to a destination the service, for the client; of one to a client the
/// destination, for the destination. The quote gets it, and so does the error's own other end: it
/// seems to come from the service, and it goes to the destination. `hops` are taken off those
/// left of the error, of which there must be as many.
///
/// `head` is the packet's beginning as [`parse`](super::icmp::parse) saw it, `quote` what that
/// found: as many bytes of the quote as came are changed, and the checksums among them. False if
/// it is too short.
pub fn translate_error<A: Network>(
    head: &mut [u8],
    quote: &Quote<A>,
    end: End,
    to: Endpoint<A>,
    hops: u8,
) -> bool {
    rewrite(head, quote, end, to, hops).is_some()
}

fn rewrite<A: Network>(
    head: &mut [u8],
    quote: &Quote<A>,
    end: End,
    to: Endpoint<A>,
    hops: u8,
) -> Option<()> {
    let icmp = quote.ip.checked_sub(HEADER_LENGTH)?;
    let inside = quote.transport.checked_sub(quote.ip)?;
    let (ip, rest) = head.split_at_mut_checked(icmp)?;
    let (icmp, quoted) = Header::mut_from_prefix(rest).ok()?;
    let (quoted_ip, transport) = quoted.split_at_mut_checked(inside)?;

    let outer = A::exchange(ip, end.other(), to.address, hops)?;
    let inner = A::exchange(quoted_ip, end, to.address, 0)?;
    let ports = exchange_port(
        transport,
        quote.protocol,
        quote.length,
        ChecksumState::Full,
        end,
        inner.address,
        to.port,
    )?;
    let mut change = inner.header.and(ports);
    if A::FAMILY == Family::V6 {
        change = change.and(outer.address);
    }
    icmp.checksum.set(change.apply(icmp.checksum.get()));
    Some(())
}

/// Makes an echo request the reply to it; its header is `offset` bytes into the packet that begins
/// with `head`. Checksums are updated, so that of a damaged request stays wrong.
///
/// False if it cannot be answered in place, as with IPv4 options.
pub fn answer_echo<A: Messages>(head: &mut [u8], offset: usize, hops: u8) -> bool {
    let Some((ip, message)) = head.split_at_mut_checked(offset) else {
        return false;
    };
    let Ok((header, _)) = Header::mut_from_prefix(message) else {
        return false;
    };
    if A::turn(ip, hops).is_none() {
        return false;
    }
    let old = u16::from_be_bytes([header.kind, header.code]);
    header.kind = A::ECHO_REPLY;
    header.code = 0;
    let change = Difference::NONE.word(old, u16::from_be_bytes([A::ECHO_REPLY, 0]));
    // Of a message that is nothing but zeros now the checksum is not 0, which fits every other.
    let new = change.apply(header.checksum.get());
    header.checksum.set(if new == 0 { 0xffff } else { new });
    true
}
