// SPDX-License-Identifier: GPL-2.0

//! The atomic operations of the connection table.
//!
//! They have a file of their own so that a model checker can put its own in their place
//! (`userspace-agent/core-loom`).

pub use ::core::hint::spin_loop;
pub use ::core::sync::atomic::{
    fence,
    AtomicBool,
    AtomicU32,
    AtomicU64,
    Ordering, //
};
