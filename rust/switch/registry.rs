// SPDX-License-Identifier: GPL-2.0

//! The switches of the machine, by network namespace.
//!
//! A namespace has no switch until somebody with the right to do so makes the first change in it;
//! the initial one has its own from the module's loading on. What a namespace does not have is not
//! touched: its packets never come near us.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::Switch;
use crate::net::{
    global::SWITCHES,
    namespace::{
        Exit,
        ExitRegistration,
        Namespace, //
    },
};

/// The switch of `net`, if it has one. Sleeps.
pub(crate) fn of(net: &Namespace) -> Option<Arc<Switch>> {
    SWITCHES
        .lock()
        .iter()
        .find(|switch| switch.id == net.id())
        .cloned()
}

/// The switch of `net`, made if it has none. Sleeps; takes the RTNL lock.
///
/// # Errors
///
/// `ENOMEM`, `EEXIST` if `net` has a device called `yard0` already.
pub(crate) fn of_or_new(net: &Namespace) -> Result<Arc<Switch>> {
    let mut switches = SWITCHES.lock();
    if let Some(switch) = switches.iter().find(|switch| switch.id == net.id()) {
        return Ok(switch.clone());
    }
    switches.reserve(1, GFP_KERNEL)?;
    let limit = crate::module_parameters::connection_limit.value().max(1);
    let switch = Switch::new(net, limit)?;
    switches.push(switch.clone(), GFP_KERNEL)?;
    Ok(switch)
}

/// Ends the switch of a namespace that ends.
struct Ends;

impl Exit for Ends {
    fn exit(net: &Namespace) {
        let mut switches = SWITCHES.lock();
        let place = switches.iter().position(|switch| switch.id == net.id());
        let switch = place.and_then(|place| switches.remove(place).ok());
        if switches.is_empty() {
            // Nobody drops a static: an empty list must not keep its memory.
            *switches = KVec::new();
        }
        drop(switches);
        if let Some(switch) = switch {
            switch.shut_down();
        }
    }
}

/// While this exists there can be switches; dropping it ends them all.
pub(crate) struct Lifetime(
    #[expect(dead_code, reason = "held for its drop")] ExitRegistration<Ends>,
);

impl Lifetime {
    /// Begins with the switch of the initial namespace. Sleeps.
    ///
    /// # Errors
    ///
    /// As [`of_or_new`].
    pub(crate) fn new() -> Result<Self> {
        let this = Self(ExitRegistration::new()?);
        of_or_new(Namespace::initial())?;
        Ok(this)
    }
}
