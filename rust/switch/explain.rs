// SPDX-License-Identifier: GPL-2.0

//! What would become of a packet, without anything becoming of it.

use kernel::prelude::*;

use super::Switch;
use crate::{
    core::{
        connection_state::ConnectionState,
        drop_reason::DropReason,
        method::Method,
        tuple::IpAddress, //
    },
    net::namespace::Namespace, //
};

/// What the switch would do; netlink's `verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(dead_code, reason = "nothing is explained yet")]
pub(crate) enum Fate {
    /// Leave it to the ordinary stack.
    Pass,
    /// Send it to a destination.
    Forward,
    /// Send it from a destination to the client.
    Reply,
    /// Give it to the sockets of this machine.
    Local,
    /// Answer it with a TCP reset.
    Reset,
    /// Answer it with an ICMP or ICMPv6 message.
    Icmp,
    /// Drop it.
    Drop,
    /// Keep it, a fragment, until the rest of its packet has come.
    Hold,
}

/// What would become of a packet, and why.
pub(crate) struct Explanation {
    /// What the switch would do.
    pub(crate) fate: Fate,
    /// Why it would not leave, if so.
    pub(crate) drop_reason: Option<DropReason>,
    /// Number of the service that it is for.
    pub(crate) service_id: Option<u32>,
    /// Number of the destination that it goes to or comes from.
    pub(crate) destination_id: Option<u32>,
    /// How it gets there.
    pub(crate) method: Option<Method>,
    /// The state of the connection that it belongs to; `None` if there is none yet.
    pub(crate) state: Option<ConnectionState>,
    /// The address that it is sent to on the link.
    pub(crate) next_hop: Option<IpAddress>,
    /// The device that it leaves by.
    pub(crate) out_ifindex: Option<u32>,
    /// The packet as it leaves, from its IP header on; empty if it does not.
    pub(crate) result: KVVec<u8>,
    /// What was found out, in words, one finding after the other.
    pub(crate) steps: KVec<&'static CStr>,
}

impl Switch {
    /// Says what would become of `packet`, its bytes from the IP header on, if it came by the
    /// device of index `ifindex` or by any one. Sleeps.
    ///
    /// Nothing is sent, opened, counted or touched.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENODEV` if there is no such device.
    pub(crate) fn explain(
        &self,
        _net: &Namespace,
        _packet: &[u8],
        _ifindex: Option<u32>,
    ) -> Result<Explanation> {
        Err(EOPNOTSUPP)
    }
}
