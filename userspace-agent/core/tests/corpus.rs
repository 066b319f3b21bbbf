// SPDX-License-Identifier: GPL-2.0

//! What the fuzzer has kept, and what it has found, played again.

#![allow(missing_docs)]

mod build;
mod common;
mod harness;
mod wild;

use std::fs;
use std::path::Path;

use common::Random;

fn played(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(folder);
    let files = fs::read_dir(folder).expect("folder");
    files
        .map(|entry| fs::read(entry.expect("entry").path()).expect("readable"))
        .map(|bytes| wild::play(&bytes))
        .count()
}

#[test]
fn corpus() {
    assert!(played("corpus/packets") >= 50);
}

/// What went wrong once: each was a fault of core or filter, or of what judges them.
#[test]
fn found() {
    played("found");
}

/// Without a fuzzer's guidance, for what it is worth.
#[test]
fn random() {
    let mut random = Random(0x2026);
    for _ in 0..400 {
        let length = random.below(600) as usize;
        let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        wild::play(&bytes);
    }
}
