// SPDX-License-Identifier: GPL-2.0

//! The configuration: services and their destinations.
//!
//! Packets see an immutable [`Snapshot`] through one RCU pointer. A change is made to a
//! [`Draft`], a copy of it, and swapped in as a whole or not at all.

mod counters;
mod destination;
mod draft;
mod fault;
mod filter;
mod index;
mod listeners;
mod places;
mod replaced;
mod selection;
mod service;
mod slots;
mod snapshot;
mod tunnel_ports;

pub(crate) use self::{
    counters::{
        DropCounts,
        Drops,
        Rates,
        Total,
        Traffic, //
    },
    destination::{
        Destination,
        DestinationChange,
        State, //
    },
    draft::Draft,
    fault::Fault,
    service::{
        Service,
        ServiceChange, //
    },
    snapshot::Snapshot, //
};

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        lock::mutex::MutexGuard,
        Arc,
        Mutex, //
    }, //
};

use self::replaced::Replaced;
use crate::net::rcu::RcuArc;

/// A switch's configuration.
#[pin_data]
pub(crate) struct Config {
    /// What packets see.
    pub(crate) current: RcuArc<Snapshot>,
    /// Held while a change is made: one at a time. In it is what was replaced and may still be
    /// in use.
    #[pin]
    editing: Mutex<Replaced>,
}

/// A change that was made. The next one waits until this is dropped, so that whoever is told of
/// changes is told in their order.
pub(crate) struct Change<'a> {
    /// The configuration before.
    pub(crate) old: Arc<Snapshot>,
    /// The configuration after; the same if the change changed nothing.
    pub(crate) new: Arc<Snapshot>,
    _editing: MutexGuard<'a, Replaced>,
}

/// What a change makes of an empty configuration; nothing if it changes nothing.
pub(crate) struct Rehearsed(Option<Arc<Snapshot>>);

/// Makes the changes that `change` makes to an empty configuration, to see whether they can be
/// made. May sleep.
///
/// # Errors
///
/// `ENOMEM`, or what `change` returns.
pub(crate) fn rehearse<E: From<Error>>(
    change: impl FnOnce(&mut Draft) -> Result<(), E>,
) -> Result<Rehearsed, E> {
    finish(&Snapshot::empty()?, change).map(Rehearsed)
}

/// What `change` makes of a configuration; nothing if it changes nothing. May sleep.
fn finish<E: From<Error>>(
    old: &Snapshot,
    change: impl FnOnce(&mut Draft) -> Result<(), E>,
) -> Result<Option<Arc<Snapshot>>, E> {
    let mut draft = Draft::new(old)?;
    change(&mut draft)?;
    if !draft.is_changed() {
        return Ok(None);
    }
    let new = Arc::new(draft.commit()?, GFP_KERNEL).map_err(Error::from)?;
    Ok(Some(new))
}

impl Config {
    /// An empty configuration. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<impl PinInit<Self>> {
        let empty = Arc::new(Snapshot::empty()?, GFP_KERNEL)?;
        let replaced = Replaced::new()?;
        Ok(pin_init!(Self {
            current: RcuArc::new(empty),
            editing <- new_mutex!(replaced, "switchyard_config"),
        }))
    }

    /// Makes all the changes that `change` makes to the draft, or none of them if it fails.
    ///
    /// May sleep. A packet that comes after this has returned is handled by the new configuration;
    /// those that are under way may go on with the old one for a grace period. Nobody waits for
    /// that: see [`Replaced`].
    ///
    /// # Errors
    ///
    /// `ENOMEM`, or what `change` returns.
    ///
    /// `rehearsed` is what [`rehearse`] has made of the same changes, if they were: where nothing
    /// was ever configured it is taken, which takes no memory and cannot fail.
    pub(crate) fn edit<E: From<Error>>(
        &self,
        rehearsed: Option<Rehearsed>,
        change: impl FnOnce(&mut Draft) -> Result<(), E>,
    ) -> Result<Change<'_>, E> {
        let mut editing = self.editing.lock();
        let old = self.current.get();
        let finished = match rehearsed {
            Some(Rehearsed(finished)) if old.is_untouched() => finished,
            _ => finish(&old, change)?,
        };
        let Some(new) = finished else {
            return Ok(Change {
                new: old.clone(),
                old,
                _editing: editing,
            });
        };
        editing.keep(self.current.publish(new.clone()), &old);
        Ok(Change {
            old,
            new,
            _editing: editing,
        })
    }

    /// Frees what was replaced and is in use no more, unless a change is being made, which does the
    /// same. May sleep.
    pub(crate) fn tidy(&self) {
        if let Some(mut editing) = self.editing.try_lock() {
            editing.tidy();
        }
    }
}
