// SPDX-License-Identifier: GPL-2.0

//! Trace points: what tracefs, `perf` and BPF see of the switch.
//!
//! C headers: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h), and ours,
//! `rust/sys/switchyard_trace.h`. One that is off costs a static branch: what it would tell is not
//! put together. All functions here may be called in any context.

use ::core::mem::size_of;

#[cfg(CONFIG_TRACEPOINTS)]
use kernel::bindings::tracepoint;

use crate::{
    core::{
        drop_reason::DropReason,
        known::Known,
        method::Method,
        tuple::{
            Endpoint,
            Family,
            IpAddress, //
        }, //
    },
    sys, //
};

// The kernel's `declare_trace!` looks for these in the kernel crate.
#[cfg(CONFIG_TRACEPOINTS)]
#[allow(
    improper_ctypes,
    reason = "empty structures, of what this kernel is built without, are as long in C"
)]
extern "C" {
    static __tracepoint_connection_new: tracepoint;
    static __tracepoint_connection_expire: tracepoint;
    static __tracepoint_packet_drop: tracepoint;
}

// Copied as they are: there must be no padding, which would tell what the stack held.
const _: () = assert!(size_of::<sys::yard_trace_connection>() == 3 * 4 + 5 * 2 + 3 * 16 + 42);
const _: () = assert!(size_of::<sys::yard_trace_drop>() == 3 * 4 + 4 * 2 + 2 * 16 + 24);

/// Whether somebody listens at a trace point: a branch that the kernel patches. Nobody does on a
/// kernel without them.
macro_rules! is_on {
    ($point:ident) => {{
        #[cfg(not(CONFIG_TRACEPOINTS))]
        {
            false
        }
        #[cfg(CONFIG_TRACEPOINTS)]
        // SAFETY: This is the static key of a trace point that C defines.
        unsafe {
            kernel::jump_label::static_branch_unlikely!($point, tracepoint, key)
        }
    }};
}

/// Hands an event to those who listen at a trace point.
macro_rules! tell {
    ($point:ident, $event:expr) => {{
        let event = $event;
        #[cfg(not(CONFIG_TRACEPOINTS))]
        let _ = event;
        #[cfg(CONFIG_TRACEPOINTS)]
        // SAFETY: The pointer is valid for the call, which only copies from it.
        unsafe {
            sys::$point(&event)
        };
    }};
}

/// Why a connection is over.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// No packet came for its timeout; so many milliseconds ago was the last one.
    Idle(u32),
    /// An operator ended it, or the deadline of its destination came.
    Ended,
    /// Its client began another one on the same ports, or it was to choose again.
    Replaced,
}

/// What is told of a dropped packet; what is not known is 0.
#[derive(Clone, Copy, Default)]
pub(crate) struct Dropped {
    /// Who sent it.
    pub(crate) source: Endpoint<IpAddress>,
    /// Whom it was for.
    pub(crate) target: Endpoint<IpAddress>,
    /// The IP version; the addresses mean nothing without.
    pub(crate) family: Option<Family>,
    /// The number of the transport protocol.
    pub(crate) protocol: u8,
    /// Bytes of the IP packet.
    pub(crate) length: usize,
    /// The device that it came by.
    pub(crate) ifindex: u32,
}

/// Whether somebody wants to know of connections that begin.
#[inline(always)]
pub(crate) fn wants_connections() -> bool {
    is_on!(__tracepoint_connection_new)
}

/// Tells that a connection began, to the destination at this endpoint.
#[inline(always)]
pub(crate) fn connection_new(what: impl FnOnce() -> (Known, Endpoint<IpAddress>)) {
    if wants_connections() {
        tell_new(what);
    }
}

#[cold]
#[inline(never)]
fn tell_new(what: impl FnOnce() -> (Known, Endpoint<IpAddress>)) {
    let (known, endpoint) = what();
    let event = sys::yard_trace_connection {
        cause: word("new"),
        ..connection(&known, endpoint)
    };
    tell!(rust_do_trace_connection_new, event);
}

/// Tells that a connection is over.
#[inline(always)]
pub(crate) fn connection_expire(end: End, what: impl FnOnce() -> (Known, Endpoint<IpAddress>)) {
    if is_on!(__tracepoint_connection_expire) {
        tell_expire(end, what);
    }
}

#[cold]
#[inline(never)]
fn tell_expire(end: End, what: impl FnOnce() -> (Known, Endpoint<IpAddress>)) {
    let (known, endpoint) = what();
    let (cause, idle_ms) = match end {
        End::Idle(time) => ("idle", time),
        End::Ended => ("ended", 0),
        End::Replaced => ("replaced", 0),
    };
    let event = sys::yard_trace_connection {
        cause: word(cause),
        idle_ms,
        ..connection(&known, endpoint)
    };
    tell!(rust_do_trace_connection_expire, event);
}

/// Whether somebody wants to know of packets that are dropped: for what has to be read before it
/// is known whether one will be.
#[inline(always)]
pub(crate) fn wants_drops() -> bool {
    is_on!(__tracepoint_packet_drop)
}

/// Tells that a packet was dropped.
#[inline(always)]
pub(crate) fn packet_drop(reason: DropReason, what: impl FnOnce() -> Dropped) {
    if wants_drops() {
        tell_drop(reason, what);
    }
}

#[cold]
#[inline(never)]
fn tell_drop(reason: DropReason, what: impl FnOnce() -> Dropped) {
    let dropped = what();
    let event = sys::yard_trace_drop {
        source: octets(dropped.family.map(|_| dropped.source.address)),
        target: octets(dropped.family.map(|_| dropped.target.address)),
        family: dropped.family.map_or(0, number),
        source_port: dropped.source.port,
        target_port: dropped.target.port,
        code: reason as u32,
        length: u32::try_from(dropped.length).unwrap_or(u32::MAX),
        ifindex: dropped.ifindex,
        protocol: dropped.protocol.into(),
        reason: word(reason.name()),
    };
    tell!(rust_do_trace_packet_drop, event);
}

/// What is told of a connection.
fn connection(known: &Known, endpoint: Endpoint<IpAddress>) -> sys::yard_trace_connection {
    let forwarding = match known.method {
        Method::Nat => "nat",
        Method::Direct => "direct",
        Method::Tunnel => "tunnel",
        Method::Local => "local",
    };
    sys::yard_trace_connection {
        client: octets(Some(known.client.address)),
        service: octets(Some(known.service.address)),
        destination: octets(Some(endpoint.address)),
        family: number(known.client.address.family()),
        client_port: known.client.port,
        service_port: known.service.port,
        destination_port: endpoint.port,
        service_id: known.service_id,
        destination_id: known.destination_id,
        protocol: known.protocol.number().into(),
        forwarding: word(forwarding),
        state: word(known.state.name()),
        ..Default::default()
    }
}

/// The kernel's number of a family.
fn number(family: Family) -> u16 {
    let number = match family {
        Family::V4 => kernel::bindings::AF_INET,
        Family::V6 => kernel::bindings::AF_INET6,
    };
    number as u16
}

/// An address as one of IPv6, an IPv4 address mapped; all zeros for none.
fn octets(address: Option<IpAddress>) -> [u8; 16] {
    match address {
        None => [0; 16],
        Some(IpAddress::V6(address)) => address.octets(),
        Some(IpAddress::V4(address)) => {
            let [a, b, c, d] = address.octets();
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
        }
    }
}

/// A text as C wants it, cut if it is too long.
fn word<const N: usize>(text: &str) -> [u8; N] {
    let mut word = [0; N];
    // The last byte stays 0.
    for (to, from) in word.iter_mut().take(N.saturating_sub(1)).zip(text.bytes()) {
        *to = from;
    }
    word
}
