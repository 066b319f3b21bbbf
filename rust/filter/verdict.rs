// SPDX-License-Identifier: GPL-2.0

//! What the filter decided.

use crate::core::drop_reason::DropReason;
use crate::core::tuple::{
    Direction, //
    Ipv4Address,
};

/// What is to become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It is none of ours and was not changed: the ordinary stack takes it.
    Pass,
    /// It was rewritten and is to be sent on.
    Forward(Forward),
    /// It was turned into a reset, to be sent to this address, which it came from; to be
    /// counted as [`DropReason::ResetSent`].
    Reply(Ipv4Address),
    /// It ends here. Its bytes may have been rearranged, but not changed.
    Drop(DropReason),
}

/// A packet to be sent on, and what to count it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Where it is to go now: the new destination address in its header.
    pub next: Ipv4Address,
    /// To the destination or back to the client.
    pub direction: Direction,
    /// The number of the service.
    pub service_id: u32,
    /// The number of the destination.
    pub destination_id: u32,
    /// Bytes of the IP packet.
    pub length: usize,
    /// Whether it opened a new connection.
    pub is_new: bool,
}
