// SPDX-License-Identifier: GPL-2.0

//! What there is one of on the machine, behind locks.
//!
//! Order of locks: `SWITCHES`, then the RTNL lock, then a switch's claims, then `ENGINES`.

use ::core::sync::atomic::{
    AtomicBool,
    Ordering::Relaxed, //
};
use kernel::{
    prelude::*,
    sync::{
        global_lock,
        Arc, //
    },
};

use crate::{
    engine::set::Running,
    switch::Switch, //
};

global_lock! {
    // SAFETY: `init` is called from the module's initialisation, before anything else.
    pub(crate) unsafe(uninit) static SWITCHES: Mutex<KVec<Arc<Switch>>> = KVec::new();
}

global_lock! {
    // SAFETY: As above.
    pub(crate) unsafe(uninit) static ENGINES: Mutex<KVec<Running>> = KVec::new();
}

/// Makes the locks usable. To be called before anything else of the module runs; what else calls
/// it does nothing.
pub(crate) fn init() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Relaxed) {
        return;
    }
    // SAFETY: Only the first call comes here, from the module's initialisation.
    unsafe {
        SWITCHES.init();
        ENGINES.init();
    }
}
