// SPDX-License-Identifier: GPL-2.0

//! Packets of every kind, sound and not, through a switch made of core and filter.

#![no_main]

#[path = "../../tests/build/mod.rs"]
mod build;
#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/harness/mod.rs"]
mod harness;
#[path = "../../tests/wild/mod.rs"]
mod wild;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| wild::play(data));
