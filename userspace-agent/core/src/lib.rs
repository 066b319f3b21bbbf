// SPDX-License-Identifier: GPL-2.0

//! The module's `rust/core` and `rust/filter`, compiled on the host from the very same files.
//!
//! `no_std`, as in the kernel: nothing of the standard library can slip in. Panics that the
//! kernel could not afford are lints here.

#![no_std]
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

#[path = "../../../rust/core/mod.rs"]
pub mod core;
#[path = "../../../rust/filter/mod.rs"]
pub mod filter;
