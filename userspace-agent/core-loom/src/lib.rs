// SPDX-License-Identifier: GPL-2.0

//! The connection table of the module's `rust/core`, from the very same files, with loom's atomics
//! in place of the processor's: its tests try every order in which threads may do what they do,
//! and every value that a load may bring under the rules of C11, within bounds.

#![allow(dead_code, missing_docs)]

pub mod atomic;
pub mod core;
