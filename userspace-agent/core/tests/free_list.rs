// SPDX-License-Identifier: GPL-2.0

//! The free list: no slot is ever given to two at once.

#![allow(missing_docs)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{grow, Chunks, Table};
use switchyard_core::core::free_list::FreeList;

/// Few slots and many threads, so that the same top keeps coming back.
#[test]
fn threads() {
    let table: Table = common::empty_table(16, 1, 4);
    grow(&table, 0);
    let slots: &Chunks = table.slots();
    let list = FreeList::new();
    list.push(slots, 0, 4);
    let taken: Vec<_> = (0..4).map(|_| AtomicBool::new(false)).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100_000 {
                    let mine: Vec<_> = (0..2).filter_map(|_| list.pop(slots)).collect();
                    for index in &mine {
                        assert!(
                            !taken[*index as usize].swap(true, Ordering::Relaxed),
                            "twice"
                        );
                    }
                    for index in mine {
                        taken[index as usize].store(false, Ordering::Relaxed);
                        list.push(slots, index, 1);
                    }
                }
            });
        }
    });
    assert_eq!(list.count(), 4);
    let mut all: Vec<_> = (0..4).filter_map(|_| list.pop(slots)).collect();
    all.sort_unstable();
    assert_eq!((all, list.pop(slots)), (vec![0, 1, 2, 3], None));
}
