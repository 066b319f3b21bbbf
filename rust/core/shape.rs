// SPDX-License-Identifier: GPL-2.0

//! The dimensions of the connection table.
//!
//! They have a file of their own so that a model checker, which tries all orders of everything,
//! can have smaller ones (`userspace-agent/core-loom`).

use ::core::mem::size_of;

use super::bucket::Bucket;
use super::slot::Slot;
use super::tuple::{
    Ipv4Address,
    Ipv6Address, //
};

/// References in one bucket.
pub const ENTRIES: usize = 7;

/// In how many buckets beside its home a connection may lie: at most 15.
pub const REACH: usize = 15;

/// Chunks in a group of free lists: at most 64.
pub const GROUP: u32 = 64;

// What the design promises: a line for a bucket and for an IPv4 connection, and a line and a half
// for an IPv6 one.
const _: () = assert!(size_of::<Bucket>() == 64);
const _: () = assert!(size_of::<Slot<Ipv4Address>>() == 64);
const _: () = assert!(size_of::<Slot<Ipv6Address>>() == 96);
