// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Room for connections that are kept from one report to the next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for so many connections; one that is encrypted takes more than one.
#[derive(Debug)]
pub struct Kept {
    places: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    /// How much room there is to be.
    wanted: usize,
    /// How much of it there is too much, since it was taken when there was more.
    over: usize,
}

/// A connection's room, which it has until this is dropped.
#[derive(Debug)]
pub struct Place(
    #[cfg_attr(not(test), expect(dead_code, reason = "it is held, and given back"))]
    OwnedSemaphorePermit,
);

impl Kept {
    /// Room for so many.
    pub fn new(wanted: usize) -> Self {
        let wanted = wanted.min(Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(wanted)),
            size: Mutex::new(Size { wanted, over: 0 }),
        }
    }

    /// Room for one that counts for `size`, if there is any left.
    pub fn take(&self, size: u32) -> Option<Place> {
        self.settle(&mut self.size());
        let place = Arc::clone(&self.places).try_acquire_many_owned(size);
        place.ok().map(Place)
    }

    /// The same place if it may be held on to: not if there is to be less room by now.
    pub fn go_on(&self, place: Place) -> Option<Place> {
        let mut known = self.size();
        self.settle(&mut known);
        if known.over == 0 {
            return Some(place);
        }
        drop(place);
        self.settle(&mut known);
        None
    }

    /// There is to be room for so many from now on. Those beyond that end with their next report,
    /// streams when they end.
    pub fn resize(&self, wanted: usize) {
        let wanted = wanted.min(Semaphore::MAX_PERMITS);
        let mut known = self.size();
        let before = std::mem::replace(&mut known.wanted, wanted);
        let more = wanted.saturating_sub(before);
        let paid = known.over.min(more);
        known.over = known.over - paid + before.saturating_sub(wanted);
        self.places.add_permits(more - paid);
        self.settle(&mut known);
    }

    /// Takes away what is too much, as far as nobody has it.
    fn settle(&self, known: &mut Size) {
        known.over -= self.places.forget_permits(known.over);
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_room_for_so_many() {
        let kept = Kept::new(5);
        let four = kept.take(4).unwrap();
        assert!(kept.take(4).is_none());
        let one = kept.take(1).unwrap();
        assert!(kept.take(1).is_none());
        drop(four);
        assert!(kept.take(4).is_some());
        assert!(kept.go_on(one).is_some());
        assert!(Kept::new(0).take(1).is_none());
    }

    #[test]
    fn less_room_is_given_back_by_and_by() {
        let kept = Kept::new(8);
        let (first, second) = (kept.take(4).unwrap(), kept.take(4).unwrap());
        kept.resize(2);
        // Six are too many: the first one's four, and two of the second one's.
        assert!(kept.go_on(first).is_none());
        assert!(kept.take(1).is_none());
        assert!(kept.go_on(second).is_none());
        let two = kept.take(2).unwrap();
        assert!(kept.take(1).is_none());
        kept.resize(3);
        assert!(kept.take(1).is_some());
        assert!(kept.go_on(two).is_some());
    }

    proptest! {
        /// However room is taken, given back and changed, what is taken fits in the end.
        #[test]
        fn it_never_has_more_than_it_is_told(
            steps in prop::collection::vec((0u8..4, 0u32..20), 1..80),
            last in 0usize..40,
        ) {
            let kept = Kept::new(20);
            let mut held = Vec::new();
            for (what, number) in steps {
                let number_of = usize::try_from(number).unwrap();
                match what {
                    0 => held.extend(kept.take(number)),
                    1 if !held.is_empty() => drop(held.swap_remove(number_of % held.len())),
                    2 => kept.resize(number_of),
                    _ => held = held.into_iter().filter_map(|place| kept.go_on(place)).collect(),
                }
            }
            kept.resize(last);
            let held: Vec<Place> = held.into_iter().filter_map(|place| kept.go_on(place)).collect();
            let mut taken: usize = held.iter().map(|place| place.0.num_permits()).sum();
            prop_assert!(taken <= last, "{taken} of {last}");
            // What is left of it can be had, and no more.
            let mut more = Vec::new();
            while let Some(place) = kept.take(1) {
                taken += 1;
                more.push(place);
                prop_assert!(taken <= last);
            }
            prop_assert_eq!(taken, last);
        }
    }
}
