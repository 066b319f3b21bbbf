// SPDX-License-Identifier: GPL-2.0

//! The free lists: no slot is ever given to two at once, none is lost, and a chunk that was taken
//! away gives none.

#![allow(missing_docs)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use common::Random;
use switchyard_core::core::free_list::FreeGroup;
use switchyard_core::core::slot::Slot;

/// Few slots and many threads, so that the same top keeps coming back; a chunk is taken away and
/// given back all the while.
#[test]
fn threads() {
    const CHUNK: u32 = 4;
    let chunks: Vec<Vec<Slot>> = (0..3)
        .map(|_| (0..CHUNK).map(|_| Slot::new()).collect())
        .collect();
    let group = FreeGroup::new();
    for (number, slots) in (0..).zip(&chunks) {
        group.fill(number, slots);
    }
    let taken: Vec<_> = (0..CHUNK * 3).map(|_| AtomicBool::new(false)).collect();
    let is_away = AtomicBool::new(false);
    let (sealed, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let slots_of = |number: u32| chunks.get(number as usize).map(Vec::as_slice);
    thread::scope(|scope| {
        for seed in 0..4 {
            let (group, chunks, taken, is_away, done) = (&group, &chunks, &taken, &is_away, &done);
            scope.spawn(move || {
                let mut random = Random(seed + 1);
                for _ in 0..100_000 {
                    let mine: Vec<_> = (0..random.below(4))
                        .filter_map(|_| group.pop(slots_of))
                        .collect();
                    for (number, place, slot) in &mine {
                        let index = (number * CHUNK + place) as usize;
                        assert!(std::ptr::eq(
                            *slot,
                            &chunks[*number as usize][*place as usize]
                        ));
                        assert!(!taken[index].swap(true, Ordering::AcqRel), "twice");
                        assert!(
                            *number != 2 || !is_away.load(Ordering::Acquire),
                            "of a chunk that is not there"
                        );
                    }
                    for (number, place, _) in mine {
                        let index = (number * CHUNK + place) as usize;
                        taken[index].store(false, Ordering::Release);
                        group.push(number, &chunks[number as usize][place as usize], place);
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            while done.load(Ordering::Relaxed) < 4 {
                if group.seal(2, CHUNK) {
                    is_away.store(true, Ordering::Release);
                    sealed.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(group.count(2), 0);
                    thread::yield_now();
                    is_away.store(false, Ordering::Release);
                    group.fill(2, &chunks[2]);
                }
                thread::yield_now();
            }
        });
    });
    assert!(sealed.into_inner() > 0);
    assert!((0..3).all(|number| group.count(number) == CHUNK));
    let all: Vec<_> = std::iter::from_fn(|| group.pop(slots_of)).collect();
    // The lowest first, each once.
    assert!(all.is_sorted_by_key(|(number, ..)| *number));
    let mut all: Vec<_> = all
        .iter()
        .map(|(number, place, _)| number * CHUNK + place)
        .collect();
    all.sort_unstable();
    assert_eq!(all, (0..CHUNK * 3).collect::<Vec<_>>());
    assert!((0..3).all(|number| !group.seal(number, CHUNK)));
}
