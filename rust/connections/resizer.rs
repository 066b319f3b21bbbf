// SPDX-License-Identifier: GPL-2.0

//! The steps of [`crate::core::resize`] in kernel memory.

use ::core::sync::atomic::AtomicBool;
use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    array::Array,
    family::{
        Arrays,
        Family,
        Held, //
    }, //
};
use crate::{
    core::resize::Stages,
    net::rcu::{
        GracePeriod,
        Retired, //
    },
};

/// What a family has beside what it publishes, while its size changes.
pub(super) struct Resizer<'a, A: Held> {
    family: &'a Family<A>,
    /// The array of the change that begins next.
    made: Option<Array>,
    /// The new array, and what says that it is the only one.
    new: Option<(Arc<Array>, Arc<Arrays>)>,
    /// What said that the old one is.
    old: Option<Arc<Arrays>>,
    /// What some may still read.
    array: Option<Retired<Arc<Array>>>,
    arrays: Option<Retired<Arc<Arrays>>>,
    grace: GracePeriod,
}

impl<'a, A: Held> Resizer<'a, A> {
    pub(super) fn new(family: &'a Family<A>) -> Self {
        Self {
            family,
            made: None,
            new: None,
            old: None,
            array: None,
            arrays: None,
            grace: GracePeriod::start(),
        }
    }

    /// Makes the array for a change to so many buckets, which is to begin right after; whether
    /// there was memory. Calls `meanwhile` from time to time. Sleeps.
    pub(super) fn make(&mut self, buckets: usize, meanwhile: &mut dyn FnMut()) -> bool {
        self.made = Array::new(buckets, meanwhile).ok();
        self.made.is_some()
    }

    /// Makes what else such a change needs, so that nothing later can fail.
    fn prepare(&mut self) -> Result<Arc<Arrays>> {
        let made = self.made.take().ok_or(ENOMEM)?;
        let only = |current| Arrays {
            current,
            next: None,
            fills: AtomicBool::new(false),
        };
        let current = self.family.arrays.get();
        let array = Arc::new(made, GFP_KERNEL)?;
        let both = Arrays {
            next: Some(array.clone()),
            ..only(current.current.clone())
        };
        let both = Arc::new(both, GFP_KERNEL)?;
        let after = Arc::new(only(array.clone()), GFP_KERNEL)?;
        self.new = Some((array, after));
        self.old = Some(current);
        Ok(both)
    }

    /// Publishes to those who change the table what arrays there are.
    fn publish(&mut self, arrays: Option<Arc<Arrays>>) {
        if let Some(arrays) = arrays {
            // Both are dropped with the next step, or later.
            self.arrays = Some(self.family.arrays.publish(arrays));
            self.grace = GracePeriod::start();
        }
    }
}

impl<A: Held> Stages for Resizer<'_, A> {
    fn announce(&mut self, _buckets: usize) -> bool {
        match self.prepare() {
            Ok(both) => self.publish(Some(both)),
            Err(_) => return false,
        }
        true
    }

    fn fill(&mut self) {
        self.family.arrays.get().fill();
        self.grace = GracePeriod::start();
    }

    fn switch(&mut self) {
        if let Some((array, _)) = &self.new {
            self.array = Some(self.family.current.publish(array.clone()));
            self.grace = GracePeriod::start();
        }
    }

    fn settle(&mut self) {
        let after = self.new.take().map(|(_, after)| after);
        self.publish(after);
    }

    fn abandon(&mut self) {
        let before = self.old.take();
        self.publish(before);
    }

    fn free(&mut self) {
        self.new = None;
        self.old = None;
        self.array = None;
        self.arrays = None;
    }

    fn has_elapsed(&self) -> bool {
        self.grace.has_elapsed()
    }
}
